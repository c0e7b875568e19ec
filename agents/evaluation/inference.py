"""Inference: how long a driver takes to answer."""

from time import perf_counter
from typing import TYPE_CHECKING, Any

import numpy as np

from agents.driver import DeviceDriver, Driver, DriverWithMemory
from drivesim.errors import DrivesimError
from drivesim.vector_env import DriveVectorEnv

if TYPE_CHECKING:
    from torch import Tensor

    from drivesim.device.torch_env import DriveTorchEnv


class TimedDriver:
    """Another driver, with a clock.

    Attributes:
        seconds: Wall time of every answer so far.
        answers: Actions given so far, one a car and control step.
    """

    def __init__(self, driver: Driver) -> None:
        self.driver = driver
        self.name, self.needs_frames = driver.name, driver.needs_frames
        self.seconds: list[float] = []
        self.answers = 0

    def act(self, env: DriveVectorEnv, observation: Any, cars: np.ndarray) -> np.ndarray:
        """See `agents.driver.Driver.act`."""
        started = perf_counter()
        actions = self.driver.act(env, observation, cars)
        self.seconds.append(perf_counter() - started)
        self.answers += len(cars)
        return actions

    def act_on_device(self, env: "DriveTorchEnv", observation: Any, cars: "Tensor") -> "Tensor":
        """See `agents.driver.DeviceDriver.act_on_device`; the clock stops when the device has the answer."""
        if not isinstance(self.driver, DeviceDriver):
            raise DrivesimError(f"device: {self.name} can't drive on a torch device. Use --device cpu or auto.")
        started = perf_counter()
        actions = self.driver.act_on_device(env, observation, cars)
        env.synchronize()
        self.seconds.append(perf_counter() - started)
        self.answers += len(cars)
        return actions

    def forget(self, env: Any, cars: Any) -> None:
        """See `agents.driver.DriverWithMemory.forget`."""
        if isinstance(self.driver, DriverWithMemory):
            self.driver.forget(env, cars)

    def metrics(self, elapsed: float) -> dict[str, float]:
        """Return the metrics that the clock measured, for drives that took `elapsed` seconds in all."""
        milliseconds = 1000 * np.array(self.seconds)
        p50, p95, p99 = np.percentile(milliseconds, [50, 95, 99]).tolist()
        return {
            "inference_p50": p50,
            "inference_p95": p95,
            "inference_p99": p99,
            "inference_per_frame": float(milliseconds.sum() / self.answers),
            "inference_share": float(milliseconds.sum() / 1000 / elapsed),
            "frames_per_second": self.answers / elapsed,
        }
