"""Policy files: a policy's folder, read and written."""

from dataclasses import asdict
from pathlib import Path

from torch import nn

from agents.models.backbones import check_backbone
from agents.models.model_card import model_card
from agents.models.model_files import CONFIG, UNREADABLE, missing_files, read_values, write_model
from agents.models.networks import PILOTNET
from agents.models.policy_config import PolicyConfig
from drivesim.errors import DrivesimError

# 1 knew a single camera, and no past frames; 2 knew no other normalization than by constants.
FORMAT_VERSION = 3


def write_policy(folder: Path, config: PolicyConfig, network: nn.Module) -> None:
    """Write a policy's folder: see `agents.models.model_files.write_model`."""
    values = asdict(config)
    write_model(folder, {"format_version": FORMAT_VERSION, **values}, network, model_card(values))


def read_config(folder: Path) -> tuple[PolicyConfig, str]:
    """Read a policy's configuration, and the SHA-256 of its weights.

    Raises:
        DrivesimError: If the folder is missing, cut off or of a newer format.
    """
    missing = missing_files(folder)
    if missing:
        raise DrivesimError(
            f"policy: {folder} is no policy folder, it lacks {missing}. "
            "Train one: python -m agents.train --data DIR --out DIR"
        )
    path = folder / CONFIG
    try:
        values = read_values(folder)
        version, checksum = values.pop("format_version"), values.pop("weights_sha256")
        if version > FORMAT_VERSION:
            raise DrivesimError(f"policy: {path} is of format {version}; this drivesim reads up to {FORMAT_VERSION}.")
        if values["backbone"] != PILOTNET:
            check_backbone(values["backbone"])
        return PolicyConfig.from_dict(values), checksum
    except UNREADABLE as error:
        raise DrivesimError(f"policy: {path} is not a policy's configuration ({error}). Copy it anew.") from error
