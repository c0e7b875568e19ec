"""python -m benchmarks.leaderboard --out leaderboard

CarRacing-v3 from pixels: what others report, side by side with a policy that is cloned here, and with the expert that
taught it, on 100 fixed tracks that neither recording nor tuning has seen. The one command records, trains and drives;
what is in the folder already is not done again. With --policy another policy is driven.
"""

import json
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console

from agents import record, train
from agents.carracing.physics import CAR_RACING
from agents.evaluation.gym_evaluation import GymEvaluation, evaluate_in_processes
from agents.evaluation.gym_players import make_frame_env
from agents.progress import progress_bar
from agents.provenance import command_line
from benchmarks.machine import about_this_run
from benchmarks.published import PUBLISHED
from drivesim.command import run_command
from drivesim.errors import DrivesimError
from drivesim.whole_file import whole_file

# What is not tracks of the expert's tuning (from 1,000 on) nor of recordings (from 1,000,000 on).
SEEDS = range(100)


@dataclass
class Args:
    """Options of the command."""

    out: Path = Path("leaderboard")
    """Folder for the episodes and the policy, and for leaderboard.json and leaderboard.md."""
    policy: Path | None = None
    """A policy's folder or an .onnx file to drive; one is recorded for and trained if left out."""
    laps: int = 100
    """Episodes to record; more teach more."""
    epochs: int = 10
    """Of the training."""
    samples: int = 51_200
    """Samples to an epoch."""
    tracks: int = len(SEEDS)
    """Tracks to drive: the first ones of the fixed ones."""
    processes: int = 2
    """Processes that record, and drive, at once."""
    docs: Path | None = None
    """Write the JSON and the table into this folder too."""


def main(args: Args) -> None:
    """Record, train and drive what is missing, and print."""
    for name in ("laps", "epochs", "samples", "tracks", "processes"):
        if getattr(args, name) < 1:
            raise DrivesimError(f"--{name}: expected 1 or more, got {getattr(args, name)}.")
    if args.tracks > len(SEEDS):
        raise DrivesimError(f"--tracks: expected {len(SEEDS)} or fewer, got {args.tracks}.")
    if args.docs is not None and not args.docs.is_dir():
        raise DrivesimError(f"--docs: {args.docs} is no folder. Make it, or leave --docs out.")
    make_frame_env(CAR_RACING).close()
    args.out.mkdir(parents=True, exist_ok=True)
    console = Console()
    policy = _trained(args) if args.policy is None else args.policy
    about = about_this_run("torch", "gymnasium", "Box2D")
    found = []
    for who in (str(policy), "expert"):
        found.append(_driven(who, args, console))
        # After each, so that there is something to see early.
        for folder in [args.out, *([] if args.docs is None else [args.docs])]:
            _write(folder, found, about, args)
    console.print((args.out / "leaderboard.md").read_text(encoding="utf-8"), highlight=False, soft_wrap=True)


def _trained(args: Args) -> Path:
    """Return the policy's folder, recorded for and trained as far as that was not done before."""
    episodes, policy = args.out / "episodes", args.out / "policy"
    if not episodes.exists():
        record.main(record.Args(out=episodes, env=CAR_RACING, laps=args.laps, processes=args.processes))
    begun = policy.exists() and any(policy.iterdir())
    if begun and not (policy / "checkpoint.safetensors").exists():
        return policy
    train.main(
        train.Args(
            data=[episodes],
            out=policy,
            pedal=True,
            pedal_weight=0.2,
            epochs=args.epochs,
            samples=args.samples,
            held_out=0.1,
            resume=begun,
        )
    )
    return policy


def _driven(who: str, args: Args, console: Console) -> GymEvaluation:
    seeds = SEEDS[: args.tracks]
    with progress_bar(console, f"{Path(who).name}: {len(seeds)} episodes") as on_step:
        return evaluate_in_processes(who, CAR_RACING, seeds, args.processes, "cpu", on_step)


def _write(folder: Path, found: list[GymEvaluation], about: dict[str, Any], args: Args) -> None:
    command = command_line("benchmarks.leaderboard", replace(args, out=Args.out, docs=None))
    rows = [{**asdict(each), "deviation": float(np.std(each.returns))} for each in found]
    values = {**about, "command": command, "published": [asdict(each) for each in PUBLISHED], "driven": rows}
    with whole_file(folder / "leaderboard.json") as part:
        part.write_text(json.dumps(values, indent=1) + "\n", encoding="utf-8")
    with whole_file(folder / "leaderboard.md") as part:
        part.write_text(_markdown(found, about["machine"], command), encoding="utf-8")


def _markdown(found: list[GymEvaluation], machine: str, command: str) -> str:
    seeds = found[0].seeds
    lines = [
        "# CarRacing from pixels\n",
        f"{machine}; `{command}`. Ours: {CAR_RACING}, seeds {seeds[0]} to {seeds[-1]}, 95% interval of the mean "
        "(bootstrap). Others: as they report it, on v0 where nothing else is said. The expert sees more than pixels.\n",
        "| who | mean | deviation | interval | 10th percentile | worst | source |",
        "|---|--:|--:|--:|--:|--:|---|",
    ]
    rows: list[tuple[float, tuple[str, ...]]] = [
        (one.mean, (one.name, _rounded(one.mean), _rounded(one.deviation), "", "", "", one.source)) for one in PUBLISHED
    ]
    for each in found:
        of, (low, high) = each.summary, each.interval
        figures = (of["return_mean"], float(np.std(each.returns)))
        ends = (f"{low:.1f} to {high:.1f}", f"{of['return_p10']:.1f}", f"{of['return_min']:.1f}")
        rows.append((of["return_mean"], (each.name, *(f"{value:.1f}" for value in figures), *ends, "here")))
    rows.sort(key=lambda row: -row[0])
    return "\n".join([*lines, *(f"| {' | '.join(cells)} |" for _, cells in rows)]) + "\n"


def _rounded(value: float | None) -> str:
    return "" if value is None else f"{value:.1f}".removesuffix(".0")


if __name__ == "__main__":
    run_command(main, Args, __doc__)
