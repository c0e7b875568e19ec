"""Stressed driver: a driver whose frames and actions are not what they should be."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from agents.driver import Driver, DriverWithMemory
from agents.rollout import Course
from agents.stress.corruptions import Corruption, Lenses
from agents.stress.disturbances import Disturbance
from agents.stress.stresses import STRESSES, Stress
from drivesim.camera import Camera
from drivesim.observation import frame_observation, frames_in
from drivesim.vector_env import DriveVectorEnv


class StressedDriver:
    """Another driver under a stress.

    What is random starts anew with every environment: the same drive under the same seed is the same.

    Args:
        driver: Who drives.
        stress: What is wrong.
        severity: From 1 to 5.
        cameras: What the driver takes the environment's cameras for; each None where that is what it is.
        seed: Of what is random.
    """

    def __init__(
        self,
        driver: Driver,
        stress: Stress,
        severity: int,
        cameras: Sequence[Camera | None] = (),
        seed: int = 0,
    ) -> None:
        self.driver, self.stress, self.severity, self.seed = driver, stress, severity, seed
        self.name, self.needs_frames = driver.name, driver.needs_frames
        self._cameras = cameras
        self._env: DriveVectorEnv | None = None
        self._seen: Any = None
        self._corruptions: list[Corruption | None] = []
        self._disturbance: Disturbance | None = None
        self._is_new = np.zeros(0, bool)

    def forget(self, env: DriveVectorEnv, cars: np.ndarray) -> None:
        """See `agents.driver.DriverWithMemory.forget`."""
        if env is not self._env:
            self._enter(env)
        self._is_new[cars] = True
        if isinstance(self.driver, DriverWithMemory):
            self.driver.forget(self._seen, cars)

    def act(self, env: DriveVectorEnv, observation: Any, cars: np.ndarray) -> np.ndarray:
        """See `agents.driver.Driver.act`."""
        if any(self._corruptions):
            observation = self._corrupt(observation, env, cars)
        actions = self.driver.act(self._seen, observation, cars)
        if self._disturbance is not None:
            actions = self._disturbance(actions, cars, self._is_new[cars])
        self._is_new[cars] = False
        return actions

    def _enter(self, env: DriveVectorEnv) -> None:
        rng = np.random.default_rng([self.seed, [*STRESSES].index(self.stress.name), self.severity])
        value = self.stress.values[self.severity - 1]
        self._env, self._is_new = env, np.ones(env.num_envs, bool)
        known = self._cameras or [None] * len(env.cameras)
        self._seen = env
        if any(known):
            self._seen = _AsMounted(env, tuple(a or b for a, b in zip(known, env.cameras, strict=True)))
        self._corruptions = []
        for camera, mounted in zip(env.cameras, known, strict=True):
            lenses = Lenses(env.num_envs, camera.height, camera.width, rng)
            make = self.stress.frames if mounted is None else None
            self._corruptions.append(None if make is None else make(value, lenses))
        if self.stress.action is not None:
            self._disturbance = self.stress.action(value, env.num_envs, rng)

    def _corrupt(self, observation: Any, env: DriveVectorEnv, cars: np.ndarray) -> Any:
        views = []
        for corrupt, frames in zip(self._corruptions, frames_in(observation, env.has_pedal), strict=True):
            changed = frames if corrupt is None else corrupt(frames[cars], cars)
            if len(changed) < len(frames):
                others, changed = changed, frames.copy()
                changed[cars] = others
            views.append(changed)
        return frame_observation(views, observation["speed"] if env.has_pedal else None)


class _AsMounted:
    """An environment as a driver knows it, whose cameras are not quite in their places."""

    def __init__(self, env: DriveVectorEnv, cameras: tuple[Camera, ...]) -> None:
        self._env, self.cameras, self.camera = env, cameras, cameras[0]

    def __getattr__(self, name: str) -> Any:
        return getattr(self._env, name)


def under_stress(driver: Driver, course: Course, stress: Stress, severity: int, seed: int = 0) -> tuple[Driver, Course]:
    """Return the driver and the course as they are under a stress."""
    value = stress.values[severity - 1]
    known: list[Camera | None] = [None] * len(course.cameras)
    if stress.course is not None:
        course = stress.course(course, value)
    if stress.mount is not None and course.cameras:
        mounted = [stress.mount(camera, value) for camera in course.cameras]
        known = [None if after is None else camera for camera, after in zip(course.cameras, mounted, strict=True)]
        cameras = tuple(after or camera for camera, after in zip(course.cameras, mounted, strict=True))
        course = replace(course, camera=cameras if len(cameras) > 1 else cameras[0])
    return StressedDriver(driver, stress, severity, known, seed), course
