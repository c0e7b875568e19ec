"""Record command: what `agents.record --env` does."""

from pathlib import Path

import numpy as np
from rich.console import Console

from agents.carracing.physics import CAR_RACING, make_car_racing
from agents.carracing.recording import FIRST_RECORDED_SEED, NOISE, record_episodes
from agents.progress import progress_bar
from agents.provenance import commit
from datasets.frame_source import write_source
from datasets.recording import new_folder
from drivesim.errors import DrivesimError


def record_env(
    name: str, out: Path, episodes: int, first_seed: int, noise: float | None, processes: int, append: bool
) -> None:
    """Record episodes of the expert as stored frames.

    Args:
        name: The environment's id.
        out: Folder for the episodes.
        episodes: How many.
        first_seed: Of the first track, counted from the first that is for recording.
        noise: See `record_episode`; the usual one if left out.
        processes: How many drive at once.
        append: Whether the folder may hold episodes already.

    Raises:
        DrivesimError: If there is no expert for the environment, or another option can't be.
    """
    if name != CAR_RACING:
        raise DrivesimError(
            f"--env: an expert of its own has {CAR_RACING} alone, got {name!r}. Record a person there: "
            f"python play.py --env {name}"
        )
    noise = NOISE if noise is None else noise
    for option, value, fits, expected in (
        ("laps", episodes, episodes >= 1, "1 or more"),
        ("first-seed", first_seed, first_seed >= 0, "0 or more"),
        ("noise", noise, 0 <= noise <= 1, "a number from 0 to 1"),
        ("processes", processes, processes >= 1, "1 or more"),
    ):
        if not fits:
            raise DrivesimError(f"--{option}: expected {expected}, got {value}.")
    make_car_racing("--env").close()  # what is missing is told before anything is written
    folder = new_folder(out, append)
    first = FIRST_RECORDED_SEED + first_seed
    console = Console()
    write_source(
        folder,
        name,
        {"driver": "expert", "noise": noise, "seeds": [first, first + episodes - 1], "commit": commit()},
    )
    with progress_bar(console, "recording") as on_step:
        found = record_episodes(folder, range(first, first + episodes), noise, processes, on_step)
    steps = sum(each.steps for each in found)
    console.print(
        f"Recorded {episodes} episodes, {steps} steps, into {folder}; return {np.mean([e.total for e in found]):.1f} "
        "on average, noise and all.",
        soft_wrap=True,
    )
    lost = [each for each in found if not each.ended]
    if lost:
        console.print(
            f"[yellow]{len(lost)} of {episodes} episodes end where the noise led off the road.[/yellow]", soft_wrap=True
        )
    console.print(
        f"Train on them: python -m agents.train --data {folder} --pedal --out policy, and drive: "
        f"python -m agents.evaluate --env {name} --policy policy",
        soft_wrap=True,
    )
