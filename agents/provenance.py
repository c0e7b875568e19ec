"""Provenance: what a file says of how it came about."""

import shlex
import subprocess
from dataclasses import MISSING, asdict, fields
from functools import lru_cache
from pathlib import Path
from typing import Any

import drivesim
from datasets.schema import LapInfo
from drivesim.dynamics import AS_BUILT
from drivesim.errors import option_name
from drivesim.simulation import Rules
from drivesim.weather import CLEAR
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
        environment=_environment(world, rules),
        drivesim_version=drivesim.__version__,
        commit=commit(),
        notes=notes if world.dynamics == AS_BUILT else {**notes, "dynamics": world.dynamics.to_dict()},
        weather=world.weather.to_dict() if world.weather != CLEAR else {},
        traffic=world.traffic.to_dict(),
    )


def _environment(world: World, rules: Rules) -> str:
    """The id of the environment whose actions and roads these are."""
    if rules.cruise_speed is not None:
        return "drivesim/Steer-v0"
    return "drivesim/Traffic-v0" if world.traffic else "drivesim/Drive-v0"


def command_line(module: str, args: Any) -> str:
    """Write the command line that gives these options, those left out that are at their defaults.

    Args:
        module: Such as `agents.evaluate`.
        args: The command's `Args`.
    """
    words = ["python", "-m", module]
    for field in fields(args):
        value = getattr(args, field.name)
        default = field.default_factory() if field.default_factory is not MISSING else field.default
        if value == default:
            continue
        option = option_name(field.name)
        if isinstance(value, bool):
            words.append(option if value else option.replace("--", "--no-", 1))
        else:
            words += [option, *map(neutral, value if isinstance(value, list | tuple) else [value])]
    return shlex.join(words)


def neutral(value: Any) -> str:
    """Write an option's value; of an absolute path, which tells on the machine and its user, its last part alone."""
    if isinstance(value, list | tuple):
        return " ".join(map(neutral, value))
    text = str(value)
    return Path(text).name if Path(text).is_absolute() else text


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
