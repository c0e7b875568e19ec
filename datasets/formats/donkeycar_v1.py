"""Donkeycar: tubs of version 1, read and repaired; donkeycar itself has written version 2 since 2020.

A tub is a folder with `record_N.json`, a picture beside each, and, often missing, `meta.json` and `exclude.json`.
"""

import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

from datasets.formats.drive import Reading
from datasets.formats.losses import Losses
from datasets.formats.picture_files import read_bytes
from datasets.formats.rows import Row, check_pictures, drives_of
from datasets.formats.text_lines import MAX_LINE, json_file, object_of, optional_number
from datasets.formats.tub_records import row_of

NAME = "donkeycar tub v1"
META, EXCLUDE = "meta.json", "exclude.json"
_RECORD = re.compile(r"record_(\d+)\.json")
_WAY_OUT = "Copy the tub anew from where it is whole."


def is_tub_v1(folder: Path) -> bool:
    """Whether a folder looks like a tub of version 1."""
    return any(_RECORD.fullmatch(path.name) for path in folder.glob("record_*.json"))


def read_tub_v1(folder: Path, strict: bool = False) -> Reading:
    """Read a tub.

    Raises:
        DrivesimError: If no record can be used, or, under `strict`, at the first bad one.
    """
    losses = Losses(str(folder), strict)
    rows, size = _checked(folder, losses)
    return Reading(NAME, drives_of(rows, size, folder.name), losses)


def repair_tub_v1(folder: Path, out: Path, losses: Losses) -> None:
    """Write what is whole of a tub as a new tub, its records and pictures as they are; see `repair_tub`."""
    rows, _ = _checked(folder, losses)
    for row in rows:
        shutil.copyfile(row.picture, out / row.picture.name)
        text = json.dumps(row.source)
        (out / f"{row.name.replace(' ', '_')}.json").write_text(text, encoding="utf-8")
    meta = {"inputs": ["cam/image_array", "user/angle", "user/throttle", "user/mode"]}
    meta["types"] = ["image_array", "float", "float", "str"]
    (out / META).write_text(json.dumps(meta), encoding="utf-8")
    if (folder / META).is_file():
        losses.note(f"{META} of the copy is written anew")


def _checked(folder: Path, losses: Losses) -> tuple[list[Row], tuple[int, int]]:
    rows = [*_rows(folder, losses)]
    if not rows:
        raise losses.nothing_left(_WAY_OUT)
    return check_pictures(rows, losses)


def _rows(folder: Path, losses: Losses) -> Iterator[Row]:
    found = {int(match[1]): path for path in folder.iterdir() if (match := _RECORD.fullmatch(path.name))}
    excluded = _excluded(folder, losses)
    for number in sorted(found):
        if number in excluded:
            losses.left_out("excluded by the tub's owner")
            continue
        name = f"record {number}"
        try:
            record = object_of(read_bytes(found[number], MAX_LINE))
            time = optional_number(record, "milliseconds", -1e15, 1e15) / 1000
            row = row_of(name, record, folder, time, "", losses)
        except ValueError as error:
            losses.bad(name, str(error))
            continue
        if row is not None:
            yield row


def _excluded(folder: Path, losses: Losses) -> set[int]:
    path = folder / EXCLUDE
    if not path.exists():
        return set()
    try:
        values = json_file(path)
        if not isinstance(values, list):
            raise ValueError("it is no list")
    except ValueError as error:
        losses.bad(EXCLUDE, f"the list of excluded records can't be used ({error})")
        return set()
    return {value for value in values if isinstance(value, int)}
