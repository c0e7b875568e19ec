"""Vec env: a vector environment of drivesim as Stable-Baselines3's `VecEnv`, in one process and without copies of cars.

Observations are what a policy's network takes: a dict of `camera-0`, `camera-1`, ... of (N, 3, H, W) uint8 RGB, or with
past frames (N, 1 + past, 3, H, W), newest first; and `speed` (N, 1) float32, m/s, where the policy takes it.
"""

import time
from collections.abc import Sequence
from typing import Any

import numpy as np
from gymnasium import spaces
from stable_baselines3.common.vec_env import VecEnv

from agents.driver import views_of
from agents.frame_history import FrameHistory
from agents.models.policy_config import PolicyConfig
from drivesim.errors import DrivesimError
from drivesim.observation import frames_in
from drivesim.vector_env import DriveVectorEnv

# A lap is worth 1000 in the environment. Returns of about 1 leave a critic's gradients no larger than an actor's, with
# which Stable-Baselines3 clips them together.
REWARD_SCALE = 0.01

_NO_SPEED = 1000.0


class DriveVecEnv(VecEnv):
    """Many cars for Stable-Baselines3.

    Attributes:
        env: The environment.
        episodes: Return (unscaled) and length of every episode that has ended.

    Args:
        env: In the autoreset mode `SameStep`.
        config: Of the policy that learns.
        seed: Of the first car's first episode.
    """

    def __init__(self, env: DriveVectorEnv, config: PolicyConfig, seed: int) -> None:
        if env.autoreset_mode.value != "SameStep":
            raise DrivesimError(f"env: expected autoreset_mode SameStep, got {env.autoreset_mode.value}.")
        self.env, self._config = env, config
        self.episodes: list[tuple[float, int]] = []
        self._history = FrameHistory(config.past, config.stride, env.num_envs)
        self._actions = np.zeros((env.num_envs, *env.single_action_space.shape))
        self._returns, self._lengths = np.zeros(env.num_envs), np.zeros(env.num_envs, np.int64)
        self._started = time.perf_counter()
        super().__init__(env.num_envs, observation_space(config), env.single_action_space)
        self._seeds = [seed + car for car in range(env.num_envs)]

    def reset(self) -> dict[str, np.ndarray]:
        """Start an episode of every car."""
        observation, _ = self.env.reset(seed=self._seeds)
        self._reset_seeds()
        self._history.forget()
        self._returns[:], self._lengths[:] = 0, 0
        return self._observe(self._history.push(views_of(observation, self.env)), self.env.state.vehicle.speed)

    def step_async(self, actions: np.ndarray) -> None:
        """Take the actions of the next step."""
        self._actions = actions

    def step_wait(self) -> tuple[dict[str, np.ndarray], np.ndarray, np.ndarray, list[dict[str, Any]]]:
        """Drive a step; who has ended begins anew, and the last thing that they saw is in their `info`."""
        observation, rewards, terminated, truncated, info = self.env.step(self._actions)
        ended = terminated | truncated
        self._returns += rewards
        self._lengths += 1
        infos: list[dict[str, Any]] = [{} for _ in range(self.num_envs)]
        for car in np.flatnonzero(ended).tolist():
            infos[car] = self._last_words(car, info, bool(truncated[car]))
        self._history.forget(np.flatnonzero(ended))
        seen = self._observe(self._history.push(views_of(observation, self.env)), self.env.state.vehicle.speed)
        return seen, (rewards * REWARD_SCALE).astype(np.float32), ended, infos

    def _last_words(self, car: int, info: dict[str, Any], is_truncated: bool) -> dict[str, Any]:
        """The `info` of a car whose episode has ended."""
        views = [frame[None] for frame in frames_in(info["final_obs"][car], self.env.has_pedal)]
        stacked = self._history.stacked(views, np.array([car]))
        last = self._observe(stacked, info["final_info"]["speed"][[car]])
        self.episodes.append((float(self._returns[car]), int(self._lengths[car])))
        episode = dict(zip("rl", self.episodes[-1], strict=True))
        self._returns[car], self._lengths[car] = 0, 0
        return {
            "TimeLimit.truncated": is_truncated,
            "terminal_observation": {name: values[0] for name, values in last.items()},
            "episode": {**episode, "t": round(time.perf_counter() - self._started, 3)},
            "end_reason": info["final_info"]["end_reason"][car],
        }

    def _observe(self, views: Sequence[np.ndarray], speeds: np.ndarray) -> dict[str, np.ndarray]:
        seen = {f"camera-{number}": np.moveaxis(view, -1, -3) for number, view in enumerate(views)}
        return seen | ({"speed": speeds[:, None].astype(np.float32)} if self._config.takes_speed else {})

    def close(self) -> None:
        """Stop the threads that draw."""
        self.env.close()

    def get_attr(self, attr_name: str, indices: Any = None) -> list[Any]:
        """Return an attribute of the environment, which the cars share."""
        return [getattr(self.env, attr_name) for _ in self._get_indices(indices)]

    def set_attr(self, attr_name: str, value: Any, indices: Any = None) -> None:
        """Refused: the cars share their environment."""
        raise DrivesimError(f"set_attr: {attr_name} can't be set: the cars share one environment. Make it with that.")

    def env_method(self, method_name: str, *method_args: Any, indices: Any = None, **method_kwargs: Any) -> list[Any]:
        """Refused: the cars share their environment."""
        raise DrivesimError(f"env_method: {method_name} can't be called for single cars: they share one environment.")

    def env_is_wrapped(self, wrapper_class: Any, indices: Any = None) -> list[bool]:
        """Return False for each: no car is wrapped."""
        return [False for _ in self._get_indices(indices)]


def observation_space(config: PolicyConfig) -> spaces.Dict:
    """Return the space of what a policy's network takes of one car."""
    seen: dict[str, spaces.Space[Any]] = {}
    for number, (*before, height, width, colors) in enumerate(config.frame_shapes):
        seen[f"camera-{number}"] = spaces.Box(0, 255, (*before, colors, height, width), np.uint8)
    if config.takes_speed:
        seen["speed"] = spaces.Box(0.0, _NO_SPEED, (1,), np.float32)
    return spaces.Dict(seen)
