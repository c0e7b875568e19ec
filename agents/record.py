"""python -m agents.record --laps 40 --out laps

Record laps of the scripted expert, headless. Noise on its steering (DART) takes it off the line; the labels stay clean.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from rich.console import Console

from agents.expert import ExpertDriver
from agents.progress import progress_bar
from agents.provenance import lap_info
from agents.rollout import Course, Drive, drive, lap_columns
from datasets.recording import LapWriter, new_folder
from drivesim.command import run_command
from drivesim.errors import DrivesimError, check_name
from drivesim.scenario import Scenario
from drivesim.simulation import Rules
from drivesim.track_files import read_track
from drivesim.world import WorldSource

# Laps driven at once.
_CARS = 64


@dataclass
class Args:
    """Options of the command."""

    out: Path
    """Folder for the laps; made new."""
    laps: int = 40
    """Laps to record, each on a track of its own."""
    seconds: float | None = None
    """Seconds to record of each lap; whole laps if left out."""
    track: Path | None = None
    """A track file (TUM or F1TENTH CSV) to drive instead of generated tracks; laps take turns in direction."""
    difficulty: str = "mixed"
    """Of generated tracks: easy, medium, hard, or mixed."""
    first_seed: int = 0
    """Seed of the first track; the next laps take the next ones."""
    noise: float = 0.1
    """Standard deviation of the noise on the steering."""
    vehicle: str = "car"
    """The car: car, car-dynamic or rc."""
    environment: str = "steer"
    """steer (a cruise controller holds the speed) or drive (the expert works the pedal too)."""
    append: bool = False
    """Add to a folder that holds laps already."""
    seed: int = 0
    """Of the noise."""


def main(args: Args) -> None:
    """Record the laps."""
    check_name("--environment", args.environment, ["steer", "drive"])
    if args.laps < 1:
        raise DrivesimError(f"--laps: expected 1 or more, got {args.laps}.")
    if not 0 <= args.noise <= 1:
        raise DrivesimError(f"--noise: expected a number from 0 to 1, got {args.noise}.")
    if args.seed < 0:
        raise DrivesimError(f"--seed: expected 0 or more, got {args.seed}.")
    if args.seconds is not None and not args.seconds > 0:
        raise DrivesimError(f"--seconds: expected more than 0, got {args.seconds}.")
    rules = Scenario(vehicle=args.vehicle).rules(args.environment == "drive")
    source = _source(args)
    folder = new_folder(args.out, args.append)
    course = Course(
        has_pedal=args.environment == "drive",
        noise=args.noise,
        time_limit=args.seconds,
        scenario={"vehicle": args.vehicle},
    )
    rng = np.random.default_rng(args.seed)
    console = Console()
    worlds = source.all()
    steps = 0
    with progress_bar(console, "recording") as on_step:
        for first in range(0, args.laps, _CARS):
            batch = worlds[first : first + _CARS]

            def on_batch_step(share: float, first: int = first, cars: int = len(batch)) -> None:
                on_step((first + cars * share) / args.laps)

            drives = drive(ExpertDriver(), batch, course, rng, on_batch_step)
            for driven in drives:
                _write(folder, driven, rules, args)
                steps += len(driven.put_back)
    minutes = steps * rules.dt / 60
    console.print(
        f"Recorded {args.laps} laps, {steps} steps, {minutes:.1f} minutes of driving, into {folder}", soft_wrap=True
    )
    console.print(
        f"Train on them: python -m agents.train --data {folder} --backbone pilotnet --out policy", soft_wrap=True
    )


def _source(args: Args) -> WorldSource:
    if args.track is None:
        return WorldSource(range(args.first_seed, args.first_seed + args.laps), args.difficulty)
    track = read_track(args.track)
    return WorldSource([track.reversed() if lap % 2 else track for lap in range(args.laps)])


def _write(folder: Path, driven: Drive, rules: Rules, args: Args) -> None:
    info = lap_info(driven.world, rules, ExpertDriver.name, args.seed, noise=args.noise, end_reason=driven.end_reason)
    with LapWriter(folder, info) as lap:
        lap.extend(lap_columns(driven))


if __name__ == "__main__":
    run_command(main, Args, __doc__)
