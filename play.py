"""python play.py --out laps

Drive with the arrow keys or WASD, and leave with laps to train on; or watch a policy: python play.py --policy policy

R starts and stops recording, N takes the next track, Escape ends.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from agents.driver import frames_of
from agents.policy import Policy
from agents.provenance import lap_info
from datasets.recording import LapWriter, new_folder, recover
from drivesim.camera import Camera
from drivesim.command import run_command
from drivesim.env import DriveEnv, SteerEnv
from drivesim.errors import DrivesimError
from drivesim.render import Renderer
from drivesim.viewer import Viewer

_WINDOW = Camera(width=720, height=720, span=54.0, mount=(14.0, 0.0, 0.0))

# A held key turns the wheel this much a second, and the wheel comes back when it is let go; of the full range.
_TURN_RATE, _RETURN_RATE = 1.6, 2.5


@dataclass
class Args:
    """Options of the command."""

    out: Path = Path("laps")
    """Folder that recorded laps are added to."""
    track: str | None = None
    """A track's seed or a track file (TUM or F1TENTH CSV); any track if left out."""
    difficulty: str = "medium"
    """Of generated tracks: easy, medium, hard, or mixed."""
    camera: str = "topdown"
    """The camera whose frame is shown in the corner."""
    pedal: bool = False
    """Work the pedal too, instead of a cruise controller."""
    vehicle: str = "car"
    """The car: car, car-dynamic or rc."""
    policy: Path | None = None
    """Watch this policy drive."""
    seed: int | None = None
    """Of the tracks that are drawn."""


def main(args: Args) -> None:
    """Drive until Escape."""
    policy = Policy.load(args.policy) if args.policy is not None else None
    track: Any = int(args.track) if args.track is not None and args.track.isdecimal() else args.track
    kind = DriveEnv if args.pedal else SteerEnv
    env = kind(
        track=track,
        difficulty=args.difficulty,
        camera=policy.camera if policy else args.camera,
        vehicle=policy.vehicle if policy else args.vehicle,
        control_hz=policy.config.control_hz if policy else 20.0,
        laps=1000,
        stall_time=1e9,
        time_limit=1e9,
    )
    if policy is not None and args.pedal:
        raise DrivesimError("--pedal: this policy steers alone; leave --pedal out.")
    viewer = Viewer("drivesim", _WINDOW.width, _WINDOW.height)
    for sentence in recover(args.out) if args.out.is_dir() else []:
        print(sentence)
    session = Session(env, viewer, args.out, policy)
    try:
        session.run(args.seed)
    finally:
        session.stop_recording()
        viewer.close()
    if session.recorded:
        print(f"Recorded {session.recorded / env.rules.control_hz:.0f} s into {args.out}")
        print(f"Train on them: python -m agents.train --data {args.out} --backbone pilotnet --out policy")


class Session:
    """A person, or a policy, at the wheel of one car.

    Args:
        env: The car's environment.
        viewer: The window.
        folder: For the laps.
        policy: Drives instead of the keys.
    """

    def __init__(self, env: DriveEnv, viewer: Viewer, folder: Path, policy: Policy | None) -> None:
        self.env, self.viewer, self.folder, self.policy = env, viewer, folder, policy
        self.recorded = 0
        self._writer: LapWriter | None = None
        self._window = Renderer(_WINDOW, env.rules.vehicle)
        self._wheel = 0.0

    def run(self, seed: int | None) -> None:
        """Drive until the window is closed or Escape pressed."""
        observation, info = self.env.reset(seed=seed)
        while True:
            keys = self.viewer.pressed()
            if "quit" in keys or "escape" in keys:
                return
            if "r" in keys:
                self._toggle_recording()
            if "n" in keys:
                self.stop_recording()
                observation, info = self.env.reset()
            action = self._action(observation)
            row = self._row(action)
            observation, _, terminated, truncated, info = self.env.step(action)
            if self._writer is not None:
                self._writer.append(row)
                self.recorded += 1
            self._show(observation, info)
            if terminated or truncated:
                # Off the road: back to the line where it was left, on a lap of its own.
                self.stop_recording()
                s = float(info["s"])
                observation, info = self.env.reset(options={"world": self.env.world, "s": s})

    def stop_recording(self) -> None:
        """Close the lap that is being recorded, if one is."""
        if self._writer is not None:
            self._writer.close()
            self._writer = None

    def _toggle_recording(self) -> None:
        if self._writer is not None:
            return self.stop_recording()
        info = lap_info(self.env.world, self.env.rules, "human" if self.policy is None else self.policy.name)
        self._writer = LapWriter(new_folder(self.folder, append=True), info)

    def _action(self, observation: Any) -> np.ndarray:
        if self.policy is not None:
            return self.policy.predict(frames_of(observation, self.env)[None])[0]
        steering, pedal = self.viewer.held()
        dt = self.env.rules.dt
        if steering:
            # At speed the same key turns the wheel more gently.
            gentle = 10.0 / max(self.env.state.vehicle.speed, 10.0)
            self._wheel = float(np.clip(self._wheel + steering * gentle * _TURN_RATE * dt, -1.0, 1.0))
        else:
            self._wheel -= float(np.clip(self._wheel, -_RETURN_RATE * dt, _RETURN_RATE * dt))
        return np.array([self._wheel, pedal] if self.env.has_pedal else [self._wheel])

    def _row(self, action: np.ndarray) -> dict[str, float]:
        state = self.env.state
        pedal = float(action[1]) if self.env.has_pedal else 0.0
        return {
            "time": state.time,
            **state.vehicle._asdict(),
            "s": state.s,
            "lateral_error": state.lateral,
            "steering": float(action[0]),
            "pedal": pedal,
            "steering_label": float(action[0]),
            "pedal_label": pedal if self.env.has_pedal else float("nan"),
        }

    def _show(self, observation: Any, info: dict[str, Any]) -> None:
        vehicle = self.env.state.vehicle
        pose = np.array([(vehicle.x, vehicle.y, vehicle.heading)])
        frame = self._window.draw([self.env.world.texture(self._window)], pose)[0]
        recording = f"REC {self.recorded / self.env.rules.control_hz:5.1f} s" if self._writer else "R to record"
        lines = (
            f"{info['speed'] * 3.6:3.0f} km/h   lap {info['lap']:.0f}   last {info['lap_time']:.1f} s",
            f"{info['lateral_error']:+.2f} m from the centre   steering {info['steering']:+.2f}",
            recording,
        )
        self.viewer.show(frame, round(self.env.rules.control_hz), frames_of(observation, self.env), lines)


if __name__ == "__main__":
    run_command(main, Args, __doc__)
