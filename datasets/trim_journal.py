"""Trim journal: marks on laps that can be taken back, the last one first.

The marks of a trim are written into `trims.json` beside the laps before any lap is touched, and taken out of it after
every lap is as it was: whenever the power goes, an undo leads back. A lap is rewritten beside itself and then takes its
own place, so that there is always a whole one.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from datasets.lap_files import read_lap, write_lap
from datasets.schema import MARK_BAD, Lap
from datasets.statistics import stretches
from drivesim.errors import DrivesimError
from drivesim.whole_file import whole_file

JOURNAL = "trims.json"
_FORMAT_VERSION = 1


@dataclass(frozen=True)
class Trim:
    """One trim.

    Attributes:
        why: What it was for.
        marked: Lap's name -> the stretches that it marked bad and that were not before, each as its first step and the
            step after its last.
    """

    why: str
    marked: dict[str, list[tuple[int, int]]]

    @property
    def steps(self) -> int:
        """How many steps it marked."""
        return sum(stop - start for parts in self.marked.values() for start, stop in parts)


def plan(laps: list[Lap], chosen: Mapping[str, NDArray[np.bool_]], why: str) -> Trim:
    """Return the trim that marks the chosen steps of laps, given as lap's name -> (T,) bool; marked ones are left."""
    flags = {lap.name: chosen[lap.name] & lap.good for lap in laps if lap.name in chosen}
    return Trim(why, {name: stretches(values) for name, values in flags.items() if values.any()})


def apply(folder: Path, trim: Trim) -> None:
    """Mark the steps of a trim in the laps of `folder`, and note it in the journal.

    Raises:
        DrivesimError: If a file cannot be read or written; `undo` takes back what was done until then.
    """
    _write(folder, [*read_journal(folder), trim])
    for name, parts in trim.marked.items():
        _set(folder, name, parts, bad=True)


def undo(folder: Path) -> Trim:
    """Take back the last trim of `folder`.

    Raises:
        DrivesimError: If there is none, or a file cannot be read or written; it can be called again then.
    """
    trims = read_journal(folder)
    if not trims:
        raise DrivesimError(f"--undo: nothing was trimmed in {folder}, or all of it was taken back already.")
    for name, parts in trims[-1].marked.items():
        if (folder / f"{name}.parquet").exists():  # a lap that was removed since needs nothing
            _set(folder, name, parts, bad=False)
    _write(folder, trims[:-1])
    return trims[-1]


def read_journal(folder: Path) -> list[Trim]:
    """Return the trims of a folder that were not taken back, the last one last.

    Raises:
        DrivesimError: If the journal cannot be read.
    """
    path = folder / JOURNAL
    try:
        plain = json.loads(path.read_text(encoding="utf-8"))
        if plain["format_version"] != _FORMAT_VERSION:
            raise ValueError(f"format version {plain['format_version']!r}, expected {_FORMAT_VERSION}")
        return [_trim(entry) for entry in plain["trims"]]
    except FileNotFoundError:
        return []
    except (OSError, ValueError, TypeError, KeyError, RecursionError) as error:
        raise DrivesimError(
            f"{path}: cannot be read ({type(error).__name__}: {error}). Move it away to trim without the way back."
        ) from error


def _trim(plain: dict[str, object]) -> Trim:
    trim = Trim(**{field.name: plain[field.name] for field in fields(Trim)})  # type: ignore[arg-type]
    marked = {name: [(int(start), int(stop)) for start, stop in parts] for name, parts in trim.marked.items()}
    if any(Path(name).name != name for name in marked):
        raise ValueError("a lap's name with a folder in it")
    return replace(trim, marked=marked)


def _write(folder: Path, trims: list[Trim]) -> None:
    path = folder / JOURNAL
    plain = {"format_version": _FORMAT_VERSION, "trims": [asdict(trim) for trim in trims]}
    try:
        with whole_file(path, durable=True) as part:
            part.write_text(json.dumps(plain, indent=1) + "\n", encoding="utf-8")
    except OSError as error:
        raise DrivesimError(f"{path}: cannot write ({error.strerror or error}). No lap was touched.") from error


def _set(folder: Path, name: str, parts: list[tuple[int, int]], bad: bool) -> None:
    path = folder / f"{name}.parquet"
    lap = read_lap(path)
    mark = lap.columns["mark"].copy()
    for start, stop in parts:
        mark[start:stop] = mark[start:stop] | MARK_BAD if bad else mark[start:stop] & ~np.uint8(MARK_BAD)
    write_lap(path, replace(lap, columns=lap.columns | {"mark": mark}))
