"""python -m benchmarks.fuzz --target tracks --cases 1000

Give everything that takes something from outside damaged and made-up things: environments, track files, laps, policies,
recordings of every format, command lines. A case is found at fault when it ends in anything but a documented error, has
no end, takes much memory, or changes or loses what it reads. Exits with 1 where there was one.
"""

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from agents.progress import progress_bar
from benchmarks.fuzzing.hunt import Tally, watched_hunt
from benchmarks.fuzzing.targets import TARGETS
from benchmarks.machine import about_this_run
from drivesim.command import check_writable, run_command
from drivesim.errors import DrivesimError, check_name
from drivesim.whole_file import whole_file


@dataclass
class Args:
    """Options of the command."""

    target: list[str] = field(default_factory=list)
    """What to damage; all of it if left out."""
    cases: int = 50_000
    """Of each target."""
    seed: int = 0
    """Of all cases."""
    first: int = 0
    """Number of the first case: with --cases 1 a single one is run again."""
    json: Path | None = None
    """Write the figures here; those of other targets that it holds stay."""


def main(args: Args) -> int:
    """Fuzz."""
    for name in args.target:
        check_name("--target", name, TARGETS)
    if args.cases < 1 or args.first < 0 or args.seed < 0:
        raise DrivesimError("--cases: expected 1 or more, and of --first and --seed 0 or more.")
    check_writable(args.json)
    console = Console(highlight=False)
    tallies: dict[str, Tally] = {}
    for name in args.target or TARGETS:
        with progress_bar(console, name) as on_case:
            tally = tallies[name] = watched_hunt(name, args.cases, args.seed, args.first, on_case)
        console.print(
            f"{name}: {tally.cases:,} cases in {tally.seconds:.0f} s, {len(tally.findings)} findings", soft_wrap=True
        )
        for finding in tally.findings[:10]:
            console.print(f"  case {finding.case}: {finding.kind}: {escape(finding.said)}", soft_wrap=True)
        if args.json is not None:
            _write(args.json, args.seed, tallies)
    console.print(_table(tallies))
    return int(any(tally.findings for tally in tallies.values()))


def _write(path: Path, seed: int, tallies: dict[str, Tally]) -> None:
    before = json.loads(path.read_text(encoding="utf-8"))["targets"] if path.exists() else {}
    rows = {name: {"seed": seed, "cases": tally.cases, **asdict(tally)} for name, tally in tallies.items()}
    about = about_this_run("numpy", "pyarrow", "torch", "opencv-python-headless")
    with whole_file(path) as part:
        part.write_text(json.dumps({**about, "targets": before | rows}, indent=1) + "\n", encoding="utf-8")


def _table(tallies: dict[str, Tally]) -> Table:
    table = Table("target", title="Damaged and made-up input")
    for title in ("cases", "accepted", "refused", "findings", "ms a case", "longest (s)"):
        table.add_column(title, justify="right")
    for name, tally in tallies.items():
        figures = [f"{count:,}" for count in (tally.cases, tally.accepted, tally.refused, len(tally.findings))]
        each = 1000 * tally.seconds / max(tally.cases, 1)
        table.add_row(name, *figures, f"{each:.2f}", f"{tally.longest:.2f}")
    return table


if __name__ == "__main__":
    run_command(main, Args, __doc__)
