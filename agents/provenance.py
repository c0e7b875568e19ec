"""Provenance: what a file says of how it came about."""

import subprocess
from dataclasses import asdict
from functools import lru_cache
from pathlib import Path
from typing import Any

import drivesim
from datasets.schema import LapInfo
from drivesim.simulation import Rules
from drivesim.world import World


def lap_info(world: World, rules: Rules, driver: str, seed: int | None = None, **notes: Any) -> LapInfo:
    """Describe a lap that is about to be recorded.

    Args:
        world: Where it is driven.
        rules: Of the environment.
        driver: Who drives.
        seed: Of the episode.
        **notes: Anything else, plain JSON.
    """
    return LapInfo(
        track_name=world.track.name,
        track_points=world.track.points,
        vehicle=asdict(rules.vehicle),
        control_hz=rules.control_hz,
        driver=driver,
        seed=seed,
        appearance=world.appearance.to_dict(),
        environment="drivesim/Drive-v0" if rules.cruise_speed is None else "drivesim/Steer-v0",
        drivesim_version=drivesim.__version__,
        commit=commit(),
        notes=notes,
    )


@lru_cache(maxsize=1)
def commit() -> str:
    """Return the checkout's commit, with `+` where files differ from it; empty where there is no checkout."""
    root = Path(__file__).resolve().parent.parent
    try:
        revision = _git(root, "rev-parse", "HEAD")
        changed = _git(root, "status", "--porcelain", "--untracked-files=no")
    except (OSError, subprocess.SubprocessError):
        return ""
    return revision + ("+" if changed else "")


def _git(root: Path, *arguments: str) -> str:
    answer = subprocess.run(
        ["git", "-C", str(root), *arguments], capture_output=True, text=True, check=True, timeout=10
    )
    return answer.stdout.strip()
