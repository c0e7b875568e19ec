"""Command: what every command line of the project does around its own work."""

import errno
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import tyro

from drivesim.errors import DrivesimError

Args = TypeVar("Args")

# What a disk says that is full, or may not be written to.
_DISK = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EFBIG)


def run_command(main: Callable[[Args], int | None], arguments: type[Args], description: str | None) -> None:
    """Read the command line into `arguments`, run `main` and exit.

    Exit codes: what `main` returns (None is 0); 2 for wrong use, with one sentence on standard error; 130 when
    interrupted.

    Args:
        main: Does the work.
        arguments: A dataclass with a docstring under each field.
        description: The module's docstring, for `--help`.
    """
    try:
        sys.exit(main(tyro.cli(arguments, description=description)) or 0)
    except DrivesimError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2)
    except OSError as error:
        if error.errno not in _DISK:
            raise
        place = error.filename2 or error.filename or "a file"
        print(
            f"error: {place} can't be written ({error.strerror}). What was written before is kept: make room, or "
            "choose another place.",
            file=sys.stderr,
        )
        sys.exit(2)
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        sys.exit(130)


def is_taken(path: Path) -> bool:
    """Tell whether something is at a path that a command would make new: a file, or a folder that is not empty."""
    return path.exists() and (not path.is_dir() or any(path.iterdir()))


def check_writable(path: Path | None) -> None:
    """Make the folder of a file that a command will write, and refuse a place that can't be written.

    Called before the work starts. A file that is there stays; None is no file.
    """
    if path is None:
        return
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        was_there = path.exists()
        with path.open("ab"):
            pass
        if not was_there:
            path.unlink()
    except OSError as error:
        raise DrivesimError(f"{path} can't be written: {error.strerror}. Choose another place.") from error
