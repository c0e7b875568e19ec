"""python -m benchmarks.faults --kills 200

Kill recording, training, converting and evaluating at random moments, in turns, and look at what is left: nothing that
was written before may be lost, a recording may lose its last second, a training what it learned since its last
checkpoint, and the next start has to go through and say what it found. Exits with 1 where one of these did not hold.
"""

import json
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from agents.progress import progress_bar
from benchmarks.crashes.kills import ForkServer, Kill, make_victims
from benchmarks.machine import about_this_run
from drivesim.command import check_writable, run_command
from drivesim.errors import DrivesimError
from drivesim.whole_file import whole_file


@dataclass
class Args:
    """Options of the command."""

    kills: int = 200
    """In all; what is killed takes turns."""
    seed: int = 0
    """Of the moments."""
    json: Path | None = None
    """Write the figures here."""


def main(args: Args) -> int:
    """Kill."""
    if args.kills < 1 or args.seed < 0:
        raise DrivesimError("--kills: expected 1 or more, and of --seed 0 or more.")
    check_writable(args.json)
    console = Console(highlight=False)
    with tempfile.TemporaryDirectory(prefix="drivesim-kills-") as folder, progress_bar(console, "killing") as on_kill:
        kills = kill_in_turns(Path(folder), args.kills, args.seed, on_kill)
    faults = [f"{name}: {fault}" for name, done in kills.items() for kill in done for fault in kill.faults]
    for fault in faults:
        console.print(escape(fault), soft_wrap=True)
    console.print(_table(kills))
    if args.json is not None:
        rows = {name: _row(done) for name, done in kills.items()}
        about = about_this_run("torch", "pyarrow")
        with whole_file(args.json) as part:
            part.write_text(json.dumps({**about, "seed": args.seed, "kills": rows}, indent=1) + "\n", encoding="utf-8")
    return int(bool(faults))


def kill_in_turns(folder: Path, times: int, seed: int, on_kill: Any = lambda share: None) -> dict[str, list[Kill]]:
    """Kill everything in turns; returns what each kill cost.

    Args:
        folder: Empty, for what is written.
        times: Kills in all.
        seed: Of the moments.
        on_kill: Told the share that is done.
    """
    rng = np.random.default_rng(seed)
    with ForkServer() as server:
        victims = make_victims(server, folder)
        kills: dict[str, list[Kill]] = {name: [] for name in victims}
        for number in range(times):
            name = list(victims)[number % len(victims)]
            kills[name].append(victims[name](rng))
            on_kill((number + 1) / times)
    return kills


def _row(kills: Sequence[Kill]) -> dict[str, Any]:
    return {
        "kills": len(kills),
        "lost_s_most": max((kill.lost for kill in kills), default=0.0),
        "lost_s_mean": float(np.mean([kill.lost for kill in kills])) if kills else 0.0,
        "limit_s": max((kill.limit for kill in kills), default=0.0),
        "faults": [fault for kill in kills for fault in kill.faults],
    }


def _table(kills: dict[str, list[Kill]]) -> Table:
    table = Table("killed", title="Kills at random moments")
    for title in ("kills", "lost on average (s)", "lost at most (s)", "limit (s)", "beyond it"):
        table.add_column(title, justify="right")
    for name, done in kills.items():
        row = _row(done)
        figures = [f"{row[key]:.2f}" for key in ("lost_s_mean", "lost_s_most", "limit_s")]
        table.add_row(name, str(row["kills"]), *figures, str(len(row["faults"])))
    return table


if __name__ == "__main__":
    run_command(main, Args, __doc__)
