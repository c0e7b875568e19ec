"""Model files: a trained model's folder holds its configuration, its weights and a card; nothing in it is executed.

The configuration carries a checksum of the weights, so that a byte that was lost or changed on the way is noticed. What
a configuration and a header declare is compared before either takes memory: a few bytes can declare terabytes.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save_file
from torch import nn

from agents.checksum import checksum_of
from drivesim.errors import DrivesimError
from drivesim.whole_file import whole_file

CONFIG, WEIGHTS, _CARD = "config.json", "model.safetensors", "README.md"

# What reading a configuration that is none may raise.
UNREADABLE = (json.JSONDecodeError, UnicodeDecodeError, RecursionError, KeyError, TypeError, AttributeError)

# A configuration with the names of 100,000 classes has two million.
_MOST_BYTES = 2**24

Network = TypeVar("Network", bound=nn.Module)


def write_model(folder: Path, values: dict[str, Any], network: nn.Module, card: str) -> None:
    """Write a model's folder; each file is written aside and renamed.

    Args:
        folder: Made where it is missing.
        values: Of the configuration, plain JSON; the checksum comes to them.
        network: Whose weights.
        card: What README.md says.

    Raises:
        DrivesimError: If it can't be written; what was there before stays.
    """
    weights = {name: value.detach().cpu().contiguous() for name, value in network.state_dict().items()}
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with (
            whole_file(folder / CONFIG) as config,
            whole_file(folder / WEIGHTS) as part,
            whole_file(folder / _CARD) as about,
        ):
            save_file(weights, part)
            first = {"format_version": values["format_version"], "weights_sha256": checksum_of(part)}
            config.write_text(json.dumps(first | values, indent=2) + "\n", encoding="utf-8")
            about.write_text(card, encoding="utf-8")
    except (SafetensorError, OSError) as error:
        raise DrivesimError(
            f"{folder} can't be written ({error}). What was there before is kept: make room, or choose another place."
        ) from error


def missing_files(folder: Path) -> str:
    """Return what a model's folder lacks, in words; empty where it lacks nothing."""
    return " and ".join(name for name in (CONFIG, WEIGHTS) if not (folder / name).is_file())


def read_values(folder: Path) -> dict[str, Any]:
    """Read a configuration; raises one of `UNREADABLE` where it is none."""
    path = folder / CONFIG
    if path.stat().st_size > _MOST_BYTES:
        raise TypeError(f"expected at most {_MOST_BYTES:,} bytes, got {path.stat().st_size:,}")
    values = json.loads(path.read_text(encoding="utf-8"))
    if not isinstance(values, dict):
        raise TypeError(f"expected an object, got {type(values).__name__}")
    return values


def load_network(
    folder: Path, checksum: str, build: Callable[[], Network], what: str, argument: str = "policy"
) -> Network:
    """Build a network and read a model's weights into it.

    Args:
        folder: Of the model.
        checksum: SHA-256 that the weights must have.
        build: Builds the network; called twice, first where tensors have shapes and no memory.
        what: The network, in words.
        argument: That named the folder, for the message.

    Raises:
        DrivesimError: If the weights are of another network, cut off or changed.
    """
    path = folder / WEIGHTS
    with torch.device("meta"):
        expected = _shapes(build())
    try:
        with safe_open(path, "pt") as file:
            declared = {name: tuple(file.get_slice(name).get_shape()) for name in file.keys()}  # noqa: SIM118
        reason = _mismatch(declared, expected)
        if not reason and checksum_of(path) != checksum:
            reason = "its checksum is not the one in config.json: bytes of it were changed or lost."
        weights = {} if reason else load_file(path)
    except (SafetensorError, OSError) as error:
        reason = f"{(str(error).splitlines() or [type(error).__name__])[0]}."
    if reason:
        raise DrivesimError(
            f"{argument}: {path} does not hold the weights of {what}: {reason} Train it again or copy it anew."
        )
    network = build()
    network.load_state_dict(weights)
    return network


def _shapes(network: nn.Module) -> dict[str, tuple[int, ...]]:
    return {name: tuple(value.shape) for name, value in network.state_dict().items()}


def _mismatch(found: Mapping[str, Sequence[int]], expected: Mapping[str, Sequence[int]]) -> str:
    """Say how the shapes of weights differ from what a network takes; empty where they do not."""
    for name, shape in expected.items():
        if name not in found:
            return f"it lacks {name}."
        if found[name] != shape:
            return f"{name} is {found[name]}, expected {shape}."
    more = [name for name in found if name not in expected]
    return f"it holds {', '.join(more[:3])} besides." if more else ""
