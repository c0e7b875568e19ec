"""Text lines: JSON and CSV from strangers, a line at a time, however long the lines claim to be."""

import json
import math
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from datasets.formats.picture_files import read_bytes

MAX_LINE = 2**16
MAX_FILE = 2**24
_CHUNK = 2**20
_MOST_NESTED = 200  # lists and objects of a record


def lines_of(path: Path, longest: int = MAX_LINE) -> Iterator[bytes | None]:
    """Yield the lines of a file without their ends; None for one that is longer than `longest` bytes.

    Raises:
        ValueError: If it is missing, no plain file or not readable.
    """
    if not path.is_file():
        raise ValueError("the file is no plain file" if path.exists() else "the file is missing")
    try:
        with path.open("rb") as file:
            while line := file.readline(longest + 1):
                if len(line) <= longest or line.endswith(b"\n"):
                    yield line.rstrip(b"\r\n")
                    continue
                while chunk := file.read(_CHUNK):
                    end = chunk.find(b"\n")
                    if end >= 0:
                        file.seek(end + 1 - len(chunk), os.SEEK_CUR)
                        break
                yield None
    except OSError as error:
        raise ValueError(f"the file can't be read ({error.strerror})") from error


def json_of(data: bytes) -> Any:
    """Parse JSON.

    Raises:
        ValueError: In words that other such records share.
    """
    try:
        return json.loads(data.decode("utf-8-sig"))
    except (ValueError, RecursionError) as error:
        raise ValueError("it is no JSON") from error


def json_file(path: Path, most: int = MAX_FILE) -> Any:
    """Parse a file of JSON; raises as `read_bytes` and `json_of`."""
    return json_of(read_bytes(path, most))


def object_of(data: bytes | None) -> dict[str, Any]:
    """Parse a line that is a JSON object; None is a line that was too long."""
    if data is None:
        raise ValueError(f"its line has more than {MAX_LINE:,} bytes")
    if data.count(b"[") + data.count(b"{") > _MOST_NESTED:
        raise ValueError("it is nested too deep")
    value = json_of(data)
    if not isinstance(value, dict):
        raise ValueError("it is no JSON object")
    return value


def number_of(record: Mapping[str, Any], name: str, low: float, high: float) -> float:
    """Return a number of a record.

    Raises:
        ValueError: If it is absent, no number or out of its range.
    """
    value = record.get(name)
    if value is None:
        raise ValueError(f"it has no {name}")
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError(f"its {name} is no number")
    if not low <= value <= high:  # NaN too
        raise ValueError(f"its {name} is not in {low:g} ... {high:g}")
    return float(value)


def optional_number(record: Mapping[str, Any], name: str, low: float, high: float) -> float:
    """Return a number of a record, NaN where it is absent; raises as `number_of`."""
    return math.nan if record.get(name) is None else number_of(record, name, low, high)


def text_of(data: bytes) -> tuple[str, bool]:
    """Decode a line: its text, and whether it was UTF-8; Latin-1, in which every byte is one, if it was not."""
    try:
        return data.decode("utf-8-sig"), True
    except UnicodeDecodeError:
        return data.decode("latin-1"), False
