"""Lineup: who is evaluated, and the course and the roads that are driven for it."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from agents.cluster import USUAL_CARS
from agents.driver import Driver
from agents.frame_driver import FrameDriver
from agents.load_driver import BASELINES, load_driver
from agents.models.device_names import loop_device
from agents.rollout import Course
from drivesim.errors import DrivesimError, check_name
from drivesim.track import Track
from drivesim.track_files import read_track
from drivesim.world import World, WorldSource


def line_up(
    policies: Sequence[str],
    environment: str,
    vehicle: str,
    device: str,
    threads: int,
    envs: int | None = None,
    ray: str | None = None,
) -> list[tuple[Driver, Course]]:
    """Return drivers, each with the course that it drives on, and none with another's name.

    Args:
        policies: Folders, exported files, or baselines.
        environment: For baselines: `steer` or `drive`.
        vehicle: For baselines; a policy brings its own.
        device: For networks; and, where it names one, for the cars too: see `agents.models.device_names`.
        threads: That draw.
        envs: Cars at once; None for all.
        ray: Address of a Ray cluster to drive on: see `agents.cluster`.
    """
    if not policies:
        raise DrivesimError(f"--policy: expected a policy's folder, or one of {', '.join(BASELINES)}; got none.")
    check_name("--environment", environment, ["steer", "drive"])
    entries = []
    for who, name in zip(policies, _different_names(policies), strict=True):
        driver = load_driver(who, device)
        driver.name = name
        course = course_of(driver, environment, vehicle, threads)
        entries.append((driver, replace(course, device=loop_device(device), envs=envs, ray=ray)))
    return entries


def placed(envs: int | None, ray: Sequence[str] | None) -> tuple[int | None, str | None]:
    """Return how many cars drive at once, and the address of the cluster that they drive on, as options say it."""
    if ray is None:
        return envs, None
    if len(ray) > 1:
        raise DrivesimError(f"--ray: expected one address, got {' '.join(ray)}.")
    return envs or USUAL_CARS, ray[0] if ray else ""


def course_of(driver: Driver, environment: str, vehicle: str, threads: int) -> Course:
    """Return the course that a driver is made for; see `line_up`."""
    if not isinstance(driver, FrameDriver):
        return Course(has_pedal=environment == "drive", scenario={"vehicle": vehicle})
    return Course.made_for(driver.config, threads=threads)


def generated_worlds(tracks: int, difficulty: str, first_seed: int, appearance: str, **how: Any) -> list[World]:
    """Return unseen generated roads; `how` are further arguments of `WorldSource`."""
    if tracks < 1:
        raise DrivesimError(f"--tracks: expected 1 or more, got {tracks}.")
    seeds = range(first_seed, first_seed + tracks)
    return WorldSource(seeds, difficulty, "test", appearance, **how).all()


def worlds_of_files(paths: Sequence[Path], both_directions: bool, appearance: str, **how: Any) -> list[World]:
    """Return the roads of track files, and of folders of them; `how` are further arguments of `WorldSource`."""
    tracks: list[Track] = []
    for path in paths:
        files = sorted(path.glob("*.csv")) if path.is_dir() else [path]
        if not files:
            raise DrivesimError(f"--track-files: {path} holds no CSV file. Give a track file or a folder of them.")
        for file in files:
            tracks.append(read_track(file))
            if both_directions:
                tracks.append(tracks[-1].reversed())
    return WorldSource(tracks, appearance=appearance, **how).all()


def _different_names(policies: Sequence[str]) -> list[str]:
    """The last part of each path; with its folder where several are alike, as of the seeds of one training."""

    def name(who: str, parts: int) -> str:
        return who if who in BASELINES else "/".join(Path(who).resolve().parts[-parts:])

    names = [name(who, 1) for who in policies]
    if len(set(names)) < len(names):
        names = [name(who, 2) for who in policies]
    return [f"{each}-{names[:i].count(each) + 1}" if each in names[:i] else each for i, each in enumerate(names)]
