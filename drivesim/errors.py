"""Errors a user can act on: each names the argument, what was expected, what came, and the way out."""

from collections.abc import Iterable

import numpy as np


class DrivesimError(ValueError):
    """Wrong input from outside. Commands print it as one sentence and exit with code 2."""


def option_name(field: str) -> str:
    """Return the command-line option of a field of a command's `Args`."""
    return f"--{field.replace('_', '-')}"


def is_number(value: object) -> bool:
    """Whether a value is a number, of Python or NumPy; a truth value is none."""
    return isinstance(value, int | float | np.integer | np.floating) and not isinstance(value, bool)


def check_name(argument: str, name: str, known: Iterable[str]) -> str:
    """Return `name` if it is known.

    Args:
        argument: The argument's name, for the message.
        name: What the caller gave.
        known: The names that exist.

    Raises:
        DrivesimError: If `name` is not among `known`; the message lists them.
    """
    known = list(known)
    if not isinstance(name, str) or name not in known:
        raise DrivesimError(f"{argument}: unknown name {name!r}. Known: {', '.join(known)}.")
    return name
