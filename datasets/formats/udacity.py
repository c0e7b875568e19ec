"""Udacity: driving logs of the self-driving car simulator, read, repaired and written.

A log is a folder with `driving_log.csv` and `IMG/`. The car's left and right cameras show the road as if the car were
beside its line; see `datasets.stored_frames` for how they are steered back.
"""

import csv
import math
import shutil
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TextIO

from datasets.formats.drive import JUMP_SECONDS, Reading, StoredDrive
from datasets.formats.losses import Losses
from datasets.formats.picture_files import place_of
from datasets.formats.rows import Row, check_pictures, drives_of
from datasets.formats.steps import encode, steps_of
from datasets.formats.text_lines import MAX_LINE, lines_of, text_of
from datasets.formats.udacity_rows import COLUMNS, LogRow, fields_of, header_of, parse_row, time_in

NAME = "udacity log"
LOG, IMAGES = "driving_log.csv", "IMG"
_MPH = 0.44704  # m/s
_WAY_OUT = f"Expected {LOG} and, beside it, {IMAGES}/ with its pictures."

# The simulator's names hold the time; drives that are written begin here, and lie this far apart.
_BEGIN, _APART = datetime(2020, 1, 1, 0, 0, 1, tzinfo=UTC), 5 * JUMP_SECONDS
_THOUSANDTH = timedelta(milliseconds=1)


def is_udacity(folder: Path) -> bool:
    """Whether a folder looks like a driving log."""
    return (folder / LOG).is_file()


def read_udacity(folder: Path, strict: bool = False) -> Reading:
    """Read a driving log.

    Raises:
        DrivesimError: If no row can be used, or, under `strict`, at the first bad one.
    """
    losses = Losses(str(folder), strict)
    rows, size = _checked(folder, losses)
    return Reading(NAME, drives_of(rows, size, folder.name), losses)


def repair_udacity(folder: Path, out: Path, losses: Losses) -> None:
    """Write what is whole of a driving log as a new one, its pictures as they are; see `repair_tub`."""
    rows, _ = _checked(folder, losses)
    (out / IMAGES).mkdir()
    with _log(out) as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(COLUMNS)
        for row in rows:
            log: LogRow = row.source
            for path in (row.picture, *row.sides.values()):
                shutil.copyfile(path, out / IMAGES / path.name)
            sides = [f"{IMAGES}/{row.sides[side].name}" if side in row.sides else "" for side in COLUMNS[1:3]]
            writer.writerow([f"{IMAGES}/{row.picture.name}", *sides, *map(_text, log.numbers.values())])


def write_udacity(folder: Path, drives: Iterable[StoredDrive], on_step: Callable[[int], None]) -> None:
    """Write drives as a driving log with a header and relative paths.

    Args:
        folder: Empty.
        drives: What separates them is a jump in time.
        on_step: Told the number of steps that are written.
    """
    (folder / IMAGES).mkdir()
    count, begin = 0, 0.0
    before = _BEGIN - _THOUSANDTH
    with _log(folder) as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(COLUMNS)
        for drive in drives:
            last = 0.0
            for step in steps_of(drive, with_sides=True):
                # Two steps of one thousandth of a second would share a picture.
                moment = max(_BEGIN + timedelta(seconds=begin + step.time), before + _THOUSANDTH)
                before = moment
                stamp = f"{moment:%Y_%m_%d_%H_%M_%S}_{moment.microsecond // 1000:03}"
                frames = {"center": step.frame, **step.sides}
                for camera, frame in frames.items():
                    (folder / IMAGES / f"{camera}_{stamp}.jpg").write_bytes(encode(frame, ".jpg"))
                paths = [f"{IMAGES}/{name}_{stamp}.jpg" if name in frames else "" for name in COLUMNS[:3]]
                pedal = step.pedal
                gas, brake = (pedal, 0.0) if not pedal < 0 else (0.0, -pedal)
                writer.writerow([*paths, *map(_text, (step.steering, gas, brake, step.speed / _MPH))])
                count, last = count + 1, step.time
                on_step(count)
            begin += last + _APART


def _log(folder: Path) -> TextIO:
    return (folder / LOG).open("w", encoding="utf-8", newline="")


def _text(value: float) -> str:
    return "" if math.isnan(value) else repr(value)


def _checked(folder: Path, losses: Losses) -> tuple[list[Row], tuple[int, int]]:
    rows = [*_rows(folder, losses)]
    if not rows:
        raise losses.nothing_left(_WAY_OUT)
    return check_pictures(rows, losses)


def _rows(folder: Path, losses: Losses) -> Iterator[Row]:
    images = folder / IMAGES
    header = None
    first = True
    try:
        for number, line in enumerate(lines_of(folder / LOG), 1):
            if line is not None and not line.strip():
                continue
            try:
                if line is None:
                    raise ValueError(f"its line has more than {MAX_LINE:,} bytes")
                text, is_utf8 = text_of(line)
                if not is_utf8:
                    losses.note(f"{LOG} is not UTF-8; what is not was read as Latin-1")
                fields = fields_of(text)
                if first and (header := header_of(fields)) is not None:
                    continue
                log = parse_row(fields, header)
                row = _row_of(f"line {number}", log, images)
            except ValueError as error:
                losses.bad(f"line {number}", str(error))
                continue
            finally:
                first = False
            yield row
    except ValueError as error:
        losses.bad(LOG, str(error))


def _row_of(name: str, log: LogRow, images: Path) -> Row:
    numbers = log.numbers
    gas, brake = numbers["throttle"], numbers["brake"]
    paths = {camera: place_of(images, base) for camera, base in log.pictures.items()}
    center = paths.pop("center")
    return Row(
        name,
        center,
        numbers["steering"],
        gas if math.isnan(brake) else gas - brake,
        numbers["speed"] * _MPH,
        time_in(center.name),
        sides=paths,
        source=log,
    )
