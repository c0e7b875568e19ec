"""Gym evaluation: the return of a driver in any Gymnasium environment whose observation is a frame."""

from collections.abc import Callable
from dataclasses import dataclass
from time import perf_counter
from typing import Any, Protocol

import gymnasium
import numpy as np
from gymnasium import spaces

from agents.evaluation.intervals import bootstrap_interval
from agents.evaluation.metric_table import Metric
from agents.frame_driver import FrameDriver
from drivesim.errors import DrivesimError

_ALL = (
    Metric("return_mean", "return, mean", "", 1, True, "sum of an episode's rewards; mean over episodes"),
    Metric("return_p10", "return, 10th percentile", "", 1, True, "one episode in ten returns this or less"),
    Metric("return_min", "return, least", "", 1, True, "of the worst episode"),
    Metric("episode_length", "episode length", "steps", 0, True, "steps to an episode; mean over episodes"),
    Metric("frames_per_second", "steps a second", "1/s", 0, True, "steps over the wall time, network included"),
)
GYM_METRICS = {metric.name: metric for metric in _ALL}


@dataclass(frozen=True)
class GymEvaluation:
    """How a driver did in a Gymnasium environment.

    Attributes:
        name: The driver's.
        env: The environment's id.
        seeds: Of the episodes.
        returns: Of each.
        lengths: Of each, steps.
        summary: See `GYM_METRICS`.
        interval: Of the mean return, 95%.
        complete: False where the user stopped it.
    """

    name: str
    env: str
    seeds: list[int]
    returns: list[float]
    lengths: list[int]
    summary: dict[str, float]
    interval: tuple[float, float]
    complete: bool = True


class FramePlayer(Protocol):
    """Turns a frame into an action of the environment."""

    name: str

    def begin(self) -> None:
        """Begin an episode."""
        ...

    def act(self, frame: np.ndarray) -> np.ndarray:
        """Take a frame (H, W, 3) uint8 to an action."""
        ...


class PolicyPlayer:
    """A policy in an environment that takes what it gives."""

    def __init__(self, policy: FrameDriver, env: gymnasium.Env[Any, Any]) -> None:
        self.policy, self.name = policy, policy.name
        self._box = _action_box(env)
        _check_fit(policy, env, self._box)
        self._history = policy.new_history()

    def begin(self) -> None:
        """See `FramePlayer.begin`."""
        self._history.forget()

    def act(self, frame: np.ndarray) -> np.ndarray:
        """See `FramePlayer.act`."""
        return _to_box(self.policy.predict(self._history.push([frame[None]]))[0], self._box)


class StraightPlayer:
    """The baseline that does nothing: wheel straight, pedal a little down; of another action, its zero."""

    name = "straight"

    def __init__(self, env: gymnasium.Env[Any, Any]) -> None:
        box = _action_box(env)
        wanted = np.zeros(box.shape[0])
        self._action = _to_box(np.array([0.0, 0.3]), box) if _has_pedals(box) else _to_box(wanted, box)

    def begin(self) -> None:
        """See `FramePlayer.begin`."""

    def act(self, frame: np.ndarray) -> np.ndarray:
        """See `FramePlayer.act`."""
        return self._action


class RandomPlayer:
    """The baseline that does anything."""

    name = "random"

    def __init__(self, env: gymnasium.Env[Any, Any]) -> None:
        self._box, self._rng = _action_box(env), np.random.default_rng(0)

    def begin(self) -> None:
        """See `FramePlayer.begin`."""

    def act(self, frame: np.ndarray) -> np.ndarray:
        """See `FramePlayer.act`."""
        return self._rng.uniform(self._box.low, self._box.high).astype(self._box.dtype)


PLAYERS: dict[str, Callable[[gymnasium.Env[Any, Any]], FramePlayer]] = {
    "straight": StraightPlayer,
    "random": RandomPlayer,
}


def make_frame_env(name: str) -> gymnasium.Env[Any, Any]:
    """Make a Gymnasium environment, and refuse one without frames or with another action than a vector.

    Raises:
        DrivesimError: If there is none of that name, its packages are missing, or it does not fit.
    """
    try:
        env = gymnasium.make(name)
    except (gymnasium.error.Error, ImportError) as error:
        reason = " ".join(str(error).split())
        raise DrivesimError(f"--env: {name!r} can't be made: {reason}") from error
    space = env.observation_space
    if not (
        isinstance(space, spaces.Box) and space.dtype == np.uint8 and len(space.shape) == 3 and space.shape[2] == 3
    ):
        raise DrivesimError(f"--env: expected frames, Box(0, 255, (height, width, 3), uint8); {name} gives {space}.")
    if not (isinstance(env.action_space, spaces.Box) and len(env.action_space.shape) == 1):
        raise DrivesimError(f"--env: expected a Box of numbers as action; {name} takes {env.action_space}.")
    return env


def evaluate_in_gym(
    driver: FramePlayer,
    env: gymnasium.Env[Any, Any],
    seeds: range,
    on_step: Callable[[float], None] | None = None,
) -> GymEvaluation:
    """Drive one episode a seed.

    Raises:
        KeyboardInterrupt: If the user stops it before any episode has ended; later, what has ended is returned.
    """
    returns: list[float] = []
    lengths: list[int] = []
    started = perf_counter()
    steps = 0
    complete = True
    try:
        for seed in seeds:
            frame, _ = env.reset(seed=seed)
            driver.begin()
            total, length, ended = 0.0, 0, False
            while not ended:
                frame, reward, terminated, truncated, _ = env.step(driver.act(frame))
                total, length, ended = total + float(reward), length + 1, terminated or truncated
                steps += 1
            returns.append(total)
            lengths.append(length)
            if on_step is not None:
                on_step(len(returns) / len(seeds))
    except KeyboardInterrupt:
        if not returns:
            raise
        complete = False
    values = np.array(returns)
    summary = {
        "return_mean": float(values.mean()),
        "return_p10": float(np.percentile(values, 10)),
        "return_min": float(values.min()),
        "episode_length": float(np.mean(lengths)),
        "frames_per_second": steps / (perf_counter() - started),
    }
    driven = [*seeds][: len(returns)]
    name = "" if env.spec is None else env.spec.id
    return GymEvaluation(driver.name, name, driven, returns, lengths, summary, bootstrap_interval(values), complete)


def _action_box(env: gymnasium.Env[Any, Any]) -> spaces.Box:
    assert isinstance(env.action_space, spaces.Box)
    return env.action_space


def _has_pedals(box: spaces.Box) -> bool:
    """Whether an action is steering, gas and brake, as CarRacing's."""
    return box.shape == (3,) and bool((box.low == [-1, 0, 0]).all() and (box.high == 1).all())


def _to_box(action: np.ndarray, box: spaces.Box) -> np.ndarray:
    """Turn a policy's action into the environment's: the pedal into gas and brake where there are both."""
    if _has_pedals(box) and len(action) == 2:
        action = np.array([action[0], max(action[1], 0.0), max(-action[1], 0.0)])
    return np.clip(action, box.low, box.high).astype(box.dtype)


def _check_fit(policy: FrameDriver, env: gymnasium.Env[Any, Any], box: spaces.Box) -> None:
    """Refuse a policy that sees or does something else."""
    if len(policy.config.cameras) > 1:
        raise DrivesimError(
            f"camera: {policy.name} takes frames of {len(policy.config.cameras)} cameras; the environment gives one."
        )
    shape = (policy.camera.height, policy.camera.width, 3)
    if env.observation_space.shape != shape:
        raise DrivesimError(
            f"camera: {policy.name} takes frames of {shape}; the environment gives {env.observation_space.shape}."
        )
    if policy.config.takes_speed:
        raise DrivesimError(f"inputs: {policy.name} takes the car's speed too; the environment gives frames alone.")
    outputs = policy.config.outputs
    if not (box.shape == (len(outputs),) or (_has_pedals(box) and len(outputs) == 2)):
        raise DrivesimError(
            f"action: {policy.name} gives {' and '.join(outputs)}; the environment takes {box.shape[0]} values, {box}."
        )
