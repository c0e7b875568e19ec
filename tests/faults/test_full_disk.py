"""A disk that is full: one error that says so, where, and what was saved; and everything that was written opens."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from agents import evaluate, record, train
from datasets import convert
from datasets.lap_files import read_lap, read_laps
from datasets.recording import LapWriter, recover
from drivesim.errors import DrivesimError
from tests.datasets.laps import assert_steps, drive, make_info, rows_of

ROOT = Path(__file__).resolve().parents[2]


def room_on(folder):
    """Bytes that are free."""
    free = os.statvfs(folder)
    return free.f_bavail * free.f_frsize


def record_until_full(folder, rows):
    """Record until an error comes: its words, and the lap's name."""
    with pytest.raises(DrivesimError) as caught, LapWriter(folder, make_info()) as writer:
        for row in rows:
            writer.append(row)
    return str(caught.value), writer.name


def test_a_full_disk_is_said_once_with_what_was_saved_and_all_of_it_opens(small_disk):
    columns = drive(3000)
    # What will be removed to make room: whole, a lap takes about as much as its partial file.
    (small_disk / "reserve").write_bytes(bytes(128 * 1024))
    with LapWriter(small_disk, make_info()) as before:
        before.extend({name: values[:100] for name, values in columns.items()})
    said, name = record_until_full(small_disk, rows_of(columns))
    saved = int(re.search(r"No space left on device\); (\d+) of the lap's \d+ steps are kept there", said)[1])
    assert str(small_disk / f"{name}.arrows") in said
    assert saved > 200
    laps, lost = read_laps(small_disk)
    assert [lap.name for lap in laps] == [before.name, name]
    assert_steps(laps[0], columns, 100)
    assert_steps(laps[1], columns, saved)
    assert len(lost) == 1 and "cut off" in lost[0]
    # No room to make it whole: it is said, and the partial lap stays.
    (small_disk / "ballast").write_bytes(bytes(room_on(small_disk)))
    (sentence,) = recover(small_disk)
    assert "No space left" in sentence
    assert_steps(read_lap(small_disk / f"{name}.arrows"), columns, saved)
    # With room it becomes whole.
    (small_disk / "ballast").unlink()
    before.path.unlink()
    (small_disk / "reserve").unlink()
    (sentence,) = recover(small_disk)
    assert "recovered" in sentence
    assert_steps(read_lap(small_disk / f"{name}.parquet"), columns, saved)


def test_a_disk_that_fills_while_a_lap_is_closed_keeps_all_of_it(small_disk):
    columns = drive(300)
    writer = LapWriter(small_disk, make_info())
    for row in rows_of(columns):
        writer.append(row)
    (small_disk / "ballast").write_bytes(bytes(room_on(small_disk) - 8192))
    with pytest.raises(DrivesimError) as caught:
        writer.close()
    assert "No space left" in str(caught.value)
    assert f"All 300 steps of the lap are kept in {writer.name}.arrows" in str(caught.value)
    (lap,), _ = read_laps(small_disk)
    assert lap.complete
    assert_steps(lap, columns)


def test_a_disk_without_any_room_is_said_when_a_lap_is_begun_or_first_written(small_disk):
    (small_disk / "ballast").write_bytes(bytes(room_on(small_disk)))
    with pytest.raises(DrivesimError, match="No space left"), LapWriter(small_disk, make_info()) as writer:
        writer.extend(drive(10))


@pytest.fixture(scope="module")
def laps(tmp_path_factory):
    folder = tmp_path_factory.mktemp("laps") / "laps"
    record.main(record.Args(out=folder, laps=2, seconds=3.0))
    return folder


def commands(laps, out):
    """Command lines that write, by what they write to."""
    small = ("--epochs", 1, "--samples", 128, "--looks", 1, "--validation-tracks", 1, "--validation-seconds", 1)
    return {
        "laps": (record, "--laps", 30, "--seconds", 30, "--out", out / "laps"),
        "policy": (train, "--data", laps, "--out", out / "policy", *small),
        "tub": (convert, laps, "--to", "tub", "--out", out / "tub", "--size", 400, 600),
        "old.json": (evaluate, "--policy", "straight", "--tracks", 1, "--json", out / "old.json"),
    }


@pytest.mark.parametrize("name", ["laps", "policy", "tub", "old.json"])
def test_a_command_on_a_full_disk_says_so_in_a_sentence_and_leaves_nothing_half_written(small_disk, laps, run, name):
    module, *words = commands(laps, small_disk)[name]
    (small_disk / "old.json").write_text('{"old": 1}')
    (small_disk / "ballast").write_bytes(bytes(max(0, room_on(small_disk) - (0 if name == "old.json" else 65536))))
    code, _, error = run(module, *words)
    assert code == 2
    assert "No space left" in error or "os error 28" in error.lower() or "code: 28" in error
    assert error.startswith("error: ") and "Traceback" not in error
    assert (small_disk / "old.json").read_text() == '{"old": 1}'
    if name == "laps":
        assert all(path.suffix in (".parquet", ".arrows") for path in (small_disk / name).iterdir())
    else:
        assert name == "old.json" or not [p for p in small_disk.rglob("*") if p.is_file() and name in p.parts]


@pytest.mark.parametrize("name", ["laps", "policy", "tub", "there.json"])
def test_a_command_that_may_not_write_somewhere_says_so_in_a_sentence(read_only, laps, run, name):
    lines = commands(laps, read_only)
    lines["there.json"] = (evaluate, "--policy", "straight", "--tracks", 1, "--json", read_only / "there.json")
    module, *words = lines[name]
    code, _, error = run(module, *words)
    assert code == 2
    assert error.startswith("error: ") and "Read-only file system" in error
    assert (read_only / "there.json").read_text() == "{}\n"


LIMITED = """
import resource, sys
from datasets.recording import LapWriter
from drivesim.errors import DrivesimError
from tests.datasets.laps import drive, make_info, rows_of
resource.setrlimit(resource.RLIMIT_FSIZE, (30_000, 30_000))
try:
    with LapWriter(sys.argv[1], make_info()) as writer:
        for row in rows_of(drive(400)):
            writer.append(row)
except DrivesimError as error:
    print(error)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="there are no limits of a process's file sizes on Windows")
def test_a_file_that_may_not_grow_is_said_once_and_what_was_written_opens(tmp_path):
    command = [sys.executable, "-c", LIMITED, str(tmp_path)]
    ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert (ran.returncode, ran.stderr) == (0, "")
    saved = int(re.search(r"cannot write \(File too large\); (\d+) of the lap's", ran.stdout)[1])
    assert ran.stdout.count("\n") == 1
    assert saved >= 20
    (lap,), _ = read_laps(tmp_path)
    assert_steps(lap, drive(400), saved)
