"""python -m datasets.convert laps --to tub --out tub

Write laps, or other programs' recordings, in another format: tub (Donkeycar), udacity, pictures (PNG and CSV), minari
or lerobot. Laps are drawn through a camera; pictures stay as they are. The folder appears when it is whole.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated

import numpy as np
import tyro
from rich.console import Console
from rich.markup import escape
from rich.progress import Progress

from datasets.data_format import FORMATS, DataFormat, holds_laps, read_stored
from datasets.formats.drive import StoredDrive
from datasets.lap_drives import drives_of_laps
from datasets.lap_files import read_laps
from drivesim.camera import get_camera
from drivesim.command import run_command
from drivesim.errors import DrivesimError, check_name
from drivesim.whole_file import unfinished, whole_folder

# Height and width of pictures that a format's programs expect, pixels.
_USUAL_SIZES = {"tub": (120, 160), "udacity": (160, 320)}

# Formats that have a pedal and a speed at every step or at none.
_ALL_OR_NONE = ("minari", "lerobot")


@dataclass
class Args:
    """Options of the command."""

    source: Annotated[tyro.conf.Positional[Path], tyro.conf.arg(metavar="SOURCE")]
    """Folder of laps or of another program's recordings: what it is is found out."""
    to: str
    """The format to write: tub, udacity, pictures, minari or lerobot."""
    out: Path
    """Folder to write; made new."""
    camera: str = "front"
    """What sees the laps: topdown, front, left or right; udacity's left and right cameras are beside it."""
    size: tuple[int, int] | None = None
    """Height and width of the laps' pictures; 120 160 for tub, 160 320 for udacity, else the camera's, if left out."""
    strict: bool = False
    """Stop at the first record that can't be used, instead of counting, naming and skipping it."""
    threads: int = 2
    """Threads that draw."""


def main(args: Args) -> None:
    """Convert."""
    console = Console(highlight=False)
    written = {one.option: one for one in FORMATS if one.write is not None}
    to = written[check_name("--to", args.to, written)]
    if args.threads < 1:
        raise DrivesimError(f"--threads: expected 1 or more, got {args.threads}.")
    check_new(args.out, args.source)
    drives, sentences = _drives(args, to)
    for sentence in sentences:
        console.print(f"[yellow]{escape(sentence)}[/yellow]", soft_wrap=True)
    for sentence in _unknown(to, drives):
        console.print(f"[yellow]{escape(sentence)}[/yellow]", soft_wrap=True)
    steps = sum(map(len, drives))
    write_new(args.out, to, drives, console)
    console.print(
        f"Wrote {steps} steps of {len(drives)} drives as a {to.name}: {escape(str(args.out))}", soft_wrap=True
    )


def write_new(out: Path, to: DataFormat, drives: list[StoredDrive], console: Console) -> None:
    """Write drives as a new folder, whole or not at all.

    Raises:
        DrivesimError: If it can't be written.
    """
    assert to.write is not None
    if unfinished(out).exists():
        console.print(
            f"[yellow]{escape(str(out))}: what a conversion left that did not come to its end is removed[/yellow]",
            soft_wrap=True,
        )
    with Progress(console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task("writing", total=sum(map(len, drives)))
        try:
            with whole_folder(out) as folder:
                to.write(folder, drives, lambda count: progress.update(task, completed=count))
        except OSError as error:
            raise DrivesimError(
                f"--out: {out} can't be written ({error.strerror or error}); nothing is left of it. Make room, or "
                "choose another place."
            ) from error


def check_new(out: Path, source: Path, option: str = "--out") -> None:
    """Refuse a folder to write that is there, or that would lie in what is read.

    Args:
        out: The folder to write.
        source: What is read.
        option: That named `out`.

    Raises:
        DrivesimError: Saying which.
    """
    if out.exists() or out.is_symlink():
        raise DrivesimError(f"{option}: {out} exists. Choose a folder that does not.")
    if out.resolve().is_relative_to(source.resolve()):
        raise DrivesimError(f"{option}: {out} lies in {source}, which stays as it is. Choose a folder outside of it.")


def _drives(args: Args, to: DataFormat) -> tuple[list[StoredDrive], list[str]]:
    """What is to be written, and a sentence for everything that is not."""
    if not holds_laps(args.source):
        if args.size is not None:
            raise DrivesimError("--size: stored pictures stay as they are. Leave it out.")
        reading = read_stored(args.source, args.strict)
        return reading.drives, [*reading.losses.sentences()]
    camera = get_camera(args.camera)
    height, width = args.size or _USUAL_SIZES.get(to.option, (camera.height, camera.width))
    laps, sentences = read_laps(args.source, args.strict)
    seen = replace(camera, height=height, width=width)
    with_sides = to.option == "udacity" and not camera.looks_down
    drives, left_out = drives_of_laps(laps, seen, with_sides, args.threads)
    if not drives:
        raise DrivesimError(f"{args.source}: all steps are marked bad or were driven by a policy. Record more.")
    if left_out:
        sentences.append(f"{args.source}: left out {left_out} steps that are marked bad or that a policy drove")
    return drives, sentences


def _unknown(to: DataFormat, drives: list[StoredDrive]) -> Iterator[str]:
    """Yield a sentence for each value that is known of some steps alone, where a format has it for all or for none."""
    if to.option not in _ALL_OR_NONE:
        return
    for name in ("pedal", "speed"):
        known = np.isfinite(np.concatenate([getattr(drive, name) for drive in drives]))
        if known.any() and not known.all():
            yield (
                f"left out the {name}: it is unknown at {np.count_nonzero(~known)} of {len(known)} steps, and a "
                f"{to.name} has it at all or at none"
            )


if __name__ == "__main__":
    run_command(main, Args, __doc__)
