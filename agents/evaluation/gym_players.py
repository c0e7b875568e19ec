"""Gym players: whoever drives in a Gymnasium environment whose observation is a frame."""

from collections.abc import Callable
from typing import Any, Protocol

import gymnasium
import numpy as np
from gymnasium import spaces

from agents.carracing.expert import CarRacingExpert
from agents.carracing.physics import CAR_RACING, make_car_racing
from agents.frame_driver import FrameDriver
from agents.load_driver import load_frame_driver
from datasets.box_action import has_gas_and_brake, to_box
from drivesim.errors import DrivesimError


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
        return to_box(self.policy.predict(self._history.push([frame[None]]))[0], self._box)


class StraightPlayer:
    """The baseline that does nothing: wheel straight, pedal a little down; of another action, its zero."""

    name = "straight"

    def __init__(self, env: gymnasium.Env[Any, Any]) -> None:
        box = _action_box(env)
        wanted = np.zeros(box.shape[0])
        self._action = to_box(np.array([0.0, 0.3]), box) if has_gas_and_brake(box) else to_box(wanted, box)

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

# Environments with a scripted expert, which knows what no frame shows.
EXPERTS: dict[str, Callable[[gymnasium.Env[Any, Any]], FramePlayer]] = {CAR_RACING: CarRacingExpert}


def make_player(who: str, env: gymnasium.Env[Any, Any], device: str = "auto") -> FramePlayer:
    """Make whoever drives in an environment.

    Args:
        who: A policy's folder, an exported file, `straight`, `random`, or `expert` where there is one.
        env: The environment.
        device: Of a network.

    Raises:
        DrivesimError: If there is no such player, or it does not fit the environment.
    """
    if who in PLAYERS:
        return PLAYERS[who](env)
    if who == "expert":
        name = id_of(env)
        if name not in EXPERTS:
            raise DrivesimError(
                f"--policy: there is an expert for {' and '.join(EXPERTS)} alone. With --env {name}: "
                f"{', '.join(PLAYERS)}, or a policy's folder."
            )
        return EXPERTS[name](env)
    return PolicyPlayer(load_frame_driver(who, device), env)


def make_frame_env(name: str) -> gymnasium.Env[Any, Any]:
    """Make a Gymnasium environment, and refuse one without frames or with another action than a vector.

    Raises:
        DrivesimError: If there is none of that name, its packages are missing, or it does not fit.
    """
    try:
        env = gymnasium.make(name)
    except (gymnasium.error.Error, ImportError) as error:
        if name == CAR_RACING:
            make_car_racing("--env")
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


def id_of(env: gymnasium.Env[Any, Any]) -> str:
    """Return an environment's id; empty where it has none."""
    return "" if env.spec is None else env.spec.id


def _action_box(env: gymnasium.Env[Any, Any]) -> spaces.Box:
    assert isinstance(env.action_space, spaces.Box)
    return env.action_space


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
    if not (box.shape == (len(outputs),) or (has_gas_and_brake(box) and len(outputs) == 2)):
        raise DrivesimError(
            f"action: {policy.name} gives {' and '.join(outputs)}; the environment takes {box.shape[0]} values, {box}."
        )
