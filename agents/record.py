"""python -m agents.record --laps 40 --out laps

Record laps of a scripted driver, headless: of the expert, or of one that steers as people do. Noise on the expert's
steering (DART) takes it off the line; the labels stay clean. What leads off the road is marked as bad. With --env
CarRacing-v3 the episodes of that environment's own expert are recorded, as play.py --env records a person's.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.markup import escape

from agents.carracing.record_command import record_env
from agents.cluster import Job, drive_jobs, join
from agents.driver import Driver
from agents.expert import ExpertDriver
from agents.human_like import HumanLikeDriver
from agents.lineup import placed
from agents.models.device_names import loop_device
from agents.progress import progress_bar
from agents.provenance import lap_info
from agents.rollout import Course, Drive, drive, lap_columns
from agents.traffic_options import with_traffic
from datasets.departures import leading_to
from datasets.recording import LapWriter, new_folder, recover
from datasets.schema import MARK_BAD
from drivesim.command import run_command
from drivesim.errors import DrivesimError, check_name
from drivesim.scenario import Scenario
from drivesim.simulation import Rules
from drivesim.track_files import read_track
from drivesim.world import World, WorldSource

# Noise on the steering of each driver where none is asked for: a person's own is enough.
NOISE = {ExpertDriver.name: 0.1, HumanLikeDriver.name: 0.0}

# What leads to a departure begins this long before it, seconds.
_BEFORE_DEPARTURE = 3.0


@dataclass
class Args:
    """Options of the command."""

    out: Path
    """Folder for the laps; made new."""
    driver: str = "expert"
    """expert, or human-like: late, loose and unsteady, as a person is; its labels are its own actions."""
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
    noise: float | None = None
    """Standard deviation of the noise on the steering; if left out 0.1 for the expert, none for human-like; with --env
    the most that an episode has."""
    randomize: str = "none"
    """How the worlds look: none (colours and lines), looks (all that looks can have) or all (weather, and its grip,
    besides). Training draws looks of its own: see agents.train."""
    palette: str = "any"
    """Of these looks: any, or train or test, which have no colour of ground or road in common."""
    lane: str = "center"
    """Where to drive: in the center, or in the right or left of two lanes."""
    traffic: int = 0
    """Other cars on each road, up to 64."""
    obstacles: int = 0
    """Parked cars, barriers and rows of cones on each road, up to 64."""
    vehicle: str = "car"
    """The car: car, car-dynamic or rc."""
    environment: str = "steer"
    """steer (a cruise controller holds the speed) or drive (the driver works the pedal too)."""
    env: str | None = None
    """drivesim/Traffic-v0: the right of two lanes, with a pedal, among others. CarRacing-v3: record its episodes
    instead, with an expert of its own; the seeds are none of agents.evaluate's."""
    processes: int = 2
    """Of --env: processes that drive at once."""
    append: bool = False
    """Add to a folder that holds laps already."""
    seed: int = 0
    """Of the noise, and of the human-like driver."""
    device: str = "auto"
    """cuda drives the cars on a GPU, torch-cpu by the same code on the CPU; else NumPy does."""
    envs: int = 64
    """Cars that drive at once; the noise of each lot is its own."""
    ray: tuple[str, ...] | None = None
    """Drive on the machines of a Ray cluster: its address, or none for one on this machine. The laps are the same."""


def main(args: Args) -> None:
    """Record the laps."""
    args = with_traffic(args, environment="drive")
    if args.env is not None:
        return record_env(args.env, args.out, args.laps, args.first_seed, args.noise, args.processes, args.append)
    check_name("--driver", args.driver, NOISE)
    check_name("--environment", args.environment, ["steer", "drive"])
    if args.laps < 1:
        raise DrivesimError(f"--laps: expected 1 or more, got {args.laps}.")
    noise = NOISE[args.driver] if args.noise is None else args.noise
    if not 0 <= noise <= 1:
        raise DrivesimError(f"--noise: expected a number from 0 to 1, got {noise}.")
    if args.seed < 0:
        raise DrivesimError(f"--seed: expected 0 or more, got {args.seed}.")
    if args.envs < 1:
        raise DrivesimError(f"--envs: expected 1 or more, got {args.envs}.")
    _, ray = placed(args.envs, args.ray)
    if loop_device(args.device) is not None:
        _check_device(args)
    if args.seconds is not None and not args.seconds > 0:
        raise DrivesimError(f"--seconds: expected more than 0, got {args.seconds}.")
    rules = Scenario(vehicle=args.vehicle).rules(args.environment == "drive")
    source = _source(args, rules)
    if ray is not None:
        join(ray)
    folder = new_folder(args.out, args.append)
    console = Console()
    for sentence in recover(folder):
        console.print(f"[yellow]{escape(sentence)}[/yellow]", soft_wrap=True)
    course = Course(
        has_pedal=args.environment == "drive",
        noise=noise,
        time_limit=args.seconds,
        scenario={"vehicle": args.vehicle},
        device=loop_device(args.device),
    )
    worlds = source.all()
    jobs = [_job(args, worlds, first, course) for first in range(0, args.laps, args.envs)]
    steps = departed = marked = 0
    with progress_bar(console, "recording") as on_step:
        for drives in _driven(jobs, ray, on_step):
            for driven in drives:
                bad = _write(folder, driven, rules, args, noise)
                steps += len(driven.put_back)
                departed += bad > 0
                marked += bad
    minutes = steps * rules.dt / 60
    console.print(
        f"Recorded {args.laps} laps, {steps} steps, {minutes:.1f} minutes of driving, into {folder}", soft_wrap=True
    )
    hit = " or hit something" if args.traffic or args.obstacles else ""
    if departed:
        console.print(
            f"[yellow]{departed} of {args.laps} laps left the road{hit}: {marked} steps, from {_BEFORE_DEPARTURE:g} s "
            "before a lap's first departure on, are marked bad and not trained on.[/yellow]",
            soft_wrap=True,
        )
    console.print(
        f"Train on them: python -m agents.train --data {folder} --backbone pilotnet --out policy", soft_wrap=True
    )


def _check_device(args: Args) -> None:
    """Refuse a device that is not there, and a driver that can't drive on one."""
    from agents.models.devices import choose_device

    choose_device(args.device)
    if args.driver != ExpertDriver.name:
        raise DrivesimError(f"--device: {args.driver} can't drive on a torch device. Use --device cpu or auto.")


def _job(args: Args, worlds: Sequence[World], first: int, course: Course) -> Job:
    """Return the lot of cars that begins with a lap: its driver and its noise do not depend on the others'."""
    seed = [args.seed, first] if first else args.seed
    driver: Driver = HumanLikeDriver(seed) if args.driver == HumanLikeDriver.name else ExpertDriver()
    return Job(driver, worlds[first : first + args.envs], course, np.random.default_rng(seed))


def _driven(jobs: Sequence[Job], ray: str | None, on_step: Callable[[float], None]) -> Iterator[list[Drive]]:
    """Drive lot after lot here, or all of them on a cluster."""
    if ray is not None:
        yield from drive_jobs(jobs, ray, on_step)
        return
    for number, job in enumerate(jobs):

        def on_own_step(share: float, number: int = number) -> None:
            on_step((number + share) / len(jobs))

        yield drive(job.driver, job.worlds, job.course, job.rng, on_own_step)


def _source(args: Args, rules: Rules) -> WorldSource:
    look: dict[str, Any] = {"randomize": args.randomize, "palette": args.palette, "lane": args.lane}
    look |= {"traffic": args.traffic, "obstacles": args.obstacles, "rules": rules}
    if args.track is None:
        return WorldSource(range(args.first_seed, args.first_seed + args.laps), args.difficulty, **look)
    track = read_track(args.track)
    return WorldSource([track.reversed() if lap % 2 else track for lap in range(args.laps)], **look)


def _write(folder: Path, driven: Drive, rules: Rules, args: Args, noise: float) -> int:
    """Write one lap; returns how many of its steps are marked bad, as they lead off the road or come after."""
    columns = lap_columns(driven)
    wrong = driven.departed.copy()
    # A drive that hit something ended there.
    wrong[-1:] |= driven.collided
    bad = np.logical_or.accumulate(leading_to(wrong, round(_BEFORE_DEPARTURE / driven.dt)))
    columns["mark"] = columns["mark"] | np.where(bad, MARK_BAD, 0).astype(np.uint8)
    info = lap_info(driven.world, rules, args.driver, args.seed, noise=noise, end_reason=driven.end_reason)
    with LapWriter(folder, info) as lap:
        lap.extend(columns)
    return int(bad.sum())


if __name__ == "__main__":
    run_command(main, Args, __doc__)
