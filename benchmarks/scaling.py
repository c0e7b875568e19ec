"""python -m benchmarks.scaling --json scaling.json

Time how the cost of a step grows on this machine: with the number of cars, the size of frames and the threads that draw
them. Every timing is a ratio to another of the same turn: see docs/scaling.md.
"""

import json
import os
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

from benchmarks.machine import about_this_run
from drivesim.camera import Camera, get_camera
from drivesim.command import check_writable, run_command
from drivesim.errors import DrivesimError
from drivesim.vector_env import SteerVectorEnv

_TRACKS = 16
_CARS = (1, 8, 64, 512, 4096)
_SIDES = (48, 96, 192, 384)
_FEW = 64


@dataclass
class Args:
    """Options of the command."""

    seconds: float = 0.5
    """Of each timing."""
    rounds: int = 5
    """Turns that the timings are taken in; the median of their ratios counts."""
    most: int = _CARS[-1]
    """The most cars."""
    json: Path | None = None
    """Write the figures here."""


def main(args: Args) -> None:
    """Measure and print."""
    for name in ("seconds", "rounds", "most"):
        if not getattr(args, name) > 0:
            raise DrivesimError(f"--{name}: expected more than 0, got {getattr(args, name)}.")
    check_writable(args.json)
    threads = os.cpu_count() or 1
    down = get_camera("topdown")
    groups: dict[str, dict[str, Callable[[], float]]] = {
        "simulation": {f"{n} cars": _timed(n, None, 1, args.seconds) for n in _CARS if n <= args.most},
        "+ frames": {f"{n} cars": _timed(n, down, 1, args.seconds) for n in _CARS if n <= args.most},
        "frames from above": {
            f"{side} x {side}": _timed(min(_FEW, args.most), _sized(down, side, side), 1, args.seconds)
            for side in _SIDES
        },
        "frames ahead": {
            f"{side} x {side}": _timed(min(_FEW, args.most), _sized(get_camera("front"), side, side), 1, args.seconds)
            for side in _SIDES
        },
        "threads": {f"{n}": _timed(min(512, args.most), down, n, args.seconds) for n in sorted({1, 2, threads})},
    }
    times: dict[str, dict[str, list[float]]] = {
        group: {name: [] for name in timings} for group, timings in groups.items()
    }
    for _ in range(args.rounds):
        for group, timings in groups.items():
            for name, measure in timings.items():
                times[group][name].append(measure())
    console = Console()
    ratios = {group: _ratios(named) for group, named in times.items()}
    table = Table(title="Microseconds a car and step, and what it is of the first row's")
    for title in ("what", "of", "us", "ratio"):
        table.add_column(title, justify="right" if title in ("us", "ratio") else "left")
    for group, named in times.items():
        for name, values in named.items():
            table.add_row(group, name, f"{np.median(values):,.2f}", f"{ratios[group][name]:.3f}")
        table.add_section()
    console.print(table)
    if args.json is not None:
        options = {key: value for key, value in asdict(args).items() if key != "json"}
        report = about_this_run("numpy") | {"options": options, "microseconds": times, "ratios": ratios}
        args.json.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")


def _sized(camera: Camera, height: int, width: int) -> Camera:
    """The camera with other pixels, seeing the same ground."""
    return replace(camera, height=height, width=width)


def _timed(cars: int, camera: Camera | None, threads: int, seconds: float) -> Callable[[], float]:
    """Return what times a step: microseconds a car."""
    env = SteerVectorEnv(cars, track=range(_TRACKS), start="random", camera=camera, threads=threads)
    still = np.zeros((cars, 1))

    def measure() -> float:
        env.reset(seed=0)
        env.step(still)
        steps, started = 0, time.perf_counter()
        while (elapsed := time.perf_counter() - started) < seconds:
            env.step(still)
            steps += 1
        return 1e6 * elapsed / (max(steps, 1) * cars)

    return measure


def _ratios(named: dict[str, list[float]]) -> dict[str, float]:
    """Return, of every row, the median of its ratios to the first row in the same turn."""
    first = np.array(next(iter(named.values())))
    return {name: float(np.median(np.array(values) / first)) for name, values in named.items()}


if __name__ == "__main__":
    run_command(main, Args, __doc__)
