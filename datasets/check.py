"""python -m datasets.check recordings --fix repaired

Look through a folder of laps, a Donkeycar tub, a Udacity log or another recording: what it is, how much of it can be
used, and what can't, with the reason. --fix writes what is whole as a new folder; the original stays as it is.

Exit code 1 where anything is bad.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
import tyro
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from datasets.convert import check_new
from datasets.data_format import LAPS, DataFormat, format_of, holds_laps
from datasets.formats.drive import Reading
from datasets.formats.losses import Losses
from datasets.lap_files import read_laps, write_lap
from drivesim.command import run_command
from drivesim.errors import DrivesimError
from drivesim.whole_file import whole_folder


@dataclass
class Args:
    """Options of the command."""

    folder: Annotated[tyro.conf.Positional[Path], tyro.conf.arg(metavar="FOLDER")]
    """The recording: what it is is found out."""
    fix: Path | None = None
    """Write what is whole here; a folder, made new."""


def main(args: Args) -> int:
    """Check."""
    console = Console(highlight=False)
    if args.fix is not None:
        check_new(args.fix, args.folder)
    if holds_laps(args.folder):
        return _check_laps(args, console)
    data_format = format_of(args.folder)
    reading = data_format.read(args.folder, False)
    console.print(_table(reading))
    for sentence in reading.losses.sentences():
        console.print(escape(sentence), soft_wrap=True)
    if args.fix is not None:
        _fix(data_format, args.folder, args.fix, console)
    elif len(reading.losses):
        console.print(
            f"{len(reading.losses)} bad. Repair it: python -m datasets.check {escape(str(args.folder))} --fix COPY",
            soft_wrap=True,
        )
    return 1 if len(reading.losses) else 0


def _table(reading: Reading) -> Table:
    table = Table(show_header=False, title=escape(reading.format))
    sizes = sorted({drive.size for drive in reading.drives})
    steering = np.concatenate([drive.steering for drive in reading.drives])
    rows = {
        "steps that can be used": f"{len(reading):,}",
        "bad": f"{len(reading.losses):,}",
        "drives": f"{len(reading.drives):,}",
        "pictures": ", ".join(f"{height} x {width}" for height, width in sizes),
        "steps a second": f"{reading.control_hz:g}",
        "steering": f"{steering.min():.3f} to {steering.max():.3f}, mean {steering.mean():.3f}",
        "pedal": _known([drive.pedal for drive in reading.drives]),
        "speed": _known([drive.speed for drive in reading.drives]),
        "cameras beside": ", ".join(sorted({side for drive in reading.drives for side in drive.sides})) or "none",
    }
    for name, value in rows.items():
        table.add_row(name, value)
    return table


def _known(parts: list[np.ndarray]) -> str:
    values = np.concatenate(parts)
    known = values[np.isfinite(values)]
    if not len(known):
        return "unknown"
    return f"{known.min():.3f} to {known.max():.3f}, known of {len(known):,} steps"


def _fix(data_format: DataFormat, folder: Path, out: Path, console: Console) -> None:
    try:
        with whole_folder(out) as aside:
            data_format.repair(folder, aside, Losses(str(folder)))
            left = data_format.read(aside, False)
            # A copy that is not whole would be no repair: better none.
            if len(left.losses):
                reasons = ", ".join(left.losses.counts)
                raise DrivesimError(f"--fix: the copy of {folder} would not be whole ({reasons}); nothing is written.")
    except OSError as error:
        raise DrivesimError(
            f"--fix: {out} can't be written ({error.strerror or error}); nothing is left of it. Make room, or choose "
            "another place."
        ) from error
    console.print(f"Wrote {len(left)} steps to {escape(str(out))}", soft_wrap=True)


def _check_laps(args: Args, console: Console) -> int:
    laps, lost = read_laps(args.folder)
    console.print(f"{len(laps)} {LAPS}, {sum(map(len, laps)):,} steps")
    for sentence in lost:
        console.print(escape(sentence), soft_wrap=True)
    if args.fix is not None:
        with whole_folder(args.fix) as aside:
            for lap in laps:
                write_lap(aside / f"{lap.name}.parquet", lap)
        console.print(f"Wrote {len(laps)} laps to {escape(str(args.fix))}", soft_wrap=True)
    return 1 if lost else 0


if __name__ == "__main__":
    run_command(main, Args, __doc__)
