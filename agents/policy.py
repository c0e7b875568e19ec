"""Policy: a network with its camera and configuration; it is saved to a folder and drives."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from agents.devices import autocast, choose_device
from agents.driver import frames_of
from agents.model_files import read_weights
from agents.networks import build_network, fold_batch_norm
from agents.policy_config import PolicyConfig
from agents.policy_files import read_config, write_policy
from drivesim.camera import Camera
from drivesim.errors import DrivesimError
from drivesim.vector_env import DriveVectorEnv
from drivesim.vehicle import VehicleParams, get_vehicle

# Frames to a pass of the network: larger batches are no faster on a CPU.
_CHUNK = 128


class Policy:
    """A driver that is a network.

    Args:
        config: What it is.
        network: Frames (B, 3, H, W) uint8 to actions (B, len(outputs)).
        device: `auto` (a GPU where there is one), `cpu` or `cuda`.
    """

    name = "policy"
    needs_frames = True

    def __init__(self, config: PolicyConfig, network: nn.Module, device: str = "auto") -> None:
        self.config = config
        self.device = choose_device(device)
        self.network = network.to(self.device).to(memory_format=torch.channels_last)
        self._driving: nn.Module | None = None

    @property
    def camera(self) -> Camera:
        """The camera whose frames it takes."""
        return self.config.camera

    @property
    def vehicle(self) -> VehicleParams:
        """The car that it was trained on."""
        return get_vehicle(self.config.vehicle)

    def with_driving(self, driving: dict[str, float], epoch: int) -> "Policy":
        """Return the same network with what is known of its driving."""
        training = {**self.config.training, "epoch": epoch}
        return Policy(replace(self.config, driving=driving, training=training), self.network, self.device.type)

    def act(self, env: DriveVectorEnv, observation: Any, cars: np.ndarray) -> np.ndarray:
        """See `agents.driver.Driver.act`."""
        if env.camera != self.camera:
            raise DrivesimError(
                f"camera: this policy was made for {self.camera}; the environment has {env.camera}. "
                "Make the environment with camera=policy.camera."
            )
        if env.single_action_space.shape != (len(self.config.outputs),):
            raise DrivesimError(
                f"action: this policy gives {', '.join(self.config.outputs)}; the environment takes "
                f"{env.single_action_space.shape[0]} values."
            )
        frames = frames_of(observation, env)
        everyone = len(cars) == len(frames)
        speeds = env.state.vehicle.speed if self.config.takes_speed else None
        return self.predict(
            frames if everyone else frames[cars], speeds if speeds is None or everyone else speeds[cars]
        )

    def predict(self, frames: np.ndarray, speeds: np.ndarray | None = None) -> np.ndarray:
        """Take frames (B, H, W, 3) uint8 RGB, and speeds (B,) m/s if it does, to actions (B, A) float64 in [-1, 1]."""
        expected = (self.camera.height, self.camera.width, 3)
        if frames.dtype != np.uint8 or frames.shape[1:] != expected:
            raise DrivesimError(
                f"frames: this policy takes uint8 frames of {expected}, got {frames.dtype} of {frames.shape[1:]}."
            )
        if (speeds is not None) != self.config.takes_speed:
            raise DrivesimError(
                f"speeds: this policy takes {' and '.join(self.config.inputs)}; it was given "
                f"{'no speeds' if speeds is None else 'speeds too'}."
            )
        if self._driving is None or self.network.training:
            # Whoever trains the network puts it into training mode; its weights may differ since.
            self._driving = fold_batch_norm(self.network.eval())
        actions = []
        with torch.inference_mode(), autocast(self.device):
            for first in range(0, len(frames), _CHUNK):
                chunk = slice(first, first + _CHUNK)
                # A batch in NHWC memory seen as NCHW: channels_last without a copy.
                inputs = [torch.from_numpy(frames[chunk]).to(self.device).permute(0, 3, 1, 2)]
                if speeds is not None:
                    inputs.append(torch.from_numpy(speeds[chunk].astype(np.float32)).to(self.device))
                actions.append(self._driving(*inputs).float())
        return np.clip(torch.cat(actions).cpu().numpy().astype(np.float64), -1.0, 1.0)

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
        config, checksum = read_config(folder)
        camera = config.camera
        network = build_network(config.backbone, camera.height, camera.width, len(config.outputs), config.takes_speed)
        what = f"a {config.backbone} for {camera.height} x {camera.width} frames"
        read_weights(folder, checksum, network, what)
        policy = cls(config, network, device)
        policy.name = folder.resolve().name
        return policy
