"""Udacity rows: a line of a driving log taken apart, whatever wrote it."""

import csv
import itertools
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

COLUMNS = ("center", "left", "right", "steering", "throttle", "brake", "speed")
_PICTURE = (".jpg", ".jpeg", ".png")
_NUMBERS = COLUMNS[3:]

# What the simulator can have written; speed in miles an hour.
_RANGES = {"steering": (-1.0, 1.0), "throttle": (-1.0, 1.0), "brake": (0.0, 1.0), "speed": (-200.0, 200.0)}

# What regroups the halves of decimal commas: throttle has no sign there.
_STRICT_RANGES = {**_RANGES, "throttle": (0.0, 1.0), "speed": (0.0, 200.0)}
# The simulator writes as few digits as it can: no zeros in front of a number, none at its end.
_WHOLE, _FRACTION = re.compile(r"-?(0|[1-9]\d{0,2})"), re.compile(r"\d*[1-9](E[+-]?\d+)?", re.IGNORECASE)
_TIME = re.compile(r"\d{4}(_\d\d){5}_\d{1,3}", re.ASCII)


@dataclass(frozen=True)
class LogRow:
    """A row of a driving log.

    Attributes:
        pictures: Base names by camera: `center`, and `left` and `right` where the row has them.
        numbers: `steering`, `throttle`, `brake` and `speed` (miles an hour); NaN where the log leaves them empty.
    """

    pictures: dict[str, str]
    numbers: dict[str, float]


def fields_of(line: str) -> list[str]:
    """Return the fields of a line of CSV, stripped.

    Raises:
        ValueError: If it is no CSV.
    """
    try:
        return [field.strip() for field in next(csv.reader([line], skipinitialspace=True), [])]
    except csv.Error as error:
        raise ValueError("its line is no CSV") from error


def header_of(fields: Sequence[str]) -> list[str] | None:
    """Return the names of the columns, lower case, where the fields are a header; None where they are a row."""
    names = [field.lower() for field in fields]
    return names if {"center", "steering"} <= set(names) else None


def parse_row(fields: Sequence[str], header: Sequence[str] | None) -> LogRow:
    """Take the fields of a row apart.

    Args:
        fields: As they are in the log.
        header: The names of its columns, if it says them.

    Raises:
        ValueError: Saying in few words why the row can't be read.
    """
    if header is not None and len(fields) == len(header):
        named = dict(zip(header, fields, strict=True))
        pictures = {name: _base_name(named[name]) for name in COLUMNS[:3] if named.get(name)}
        if "center" not in pictures:
            raise ValueError("it names no picture")
        return LogRow(pictures, {name: _number(name, named.get(name, "")) for name in _NUMBERS})
    pictures, rest = _split(fields)
    if len(rest) == len(_NUMBERS):
        return LogRow(pictures, {name: _number(name, text) for name, text in zip(_NUMBERS, rest, strict=True)})
    return LogRow(pictures, _regroup(rest))


def time_in(name: str) -> float:
    """Return the moment that is in a picture's name, seconds; NaN where there is none."""
    match = _TIME.search(name)
    if match is None:
        return math.nan
    whole, thousandths = name[match.start() : match.end()].rsplit("_", 1)
    try:
        moment = datetime.strptime(whole, "%Y_%m_%d_%H_%M_%S").replace(tzinfo=UTC)
        return moment.timestamp() + int(thousandths) / 1000
    except (ValueError, OverflowError):
        return math.nan


def _split(fields: Sequence[str]) -> tuple[dict[str, str], list[str]]:
    """Part the pictures from the numbers. Folder names with a comma in them take several fields."""
    paths: list[str] = []
    start = 0
    for at, field in enumerate(fields):
        if field.lower().endswith(_PICTURE) and len(paths) < 3:
            paths.append(",".join(fields[start : at + 1]))
            start = at + 1
    if len(paths) == 2 or not paths:
        raise ValueError(f"it names {len(paths)} pictures, expected 1 or 3")
    rest = [*fields[start:]]
    if len(paths) == 1 and len(rest) > 4 and not rest[0] and not rest[1]:  # the other two cameras are left empty
        rest = rest[2:]
    return dict(zip(COLUMNS, map(_base_name, paths), strict=False)), rest


def _base_name(path: str) -> str:
    return re.split(r"[/\\]", path.strip())[-1].strip()


def _number(name: str, text: str, ranges: dict[str, tuple[float, float]] = _RANGES) -> float:
    if not text:
        if name == "steering":
            raise ValueError("it has no steering")
        return math.nan
    try:
        value = float(text.replace(",", "."))
    except ValueError as error:
        raise ValueError(f"its {name} is no number") from error
    low, high = ranges[name]
    if not low <= value <= high:
        raise ValueError(f"its {name} is not in {low:g} ... {high:g}")
    return value


def _regroup(parts: Sequence[str]) -> dict[str, float]:
    """Put numbers together that decimal commas took apart, where there is one way to do it alone."""
    halved = len(parts) - len(_NUMBERS)
    if not 0 < halved <= len(_NUMBERS):
        raise ValueError(f"it has {len(parts)} numbers, expected {len(_NUMBERS)}")
    ways = []
    for pairs in itertools.combinations(range(len(_NUMBERS)), halved):
        rest, numbers = [*parts], {}
        try:
            for at, name in enumerate(_NUMBERS):
                if at in pairs:
                    whole, fraction, *rest = rest
                    if not (_WHOLE.fullmatch(whole) and _FRACTION.fullmatch(fraction)):
                        raise ValueError
                    text = f"{whole}.{fraction}"
                else:
                    text, *rest = rest
                numbers[name] = _number(name, text, _STRICT_RANGES)
        except ValueError:
            continue
        if numbers not in ways:
            ways.append(numbers)
    if len(ways) != 1:
        raise ValueError(
            "its decimal commas can be read in several ways" if ways else "its decimal commas make no numbers in range"
        )
    return ways[0]
