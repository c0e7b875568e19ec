"""python -m datasets.trim laps --lap lap-000003 --from 12 --to 15.5

Mark parts of laps as bad, so that they are not learned from: by time, whole laps, where the car is idle, or what leads
off the road. Nothing is removed, and --undo takes back one trim after the other.
"""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import numpy as np
import tyro
from numpy.typing import NDArray
from rich.console import Console
from rich.markup import escape

from datasets.departures import leading_to, off_road
from datasets.lap_files import read_laps
from datasets.recording import recover
from datasets.schema import Lap
from datasets.statistics import idle, seconds_of
from datasets.trim_journal import Trim, apply, plan, undo
from drivesim.command import run_command
from drivesim.errors import DrivesimError, check_name


@dataclass
class Args:
    """Options of the command."""

    folder: Annotated[tyro.conf.Positional[Path], tyro.conf.arg(metavar="FOLDER")]
    """Folder of the laps."""
    lap: list[str] = field(default_factory=list)
    """Names of the laps to mark; alone, all of each. With --idle and --before-departure, the only ones looked at."""
    start: Annotated[float | None, tyro.conf.arg(aliases=["--from"])] = None
    """With --lap: seconds since the start of the lap from which on it is marked."""
    stop: Annotated[float | None, tyro.conf.arg(aliases=["--to"])] = None
    """With --lap: seconds since the start of the lap up to which it is marked."""
    idle: bool = False
    """Mark where the car stands for more than two seconds."""
    before_departure: float | None = None
    """Mark where a wheel is off the road, and this many seconds before."""
    dry_run: bool = False
    """Show what would be marked, and mark nothing."""
    undo: bool = False
    """Take back the last trim; again, the one before."""


def main(args: Args) -> None:
    """Trim."""
    console = Console(highlight=False)
    _check(args)
    if not args.dry_run and args.folder.is_dir():
        for sentence in recover(args.folder):
            console.print(escape(sentence), soft_wrap=True)
    laps, lost = read_laps(args.folder)
    for sentence in lost:
        console.print(f"[yellow]{escape(sentence)}[/yellow]", soft_wrap=True)
    if args.undo:
        _say(console, laps, undo(args.folder), "Taken back")
        return
    # Whoever still records a lap would write over its marks.
    laps = [lap for lap in laps if (args.folder / f"{lap.name}.parquet").exists()]
    for name in args.lap:
        check_name("--lap", name, [lap.name for lap in laps])
    wanted = [lap for lap in laps if not args.lap or lap.name in args.lap]
    trim = plan(wanted, {lap.name: _choose(args, lap) for lap in wanted}, _why(args))
    if not trim.marked:
        console.print("Nothing to mark: there is no such step, or all of them are marked already.")
        return
    if not args.dry_run:
        apply(args.folder, trim)
    _say(console, laps, trim, "Would mark" if args.dry_run else "Marked")
    if not args.dry_run:
        console.print(f"Take it back: python -m datasets.trim {escape(str(args.folder))} --undo", soft_wrap=True)


def _check(args: Args) -> None:
    if args.folder.is_file():
        raise DrivesimError(f"{args.folder} is a file: give the folder of the laps, and --lap {args.folder.stem}.")
    timed = args.start is not None or args.stop is not None
    chosen = bool(args.lap) or args.idle or args.before_departure is not None
    if args.undo and (chosen or timed or args.dry_run):
        raise DrivesimError("--undo takes back the whole of the last trim: give it alone.")
    if not args.undo and not (chosen or timed):
        raise DrivesimError("datasets.trim: nothing to do; give --lap, --idle, --before-departure or --undo.")
    if timed and (not args.lap or args.idle or args.before_departure is not None):
        raise DrivesimError("--from and --to go with --lap alone: name the lap, and leave out the other choices.")
    if args.before_departure is not None and not 0 <= args.before_departure < np.inf:
        raise DrivesimError(f"--before-departure: expected seconds from 0, got {args.before_departure}.")


def _choose(args: Args, lap: Lap) -> NDArray[np.bool_]:
    """The steps (T,) of a lap that the options ask for."""
    if not args.idle and args.before_departure is None:
        return _between(lap, args.start, args.stop)
    chosen = idle(lap) if args.idle else np.zeros(len(lap), bool)
    if args.before_departure is not None:
        chosen = chosen | leading_to(off_road(lap), round(args.before_departure * lap.info.control_hz))
    return chosen


def _between(lap: Lap, start: float | None, stop: float | None) -> NDArray[np.bool_]:
    begin, end = 0.0 if start is None else start, lap.duration if stop is None else stop
    # Times are printed to a tenth, so that the end may be asked for a little late.
    if not 0 <= begin < end <= lap.duration + 0.05:
        raise DrivesimError(
            f"--from {begin:g} --to {end:g}: {lap.name} lasts {lap.duration:.1f} s; expected 0 <= from < to <= that."
        )
    time = lap.columns["time"] - lap.columns["time"][0]
    # A step belongs to the moment at which it begins; half a microsecond is for times that were added up.
    return (time >= begin - 5e-7) & (time < end - 5e-7)


def _why(args: Args) -> str:
    words = [f"{name} {value:g} s" for name, value in (("from", args.start), ("to", args.stop)) if value is not None]
    if args.idle:
        words.append("idle")
    if args.before_departure is not None:
        words.append(f"{args.before_departure:g} s before a departure")
    return ", ".join(words) or "whole laps"


def _say(console: Console, laps: list[Lap], trim: Trim, what: str) -> None:
    by_name = {lap.name: lap for lap in laps}
    for name, parts in trim.marked.items():
        lap = by_name.get(name)
        if lap is None:  # removed since
            continue
        for start, stop in parts:
            begins, ends = seconds_of(lap, start, min(stop, len(lap)))
            console.print(f"{name}  {begins:8.2f} s to {ends:8.2f} s  {stop - start:6d} steps")
    console.print(f"{what}: {trim.steps} steps of {len(trim.marked)} laps ({trim.why}).")


if __name__ == "__main__":
    run_command(main, Args, __doc__)
