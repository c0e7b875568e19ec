"""Controls file: the settings of a person's devices, in their own configuration folder."""

import json
import os
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any, TypeVar

from drivesim.cockpit.controls import Axis, Calibration, Settings
from drivesim.errors import DrivesimError
from drivesim.whole_file import whole_file

_Dataclass = TypeVar("_Dataclass")

# name: lowest and highest value
_RANGES = {"dead_zone": (0.0, 0.9), "turn_rate": (0.1, 20.0), "return_rate": (0.1, 20.0)}


def controls_path() -> Path:
    """Return where the settings are kept: `drivesim/controls.json` in the user's configuration folder."""
    named = os.environ.get("XDG_CONFIG_HOME") or os.environ.get("APPDATA")
    return (Path(named) if named else Path.home() / ".config") / "drivesim" / "controls.json"


def read_settings(path: Path) -> Settings:
    """Read settings; the defaults where there is no file.

    Raises:
        DrivesimError: Naming the file and what is wrong with it.
    """
    if not path.is_file():
        return Settings()
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
        wheels = {
            str(guid): _calibration(value, f"wheels.{guid}")
            for guid, value in _table(values, "", Settings).pop("wheels", {}).items()
        }
        settings = _build(Settings, values, "", wheels=wheels)
        for name, (low, high) in _RANGES.items():
            value = getattr(settings, name)
            if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
                raise ValueError(f"{name}: expected a number from {low} to {high}, came {value!r}")
        return settings
    except (OSError, ValueError, TypeError, AttributeError) as error:
        raise DrivesimError(
            f"controls: {path}: {error}. Correct it, or remove the file to go back to the defaults."
        ) from error


def write_settings(path: Path, settings: Settings) -> None:
    """Write settings: the whole of them, or the file stays as it was.

    Raises:
        DrivesimError: If they cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with whole_file(path) as part:
            part.write_text(json.dumps(asdict(settings), indent=2) + "\n", encoding="utf-8")
    except OSError as error:
        raise DrivesimError(f"controls: {path}: cannot be written ({error.strerror}); check the folder.") from error


def _calibration(values: Any, where: str) -> Calibration:
    table = _table(values, where, Calibration)
    axes = {name: _axis(table.pop(name, None), f"{where}.{name}") for name in ("steering", "throttle", "brake")}
    if axes["steering"] is None:
        raise ValueError(f"{where}.steering is missing")
    return _build(Calibration, table, where, **axes)


def _axis(values: Any, where: str) -> Axis | None:
    if values is None:
        return None
    axis = _build(Axis, _table(values, where, Axis), where)
    if not isinstance(axis.axis, int) or axis.axis < 0 or not abs(axis.end - axis.start) > 0:
        raise ValueError(f"{where}: expected an axis from 0 on and two ends that differ, came {values}")
    return axis


def _table(values: Any, where: str, kind: type[Any]) -> dict[str, Any]:
    """Return a JSON object, refusing keys that `kind` does not have."""
    if not isinstance(values, dict):
        raise ValueError(f"{where or 'the file'}: expected an object in braces, came {type(values).__name__}")
    known = [field.name for field in fields(kind)]
    for key in values:
        if key not in known:
            raise ValueError(f"unknown key '{f'{where}.' if where else ''}{key}'. Known: {', '.join(known)}")
    return values


def _build(kind: type[_Dataclass], values: dict[str, Any], where: str, **more: Any) -> _Dataclass:
    try:
        return kind(**values, **more)
    except TypeError as error:
        raise ValueError(f"{where}: {error}") from error
