"""Lineup: who is evaluated, and the course and the roads that are driven for it."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from agents.driver import Driver, StraightDriver
from agents.expert import ExpertDriver
from agents.policy import Policy
from agents.rollout import Course
from drivesim.errors import DrivesimError, check_name
from drivesim.track import Track
from drivesim.track_files import read_track
from drivesim.world import World, WorldSource

BASELINES: dict[str, Callable[[], Driver]] = {"expert": ExpertDriver, "straight": StraightDriver}


def enter(name: str, environment: str, vehicle: str, device: str, threads: int) -> tuple[Driver, Course]:
    """Return a driver and the course that it drives on.

    Args:
        name: A policy's folder, or a baseline.
        environment: For baselines: `steer` or `drive`.
        vehicle: For baselines; a policy brings its own.
        device: For the network.
        threads: That draw.
    """
    if name in BASELINES:
        check_name("--environment", environment, ["steer", "drive"])
        return BASELINES[name](), Course(has_pedal=environment == "drive", scenario={"vehicle": vehicle})
    policy = load(name, device, list(BASELINES))
    scenario: dict[str, Any] = {"vehicle": policy.vehicle, "control_hz": policy.config.control_hz}
    has_pedal = "pedal" in policy.config.outputs
    return policy, Course(has_pedal=has_pedal, camera=policy.camera, threads=threads, scenario=scenario)


def load(name: str, device: str, baselines: list[str]) -> Policy:
    """Load a policy, or say what else could have been named."""
    if not Path(name).is_dir():
        raise DrivesimError(
            f"--policy: {name!r} is neither a policy's folder nor one of {', '.join(baselines)}. "
            "Train one: python -m agents.train --data DIR --out DIR"
        )
    return Policy.load(name, device)


def different_names(names: list[str]) -> list[str]:
    """Return the names with a number behind those that occur again, so that every column has its own."""
    return [
        f"{name}-{names[: i + 1].count(name)}" if names[:i].count(name) else name for i, name in enumerate(names)
    ]


def generated_worlds(tracks: int, difficulty: str, first_seed: int, appearance: str) -> list[World]:
    """Return unseen generated roads."""
    if tracks < 1:
        raise DrivesimError(f"--tracks: expected 1 or more, got {tracks}.")
    seeds = range(first_seed, first_seed + tracks)
    return WorldSource(seeds, difficulty, "test", appearance).all()


def worlds_of_files(paths: Sequence[Path], both_directions: bool, appearance: str) -> list[World]:
    """Return the roads of track files, and of folders of them."""
    tracks: list[Track] = []
    for path in paths:
        files = sorted(path.glob("*.csv")) if path.is_dir() else [path]
        if not files:
            raise DrivesimError(f"--track-files: {path} holds no CSV file. Give a track file or a folder of them.")
        for file in files:
            tracks.append(read_track(file))
            if both_directions:
                tracks.append(tracks[-1].reversed())
    return WorldSource(tracks, appearance=appearance).all()
