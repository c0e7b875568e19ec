"""Roads, drivers and drives for the tests of agents."""

from dataclasses import dataclass, field

import numpy as np

from agents.rollout import Drive
from datasets.schema import DTYPES
from drivesim.appearance import Appearance
from drivesim.track import Track
from drivesim.world import World

PLAIN = Appearance.preset("plain")


def ring(radius=40.0, half_width=4.0):
    """A round road, driven counter-clockwise."""
    angle = np.linspace(0, 2 * np.pi, 48, endpoint=False)
    points = np.column_stack([radius * np.cos(angle), radius * np.sin(angle), np.full((48, 2), half_width)])
    return Track.from_points(points, f"ring-{radius:g}")


def ring_world(radius=40.0, half_width=4.0):
    return World(ring(radius, half_width), PLAIN)


@dataclass
class Steady:
    """Does the same all the time, and notes which cars it was asked for and where all cars were then."""

    steering: float = 0.0
    pedal: float = 0.0
    name: str = "steady"
    needs_frames: bool = False
    asked: list = field(default_factory=list)
    seen: list = field(default_factory=list)

    def act(self, env, observation, cars):
        self.asked.append(cars.tolist())
        self.seen.append(env.poses)
        return np.tile([self.steering, self.pedal][: env.single_action_space.shape[0]], (len(cars), 1))


@dataclass
class Replay:
    """Does what was recorded: `steering` (T,) of one car."""

    steering: np.ndarray
    name: str = "replay"
    needs_frames: bool = False
    step: int = 0

    def act(self, env, observation, cars):
        self.step += 1
        return np.full((len(cars), 1), self.steering[self.step - 1])


def made_up_drive(
    lateral, steering=0.0, *, put_back=(), departed=(), end_reason="lap_completed", progress=100.0, dt=0.5
):
    """A drive of which only these are known; `put_back` and `departed` list steps."""
    count = len(lateral)
    columns = {name: np.zeros(count, dtype) for name, dtype in DTYPES.items()}
    columns |= {
        "time": np.arange(count) * dt,
        "lateral_error": np.array(lateral, float),
        "steering": np.broadcast_to(np.array(steering, float), count),
        "heading_error": np.zeros(count),
    }
    steps = np.arange(count)
    return Drive(
        world=ring_world(),
        columns=columns,
        put_back=np.isin(steps, put_back),
        departed=np.isin(steps, departed),
        end_reason=end_reason,
        progress=progress,
        dt=dt,
    )


def write_circuit(path, radius):
    """A track file: a round road of that radius, metres."""
    angle = np.linspace(0, 2 * np.pi, 40, endpoint=False)
    rows = [f"{radius * np.cos(a):.4f},{radius * np.sin(a):.4f},4.0,4.0" for a in angle]
    path.write_text("# x_m,y_m,w_tr_right_m,w_tr_left_m\n" + "\n".join(rows) + "\n", encoding="utf-8")
    return path
