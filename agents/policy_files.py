"""Policy files: a policy's folder holds its configuration, its weights and a model card; nothing in it is executed.

The configuration carries a checksum of the weights, so that a byte that was lost or changed on the way is noticed.
"""

import hashlib
import json
from dataclasses import asdict
from pathlib import Path

from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from agents.backbones import check_backbone
from agents.model_card import model_card
from agents.networks import PILOTNET
from agents.policy_config import PolicyConfig
from drivesim.errors import DrivesimError

FORMAT_VERSION = 1

_CONFIG, _WEIGHTS, _CARD = "config.json", "model.safetensors", "README.md"


def write_policy(folder: Path, config: PolicyConfig, network: nn.Module) -> None:
    """Write a policy's folder; each file is written aside and renamed."""
    folder.mkdir(parents=True, exist_ok=True)
    weights = {name: value.detach().cpu().contiguous() for name, value in network.state_dict().items()}
    save_file(weights, folder / f"{_WEIGHTS}.part")
    checksum = _checksum(folder / f"{_WEIGHTS}.part")
    values = asdict(config)
    text = json.dumps({"format_version": FORMAT_VERSION, "weights_sha256": checksum, **values}, indent=2)
    (folder / f"{_CONFIG}.part").write_text(text + "\n", encoding="utf-8")
    (folder / _CARD).write_text(model_card(values), encoding="utf-8")
    for name in (_WEIGHTS, _CONFIG):
        (folder / f"{name}.part").replace(folder / name)


def read_config(folder: Path) -> tuple[PolicyConfig, str]:
    """Read a policy's configuration, and the SHA-256 of its weights.

    Raises:
        DrivesimError: If the folder is missing, cut off or of a newer format.
    """
    missing = [name for name in (_CONFIG, _WEIGHTS) if not (folder / name).is_file()]
    if missing:
        raise DrivesimError(
            f"policy: {folder} is no policy folder, it lacks {' and '.join(missing)}. "
            "Train one: python -m agents.train --data DIR --out DIR"
        )
    path = folder / _CONFIG
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
        version, checksum = values.pop("format_version"), values.pop("weights_sha256")
        if version > FORMAT_VERSION:
            raise DrivesimError(f"policy: {path} is of format {version}; this drivesim reads up to {FORMAT_VERSION}.")
        if values["backbone"] != PILOTNET:
            check_backbone(values["backbone"])
        return PolicyConfig.from_dict(values), checksum
    except (json.JSONDecodeError, UnicodeDecodeError, KeyError, TypeError, AttributeError) as error:
        raise DrivesimError(f"policy: {path} is not a policy's configuration ({error}). Copy it anew.") from error


def read_weights(folder: Path, checksum: str, network: nn.Module, what: str) -> None:
    """Read a policy's weights into its network.

    Args:
        folder: Of the policy.
        checksum: SHA-256 that the weights must have.
        network: Takes the weights.
        what: The network, in words.

    Raises:
        DrivesimError: If the weights are of another network, cut off or changed.
    """
    path = folder / _WEIGHTS
    try:
        weights = load_file(path)
    except (SafetensorError, OSError) as error:
        reason = f"{str(error).splitlines()[0]}."
    else:
        reason = _mismatch(weights, network.state_dict())
    if not reason and _checksum(path) != checksum:
        reason = "its checksum is not the one in config.json: bytes of it were changed or lost."
    if reason:
        raise DrivesimError(
            f"policy: {path} does not hold the weights of {what}: {reason} Train it again or copy it anew."
        )
    network.load_state_dict(weights)


def _mismatch(weights: dict[str, Tensor], expected: dict[str, Tensor]) -> str:
    """Say how weights differ from what a network takes; empty where they do not."""
    for name, value in expected.items():
        if name not in weights:
            return f"it lacks {name}."
        if weights[name].shape != value.shape:
            return f"{name} is {tuple(weights[name].shape)}, expected {tuple(value.shape)}."
    more = [name for name in weights if name not in expected]
    return f"it holds {', '.join(more[:3])} besides." if more else ""


def _checksum(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
