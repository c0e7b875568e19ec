"""Whole file: a file, or a folder, is written aside and takes its place when it is whole."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def unfinished(path: Path) -> Path:
    """Return where a file or folder is until it is whole; what is there was left by a process that ended before."""
    return path.with_name(f".{path.name}.part")


@contextmanager
def whole_file(path: Path, durable: bool = False) -> Iterator[Path]:
    """Yield the name to write to; the file takes its place afterwards, or, if anything is raised, vanishes.

    Whoever reads `path` meanwhile reads what it held before.

    Args:
        path: The file's place.
        durable: Whether to wait until it is on the disk, where a loss of power leaves it.
    """
    aside = unfinished(path)
    try:
        yield aside
        if durable:
            with aside.open("rb+") as file:
                os.fsync(file.fileno())
        aside.replace(path)
        if durable:
            sync_folder(path.parent)
    finally:
        aside.unlink(missing_ok=True)


def sync_folder(folder: Path) -> None:
    """Bring the names of a folder to the disk: a file that is there without its name is lost with the power."""
    if os.name == "posix":
        fd = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(fd)
        finally:
            os.close(fd)


@contextmanager
def whole_folder(path: Path) -> Iterator[Path]:
    """Yield an empty folder to write into; it takes its place afterwards, or, if anything is raised, vanishes.

    Args:
        path: The folder's place, where nothing is.
    """
    aside = unfinished(path)
    shutil.rmtree(aside, ignore_errors=True)
    aside.mkdir(parents=True)
    try:
        yield aside
        aside.rename(path)
        sync_folder(path.parent)
    finally:
        shutil.rmtree(aside, ignore_errors=True)
