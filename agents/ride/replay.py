"""Replay: a recorded lap, driven again before one's eyes."""

from collections.abc import Sequence

import numpy as np

from datasets.lap_world import others_of, world_of
from datasets.schema import MARK_BAD, MARK_CORRECTION, MARK_POLICY, Lap
from drivesim.camera import Camera
from drivesim.cockpit.controls import Demand
from drivesim.cockpit.readings import Driven, Readings
from drivesim.errors import DrivesimError
from drivesim.geometry import Floats, between_poses
from drivesim.render import Renderer
from drivesim.traffic_table import Others
from drivesim.vehicle import VehicleParams, get_vehicle

RATES = (0.125, 0.25, 0.5, 1.0, 2.0, 4.0, 8.0)

# From one step to the next a car does not move farther than this many times its way, or it was put elsewhere; metres.
_JUMP, _LEAST_JUMP = 3.0, 1.0
_LINE_SPACING = 3.0


class Replay:
    """Plays laps.

    Attributes:
        lap: That is played.
        world: Its road, in the look that it was driven in.
        vehicle: Its car.
        paused: Whether it stands.
        rate: How many times as fast as it was driven; one of `RATES`.
        at: Steps from the lap's start, with a fraction.
        messages: To be shown, newest last; whoever shows them takes them out.

    Args:
        laps: At least one, to be played one after the other.
        camera: Of the frames in the corner.
    """

    steering = pedal = 0.0

    def __init__(self, laps: Sequence[Lap], camera: Camera) -> None:
        if not laps:
            raise DrivesimError("--replay: expected at least one lap, came none; give a lap's file or a folder.")
        self._laps, self._camera, self._number = laps, camera, -1
        self.rate, self.paused = 1.0, False
        self.messages: list[str] = []
        self.next_lap()

    @property
    def dt(self) -> float:
        """Length of a step, seconds."""
        return 1.0 / self.lap.info.control_hz

    @property
    def speed(self) -> float:
        """Of the car, m/s."""
        return float(self.lap.columns["speed"][self.index])

    @property
    def index(self) -> int:
        """The step that the replay is in."""
        return min(int(self.at), len(self.lap) - 1)

    @property
    def frame(self) -> np.ndarray:
        """(H, W, 3) uint8 RGB: what the camera sees at the step."""
        at = np.array([self.index])
        return self._renderer.draw([self._ground], self.lap.poses[at], others_of(self.lap, at))[0]

    @property
    def others(self) -> Others | None:
        """Where everything else on the road was."""
        return others_of(self.lap, np.array([self.index]))

    @property
    def inset(self) -> np.ndarray:
        """What is shown in the corner."""
        return self.frame

    def press(self, key: str) -> None:
        """Do what a key stands for."""
        if key == "space":
            self.paused = not self.paused
        elif key in ("left", "right"):
            # One step where the picture stands, a second where it runs.
            self.skip((1.0 if key == "right" else -1.0) * (1.0 if self.paused else self.lap.info.control_hz))
        elif key in ("up", "down"):
            self.change_rate(faster=key == "up")
        elif key == "home":
            self.at = 0.0
        elif key == "n":
            self.next_lap()

    def step(self, demand: Demand) -> None:
        """Go on by one step, times the rate; nobody's hands change anything."""
        self.at = min(self.at + self.rate, len(self.lap) - 1.0)

    def skip(self, steps: float) -> None:
        """Go forward or back by steps."""
        self.at = min(max(self.at + steps, 0.0), len(self.lap) - 1.0)

    def change_rate(self, faster: bool) -> None:
        """Play faster or slower."""
        self.rate = RATES[min(max(RATES.index(self.rate) + (1 if faster else -1), 0), len(RATES) - 1)]
        self.messages.append(f"Speed x {self.rate:g}")

    def next_lap(self) -> None:
        """Play the next lap, after the last one the first."""
        self._number = (self._number + 1) % len(self._laps)
        self.lap, self.at = self._laps[self._number], 0.0
        info = self.lap.info
        self.world = world_of(self.lap)
        self.vehicle: VehicleParams = get_vehicle(info.vehicle)
        self._renderer = Renderer(self._camera, self.vehicle)
        self._ground = self.world.texture(self._renderer)
        self._line = _line(self.lap)
        self.messages.append(f"{self.lap.name}: {self.lap.duration:.1f} s by {info.driver}")

    def pose(self, share: float) -> Floats:
        """Return x y heading, metres and radians, world, where the replay is; `share` of a step farther on."""
        at = min(self.at + share * self.rate, len(self.lap) - 1.0)
        before = int(at)
        start, end = self.lap.poses[before], self.lap.poses[min(before + 1, len(self.lap) - 1)]
        way = float(self.lap.columns["speed"][before]) * self.dt
        if np.hypot(*(end - start)[:2]) > max(_JUMP * way, _LEAST_JUMP):
            return start
        return between_poses(start, end, at - before)

    def readings(self, share: float) -> Readings:
        """Return what the instruments show."""
        columns, index = self.lap.columns, self.index
        mark, policy = int(columns["mark"][index]), float(columns["policy_steering"][index])
        marks = ((MARK_BAD, "marked bad"), (MARK_CORRECTION, "correction"), (MARK_POLICY, "policy drove"))
        said = [words for bit, words in marks if mark & bit]
        left, right = self.world.track.width_at(columns["s"][index])
        x, y, heading = self.pose(share)
        return Readings(
            driver=f"Replay x {self.rate:g}" + "".join(f" · {words}" for words in said),
            steering=float(columns["steering"][index]),
            policy_steering=None if np.isnan(policy) else policy,
            pedal=float(columns["pedal"][index]),
            speed=self.speed,
            lap_time=float(columns["time"][index]),
            last=self.lap.duration,
            lateral=float(columns["lateral_error"][index]),
            half_width=float(left + right) / 2,
            track=self.world.track,
            line=self._line,
            car=(float(x), float(y), float(heading)),
            progress=self.at / max(len(self.lap) - 1, 1),
        )

    def close(self) -> None:
        """Nothing is open."""


def _line(lap: Lap) -> list[Driven]:
    """The places of a lap, some metres apart, and how they are marked."""
    step = np.hypot(*np.diff(lap.poses[:, :2], axis=0).T)
    number = np.floor(np.concatenate([[0.0], np.cumsum(step)]) / _LINE_SPACING)
    kept = np.flatnonzero(np.diff(number, prepend=-1.0))
    kinds = np.where(lap.columns["mark"] & MARK_POLICY, "policy", "recorded")
    kinds = np.where(lap.columns["mark"] & MARK_BAD, "bad", kinds)
    return [Driven(float(lap.poses[i, 0]), float(lap.poses[i, 1]), str(kinds[i])) for i in kept]
