"""python -m benchmarks.first_drive --json first_drive.json

Time how long it takes from recorded laps to a network that drives unseen tracks, and how long CarRacing-v3 takes to
draw 20,000 frames in the same run, half of them before the training and half after it.
"""

import json
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
from rich.console import Console

from agents import record, train
from agents.evaluation.evaluation import evaluate
from agents.policy import Policy
from agents.rollout import Course
from benchmarks.machine import about_this_run
from drivesim.command import run_command
from drivesim.errors import DrivesimError, option_name
from drivesim.world import WorldSource

# A little throttle, so that the camera moves.
_ACTION = np.array([0.0, 0.1, 0.0], np.float32)


@dataclass
class Args:
    """Options of the command."""

    laps: int = 40
    """Scripted laps to learn from; recording them is not counted."""
    epochs: int = 2
    """Of the training."""
    samples: int = train.Args.samples
    """Samples to an epoch."""
    seed: int = 0
    """Of the training."""
    validation_tracks: int = train.Args.validation_tracks
    """Roads that choose among the epochs; part of the training, and of its time."""
    tracks: int = 100
    """Unseen roads to drive afterwards, a lap each."""
    seconds: float | None = None
    """Drive each for at most so long instead of a lap."""
    frames: int = 20_000
    """Frames for CarRacing-v3 to draw."""
    json: Path | None = None
    """Write the figures here."""


def main(args: Args) -> None:
    """Measure and print."""
    for name in ("laps", "epochs", "samples", "tracks", "frames"):
        if getattr(args, name) < 1:
            raise DrivesimError(f"{option_name(name)}: expected 1 or more, got {getattr(args, name)}.")
    try:
        peer = gymnasium.make("CarRacing-v3")
    except gymnasium.error.DependencyNotInstalled as error:
        raise DrivesimError(f"CarRacing-v3: {error}. Install it: pip install -e .[bench]") from error
    console = Console()
    with tempfile.TemporaryDirectory(prefix="drivesim-") as name:
        folder = Path(name)
        record.main(record.Args(out=folder / "laps", laps=args.laps))
        peer.reset(seed=0)
        peer_seconds = _seconds_of(peer, args.frames // 2)
        started = time.perf_counter()
        options: dict[str, Any] = {
            "epochs": args.epochs,
            "samples": args.samples,
            "seed": args.seed,
            "validation_tracks": args.validation_tracks,
        }
        train.main(train.Args(data=[folder / "laps"], out=folder / "policy", **options))
        seconds = time.perf_counter() - started
        peer_seconds += _seconds_of(peer, args.frames - args.frames // 2)
        policy = Policy.load(folder / "policy")
        course = Course.made_for(policy.config, time_limit=args.seconds)
        driving = evaluate(policy, WorldSource(range(args.tracks), "mixed", "test").all(), course).summary
    figures = {
        "training (s)": seconds,
        f"CarRacing-v3, {args.frames:,} frames (s)": peer_seconds,
        "training / CarRacing-v3": seconds / peer_seconds,
        "autonomy": driving["autonomy"],
        "tracks without departure": driving["tracks_without_departure"],
        "cross-track error (m)": driving["cross_track_error_mean"],
    }
    for what, value in figures.items():
        console.print(f"{what}: {value:.4g}", highlight=False)
    if args.json is not None:
        options = {name: value for name, value in asdict(args).items() if name != "json"}
        report = {**about_this_run("torch", "gymnasium"), "options": options, "figures": figures}
        args.json.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")


def _seconds_of(env: gymnasium.Env, frames: int) -> float:
    """How long an environment takes for so many steps with their frames, new episodes as they come."""
    started = time.perf_counter()
    for _ in range(frames):
        _, _, terminated, truncated, _ = env.step(_ACTION)
        if terminated or truncated:
            env.reset()
    return time.perf_counter() - started


if __name__ == "__main__":
    run_command(main, Args, __doc__)
