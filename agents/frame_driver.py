"""Frame driver: what every driver that sees frames checks before it drives, whatever computes its actions."""

from abc import ABC, abstractmethod
from typing import Any

import numpy as np

from agents.driver import frames_of
from agents.models.policy_config import PolicyConfig
from drivesim.camera import Camera
from drivesim.errors import DrivesimError
from drivesim.vector_env import DriveVectorEnv
from drivesim.vehicle import VehicleParams, get_vehicle


class FrameDriver(ABC):
    """A driver that takes its camera's frames.

    Attributes:
        config: What it is.
        name: For tables and laps.
        shows_layers: Whether the layers of its network can be looked into, which saliency needs.
    """

    config: PolicyConfig
    name: str
    needs_frames = True
    shows_layers = False

    @property
    def camera(self) -> Camera:
        """The camera whose frames it takes."""
        return self.config.camera

    @property
    def vehicle(self) -> VehicleParams:
        """The car that it was trained on."""
        return get_vehicle(self.config.vehicle)

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
        self.check_inputs(frames, speeds)
        actions = self._compute(frames, None if speeds is None else speeds.astype(np.float32))
        return np.clip(actions.astype(np.float64), -1.0, 1.0)

    def check_inputs(self, frames: np.ndarray, speeds: np.ndarray | None) -> None:
        """Refuse what `predict` does not take.

        Raises:
            DrivesimError: Saying what it takes.
        """
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

    @abstractmethod
    def _compute(self, frames: np.ndarray, speeds: np.ndarray | None) -> np.ndarray:
        """Take checked frames, and speeds float32, to actions (B, A)."""
