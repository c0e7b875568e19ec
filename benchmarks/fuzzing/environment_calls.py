"""Environment calls: made with any arguments, in any order, with what a program that has a fault would give."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.fuzzing.mutation import NUMBERS, TEXTS, VALUES, pick
from drivesim.appearance import Appearance
from drivesim.camera import CAMERAS, Camera
from drivesim.env import DriveEnv, SteerEnv
from drivesim.scenario import Scenario
from drivesim.track_generation import generate_track
from drivesim.vector_env import DriveVectorEnv, SteerVectorEnv
from drivesim.weather import WEATHERS
from drivesim.world import World

_SMALL = Camera(width=24, height=20, span=24.0)
_CALLS = 12

# What an argument of that name may be, beside what it may not.
_KNOWN: dict[str, tuple[Any, ...]] = {
    "difficulty": ("easy", "medium", "hard", "mixed"),
    "split": ("train", "test", "validation"),
    "appearance": ("random", "plain"),
    "weather": ("clear", "random", *WEATHERS),
    "randomize": ("none", "looks", "all"),
    "palette": ("any", "train", "test"),
    "lane": ("center", "left", "right"),
    "camera": (None, _SMALL, [_SMALL, _SMALL], *CAMERAS),
    "vehicle": ("car", "car-dynamic", "rc"),
    "start": ("line", "random"),
    "render_mode": (None, "rgb_array"),
    "threads": (None, 1, 2),
    "laps": (1, 2),
}
_ODD: tuple[Any, ...] = (
    *VALUES, b"bytes", (), object(), 1j, np.float32(0.5), np.int64(2), np.zeros(0), np.zeros(2), np.full(2, np.nan),
    np.zeros((2, 2)), np.array(["a", "b"]), np.array([None, 1], object), range(0), range(3), {"speed": 3.0},
    Path("nowhere"), _SMALL, lambda: 0,
)  # fmt: skip


class OddityError(Exception):
    """An environment gave something that is no observation, reward or flag."""


class EnvironmentCalls:
    """Environments that are made and called at random."""

    def __init__(self, _: Path) -> None:
        self._tracks = [generate_track(seed, difficulty) for seed, difficulty in ((0, "easy"), (1, "hard"))]
        self._worlds = [World(track, Appearance.preset("plain")) for track in self._tracks]
        self._names = [name for name in Scenario.__dataclass_fields__ if name != "track"]
        kinds: tuple[tuple[Any, dict[str, Any]], ...] = (
            (DriveEnv, {}),
            (SteerEnv, {}),
            (DriveVectorEnv, {"num_envs": 3}),
            (SteerVectorEnv, {}),
        )
        self._usual = {
            (kind, camera): kind(track=self._tracks, appearance="plain", camera=camera, **more)
            for kind, more in kinds
            for camera in (None, _SMALL)
        }

    def __call__(self, number: int, rng: np.random.Generator) -> None:
        """Run a case: a new environment with odd arguments, or some calls of a usual one."""
        if number % 3:
            env = pick(rng, list(self._usual.values()))
            refused: Exception | None = None
            for _ in range(int(rng.integers(1, _CALLS))):
                try:
                    self._call(env, rng)
                except ValueError as error:  # the documented ones are; whoever ran the case tells them apart
                    refused = error
                    if not is_documented(error):
                        raise
            env.reset()
            if refused is not None:
                raise refused
            return
        env = self._new(rng)
        try:
            for _ in range(3):
                self._call(env, rng)
        finally:
            env.close()

    def _new(self, rng: np.random.Generator) -> Any:
        arguments: dict[str, Any] = {"track": self._tracks, "appearance": "plain", "camera": None}
        for name in rng.choice(self._names, int(rng.integers(1, 4)), replace=False).tolist():
            is_odd = rng.random() < 0.5
            arguments[name] = pick(rng, _ODD) if is_odd or name not in _KNOWN else pick(rng, _KNOWN[name])
        if rng.random() < 0.1:
            arguments["track"] = pick(rng, _ODD)
        if rng.random() < 0.05:
            arguments[pick(rng, TEXTS)] = 1
        kind: Callable[..., Any] = pick(rng, (DriveEnv, SteerEnv, DriveVectorEnv, SteerVectorEnv))
        if kind in (DriveVectorEnv, SteerVectorEnv):
            # A million cars are a wish, and take their memory.
            few = [value for value in _ODD if not (isinstance(value, int | float) and value > 100)]
            if rng.random() < 0.3:
                arguments["num_envs"] = pick(rng, few)
            if rng.random() < 0.2:
                arguments["autoreset_mode"] = pick(rng, (*_ODD, "NextStep", "SameStep", "Disabled"))
        return kind(**arguments)

    def _call(self, env: Any, rng: np.random.Generator) -> None:
        act = int(rng.integers(10))
        if act < 2:
            seed = pick(rng, (None, 3, *NUMBERS, *_ODD)) if rng.random() < 0.5 else None
            _check(env, env.reset(seed=seed, options=self._options(env, rng)))
        elif act < 7:
            _check(env, env.step(self._action(env, rng)))
        elif act == 7:
            env.render()
        elif act == 8:
            state = env.get_state()
            env.step(env.action_space.sample())
            env.set_state(state)
        else:
            getattr(env, pick(rng, ("close", "get_state")))()

    def _action(self, env: Any, rng: np.random.Generator) -> Any:
        if rng.random() < 0.3:
            return pick(rng, _ODD)
        action = rng.normal(0, 2, env.action_space.shape)
        if rng.random() < 0.2:
            action.flat[int(rng.integers(action.size))] = float(pick(rng, [n for n in NUMBERS if abs(n) < 2**70]))
        return action if rng.random() < 0.7 else action.tolist()

    def _options(self, env: Any, rng: np.random.Generator) -> Any:
        if rng.random() < 0.3:
            return None
        if rng.random() < 0.1:
            return pick(rng, _ODD)
        options: dict[Any, Any] = {}
        for _ in range(int(rng.integers(1, 4))):
            name = pick(rng, ("s", "lateral", "heading_error", "speed", "world", "worlds", "reset_mask", *TEXTS[:3]))
            options[name] = pick(rng, _ODD)
        count = getattr(env, "num_envs", 0)
        if count and rng.random() < 0.3:
            options["reset_mask"] = rng.random(count) < 0.5
        if rng.random() < 0.3:
            world = pick(rng, self._worlds)
            options |= {"worlds": [world] * count} if count else {"world": world}
        return options


def is_documented(error: BaseException) -> bool:
    """Whether an error is one that the documents promise: ours, or Gymnasium's for a seed."""
    from gymnasium.error import Error

    from drivesim.errors import DrivesimError

    return isinstance(error, DrivesimError | Error)


def _check(env: Any, given: tuple[Any, ...]) -> None:
    """Refuse an observation that is none, and numbers that are not finite."""
    if not env.observation_space.contains(given[0]):
        raise OddityError(f"an observation that is not in its space: {given[0]!r}"[:200])
    if len(given) == 5 and not np.isfinite(given[1]).all():
        raise OddityError(f"a reward of {given[1]!r}"[:200])
    info = given[-1]
    for name in ("progress", "lateral_error", "speed", "clearance"):
        if not np.isfinite(np.asarray(info[name], float)).all():
            raise OddityError(f"{name}={info[name]!r}"[:200])
