"""Checkpoint: all of a running training, in one file that is replaced as a whole; no pickle.

Tensors are stored by safetensors, everything else as JSON in the file's metadata.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from drivesim.errors import DrivesimError
from drivesim.whole_file import whole_file

NAME = "checkpoint.safetensors"


@dataclass(frozen=True, eq=False)
class Checkpoint:
    """A training at a step's boundary.

    Attributes:
        tensors: By name.
        values: Plain JSON.
    """

    tensors: dict[str, Tensor]
    values: dict[str, Any]

    def write(self, folder: Path) -> None:
        """Write it into a folder; the one before stays until this one is whole and on the disk.

        Raises:
            DrivesimError: If it can't be written.
        """
        tensors = {name: value.detach().cpu().contiguous() for name, value in self.tensors.items()}
        try:
            with whole_file(folder / NAME, durable=True) as part:
                save_file(tensors, part, metadata={"values": json.dumps(self.values)})
        except (SafetensorError, OSError) as error:
            raise DrivesimError(
                f"{folder / NAME} can't be written ({error}). The checkpoint before it is kept: make room, and go on "
                "with --resume."
            ) from error

    @classmethod
    def read(cls, folder: Path) -> "Checkpoint":
        """Read what `write` wrote.

        Raises:
            DrivesimError: If there is none, or it is not whole.
        """
        path = folder / NAME
        if not path.is_file():
            raise DrivesimError(f"--resume: {folder} holds no {NAME}: nothing was interrupted there.")
        try:
            with safe_open(path, "pt") as file:
                tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (not a mapping)
                return cls(tensors, json.loads(file.metadata()["values"]))
        except (SafetensorError, KeyError, TypeError, ValueError, OSError) as error:
            raise DrivesimError(f"--resume: {path} is no whole checkpoint ({error}). Train anew.") from error

    def part(self, prefix: str) -> dict[str, Tensor]:
        """Return the tensors whose names begin with `prefix`, without it."""
        return {name[len(prefix) :]: value for name, value in self.tensors.items() if name.startswith(prefix)}


def optimizer_tensors(optimizer: torch.optim.Optimizer) -> dict[str, Tensor]:
    """Return an optimizer's state by `number.name`; what it holds besides follows from its arguments and schedule."""
    state = optimizer.state_dict()["state"]
    return {f"{number}.{name}": value for number, values in state.items() for name, value in values.items()}


def restore_optimizer(optimizer: torch.optim.Optimizer, tensors: dict[str, Tensor]) -> None:
    """Put back what `optimizer_tensors` returned."""
    state: dict[int, dict[str, Tensor]] = {}
    for name, value in tensors.items():
        number, field = name.split(".", 1)
        state.setdefault(int(number), {})[field] = value
    optimizer.load_state_dict({"state": state, "param_groups": optimizer.state_dict()["param_groups"]})


def restore_network(network: nn.Module, tensors: dict[str, Tensor]) -> None:
    """Put back a network's weights and buffers."""
    network.load_state_dict(tensors)
