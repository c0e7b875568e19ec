"""python -m agents.record --laps 40 --out laps

Record laps of the scripted expert, headless. Noise on its steering (DART) takes it off the line; the labels stay clean.
"""

from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from rich.console import Console

import drivesim
from agents.expert import ExpertDriver
from agents.progress import progress_bar
from agents.provenance import commit
from agents.rollout import Course, Drive, drive, lap_columns
from datasets.recording import LapWriter, new_folder
from datasets.schema import LapInfo
from drivesim.command import run_command
from drivesim.errors import DrivesimError, check_name
from drivesim.track_files import read_track
from drivesim.vehicle import get_vehicle
from drivesim.world import WorldSource

# Laps driven at once.
_CARS = 64

ENVIRONMENTS = {"steer": "drivesim/Steer-v0", "drive": "drivesim/Drive-v0"}


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
    check_name("--environment", args.environment, ENVIRONMENTS)
    if args.laps < 1:
        raise DrivesimError(f"--laps: expected 1 or more, got {args.laps}.")
    if not 0 <= args.noise <= 1:
        raise DrivesimError(f"--noise: expected a number from 0 to 1, got {args.noise}.")
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
                _write(folder, driven, args)
                steps += len(driven.put_back)
    minutes = steps / 20 / 60
    console.print(f"Recorded {args.laps} laps, {steps} steps, {minutes:.1f} minutes of driving, into {folder}")
    console.print(f"Train on them: python -m agents.train --data {folder} --backbone pilotnet --out policy")


def _source(args: Args) -> WorldSource:
    if args.track is None:
        return WorldSource(range(args.first_seed, args.first_seed + args.laps), args.difficulty)
    track = read_track(args.track)
    return WorldSource([track.reversed() if lap % 2 else track for lap in range(args.laps)])


def _write(folder: Path, driven: Drive, args: Args) -> None:
    info = LapInfo(
        track_name=driven.world.track.name,
        track_points=driven.world.track.points,
        vehicle=asdict(get_vehicle(args.vehicle)),
        control_hz=20.0,
        driver="expert",
        seed=args.seed,
        appearance=driven.world.appearance.to_dict(),
        environment=ENVIRONMENTS[args.environment],
        drivesim_version=drivesim.__version__,
        commit=commit(),
        notes={"noise": args.noise, "end_reason": driven.end_reason},
    )
    with LapWriter(folder, info) as lap:
        lap.extend(lap_columns(driven))


if __name__ == "__main__":
    run_command(main, Args, __doc__)
