"""python -m benchmarks.quality --out quality

Train and drive what a paper's ablation would: networks with and without ImageNet on three amounts of driving, driven in
the recorded look, in colours never seen and with corrupted frames; and what shifted views, DART and balance add. With
--what curve: driving against seconds driven; with --what palettes: what looks in the training are worth where colours
were never seen. The same command goes on where it was interrupted.
"""

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from rich.console import Console

from agents import train
from agents.provenance import command_line
from benchmarks.machine import about_this_run
from benchmarks.quality_cells import CORRUPTIONS, SEVERITY, Cell, Size, ablation, curve, measured, palettes
from benchmarks.quality_tables import draw_curve, markdown
from drivesim.command import run_command
from drivesim.errors import DrivesimError, check_name
from drivesim.whole_file import whole_file

_QUICK = Size(
    {
        **{"epochs": 1, "samples": 64, "batch_size": 32, "looks": 2},
        **{"validation_tracks": 1, "validation_seconds": 0.5, "device": "cpu"},
    },
    tracks=2,
    seconds=1.0,
    stress_tracks=1,
    stress_seconds=0.5,
)

_GROUPS = {
    "networks": "Networks, cloned from human-like laps with the defaults: autonomy",
    "views": "What views beside the line, noise and balance add, on 3 minutes of the expert: autonomy",
    "curve": "Driving against seconds driven: autonomy",
    "palettes": "The expert's 3 minutes, seen again in looks of one palette, driven in it and in another: autonomy",
}

_TITLES = {"ablation": "What helps", "curve": "Driving against seconds driven", "palettes": "What looks are worth"}


@dataclass
class Args:
    """Options of the command."""

    out: Path = Path("quality")
    """Folder for laps, policies and cells, and for JSON and Markdown of the name of what is measured."""
    what: str = "ablation"
    """What to measure: ablation, curve or palettes."""
    seeds: int = 3
    """Of roads and training: each cell is trained so often."""
    epochs: int = train.Args.epochs
    """Of each training."""
    samples: int = train.Args.samples
    """Samples to an epoch."""
    tracks: int = 100
    """Unseen roads."""
    docs: Path | None = None
    """Write the JSON, the tables and the picture into this folder too."""
    quick: bool = False
    """Learn and drive next to nothing, to see that all of it works."""


def main(args: Args) -> None:
    """Measure what is missing, and print."""
    check_name("--what", args.what, list(_TITLES))
    for name in ("seeds", "epochs", "samples", "tracks"):
        if getattr(args, name) < 1:
            raise DrivesimError(f"--{name}: expected 1 or more, got {getattr(args, name)}.")
    if args.docs is not None and not args.docs.is_dir():
        raise DrivesimError(f"--docs: {args.docs} is no folder. Make it, or leave --docs out.")
    size = _QUICK if args.quick else Size({"epochs": args.epochs, "samples": args.samples}, args.tracks)
    cells = _cells(args.what, range(args.seeds))
    console = Console()
    results = []
    for number, cell in enumerate(cells, 1):
        console.print(f"{number} of {len(cells)}: {cell.group}, {cell.row}, {cell.amount}, seed {cell.seed}")
        results.append(measured(cell, size, args.out, console))
        # After each, so that there is something to see early.
        for folder in [args.out, *([] if args.docs is None else [args.docs])]:
            _write(folder, results, args)
    console.print((args.out / f"{args.what}.md").read_text(encoding="utf-8"), highlight=False, soft_wrap=True)


def _write(folder: Path, results: list[dict[str, Any]], args: Args) -> None:
    about = about_this_run("torch")
    with whole_file(folder / f"{args.what}.json") as part:
        part.write_text(json.dumps({**about, "cells": results}, indent=1) + "\n", encoding="utf-8")
    there = {result["cell"]["group"] for result in results}
    sections = [f"## {title}\n\n{markdown(results, group)}\n" for group, title in _GROUPS.items() if group in there]
    size = results[0]["size"]
    command = command_line("benchmarks.quality", replace(args, out=Args.out, docs=None))
    head = (
        f"# {_TITLES[args.what]}\n\n{about['machine']}; `{command}`; {size['tracks']} unseen roads, "
        f"{args.seeds} seeds, mean and 95% interval (Student's t over seeds)."
        f"{_corruptions(size) if args.what == 'ablation' else ''}\n"
    )
    with whole_file(folder / f"{args.what}.md") as part:
        part.write_text("\n".join([head, *sections]), encoding="utf-8")
    if args.what == "curve":
        draw_curve(results, folder / "curve.png")


def _corruptions(size: dict[str, Any]) -> str:
    return (
        f" Corrupted frames: the mean over {', '.join(CORRUPTIONS)}, severity {SEVERITY}, on "
        f"{size['stress_tracks']} roads for {size['stress_seconds']:g} s each."
    )


def _cells(what: str, seeds: range) -> list[Cell]:
    return {"ablation": ablation, "curve": curve, "palettes": palettes}[what](seeds)


if __name__ == "__main__":
    run_command(main, Args, __doc__)
