"""Picture folder: drives as plain folders of PNG and a table; read, repaired and written.

`episode-000001/` holds `000000.png`, ... and `frames.csv`, a row a step: `frame` (the picture), `time` (seconds),
`steering`, `pedal` and `speed` (m/s; empty where unknown). What `play.py --env` records is read too: there the actions
are `action_0`, ...: the steering, and the pedal as one value or as throttle and brake; `environment.json` says which
environment it was.
"""

import csv
import math
import re
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from datasets.box_action import pedal_of
from datasets.formats.drive import FASTEST, Reading, StoredDrive
from datasets.formats.losses import Losses
from datasets.formats.picture_files import place_of
from datasets.formats.rows import Row, read_rows, whole_rows
from datasets.formats.steps import encode, steps_of
from datasets.formats.text_lines import cell, lines_of, text_of
from datasets.formats.udacity_rows import fields_of
from datasets.frame_files import TABLE
from datasets.frame_source import source_of

NAME = "picture folder"
COLUMNS = ("frame", "time", "steering", "pedal", "speed")
_EPISODE = re.compile(r"episode-(\d+)")
_WAY_OUT = f"Expected episode-000001/{TABLE} with the columns {', '.join(COLUMNS)}, and its pictures beside it."


def is_picture_folder(folder: Path) -> bool:
    """Whether a folder looks like one."""
    return (folder / TABLE).is_file() or bool(_episodes(folder))


def read_picture_folder(folder: Path, strict: bool = False) -> Reading:
    """Read a picture folder, or one episode of it.

    Raises:
        DrivesimError: If no row can be used, or, under `strict`, at the first bad one.
    """
    reading = read_rows(folder, strict, NAME, _rows, _WAY_OUT)
    environment = source_of(folder)
    return replace(reading, drives=[replace(drive, environment=environment) for drive in reading.drives])


def repair_picture_folder(folder: Path, out: Path, losses: Losses) -> None:
    """Write what is whole of a picture folder as a new one, its pictures as they are; see `repair_tub`."""
    rows, _ = whole_rows(folder, losses, _rows, _WAY_OUT)
    for segment in dict.fromkeys(row.segment for row in rows):
        below = out / (segment or "episode-000001")
        below.mkdir()
        with (below / TABLE).open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(COLUMNS)
            for row in rows:
                if row.segment == segment:
                    shutil.copyfile(row.picture, below / row.picture.name)
                    values = (row.time, row.steering, row.pedal, row.speed)
                    writer.writerow([row.picture.name, *map(cell, values)])


def write_picture_folder(folder: Path, drives: Iterable[StoredDrive], on_step: Callable[[int], None]) -> None:
    """Write each drive as an episode.

    Args:
        folder: Empty.
        drives: To write.
        on_step: Told the number of steps that are written.
    """
    count = 0
    for number, drive in enumerate(drives, 1):
        below = folder / f"episode-{number:06}"
        below.mkdir()
        with (below / TABLE).open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(COLUMNS)
            for at, step in enumerate(steps_of(drive)):
                name = f"{at:06}.png"
                (below / name).write_bytes(encode(step.frame, ".png"))
                writer.writerow([name, *map(cell, (step.time, step.steering, step.pedal, step.speed))])
                count += 1
                on_step(count)


def _episodes(folder: Path) -> list[Path]:
    found = [path for path in folder.glob("episode-*") if _EPISODE.fullmatch(path.name) and (path / TABLE).is_file()]
    return sorted(found, key=lambda path: int(path.name.split("-")[1]))


def _rows(folder: Path, losses: Losses) -> Iterator[Row]:
    places = [(folder, "")] if (folder / TABLE).is_file() else [(path, path.name) for path in _episodes(folder)]
    for path, segment in places:
        yield from _rows_of_table(path, segment, losses)


def _rows_of_table(folder: Path, segment: str, losses: Losses) -> Iterator[Row]:
    header: list[str] | None = None
    where = f"{segment} " if segment else ""
    try:
        for number, line in enumerate(lines_of(folder / TABLE), 1):
            if line is not None and not line.strip():
                continue
            name = f"{where}line {number}"
            try:
                fields = fields_of(text_of(line)[0])
                if header is None:
                    header = [field.lower() for field in fields]
                    continue
                if len(fields) != len(header):
                    raise ValueError(f"it has {len(fields)} fields, expected {len(header)}")
                row = _row_of(name, dict(zip(header, fields, strict=True)), folder, segment)
            except ValueError as error:
                losses.bad(name, str(error))
                continue
            yield row
    except ValueError as error:
        losses.bad(f"{where}{TABLE}", str(error))


def _row_of(name: str, values: Mapping[str, str], folder: Path, segment: str) -> Row:
    steering = _number(values, "steering" if "steering" in values else "action_0", 1.0)
    if math.isnan(steering):
        raise ValueError("it has no steering")
    pedal = _number(values, "pedal" if "pedal" in values else "action_1", 1.0)
    if "action_2" in values:  # throttle and brake, as in CarRacing
        pedal = pedal_of(pedal, _number(values, "action_2", 1.0))
    return Row(
        name,
        place_of(folder, values.get("frame")),
        steering,
        pedal,
        _number(values, "speed", FASTEST),
        _number(values, "time", 1e12),
        segment,
    )


def _number(values: Mapping[str, str], name: str, most: float) -> float:
    """Return a number of a row, -most to most; NaN where there is none."""
    text = values.get(name, "")
    if not text:
        return math.nan
    try:
        value = float(text)
    except ValueError as error:
        raise ValueError(f"its {name} is no number") from error
    if not abs(value) <= most:
        raise ValueError(f"its {name} is not in {-most:g} ... {most:g}")
    return value
