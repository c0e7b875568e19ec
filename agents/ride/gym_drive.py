"""Gym drive: a person at the wheel of any Gymnasium environment with pictures and a Box action."""

import sys
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
from gymnasium import spaces

from datasets.box_action import has_gas_and_brake, to_box
from datasets.frame_files import FrameWriter
from datasets.frame_source import write_source
from drivesim.cockpit.controls import Demand
from drivesim.cockpit.readings import Readings
from drivesim.errors import DrivesimError

_USUAL_HZ = 30.0


class GymDrive:
    """Drives an environment and records its frames, actions and rewards.

    The first action value is steering. A second is pedal, or throttle where it can't be negative; a third is brake.

    Attributes:
        env: The environment.
        paused: Whether it stands.
        steering: Of the last step.
        pedal: Of the last step.
        messages: To be shown, newest last; whoever shows them takes them out.

    Args:
        name: The environment's id.
        folder: For the episodes.
        seed: Of the first episode.
    """

    speed = 0.0

    def __init__(self, name: str, folder: Path, seed: int | None = None) -> None:
        self.env = make_environment(name)
        self.name, self.folder = name, folder
        self.steering = self.pedal = 0.0
        self.messages: list[str] = []
        self.laps = self.steps = 0
        self.paused = False
        self._writer: FrameWriter | None = None
        self._picture: np.ndarray | None = None
        self._frame = np.zeros((1, 1, 3), np.uint8)
        self._reward = self._elapsed = 0.0
        self._episode = 0
        self._wants_recording = self._is_named = False
        self._reset(seed)

    @property
    def dt(self) -> float:
        """Length of a control step, seconds."""
        return 1.0 / float(self.env.metadata.get("render_fps") or _USUAL_HZ)

    @property
    def frame(self) -> np.ndarray:
        """(H, W, 3) uint8 RGB: what is recorded."""
        return self._frame

    @property
    def inset(self) -> np.ndarray:
        """What is shown in the corner."""
        return self._frame

    def press(self, key: str) -> None:
        """Do what a key stands for."""
        actions = {"r": self.toggle_recording, "n": self.next_track, "backspace": self.rewind}
        if key in actions:
            actions[key]()

    def picture(self) -> np.ndarray:
        """(H, W, 3) uint8 RGB: what a person sees, larger than `frame` where the environment draws it so."""
        if self._picture is None:
            rendered = self.env.render() if self.env.render_mode == "rgb_array" else None
            self._picture = rendered if isinstance(rendered, np.ndarray) else self._frame
        return self._picture

    def step(self, demand: Demand) -> None:
        """Drive for one control step."""
        self.steering, self.pedal = demand.steering, demand.pedal
        action = box_action(demand, self.env.action_space)
        frame = self._frame
        observation, reward, terminated, truncated, _ = self.env.step(action)
        self._reward += float(reward)
        self._elapsed += self.dt
        if self._writer is not None:
            try:
                self._writer.append(frame, action.tolist(), float(reward), terminated)
                self.steps += 1
            except DrivesimError as error:
                self._fail(error)
        self._see(observation)
        if terminated or truncated:
            self.messages.append(f"Episode over: reward {self._reward:.1f}")
            self.next_track()

    def toggle_recording(self) -> None:
        """Start or stop recording; each episode is a folder of its own."""
        self._wants_recording = not self._wants_recording
        if self._wants_recording:
            self._open()
        else:
            self.close()
        self.messages.append("Recording" if self._wants_recording else "Recording saved")

    def next_track(self) -> None:
        """Start the next episode."""
        self.close()
        self._reset(None)
        if self._wants_recording:
            self._open()

    def rewind(self) -> None:
        """Say that there is no way back."""
        self.messages.append(f"{self.name} cannot go back; N starts another episode")

    def close(self) -> None:
        """End the episode that is being recorded."""
        if self._writer is not None:
            self._writer.close()
            self._writer = None

    def readings(self, share: float) -> Readings:
        """Return what the instruments show."""
        return Readings(
            driver=f"{self.name} · reward {self._reward:.0f}",
            steering=self.steering,
            pedal=self.pedal,
            lap=self._episode,
            lap_time=self._elapsed,
            recording=self._writer is not None,
            recorded=self.steps * self.dt,
        )

    def _open(self) -> None:
        try:
            self._writer = FrameWriter(self.folder, int(np.prod(self.env.action_space.shape or (1,))), self.dt)
            if not self._is_named:
                write_source(self.folder, self.name, {"driver": "human"})
                self._is_named = True
            self.laps += 1
        except DrivesimError as error:
            self._fail(error)

    def _reset(self, seed: int | None) -> None:
        observation, _ = self.env.reset(seed=seed)
        self._reward = self._elapsed = 0.0
        self._episode += 1
        self._see(observation)

    def _see(self, observation: Any) -> None:
        self._picture = None
        image = _image(observation)
        self._frame = image if image is not None else np.asarray(self.env.render())

    def _fail(self, error: DrivesimError) -> None:
        self._wants_recording = False
        self.close()
        self.messages.append(f"Recording stopped: {error}")
        print(f"error: {error}", file=sys.stderr, flush=True)


def make_environment(name: str) -> gymnasium.Env:
    """Make an environment that can be driven.

    Raises:
        DrivesimError: If there is no such environment, or it has no pictures or no Box action.
    """
    try:
        env = gymnasium.make(name, render_mode="rgb_array")
    except (gymnasium.error.Error, TypeError, ImportError) as error:
        raise DrivesimError(
            f"--env {name}: it cannot be made ({' '.join(str(error).split())}). Name one that gymnasium.make knows, "
            "such as CarRacing-v3 (pip install 'gymnasium[box2d]')."
        ) from error
    space = env.action_space
    if not isinstance(space, spaces.Box) or len(space.shape) != 1 or not np.isfinite([space.low, space.high]).all():
        env.close()
        raise DrivesimError(f"--env {name}: expected a bounded Box action (N,), came {space}; it cannot be steered.")
    return env


def box_action(demand: Demand, space: spaces.Space[Any]) -> np.ndarray:
    """Return the action that a person asks for, (N,): steering, throttle or pedal, brake; others in their middle."""
    assert isinstance(space, spaces.Box)
    if has_gas_and_brake(space):
        return to_box(np.array([demand.steering, demand.pedal]), space)
    low, high = space.low.astype(np.float64), space.high.astype(np.float64)
    action = (low + high) / 2
    # Of each value: where it lies between its lowest and its highest, 0 to 1.
    shares = [(demand.steering + 1) / 2]
    if len(action) > 1:
        forward_only = low[1] >= 0 or len(action) > 2
        shares.append(max(demand.pedal, 0.0) if forward_only else (demand.pedal + 1) / 2)
    if len(action) > 2:
        shares.append(max(-demand.pedal, 0.0))
    count = len(shares)
    action[:count] = low[:count] + np.array(shares) * (high - low)[:count]
    return action.astype(space.dtype)


def _image(observation: Any) -> np.ndarray | None:
    """Return the RGB picture in an observation, if there is one."""
    values = observation.values() if isinstance(observation, dict) else [observation]
    for value in values:
        if isinstance(value, np.ndarray) and value.dtype == np.uint8 and value.ndim == 3 and value.shape[2] == 3:
            return value
    return None
