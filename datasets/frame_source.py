"""Frame source: which environment a folder of recorded episodes comes from, in a file beside them."""

import json
from pathlib import Path
from typing import Any

from drivesim.errors import DrivesimError

NAME = "environment.json"
_MOST_BYTES = 2**20


def write_source(folder: Path, environment: str, recording: dict[str, Any]) -> None:
    """Say in a folder what was recorded there, behind what was said before.

    Args:
        folder: Of the episodes.
        environment: Its id.
        recording: How it was recorded, plain JSON.

    Raises:
        DrivesimError: If the folder holds another environment's episodes, or can't be written.
    """
    found = _read(folder)
    before = found.get("environment", environment)
    if before != environment:
        raise DrivesimError(f"{folder} holds episodes of {before}: record {environment} into another folder.")
    recordings = found.get("recordings")
    values = {
        "environment": environment,
        "recordings": [*(recordings if isinstance(recordings, list) else []), recording],
    }
    try:
        (folder / NAME).write_text(json.dumps(values, indent=1) + "\n", encoding="utf-8")
    except OSError as error:
        raise DrivesimError(f"{folder}: cannot write ({error.strerror}): choose another --out.") from error


def source_of(folder: Path) -> str:
    """Return the id of the environment that a folder's episodes come from; empty where nothing says so.

    Of an episode's own folder, what the folder around it says.
    """
    for place in (folder, folder.resolve().parent):
        name = _read(place).get("environment")
        if isinstance(name, str):
            return name
    return ""


def _read(folder: Path) -> dict[str, Any]:
    path = folder / NAME
    try:
        if not path.is_file() or path.stat().st_size > _MOST_BYTES:
            return {}
        values = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    return values if isinstance(values, dict) else {}
