"""Same options: whoever goes on with a run says what differs from what it was begun with."""

from collections.abc import Mapping
from typing import Any


def differences(before: Mapping[str, Any], now: Mapping[str, Any]) -> str:
    """Return what differs between the options of a run and those it is to go on with, in words; empty for nothing.

    Args:
        before: Plain JSON, by the options' names.
        now: The same.
    """
    names = {**before, **now}
    return "; ".join(
        f"{name} {before.get(name)!r}, now {now.get(name)!r}" for name in names if before.get(name) != now.get(name)
    )
