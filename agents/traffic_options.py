"""Traffic options: what commands make of `--env drivesim/Traffic-v0`, `--traffic` and `--obstacles`."""

from dataclasses import replace
from typing import Any, TypeVar

from drivesim.errors import DrivesimError
from drivesim.scenario import TRAFFIC, TRAFFIC_ID
from drivesim.traffic import check_count

AnyArgs = TypeVar("AnyArgs")


def with_traffic(args: AnyArgs, **pedal: Any) -> AnyArgs:
    """Return a command's options with those that `--env drivesim/Traffic-v0` stands for, where it is given.

    Args:
        args: The options; `env`, `lane`, `traffic` and `obstacles` among them.
        **pedal: The option that says that the pedal is worked too.

    Raises:
        DrivesimError: If a number of cars or obstacles is none that there can be, or is given for another environment.
    """
    given: Any = args
    for name in ("traffic", "obstacles"):
        check_count(f"--{name}", getattr(given, name))
        if getattr(given, name) and given.env not in (None, TRAFFIC_ID):
            raise DrivesimError(f"--{name}: {given.env} has roads of its own; leave out one of them.")
    if given.env != TRAFFIC_ID:
        return args
    said = {name: getattr(given, name) for name in TRAFFIC if getattr(given, name) not in (0, "center")}
    return replace(given, env=None, **pedal, **{**TRAFFIC, **said})
