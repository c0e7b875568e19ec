"""Donkeycar: tubs of version 2, read, repaired and written.

A tub is a folder with `manifest.json` (five lines of JSON), `catalog_N.catalog` (a record a line) and `images/`.
"""

import json
import math
import re
import shutil
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from datasets.formats.drive import Reading, StoredDrive
from datasets.formats.losses import Losses
from datasets.formats.picture_files import place_of, read_bytes
from datasets.formats.rows import Row, check_pictures, drives_of
from datasets.formats.steps import Step, encode, steps_of
from datasets.formats.text_lines import MAX_FILE, json_of, lines_of, object_of, optional_number
from datasets.formats.tub_records import PICTURE, row_of

NAME = "donkeycar tub v2"
MANIFEST, IMAGES = "manifest.json", "images"
_CATALOG = re.compile(r"catalog_(\d+)\.catalog")
_WAY_OUT = "Copy the tub anew from where it is whole."

# Records to a catalog, as donkeycar has it.
_CATALOG_RECORDS = 1000

_TYPES = {
    PICTURE: "image_array",
    "user/angle": "float",
    "user/throttle": "float",
    "user/mode": "str",
    "enc/speed": "float",
}


def is_tub(folder: Path) -> bool:
    """Whether a folder looks like a tub of version 2."""
    if any(_CATALOG.fullmatch(path.name) for path in folder.glob("*.catalog")):
        return True
    try:  # other programs have manifests too
        return read_bytes(folder / MANIFEST, MAX_FILE).lstrip().startswith(b"[")
    except ValueError:
        return False


def read_tub(folder: Path, strict: bool = False) -> Reading:
    """Read a tub.

    Raises:
        DrivesimError: If no record can be used, or, under `strict`, at the first bad one.
    """
    losses = Losses(str(folder), strict)
    rows, size = tub_rows(folder, losses)
    return Reading(NAME, drives_of(rows, size, folder.name), losses)


def tub_rows(folder: Path, losses: Losses) -> tuple[list[Row], tuple[int, int]]:
    """Return the rows of a tub that are whole and to be learned from, and the size of their pictures."""
    rows = [*_rows(folder, losses)]
    if not rows:
        raise losses.nothing_left(_WAY_OUT)
    rows, size = check_pictures(rows, losses)
    return rows, size


def repair_tub(folder: Path, out: Path, losses: Losses) -> None:
    """Write what is whole of a tub as a new tub: its records with all their fields, its pictures as they are.

    Args:
        folder: Of the damaged tub, which stays as it is.
        out: An empty folder.
        losses: Told what was lost.
    """
    rows, _ = tub_rows(folder, losses)
    declared = _declared(folder)
    (out / IMAGES).mkdir()
    with _TubFiles(out) as files:
        for row in rows:
            record = {name: value for name, value in row.source.items() if name not in ("_index", PICTURE)}
            picture = f"{files.count}_cam_image_array_{row.picture.suffix}"
            shutil.copyfile(row.picture, out / IMAGES / picture)
            files.add({PICTURE: picture, **record})
    files.finish(declared or {name: kind for name, kind in _TYPES.items() if any(name in row.source for row in rows)})


def write_tub(folder: Path, drives: Iterable[StoredDrive], on_step: Callable[[int], None]) -> None:
    """Write drives as a tub that donkeycar opens.

    Args:
        folder: Empty.
        drives: Each becomes a session.
        on_step: Told the number of steps that are written.
    """
    (folder / IMAGES).mkdir()
    declared = dict(_TYPES)
    with _TubFiles(folder) as files:
        for number, drive in enumerate(drives, 1):
            for step in steps_of(drive):
                picture = f"{files.count}_cam_image_array_.jpg"
                (folder / IMAGES / picture).write_bytes(encode(step.frame, ".jpg"))
                files.add(_record(step, picture, f"{number:02d}-01-01_{number}"))
                on_step(files.count)
    files.finish(declared)


def _record(step: Step, picture: str, session: str) -> dict[str, Any]:
    values = {"user/angle": step.steering, "user/throttle": step.pedal, "enc/speed": step.speed}
    known = {name: value for name, value in values.items() if not math.isnan(value)}
    return {
        "_session_id": session,
        "_timestamp_ms": round(1000 * step.time),
        PICTURE: picture,
        "user/mode": "user",
        **known,
    }


class _TubFiles:
    """Catalogs and the manifest of a tub that is being written."""

    def __init__(self, folder: Path) -> None:
        self.count = 0
        self._folder = folder
        self._lines: list[str] = []
        self._paths: list[str] = []
        self._sessions: list[str] = []

    def __enter__(self) -> "_TubFiles":
        return self

    def __exit__(self, *_: object) -> None:
        self._write_catalog()

    def add(self, record: dict[str, Any]) -> None:
        session = record.get("_session_id")
        if isinstance(session, str) and session not in self._sessions:
            self._sessions.append(session)
        self._lines.append(json.dumps({"_index": self.count, **record}, sort_keys=True) + "\n")
        self.count += 1
        if len(self._lines) == _CATALOG_RECORDS:
            self._write_catalog()

    def finish(self, declared: dict[str, str]) -> None:
        sessions = {"all_full_ids": self._sessions, "last_id": len(self._sessions)}
        if self._sessions:
            sessions["last_full_id"] = self._sessions[-1]
        lines: list[object] = [
            list(declared),
            list(declared.values()),
            {},
            {"created_at": 0.0, "sessions": sessions},
            {
                "paths": self._paths,
                "current_index": self.count,
                "max_len": _CATALOG_RECORDS,
                "deleted_indexes": [],
            },
        ]
        (self._folder / MANIFEST).write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")

    def _write_catalog(self) -> None:
        if not self._lines:
            return
        name = f"catalog_{len(self._paths)}.catalog"
        (self._folder / name).write_text("".join(self._lines), encoding="utf-8")
        sidecar = {
            "created_at": 0.0,
            "line_lengths": [len(line.encode()) for line in self._lines],
            "path": f"{name}_manifest",
            "start_index": self.count - len(self._lines),
        }
        (self._folder / f"{name}_manifest").write_text(json.dumps(sidecar) + "\n", encoding="utf-8")
        self._paths.append(name)
        self._lines = []


def _rows(folder: Path, losses: Losses) -> Iterator[Row]:
    """Yield the rows of the records in order, before their pictures are looked at."""
    paths, deleted, promised = _contents(folder, losses)
    position = -1
    images = folder / IMAGES
    for path in paths:
        try:
            for line in lines_of(path):
                if line is not None and not line.strip():
                    continue
                # What is deleted is named by the position of its line, whatever its `_index`.
                position += 1
                if position in deleted:
                    losses.left_out("deleted by the tub's owner")
                    continue
                name = f"record {position}"
                try:
                    record = object_of(line)
                    time = optional_number(record, "_timestamp_ms", -1e15, 1e15) / 1000
                    session = record.get("_session_id")
                    row = row_of(name, record, images, time, session if isinstance(session, str) else "", losses)
                except ValueError as error:
                    losses.bad(name, str(error))
                    continue
                if row is not None:
                    yield row
        except ValueError as error:
            losses.bad(path.name, str(error))
    if promised > position + 1:
        losses.note(f"{MANIFEST} counts {promised} records; the catalogs hold {position + 1}")


def _contents(folder: Path, losses: Losses) -> tuple[list[Path], set[int], int]:
    """The catalogs in order, the positions of the records that are deleted, and how many records there should be."""
    try:
        last = _manifest(folder)[4]
        names, deleted = last.get("paths"), last.get("deleted_indexes", [])
        if not isinstance(names, list) or not isinstance(deleted, list):
            raise ValueError("its last line names no catalogs")
    except ValueError as error:
        found = [(int(match[1]), path) for path in folder.iterdir() if (match := _CATALOG.fullmatch(path.name))]
        losses.bad(MANIFEST, f"the manifest can't be used ({error}): its deletions are unknown")
        return [path for _, path in sorted(found)], set(), 0
    paths = []
    for name in names:
        try:
            paths.append(place_of(folder, name))
        except ValueError:
            losses.bad(f"{MANIFEST}, path {str(name)[:60]!r}", "the manifest names a catalog outside the tub")
    unlisted = {path.name for path in folder.glob("*.catalog") if _CATALOG.fullmatch(path.name)} - {*map(str, names)}
    if unlisted:
        losses.note(f"catalogs that the manifest does not name are not read: {', '.join(sorted(unlisted)[:5])}")
    promised = last.get("current_index")
    whole = {index for index in deleted if isinstance(index, int)}
    return paths, whole, promised if isinstance(promised, int) else 0


def _manifest(folder: Path) -> list[Any]:
    """The five lines of the manifest, parsed; raises ValueError."""
    lines = [line for line in read_bytes(folder / MANIFEST, MAX_FILE).splitlines() if line.strip()]
    if len(lines) < 5:
        raise ValueError(f"it has {len(lines)} lines of JSON, expected 5")
    values = [json_of(line) for line in lines[:5]]
    if not isinstance(values[4], dict):
        raise ValueError("its last line names no catalogs")
    return values


def _declared(folder: Path) -> dict[str, str]:
    """The declared inputs and their types, in order; empty where they are damaged."""
    try:
        inputs, types, *_ = _manifest(folder)
        names = [str(name) for name in inputs]
        return dict(zip(names, [str(kind) for kind in types], strict=True))
    except (ValueError, TypeError):
        return {}
