"""Model files: a trained model's folder holds its configuration, its weights and a card; nothing in it is executed.

The configuration carries a checksum of the weights, so that a byte that was lost or changed on the way is noticed.
"""

import json
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from agents.checksum import checksum_of
from drivesim.errors import DrivesimError
from drivesim.whole_file import whole_file

CONFIG, WEIGHTS, _CARD = "config.json", "model.safetensors", "README.md"

# What reading a configuration that is none may raise.
UNREADABLE = (json.JSONDecodeError, UnicodeDecodeError, KeyError, TypeError, AttributeError)


def write_model(folder: Path, values: dict[str, Any], network: nn.Module, card: str) -> None:
    """Write a model's folder; each file is written aside and renamed.

    Args:
        folder: Made where it is missing.
        values: Of the configuration, plain JSON; the checksum comes to them.
        network: Whose weights.
        card: What README.md says.
    """
    folder.mkdir(parents=True, exist_ok=True)
    weights = {name: value.detach().cpu().contiguous() for name, value in network.state_dict().items()}
    with whole_file(folder / CONFIG) as config, whole_file(folder / WEIGHTS) as part:
        save_file(weights, part)
        first = {"format_version": values["format_version"], "weights_sha256": checksum_of(part)}
        config.write_text(json.dumps(first | values, indent=2) + "\n", encoding="utf-8")
        (folder / _CARD).write_text(card, encoding="utf-8")


def missing_files(folder: Path) -> str:
    """Return what a model's folder lacks, in words; empty where it lacks nothing."""
    return " and ".join(name for name in (CONFIG, WEIGHTS) if not (folder / name).is_file())


def read_values(folder: Path) -> dict[str, Any]:
    """Read a configuration; raises one of `UNREADABLE` where it is none."""
    values = json.loads((folder / CONFIG).read_text(encoding="utf-8"))
    if not isinstance(values, dict):
        raise TypeError(f"expected an object, got {type(values).__name__}")
    return values


def read_weights(folder: Path, checksum: str, network: nn.Module, what: str, argument: str = "policy") -> None:
    """Read a model's weights into its network.

    Args:
        folder: Of the model.
        checksum: SHA-256 that the weights must have.
        network: Takes the weights.
        what: The network, in words.
        argument: That named the folder, for the message.

    Raises:
        DrivesimError: If the weights are of another network, cut off or changed.
    """
    path = folder / WEIGHTS
    try:
        weights = load_file(path)
    except (SafetensorError, OSError) as error:
        reason = f"{str(error).splitlines()[0]}."
    else:
        reason = _mismatch(weights, network.state_dict())
    if not reason and checksum_of(path) != checksum:
        reason = "its checksum is not the one in config.json: bytes of it were changed or lost."
    if reason:
        raise DrivesimError(
            f"{argument}: {path} does not hold the weights of {what}: {reason} Train it again or copy it anew."
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
