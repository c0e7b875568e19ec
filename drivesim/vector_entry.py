"""Vector entry: what `gymnasium.make_vec` calls: NumPy simulates the cars, or a torch device where one is named."""

from typing import Any

from gymnasium.vector import VectorEnv

from drivesim.vector_env import DriveVectorEnv, SteerVectorEnv


def drive_envs(num_envs: int = 1, device: str | None = None, **arguments: Any) -> VectorEnv:
    """Return `drivesim/Drive-v0` with many cars.

    Args:
        num_envs: Number of cars.
        device: A torch device, such as `cuda`, that simulates and draws, with tensors in and out; None for NumPy.
        **arguments: See `DriveVectorEnv` and `scenario.Scenario`.
    """
    if device is None:
        return DriveVectorEnv(num_envs, **arguments)
    from drivesim.device.torch_env import DriveTorchEnv

    return DriveTorchEnv(num_envs, device=device, **arguments)


def steer_envs(num_envs: int = 1, device: str | None = None, **arguments: Any) -> VectorEnv:
    """Return `drivesim/Steer-v0` with many cars; see `drive_envs`."""
    if device is None:
        return SteerVectorEnv(num_envs, **arguments)
    from drivesim.device.torch_env import SteerTorchEnv

    return SteerTorchEnv(num_envs, device=device, **arguments)
