"""The runtime comes out of npm's archive, and from nowhere else in it."""

import io
import os
import tarfile

import pytest

from agents.browser import runtime
from agents.browser.runtime import FILES, write_runtime
from drivesim.errors import DrivesimError


def archive(path, names, content=b"x"):
    with tarfile.open(path, "w:gz") as tar:
        for name in names:
            member = tarfile.TarInfo(name)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return path


WHOLE = [f"package/dist/{name}" for name in FILES]


def test_two_files_are_taken_out_and_no_other_name_is_looked_at(tmp_path):
    made = archive(tmp_path / "a.tgz", ["package/package.json", "../../outside", "/outside", *WHOLE])
    write_runtime(tmp_path / "page" / "runtime", made)
    assert sorted(path.name for path in tmp_path.rglob("*")) == sorted(["a.tgz", "page", "runtime", *FILES])


def broken(tmp_path, kind):
    path = tmp_path / "a.tgz"
    if kind == "half":
        archive(path, WHOLE[:1])
    elif kind == "cut off":
        path.write_bytes(archive(path, WHOLE, os.urandom(50_000)).read_bytes()[:20_000])
    elif kind == "no archive":
        path.write_text("nothing")
    elif kind == "link":
        with tarfile.open(path, "w:gz") as tar:
            for name in WHOLE:
                member = tarfile.TarInfo(name)
                member.type, member.linkname = tarfile.SYMTYPE, "/etc/passwd"
                tar.addfile(member)
    return path


@pytest.mark.parametrize("kind", ["half", "cut off", "no archive", "link", "missing"])
def test_another_archive_is_refused_and_nothing_is_written(tmp_path, kind):
    path = broken(tmp_path, kind)
    with pytest.raises(DrivesimError) as caught:
        write_runtime(tmp_path / "runtime", path)
    assert str(caught.value).startswith(f"--runtime: {path} is not what `npm pack onnxruntime-web@1.30.0` makes (")
    assert not (tmp_path / "runtime").exists()


def test_too_large_a_file_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(runtime, "_MOST_BYTES", 10)
    with pytest.raises(DrivesimError, match="is no file of a sensible size"):
        write_runtime(tmp_path / "runtime", archive(tmp_path / "a.tgz", WHOLE, b"x" * 11))


def test_without_npm_one_sentence_says_what_to_do(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(DrivesimError, match=r"is not installed\. Install it, or run `npm pack onnxruntime-web@"):
        write_runtime(tmp_path / "runtime")


def fake_npm(folder, body, monkeypatch):
    npm = folder / "npm"
    npm.write_text(f"#!/bin/sh\n{body}\n")
    npm.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")


@pytest.mark.skipif(os.name != "posix", reason="npm is stood for by a shell script")
def test_npm_fetches_the_archive(tmp_path, monkeypatch):
    made = archive(tmp_path / "a.tgz", WHOLE, b"from npm")
    fake_npm(
        tmp_path, f'[ "$1 $2 $3" = "pack onnxruntime-web@1.30.0 --pack-destination" ] && cp {made} "$4"', monkeypatch
    )
    write_runtime(tmp_path / "runtime")
    assert (tmp_path / "runtime" / FILES[0]).read_bytes() == b"from npm"


@pytest.mark.skipif(os.name != "posix", reason="npm is stood for by a shell script")
def test_an_npm_that_gets_nothing_is_told_with_its_reason(tmp_path, monkeypatch):
    fake_npm(tmp_path, "echo 'npm error network' >&2; exit 1", monkeypatch)
    with pytest.raises(DrivesimError, match=r"got nothing \(npm error network\)"):
        write_runtime(tmp_path / "runtime")
