"""Frame driver: what every driver that sees frames checks and remembers, whatever computes its actions."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import Any
from weakref import ref

import numpy as np

from agents.driver import views_of
from agents.frame_history import FrameHistory, Views
from agents.models.policy_config import PolicyConfig
from drivesim.camera import Camera
from drivesim.errors import DrivesimError
from drivesim.vector_env import DriveVectorEnv
from drivesim.vehicle import VehicleParams, get_vehicle


class FrameDriver(ABC):
    """A driver that takes its cameras' frames, and remembers what it saw where it takes past ones.

    Attributes:
        config: What it is.
        name: For tables and laps.
        shows_layers: Whether the layers of its network can be looked into, which saliency needs.
    """

    config: PolicyConfig
    name: str
    needs_frames = True
    shows_layers = False
    _history: FrameHistory | None = None
    _remembered: Callable[[], DriveVectorEnv | None] = staticmethod(lambda: None)

    @property
    def camera(self) -> Camera:
        """The camera whose frames it takes, or the first of them."""
        return self.config.camera

    @property
    def vehicle(self) -> VehicleParams:
        """The car that it was trained on."""
        return get_vehicle(self.config.vehicle)

    def act(self, env: DriveVectorEnv, observation: Any, cars: np.ndarray) -> np.ndarray:
        """See `agents.driver.Driver.act`; with past frames, each call is a control step of these cars."""
        self.check_env(env)
        views = views_of(observation, env)
        speeds = env.state.vehicle.speed if self.config.takes_speed else None
        if len(cars) < len(views[0]):
            views = tuple(frames[cars] for frames in views)
            speeds = None if speeds is None else speeds[cars]
        if self.config.past:
            views = self._history_in(env).push(views, cars)
        return self.predict(views, speeds)

    def check_env(self, env: Any) -> None:
        """Refuse an environment with other cameras or actions."""
        if env.cameras != self.config.cameras:
            raise DrivesimError(
                f"camera: this policy was made for {_in_words(self.config.cameras)}; the environment has "
                f"{_in_words(env.cameras)}. Make the environment with camera=policy.config.cameras."
            )
        if env.single_action_space.shape != (len(self.config.outputs),):
            raise DrivesimError(
                f"action: this policy gives {', '.join(self.config.outputs)}; the environment takes "
                f"{env.single_action_space.shape[0]} values."
            )

    def forget(self, env: DriveVectorEnv, cars: np.ndarray) -> None:
        """See `agents.driver.DriverWithMemory.forget`."""
        if self.config.past:
            self._history_in(env).forget(cars)

    def new_history(self, cars: int = 1) -> FrameHistory:
        """Return an empty history of what cars see, for whoever calls `predict` step by step."""
        return FrameHistory(self.config.past, self.config.stride, cars)

    def predict(self, frames: np.ndarray | Sequence[np.ndarray], speeds: np.ndarray | None = None) -> np.ndarray:
        """Take frames, and speeds (B,) m/s if it does, to actions (B, A) float64 in [-1, 1].

        Args:
            frames: (B, H, W, 3) uint8 RGB, or, with past frames, (B, 1 + past, H, W, 3), newest first; of several
                cameras a sequence of these.
            speeds: Where it takes them.
        """
        views = self.check_inputs(frames, speeds)
        actions = self._compute(views, None if speeds is None else speeds.astype(np.float32))
        return np.clip(actions.astype(np.float64), -1.0, 1.0)

    def check_inputs(self, frames: np.ndarray | Sequence[np.ndarray], speeds: np.ndarray | None) -> Views:
        """Return the frames of each camera, and refuse what `predict` does not take.

        Raises:
            DrivesimError: Saying what it takes.
        """
        views = (frames,) if isinstance(frames, np.ndarray) else tuple(frames)
        expected = self.config.frame_shapes
        if any(view.dtype != np.uint8 for view in views) or tuple(view.shape[1:] for view in views) != expected:
            got = " and ".join(f"{view.dtype} of {view.shape[1:]}" for view in views)
            raise DrivesimError(
                f"frames: this policy takes uint8 frames of {' and '.join(map(str, expected))}, got {got or 'none'}."
            )
        if (speeds is not None) != self.config.takes_speed:
            raise DrivesimError(
                f"speeds: this policy takes {' and '.join(self.config.inputs)}; it was given "
                f"{'no speeds' if speeds is None else 'speeds too'}."
            )
        return views

    def _history_in(self, env: DriveVectorEnv) -> FrameHistory:
        if self._history is None or self._remembered() is not env:
            # Not the environment itself, whose grounds take much memory.
            self._history, self._remembered = self.new_history(env.num_envs), ref(env)
        return self._history

    @abstractmethod
    def _compute(self, views: Views, speeds: np.ndarray | None) -> np.ndarray:
        """Take checked frames of each camera, and speeds float32, to actions (B, A)."""


def _in_words(cameras: Sequence[Camera]) -> str:
    return " and ".join(map(str, cameras)) or "None"
