"""Disturbances: what goes wrong between a driver's wish and the car's wheels.

Each is called once a control step with the driver's actions and gives those that reach the car.
"""

from typing import Protocol

import numpy as np

from drivesim.geometry import Floats


class Disturbance(Protocol):
    """Changes actions on their way."""

    def __call__(self, actions: Floats, cars: np.ndarray, is_new: np.ndarray) -> Floats:
        """Take actions (K, A) of the cars (K,) to changed ones.

        Args:
            actions: Of the driver.
            cars: Which cars.
            is_new: (K,) bool, whether a car's drive has just begun, or it was just put back: nothing is on its way.
        """
        ...


class SteeringBias:
    """A wheel that does not stand straight: the same amount to every steering, of either sign by car."""

    def __init__(self, amount: float, cars: int, rng: np.random.Generator) -> None:
        self._bias = np.where(np.arange(cars) % 2, -amount, amount)

    def __call__(self, actions: Floats, cars: np.ndarray, is_new: np.ndarray) -> Floats:
        """See `Disturbance`."""
        changed = actions.copy()
        changed[:, 0] += self._bias[cars]
        return changed


class SteeringNoise:
    """A loose linkage: white noise of a standard deviation on every steering."""

    def __init__(self, deviation: float, cars: int, rng: np.random.Generator) -> None:
        self._deviation, self._cars, self._rng = deviation, cars, rng

    def __call__(self, actions: Floats, cars: np.ndarray, is_new: np.ndarray) -> Floats:
        """See `Disturbance`."""
        changed = actions.copy()
        # Drawn for all cars, so that the ones that have ended change nothing for the others.
        changed[:, 0] += self._deviation * self._rng.standard_normal(self._cars)[cars]
        return changed


class Lag:
    """A slow camera, network or bus: every action reaches the car so many control steps late."""

    def __init__(self, steps: float, cars: int, rng: np.random.Generator) -> None:
        self._waiting = np.zeros((int(steps), cars, 0))

    def __call__(self, actions: Floats, cars: np.ndarray, is_new: np.ndarray) -> Floats:
        """See `Disturbance`."""
        if self._waiting.shape[2] != actions.shape[1]:
            self._waiting = np.zeros((*self._waiting.shape[:2], actions.shape[1]))
        self._waiting[:, cars[is_new]] = actions[is_new]
        late = self._waiting[0, cars]
        self._waiting = np.roll(self._waiting, -1, axis=0)
        self._waiting[-1, cars] = actions
        return late


class DroppedFrames:
    """Frames that are lost with a probability: the driver's last answer is all that there is."""

    def __init__(self, probability: float, cars: int, rng: np.random.Generator) -> None:
        self._probability, self._cars, self._rng = probability, cars, rng
        self._last = np.zeros((cars, 0))

    def __call__(self, actions: Floats, cars: np.ndarray, is_new: np.ndarray) -> Floats:
        """See `Disturbance`."""
        if self._last.shape[1] != actions.shape[1]:
            self._last = np.zeros((self._cars, actions.shape[1]))
        lost = (self._rng.random(self._cars)[cars] < self._probability) & ~is_new
        self._last[cars] = np.where(lost[:, None], self._last[cars], actions)
        return self._last[cars]
