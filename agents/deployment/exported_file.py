"""Exported file: what every file that `agents.export` writes says of itself, whatever its format."""

import json
from pathlib import Path
from typing import Any

from agents.models.policy_config import PolicyConfig
from drivesim.errors import DrivesimError

# 1 knew a single camera, and no past frames.
EXPORT_VERSION = 2

# The key under which a file's metadata hold the configuration, as JSON.
METADATA_KEY = "drivesim"

_EXPORT = "python -m agents.export --policy DIR --out FILE"


def check_is_file(path: Path) -> None:
    """Refuse a path at which there is no file, with how to export one."""
    if not path.is_file():
        raise DrivesimError(f"policy: there is no file {path}. Export one: {_EXPORT}")


def read_metadata(text: str | None, path: Path) -> tuple[PolicyConfig, dict[str, Any]]:
    """Read a file's metadata.

    Args:
        text: JSON, or None where the file has none.
        path: Of the file, for what is said of it.

    Returns:
        The policy's configuration, and what the file says of its making: format, versions of the programs, checksum.

    Raises:
        DrivesimError: If they are missing, spoilt, or of a newer format.
    """
    if text is None:
        raise DrivesimError(
            f"policy: {path} does not say what camera and car it was made for, so it was not written by agents.export. "
            f"Export a policy: {_EXPORT}"
        )
    try:
        values = json.loads(text)
        exported = values["exported"]
        is_newer = exported["version"] > EXPORT_VERSION
        # What a newer format says of itself need not make sense here.
        config = None if is_newer else PolicyConfig.from_dict(values["config"])
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise DrivesimError(f"policy: the metadata of {path} are not a policy's ({error}). Export it anew.") from error
    if config is None:
        raise DrivesimError(
            f"policy: {path} is of export format {exported['version']}; this drivesim reads up to {EXPORT_VERSION}."
        )
    return config, exported


def input_names(config: PolicyConfig) -> list[str]:
    """Return the names of an exported network's inputs: `frames`, of a second camera `frames_2`, ...; and `speeds`."""
    frames = ["frames", *(f"frames_{number}" for number in range(2, len(config.cameras) + 1))]
    return [*frames, "speeds"] if config.takes_speed else frames
