"""Policy: a network with its cameras and configuration; it is saved to a folder and drives."""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any
from weakref import ref

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
from agents.tensor_history import TensorHistory
from drivesim.device.torch_env import DriveTorchEnv
from drivesim.errors import DrivesimError
from drivesim.observation import frames_in

# Frames to a pass of the network: larger batches are no faster on a CPU.
_CHUNK = 128

# On the device that the frames are on, too.
_DEVICE_CHUNK = {"cpu": _CHUNK, "cuda": 8192}

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
        self._tensor_history: TensorHistory | None = None
        self._remembered_on_device: Callable[[], DriveTorchEnv | None] = lambda: None

    def __getstate__(self) -> dict[str, Any]:
        """Return what is sent to another machine: what was seen here stays here."""
        here = ("_driving", "_history", "_remembered", "_tensor_history", "_remembered_on_device")
        return {name: value for name, value in vars(self).items() if name not in here}

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Begin without having seen anything."""
        vars(self).update(state)
        self._driving = self._tensor_history = None
        self._remembered_on_device = lambda: None

    def with_driving(self, driving: dict[str, float], epoch: int) -> "Policy":
        """Return the same network with what is known of its driving."""
        training = {**self.config.training, "epoch": epoch}
        return Policy(replace(self.config, driving=driving, training=training), self.network, self.device.type)

    def _compute(self, views: Views, speeds: np.ndarray | None) -> np.ndarray:
        driving = self._for_driving()
        with torch.inference_mode(), autocast(self.device):
            actions = [driving(*inputs).float() for inputs in self.batches(views, speeds)]
        return torch.cat(actions).cpu().numpy()

    def _for_driving(self) -> nn.Module:
        """The network as it drives."""
        if self._driving is None or self.network.training:
            # Whoever trains the network puts it into training mode; its weights may differ since.
            self._driving = fold_batch_norm(self.network.eval())
        return self._driving

    def act_on_device(self, env: DriveTorchEnv, observation: Any, cars: Tensor) -> Tensor:
        """See `agents.driver.DeviceDriver.act_on_device`; the network is on the environment's device."""
        self.check_env(env)
        views: Any = frames_in(observation, env.has_pedal)
        if len(cars) < env.num_envs:
            views = [frames[cars] for frames in views]
        if self.config.past:
            views = self._tensor_history_in(env).push(views, cars)
        inputs = [frames.movedim(-1, -3) for frames in views]
        if self.config.takes_speed:
            inputs.append(env.state.vehicle.speed[cars].float())
        return self.actions_on_device(inputs)

    def actions_on_device(self, inputs: Sequence[Tensor]) -> Tensor:
        """Take what the network takes, on its device, to actions (B, A) float64 in [-1, 1]."""
        driving, chunk = self._for_driving(), _DEVICE_CHUNK[self.device.type]
        with torch.no_grad(), autocast(self.device):
            parts = zip(*(each.split(chunk) for each in inputs), strict=True)
            actions = torch.cat([driving(*part).float() for part in parts])
        return actions.double().clamp(-1.0, 1.0)

    def _tensor_history_in(self, env: DriveTorchEnv) -> TensorHistory:
        if self._tensor_history is None or self._remembered_on_device() is not env:
            of_cars = (self.config.past, self.config.stride, env.num_envs, env.device)
            self._tensor_history, self._remembered_on_device = TensorHistory(*of_cars), ref(env)
        return self._tensor_history

    def forget(self, env: Any, cars: Any) -> None:
        """See `agents.driver.DriverWithMemory.forget`."""
        if not isinstance(env, DriveTorchEnv):
            super().forget(env, cars)
        elif self.config.past:
            self._tensor_history_in(env).forget(cars)

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
