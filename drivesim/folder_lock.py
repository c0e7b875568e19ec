"""Folder lock: one process at a time writes into a folder; it ends with the process, however that ends."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from drivesim.errors import DrivesimError

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]


@contextmanager
def only_writer(folder: Path, option: str = "--out") -> Iterator[None]:
    """Hold a folder, which is there, for this process; nothing is left in it.

    Where folders can't be locked, on Windows and some networks' file systems, nothing is held.

    Args:
        folder: To write into.
        option: That named it.

    Raises:
        DrivesimError: If another process holds it.
    """
    if fcntl is None:
        yield
        return
    held = os.open(folder, os.O_RDONLY)
    try:
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise DrivesimError(
                f"{option}: another process is writing into {folder}. Wait for its end, or choose another folder."
            ) from error
        except OSError:  # not on every file system
            pass
        yield
    finally:
        os.close(held)
