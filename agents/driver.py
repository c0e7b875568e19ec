"""Driver: whatever turns what a car sees into an action."""

from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

import numpy as np

from drivesim.env import DriveEnv
from drivesim.errors import DrivesimError
from drivesim.observation import frames_in
from drivesim.vector_env import DriveVectorEnv

if TYPE_CHECKING:
    from torch import Tensor

    from drivesim.device.torch_env import DriveTorchEnv


class Driver(Protocol):
    """Drives cars of a vector environment.

    Attributes:
        name: For tables and laps.
        needs_frames: Whether the environment must have a camera.
    """

    name: str
    needs_frames: bool

    def act(self, env: DriveVectorEnv, observation: Any, cars: np.ndarray) -> np.ndarray:
        """Return actions (K, A) float64 for the cars (K,) of `env`, given the observation of all its N cars."""
        ...


@runtime_checkable
class DriverWithMemory(Protocol):
    """A driver whose next action depends on more than what it sees now."""

    def forget(self, env: DriveVectorEnv, cars: np.ndarray) -> None:
        """Forget what was: the cars (K,) of `env` begin a drive, or were put back on the road."""
        ...


@runtime_checkable
class DeviceDriver(Protocol):
    """A driver that can drive cars on a torch device, where nothing of what they see is copied to the host."""

    def act_on_device(self, env: "DriveTorchEnv", observation: Any, cars: "Tensor") -> "Tensor":
        """Return actions (K, A) float64 for the cars (K,) of `env`, given the observation of all its N cars."""
        ...


class StraightDriver:
    """The baseline that does nothing: wheel straight, pedal a little down."""

    name = "straight"
    needs_frames = False

    def act(self, env: DriveVectorEnv, observation: Any, cars: np.ndarray) -> np.ndarray:
        """See `Driver.act`."""
        actions = np.zeros((len(cars), env.single_action_space.shape[0]))
        actions[:, 1:] = 0.3
        return actions

    def act_on_device(self, env: "DriveTorchEnv", observation: Any, cars: "Tensor") -> "Tensor":
        """See `DeviceDriver.act_on_device`."""
        actions = env.poses.new_zeros(len(cars), env.single_action_space.shape[0])
        actions[:, 1:] = 0.3
        return actions


def views_of(observation: Any, env: DriveVectorEnv | DriveEnv) -> tuple[np.ndarray, ...]:
    """Return an observation's frames (N, H, W, 3), of one car's its frame (H, W, 3); for each camera."""
    if env.camera is None:
        raise DrivesimError("camera: this driver sees frames; make the environment with a camera.")
    return frames_in(observation, env.has_pedal)


def frames_of(observation: Any, env: DriveVectorEnv | DriveEnv) -> np.ndarray:
    """Return what `views_of` does, of the only camera or the first."""
    return views_of(observation, env)[0]
