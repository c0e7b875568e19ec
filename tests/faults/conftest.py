"""A disk that is small, and one that may only be read."""

import subprocess

import pytest


@pytest.fixture
def mount(tmp_path):
    """Return a function that mounts a file system of some options; skip where none can be."""
    mounted = []

    def mount_one(name, options):
        folder = tmp_path / name
        folder.mkdir(exist_ok=True)
        command = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)]
        try:
            ran = subprocess.run(command, capture_output=True, text=True, timeout=10, check=False)
        except OSError as error:
            pytest.skip(f"no small file system can be mounted here: {error}")
        if ran.returncode:
            pytest.skip(f"no small file system can be mounted here: {ran.stderr.strip()}")
        mounted.append(folder)
        return folder

    yield mount_one
    for folder in mounted:
        subprocess.run(["umount", str(folder)], check=True, timeout=10)


@pytest.fixture
def small_disk(mount):
    """A file system of 256 kB."""
    return mount("disk", "size=256k")


@pytest.fixture
def read_only(mount):
    """A file system that may only be read, with a file on it."""
    folder = mount("read-only", "size=256k")
    (folder / "there.json").write_text("{}\n")
    subprocess.run(["mount", "-o", "remount,ro", str(folder)], check=True, timeout=10)
    return folder
