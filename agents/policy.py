"""Policy: a network with its cameras and configuration; it is saved to a folder and drives."""

import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from agents.frame_driver import FrameDriver
from agents.frame_history import Views
from agents.models.devices import autocast, choose_device
from agents.models.model_files import CONFIG, WEIGHTS, load_network
from agents.models.networks import fold_batch_norm, network_of
from agents.models.policy_config import PolicyConfig
from agents.models.policy_files import read_config, write_policy
from drivesim.errors import DrivesimError

# Frames to a pass of the network: larger batches are no faster on a CPU.
_CHUNK = 128

# Seconds in which a policy that is being replaced is whole again.
_REPLACED = 0.05
_TRIES = 20


class Policy(FrameDriver):
    """A driver that is a network.

    Args:
        config: What it is.
        network: See `agents.models.networks.DrivingNetwork.forward`.
        device: `auto` (a GPU where there is one), `cpu` or `cuda`.
    """

    name = "policy"
    shows_layers = True

    def __init__(self, config: PolicyConfig, network: nn.Module, device: str = "auto") -> None:
        self.config = config
        self.device = choose_device(device)
        self.network = network.to(self.device).to(memory_format=torch.channels_last)
        self._driving: nn.Module | None = None

    def with_driving(self, driving: dict[str, float], epoch: int) -> "Policy":
        """Return the same network with what is known of its driving."""
        training = {**self.config.training, "epoch": epoch}
        return Policy(replace(self.config, driving=driving, training=training), self.network, self.device.type)

    def _compute(self, views: Views, speeds: np.ndarray | None) -> np.ndarray:
        if self._driving is None or self.network.training:
            # Whoever trains the network puts it into training mode; its weights may differ since.
            self._driving = fold_batch_norm(self.network.eval())
        with torch.inference_mode(), autocast(self.device):
            actions = [self._driving(*inputs).float() for inputs in self.batches(views, speeds)]
        return torch.cat(actions).cpu().numpy()

    def batches(self, views: Views, speeds: np.ndarray | None) -> Iterator[list[Tensor]]:
        """Yield what the network takes, on its device, a batch at a time.

        Args:
            views: Frames of each camera, as `predict` takes them.
            speeds: (B,) float32, m/s, where it takes them.
        """
        for first in range(0, len(views[0]), _CHUNK):
            chunk = slice(first, first + _CHUNK)
            # A batch in NHWC memory seen as NCHW: channels_last without a copy.
            inputs = [
                torch.from_numpy(np.ascontiguousarray(frames[chunk])).to(self.device).movedim(-1, -3)
                for frames in views
            ]
            if speeds is not None:
                inputs.append(torch.from_numpy(speeds[chunk]).to(self.device))
            yield inputs

    def save(self, folder: Path | str) -> None:
        """Write the policy's folder: configuration, weights and a model card."""
        write_policy(Path(folder), self.config, self.network)

    @classmethod
    def load(cls, folder: Path | str, device: str = "auto") -> "Policy":
        """Read a policy's folder; nothing in it is executed.

        Raises:
            DrivesimError: If the folder is missing, cut off, changed or of a newer format.
        """
        folder = Path(folder)
        config, network = _read(folder)
        policy = cls(config, network, device)
        policy.name = folder.resolve().name
        return policy


def _read(folder: Path) -> tuple[PolicyConfig, nn.Module]:
    """Read a policy's folder; anew where a training has replaced the policy meanwhile."""
    for tried in range(1, _TRIES + 1):
        before = _times(folder)
        config, checksum = read_config(folder)
        try:
            return config, _network(folder, config, checksum)
        except DrivesimError:
            # The weights are replaced first, and the configuration a moment later.
            time.sleep(_REPLACED)
            if tried == _TRIES or _times(folder) == before:
                raise
    raise AssertionError("the last try returns or raises")


def _times(folder: Path) -> list[int]:
    """When the configuration and the weights were last replaced, nanoseconds."""
    paths = [folder / name for name in (CONFIG, WEIGHTS)]
    return [path.stat().st_mtime_ns for path in paths if path.exists()]


def _network(folder: Path, config: PolicyConfig, checksum: str) -> nn.Module:
    sizes = " and ".join(f"{camera.height} x {camera.width}" for camera in config.cameras)
    what = f"a {config.backbone} for {sizes} frames{f' and {config.past} past ones' if config.past else ''}"
    return load_network(folder, checksum, lambda: network_of(config), what)
