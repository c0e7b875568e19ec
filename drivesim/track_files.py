"""Track files: the centreline CSV of the TUM race track database and of F1TENTH.

One point a line, `x_m,y_m,w_tr_right_m,w_tr_left_m`, metres, the width to the right before the width to the left.
"""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

import numpy as np
from numpy.typing import NDArray

from drivesim.errors import DrivesimError
from drivesim.geometry import Floats
from drivesim.track import MAX_SPACING, Track

COLUMNS = ("x_m", "y_m", "w_tr_right_m", "w_tr_left_m")
MIN_POINTS = 10
MAX_POINTS = 200_000
MAX_BYTES = 50_000_000

# `Track.from_points` takes a sample every `MAX_SPACING` or every eighth of the width: of 100 km, or 25,000 widths.
MAX_SAMPLES = 200_000

# A last point this near the first, in median steps, repeats it; two neighbours this near are one point.
_CLOSES = 0.1
_REPEATS = 1e-3

# Cosine of the sharpest turn between two steps, 150 degrees: past it the list runs back over itself.
_SHARPEST_TURN = np.cos(np.radians(150.0))

_LARGEST = 1e8  # metres; the Earth's circumference is 4e7
_LISTED = 10
_MAX_FIELDS = 64
_MAX_PAIRS = 1_000_000

Fault = tuple[int, str]  # the line it stands on, counted from 1, and what is wrong there


def read_track(path: str | Path, reverse: bool = False) -> Track:
    """Read a circuit from a centreline CSV.

    Delimiter `,` or `;`; a header, with or without `#`, or none; the first point repeated at the end or not. Where a
    header names the columns they may stand in any order and beside others.

    Args:
        path: The file. Its stem becomes the track's name.
        reverse: Drive the circuit the other way.

    Raises:
        DrivesimError: If the file holds no road that can be driven: one error names all that is wrong, line by line.
    """
    path = Path(path)
    try:
        is_there = path.is_file()
    except OSError:  # a name that is too long
        is_there = False
    if not is_there:
        raise DrivesimError(
            f"{path}: expected a centreline CSV, found {'a folder' if os.path.isdir(path) else 'no file'} there. "
            "Give the path of a CSV file."
        )
    if path.stat().st_size > MAX_BYTES:
        raise DrivesimError(
            f"{path}: expected a centreline CSV of at most {MAX_BYTES // 10**6} MB, "
            f"got {path.stat().st_size / 1e6:.0f} MB. Keep one point every few metres."
        )
    try:
        with path.open(encoding="utf-8-sig", errors="replace") as file:
            lines, values, faults = _read_points(file, path)
    except OSError as error:
        raise DrivesimError(f"{path}: expected a readable file, got: {error}. Check its permissions.") from error
    step = np.hypot(*np.diff(values[:, :2], axis=0).T)
    usual = float(np.median(step[np.isfinite(step)])) if np.isfinite(step).any() else 0.0
    if len(values) > 1 and np.hypot(*(values[-1, :2] - values[0, :2])) <= _CLOSES * usual:
        lines, values, step = lines[:-1], values[:-1], step[:-1]
    repeated = np.flatnonzero(step <= _REPEATS * usual) + 1
    faults += [(int(lines[i]), f"the same point as on line {lines[i - 1]}") for i in repeated]
    if len(values) < MIN_POINTS:
        faults.append((0, f"expected at least {MIN_POINTS} points, got {len(values)}; add more along the road"))
    else:
        faults += _shape_faults(np.delete(lines, repeated), np.delete(values, repeated, axis=0))
    if faults:
        raise DrivesimError(_describe(path, faults))
    track = Track.from_points(values[:, [0, 1, 3, 2]], path.stem)
    return track.reversed() if reverse else track


def write_track(track: Track, path: str | Path) -> None:
    """Write the points of a track as a centreline CSV that reads back as the same track, to the last bit.

    Args:
        track: What to write.
        path: The file; an existing one is replaced.

    Raises:
        DrivesimError: If the file cannot be written.
    """
    rows = (",".join(map(repr, row)) for row in track.points[:, [0, 1, 3, 2]].tolist())
    try:
        Path(path).write_text("\n".join([f"# {','.join(COLUMNS)}", *rows, ""]), encoding="utf-8", newline="\n")
    except OSError as error:
        raise DrivesimError(f"{path}: expected a file that can be written, got: {error}. Choose another.") from error


def _read_points(file: TextIO, path: Path) -> tuple[NDArray[np.int64], Floats, list[Fault]]:
    """Read the lines' numbers (P,), their points (P, 4) in the order of `COLUMNS`, and the faults seen on the way.

    A value that is at fault reads as NaN.
    """
    columns: list[int] | None = None
    lines: list[int] = []
    values: list[list[float]] = []
    faults: list[Fault] = []
    for number, comment, fields in _split_lines(file):
        names = [field.lower() for field in fields]
        if columns is None and not values and _is_header(names, comment):
            columns = _find_columns(names, path)
        elif not comment:
            if len(lines) == MAX_POINTS:
                raise DrivesimError(
                    f"{path}: expected at most {MAX_POINTS} points, got more. Keep one point every few metres."
                )
            row, complaints = _parse(fields, columns)
            lines.append(number)
            values.append(row)
            faults += [(number, complaint) for complaint in complaints]
    return np.array(lines, np.int64), np.array(values, np.float64).reshape(-1, len(COLUMNS)), faults


def _split_lines(file: TextIO) -> Iterator[tuple[int, bool, list[str]]]:
    """Yield each line that is not blank: its number, whether it is a comment, its fields."""
    for number, line in enumerate(file, start=1):
        text = line.strip()
        body = text.lstrip("#").rstrip(",; \t")
        if body:
            fields = body.split(";" if ";" in body else ",", _MAX_FIELDS)
            yield number, text.startswith("#"), [field.strip().strip('"') for field in fields]


def _is_header(names: list[str], comment: bool) -> bool:
    """Whether a line names columns. A comment does when it names one of ours, another line when it has no number."""
    if comment:
        return not set(COLUMNS).isdisjoint(names)
    return all(_number(name) is None for name in names)


def _find_columns(names: list[str], path: Path) -> list[int]:
    """Return where the header `names` has each of `COLUMNS`."""
    missing = [column for column in COLUMNS if column not in names]
    if {"x_m", "y_m"}.issubset(names) and len(missing) == 2:
        raise DrivesimError(
            f"{path}: expected a centreline with the columns {', '.join(COLUMNS)}, got a raceline "
            f"({'; '.join(names)[:80]}), which carries no widths. Use the circuit's centreline file."
        )
    if missing:
        raise DrivesimError(
            f"{path}: expected the columns {', '.join(COLUMNS)}, got a header without {', '.join(missing)}: "
            f"{', '.join(names)[:80]!r}. Rename the columns, or leave the header out if they stand in this order."
        )
    return [names.index(column) for column in COLUMNS]


def _parse(fields: list[str], columns: list[int] | None) -> tuple[list[float], list[str]]:
    """Return the four values of a line, NaN where one is at fault, and what is wrong with them."""
    needed = max(columns) + 1 if columns else len(COLUMNS)
    if len(fields) < needed or (columns is None and len(fields) > needed):
        hint = " (a raceline? those carry no widths)" if len(fields) in (2, 7) else ""
        return [np.nan] * len(COLUMNS), [f"expected {needed} columns, got {len(fields)}{hint}"]
    row, complaints = [], []
    for name, index in zip(COLUMNS, columns or range(len(COLUMNS)), strict=True):
        value = _number(fields[index])
        expected = ""
        if value is None:
            expected = "a number with a decimal point"
        elif not abs(value) < _LARGEST:
            expected = f"a finite number below {_LARGEST:.0e}"
        elif name.startswith("w_") and value <= 0:
            expected = "a width above zero"
        if expected:
            complaints.append(f"{name}: expected {expected}, got {fields[index][:20]!r}")
        row.append(np.nan if expected or value is None else value)
    return row, complaints


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def _shape_faults(lines: NDArray[np.int64], values: Floats) -> list[Fault]:
    """Say what is wrong with a closed line through `values` (P, 4), no point repeated, NaN where one is unknown."""
    faults = []
    step = np.roll(values[:, :2], -1, axis=0) - values[:, :2]
    reach = np.hypot(*step.T)
    before = np.roll(step, 1, axis=0)
    turns = (step * before).sum(axis=1) < _SHARPEST_TURN * reach * np.roll(reach, 1)
    faults += [(int(line), "the road turns back on itself here") for line in lines[turns]]
    crossings = lines[_crossings(values[:, :2])]
    if len(crossings):
        named = ", ".join(f"{a} and {b}" for a, b in crossings[:_LISTED])
        more = f" and {len(crossings) - _LISTED} more" if len(crossings) > _LISTED else ""
        faults.append((int(crossings[0, 0]), f"the road crosses itself: the segments from lines {named}{more}"))
    length, width = np.nansum(reach), values[:, 2] + values[:, 3]
    narrow, wide = np.fmin.reduce(width, initial=np.inf), np.fmax.reduce(width, initial=0.0)
    if length > MAX_SAMPLES * min(MAX_SPACING, narrow / 8) or length < np.pi * wide:
        most = f"{MAX_SAMPLES * MAX_SPACING / 1000:.0f} km or {MAX_SAMPLES // 8} widths"
        came = f"got one {length:.4g} m long and {narrow:.3g} to {wide:.3g} m wide; are these metres?"
        faults.append((0, f"expected a road of more than 3 widths and at most {most}, {came}"))
    return faults


def _crossings(xy: Floats) -> NDArray[np.int64]:
    """Return the pairs of segments of a closed line (P, 2) that cross or touch and are not neighbours: (K, 2).

    Bounding boxes over runs of 1, 2, 4, ... segments make a binary tree; only runs whose boxes overlap are looked
    into. In a tangle of more than `_MAX_PAIRS` such runs a part of them is, which shows that it is one.
    """
    start, end = xy, np.roll(xy, -1, axis=0)
    leaves = 2 ** max(len(xy) - 1, 0).bit_length()
    low, high = np.full((2, leaves, 2), np.nan)
    low[: len(xy)], high[: len(xy)] = np.minimum(start, end), np.maximum(start, end)
    levels = [(low, high)]
    while len(low) > 1:
        low, high = np.fmin(low[::2], low[1::2]), np.fmax(high[::2], high[1::2])
        levels.append((low, high))
    pairs = np.zeros((1, 2), np.int64)
    halves = np.array([[0, 0], [0, 1], [1, 0], [1, 1]])
    for low, high in reversed(levels[:-1]):
        pairs = (2 * pairs[:, None] + halves).reshape(-1, 2)
        first, second = pairs.T
        overlap = (low[first] <= high[second]) & (low[second] <= high[first])
        pairs = pairs[overlap.all(axis=1) & (first <= second)][:_MAX_PAIRS]
    apart = pairs[:, 1] - pairs[:, 0]
    first, second = pairs[(apart > 1) & (apart < len(xy) - 1)].T
    a, b, c, d = start[first], end[first], start[second], end[second]
    across = (_side(a, b, c) * _side(a, b, d) <= 0) & (_side(c, d, a) * _side(c, d, b) <= 0)
    first, second = first[across], second[across]
    return np.column_stack([first, second])[np.lexsort((second, first))]


def _side(a: Floats, b: Floats, point: Floats) -> Floats:
    """Twice the signed area of the triangles a b point, each corner (K, 2): positive left of a b."""
    ab, ap = b - a, point - a
    return ab[:, 0] * ap[:, 1] - ab[:, 1] * ap[:, 0]


def _describe(path: Path, faults: list[Fault]) -> str:
    in_order = sorted(faults, key=lambda fault: fault[0])
    listed = [f"line {line}: {fault}" if line else fault for line, fault in in_order[:_LISTED]]
    if len(faults) > _LISTED:
        listed.append(f"... and {len(faults) - _LISTED} more")
    return (
        f"{path}: expected the centreline of a closed road that does not cross itself, {','.join(COLUMNS)} in metres; "
        "found:\n  " + "\n  ".join(listed) + "\nCorrect or delete these lines."
    )
