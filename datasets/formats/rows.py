"""Rows: steps whose pictures are files, checked together and split into drives."""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from datasets.formats.drive import JUMP_SECONDS, SIDES, Side, StoredDrive
from datasets.formats.losses import Losses
from datasets.formats.picture_files import PictureFiles, picture_sizes
from drivesim.errors import DrivesimError


@dataclass(frozen=True)
class Row:
    """A step.

    Attributes:
        name: For messages, such as `record 17`.
        picture: Its file.
        steering: -1 full left ... +1 full right.
        pedal: -1 full brake ... +1 full throttle; NaN where unknown.
        speed: m/s; NaN where unknown.
        time: Seconds since any moment; NaN where unknown.
        segment: Rows of different segments are of different drives.
        sides: Files of the cameras beside, `left` and `right`.
        source: What its format wrote, for a repaired copy.
    """

    name: str
    picture: Path
    steering: float
    pedal: float = math.nan
    speed: float = math.nan
    time: float = math.nan
    segment: str = ""
    sides: Mapping[str, Path] = field(default_factory=dict)
    source: Any = None


def check_pictures(rows: Sequence[Row], losses: Losses) -> tuple[list[Row], tuple[int, int]]:
    """Decode the rows' pictures: the rows whose picture is whole and of the usual size, and that size.

    A picture of a camera beside that is not is left out alone.

    Raises:
        DrivesimError: If no size is the usual one.
    """
    sizes = picture_sizes([row.picture for row in rows])
    usual = _usual_size(sizes, losses)
    side_paths = [path for row in rows for path in row.sides.values()]
    of_side = dict(zip(side_paths, picture_sizes(side_paths), strict=True))
    kept = []
    for row, size in zip(rows, sizes, strict=True):
        fault = _fault(size, usual)
        if fault:
            losses.bad(row.name, fault)
            continue
        sides = {}
        for side, path in row.sides.items():
            fault = _fault(of_side[path], usual)
            if fault:
                losses.bad(f"{row.name}, {side}", f"beside: {fault}")
            else:
                sides[side] = path
        kept.append(replace(row, sides=sides))
    return kept, usual


def drives_of(rows: Sequence[Row], size: tuple[int, int], name: str) -> list[StoredDrive]:
    """Split rows where their segment changes or their time jumps.

    Args:
        rows: In order.
        size: Of their pictures, height and width.
        name: Of the data set.
    """
    starts = [0] + [at for at in range(1, len(rows)) if _begins(rows[at - 1], rows[at])]
    drives = []
    for number, (start, stop) in enumerate(zip(starts, [*starts[1:], len(rows)], strict=True), 1):
        part = rows[start:stop]
        if not part:
            continue
        time = np.array([row.time for row in part])
        sides = {}
        for side in SIDES:
            steps = [step for step, row in enumerate(part) if side in row.sides]
            if steps:
                sides[side] = Side(np.array(steps), PictureFiles([part[step].sides[side] for step in steps]))
        drives.append(
            StoredDrive(
                f"{name} {number}",
                PictureFiles([row.picture for row in part]),
                size,
                np.array([row.steering for row in part]),
                np.array([row.pedal for row in part]),
                np.array([row.speed for row in part]),
                time - time[0],
                sides,
            )
        )
    return drives


def _begins(before: Row, row: Row) -> bool:
    """Whether a row begins a drive."""
    gap = row.time - before.time
    return row.segment != before.segment or gap < 0 or gap > JUMP_SECONDS


def _usual_size(sizes: Sequence[tuple[int, int] | str], losses: Losses) -> tuple[int, int]:
    counts = Counter(size for size in sizes if not isinstance(size, str))
    if not counts:
        faults = Counter(size for size in sizes if isinstance(size, str))
        for fault, count in faults.items():
            losses.left_out(fault, count)
        raise losses.nothing_left("Copy the data anew from where it is whole.")
    (usual, most), *others = counts.most_common()
    if others and 2 * most <= counts.total():
        named = ", ".join(f"{height} x {width} ({count})" for (height, width), count in counts.most_common(4))
        raise DrivesimError(
            f"{losses.source}: its pictures are of {len(counts)} sizes, none of them usual: {named}. Expected one "
            "camera: give the recordings of each as a folder of its own."
        )
    return usual


def _fault(size: tuple[int, int] | str, usual: tuple[int, int]) -> str:
    if isinstance(size, str):
        return size
    return "" if size == usual else f"the picture has another size than the usual {usual[0]} x {usual[1]}"
