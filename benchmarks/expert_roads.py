"""python -m benchmarks.expert_roads --json roads.json

Drive the scripted expert on every weather, and among others, and count what it does wrong: it is the teacher of every
policy, so that it must do nothing wrong. The roads with traffic are those of `drivesim/Traffic-v0`.
"""

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from agents.expert import ExpertDriver
from agents.rollout import Course, Drive, drive
from drivesim.command import check_writable, run_command
from drivesim.errors import DrivesimError
from drivesim.scenario import TRAFFIC, Scenario
from drivesim.weather import WEATHERS
from drivesim.world import World, WorldSource

# Roads driven at once.
_CARS = 100


@dataclass
class Args:
    """Options of the command."""

    tracks: int = 500
    """Roads without others, driven in each weather in turn: the first in the first, and so on."""
    traffic: int = 200
    """Roads with others."""
    vehicle: str = "car"
    """The car: car, car-dynamic or rc."""
    json: Path | None = None
    """Write the counts here."""


def main(args: Args) -> None:
    """Drive, count, and print."""
    check_writable(args.json)
    for option, value in (("--tracks", args.tracks), ("--traffic", args.traffic)):
        if value < 0:
            raise DrivesimError(f"{option}: expected 0 or more, got {value}.")
    rows = {}
    for pedal in (False, True):
        course = Course(has_pedal=pedal, scenario={"vehicle": args.vehicle})
        name = "drivesim/Drive-v0" if pedal else "drivesim/Steer-v0"
        if args.tracks:
            rows[f"{name}, {args.tracks} roads, every weather"] = _count(_weathers(args.tracks), course)
        if args.traffic:
            label = "drivesim/Traffic-v0" if pedal else f"{name} with others"
            rows[f"{label}, {args.traffic} roads"] = _count(_crowded(args.traffic, course), course)
    for name, row in rows.items():
        print(f"{name}: " + ", ".join(f"{key} {value}" for key, value in row.items()), flush=True)
    if args.json is not None:
        args.json.write_text(json.dumps({"vehicle": args.vehicle, "roads": rows}, indent=1) + "\n", encoding="utf-8")


def _weathers(tracks: int) -> list[World]:
    names = [*WEATHERS]
    worlds: list[World] = []
    for at, name in enumerate(names):
        seeds = range(at, tracks, len(names))
        worlds += WorldSource(seeds, "mixed", "test", weather=name).all() if seeds else []
    return worlds


def _crowded(tracks: int, course: Course) -> list[World]:
    rules = Scenario(vehicle=course.vehicle).rules(course.has_pedal)
    return WorldSource(range(tracks), "mixed", "test", randomize="all", rules=rules, **TRAFFIC).all()


def _count(worlds: Sequence[World], course: Course) -> dict[str, Any]:
    drives: list[Drive] = []
    for first in range(0, len(worlds), _CARS):
        drives += drive(ExpertDriver(), worlds[first : first + _CARS], course)
    distance = sum(driven.progress for driven in drives)
    return {
        "ended": dict(Counter(str(driven.end_reason) for driven in drives)),
        "with a wheel off the road": sum(bool(driven.departed.any()) for driven in drives),
        "km": round(distance / 1000, 1),
        "mean m/s": round(distance / sum(driven.elapsed for driven in drives), 2),
    }


if __name__ == "__main__":
    run_command(main, Args, __doc__)
