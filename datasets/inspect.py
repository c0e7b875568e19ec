"""python -m datasets.inspect laps --html laps.html

See what recorded laps hold: how much, by whom, where and with what; how they steer and how fast they go; and what
deserves a look: where a car stood or left the road, recordings that were cut off, drives that are there twice.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro
from rich.console import Console, Group
from rich.markup import escape
from rich.progress_bar import ProgressBar
from rich.table import Table

from datasets.inspect_page import write_page
from datasets.lap_files import read_laps
from datasets.statistics import Histogram, Statistics, statistics
from drivesim.command import run_command

_MOST_NAMED = 8
_MOST_STRETCHES = 40


@dataclass
class Args:
    """Options of the command."""

    folder: Annotated[tyro.conf.Positional[Path], tyro.conf.arg(metavar="FOLDER")]
    """Folder of the laps, or one lap."""
    html: Path | None = None
    """Write one page with pictures here."""


def main(args: Args) -> None:
    """Inspect."""
    console = Console(highlight=False)
    laps, lost = read_laps(args.folder)
    found = statistics(laps)
    console.print(_overview(found))
    console.print(_bars("steering, -1 full left to +1 full right", found.steering))
    console.print(_bars("speed, m/s", found.speed))
    for line in lost + _remarks(found):
        console.print(escape(line), soft_wrap=True)
    if args.html is not None:
        write_page(args.html, laps, found, lost)
        console.print(f"Wrote {escape(str(args.html))}", soft_wrap=True)


def _overview(found: Statistics) -> Table:
    table = Table(show_header=False, title=f"{found.laps} laps, {found.minutes:.1f} minutes")
    table.add_row("steps", f"{found.steps:,}")
    table.add_row("of them to learn from", f"{found.good_steps:,}")
    table.add_row("distance to the centreline, RMS", f"{found.lateral_rms:.2f} m")
    for name in ("drivers", "tracks", "vehicles"):
        table.add_row(f"{name} (laps)", escape(named(getattr(found, name))))
    return table


def _bars(title: str, histogram: Histogram) -> Group:
    table = Table(title=title, show_header=False, box=None)
    most = max(int(histogram.counts.max()), 1)
    for low, high, count in zip(histogram.edges[:-1], histogram.edges[1:], histogram.counts, strict=True):
        table.add_row(f"{low:.2f} to {high:.2f}", ProgressBar(most, int(count), 40), f"{count:,}")
    return Group("", table)


def _remarks(found: Statistics) -> list[str]:
    """One line for everything that deserves a look."""
    lines = [
        f"{part.lap}: {part.what} from {part.seconds[0]:.2f} to {part.seconds[1]:.2f} s"
        for part in found.stretches[:_MOST_STRETCHES]
    ]
    if len(found.stretches) > _MOST_STRETCHES:
        lines.append(f"... and {len(found.stretches) - _MOST_STRETCHES} stretches more")
    lines += [f"{name}: its recording was cut off" for name in found.cut_off]
    lines += [f"{', '.join(names)}: the same drive {len(names)} times" for names in found.twins]
    return (
        ["", *lines] if lines else ["", "Nothing stands idle, leaves the road, is marked bad, cut off or there twice."]
    )


def named(counts: dict[str, int]) -> str:
    """Return the names with their counts, the most frequent first, and how many are left out."""
    parts = [f"{name} ({count})" for name, count in list(counts.items())[:_MOST_NAMED]]
    return ", ".join(parts + ([f"{len(counts) - _MOST_NAMED} more"] if len(counts) > _MOST_NAMED else []))


if __name__ == "__main__":
    run_command(main, Args, __doc__)
