"""Stressed driver: a driver whose frames and actions are not what they should be."""

from dataclasses import replace
from typing import Any

import numpy as np

from agents.driver import Driver, DriverWithMemory
from agents.rollout import Course
from agents.stress.corruptions import Corruption, Lenses
from agents.stress.disturbances import Disturbance
from agents.stress.stresses import STRESSES, Stress
from drivesim.camera import Camera
from drivesim.vector_env import DriveVectorEnv


class StressedDriver:
    """Another driver under a stress.

    What is random starts anew with every environment: the same drive under the same seed is the same.

    Args:
        driver: Who drives.
        stress: What is wrong.
        severity: From 1 to 5.
        camera: What the driver takes the environment's camera for; None where that is what it is.
        seed: Of what is random.
    """

    def __init__(self, driver: Driver, stress: Stress, severity: int, camera: Camera | None, seed: int = 0) -> None:
        self.driver, self.stress, self.severity, self.seed = driver, stress, severity, seed
        self.name, self.needs_frames = driver.name, driver.needs_frames
        self._camera = camera
        self._env: DriveVectorEnv | None = None
        self._corruption: Corruption | None = None
        self._disturbance: Disturbance | None = None
        self._is_new = np.zeros(0, bool)

    def forget(self, env: DriveVectorEnv, cars: np.ndarray) -> None:
        """See `agents.driver.DriverWithMemory.forget`."""
        if env is not self._env:
            self._enter(env)
        self._is_new[cars] = True
        if isinstance(self.driver, DriverWithMemory):
            self.driver.forget(env, cars)

    def act(self, env: DriveVectorEnv, observation: Any, cars: np.ndarray) -> np.ndarray:
        """See `agents.driver.Driver.act`."""
        if self._corruption is not None:
            observation = self._corrupt(observation, env, cars)
        seen: Any = env if self._camera is None else _AsMounted(env, self._camera)
        actions = self.driver.act(seen, observation, cars)
        if self._disturbance is not None:
            actions = self._disturbance(actions, cars, self._is_new[cars])
        self._is_new[cars] = False
        return actions

    def _enter(self, env: DriveVectorEnv) -> None:
        rng = np.random.default_rng([self.seed, [*STRESSES].index(self.stress.name), self.severity])
        value = self.stress.values[self.severity - 1]
        self._env, self._is_new = env, np.ones(env.num_envs, bool)
        if self.stress.frames is not None and env.camera is not None and self._camera is None:
            lenses = Lenses(env.num_envs, env.camera.height, env.camera.width, rng)
            self._corruption = self.stress.frames(value, lenses)
        if self.stress.action is not None:
            self._disturbance = self.stress.action(value, env.num_envs, rng)

    def _corrupt(self, observation: Any, env: DriveVectorEnv, cars: np.ndarray) -> Any:
        assert self._corruption is not None
        frames = observation["camera"] if env.has_pedal else observation
        changed = self._corruption(frames[cars], cars)
        if len(cars) < len(frames):
            others, changed = changed, frames.copy()
            changed[cars] = others
        return {**observation, "camera": changed} if env.has_pedal else changed


class _AsMounted:
    """An environment as a driver knows it, whose camera is not quite in its place."""

    def __init__(self, env: DriveVectorEnv, camera: Camera) -> None:
        self._env, self.camera = env, camera

    def __getattr__(self, name: str) -> Any:
        return getattr(self._env, name)


def under_stress(driver: Driver, course: Course, stress: Stress, severity: int, seed: int = 0) -> tuple[Driver, Course]:
    """Return the driver and the course as they are under a stress."""
    value = stress.values[severity - 1]
    known = None
    if stress.course is not None:
        course = stress.course(course, value)
    if stress.mount is not None and course.camera is not None:
        moved = stress.mount(course.camera, value)
        if moved is not None:
            known = course.camera
            course = replace(course, camera=moved)
    return StressedDriver(driver, stress, severity, known, seed), course
