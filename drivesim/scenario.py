"""Scenario: the arguments that the single and the vector environment share."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from drivesim.appearance import Appearance
from drivesim.camera import Camera, get_camera
from drivesim.dynamics import Dynamics, DynamicsRange
from drivesim.errors import DrivesimError, check_name, is_number
from drivesim.observation import LARGEST
from drivesim.simulation import Rules
from drivesim.vehicle import VehicleParams, get_vehicle
from drivesim.weather import Weather
from drivesim.world import TrackChoices, WorldSource

STARTS = ("line", "random")

# What `drivesim/Traffic-v0` is; each can be said otherwise.
TRAFFIC_ID = "drivesim/Traffic-v0"
TRAFFIC: dict[str, Any] = {"lane": "right", "traffic": 8, "obstacles": 6}

# Metres along the road that a start may be, however many laps that are.
_FARTHEST = 1e9

# Threads that draw: more than cores that a machine has.
MAX_THREADS = 1024

_START_OPTIONS = ("s", "lateral", "heading_error", "speed")


@dataclass(frozen=True)
class Scenario:
    """What an environment is made of: the keyword arguments of `gymnasium.make` and `gymnasium.make_vec`.

    Attributes:
        track: None for any seed; a seed; a track file (TUM or F1TENTH CSV); a `Track`; or a list of these.
        difficulty: Of generated tracks: `easy`, `medium`, `hard` or `mixed`.
        split: `train`, `test` or `validation`: disjoint families of generated tracks.
        appearance: `random`, a preset's name, or an `Appearance`.
        weather: `random`, a preset's name, or a `Weather`.
        randomize: `none`; `looks` draws every episode's look from all that looks can have; `all` its weather too.
        palette: Of looks that are drawn: `any`, or `train` or `test`, which have no colour of ground or road in common.
        lane: `center`, or the `right` or `left` of two lanes, whose middle is then what drivers and metrics go by.
        traffic: Cars that drive on the road, up to 64, one behind the other; on two lanes half of them the other way.
        obstacles: Parked cars, barriers and rows of cones, up to 64; each can be passed within the lane.
        dynamics: `fixed`, or `mild` or `wide` to draw for every episode mass, grip, tyres, slack, wind and how the
            camera is held; or a `DynamicsRange` or `Dynamics`. Where `randomize` is `all`, `fixed` is `mild`.
        camera: A preset's name (`topdown`, `front`, `left`, `right`), a `Camera`, a list of these for several at once,
            or None for a vector of the road's state instead of frames.
        vehicle: A preset's name (`car`, `car-dynamic`, `rc`) or `VehicleParams`.
        control_hz: Control steps a second.
        cruise_speed: Of the cruise controller (`Steer-v0`), m/s.
        start: `line`, or `random` for anywhere on the lap, a little beside and turned from the centreline.
        laps: Laps to an episode.
        off_road_margin: How far the car's centre may be outside the road's edge, metres.
        stall_time: Seconds without progress that end an episode.
        time_limit: Of an episode, seconds; None for what its laps take at 3 m/s.
        wind: Of a steady wind that blows east: what it accelerates a dynamic car by, across its axis, m/s^2.
        threads: Threads that draw frames; None for one a core in a vector environment.
        render_mode: None, `rgb_array` or `human`.
    """

    track: TrackChoices = None
    difficulty: str = "medium"
    split: str = "train"
    appearance: str | Appearance = "random"
    weather: str | Weather = "clear"
    randomize: str = "none"
    palette: str = "any"
    lane: str = "center"
    traffic: int = 0
    obstacles: int = 0
    dynamics: str | DynamicsRange | Dynamics = "fixed"
    camera: str | Camera | Sequence[str | Camera] | None = "topdown"
    vehicle: str | VehicleParams = "car"
    control_hz: float = 20.0
    cruise_speed: float = 10.0
    start: str = "line"
    laps: int = 1
    off_road_margin: float = 0.0
    stall_time: float = 5.0
    time_limit: float | None = None
    wind: float = 0.0
    threads: int | None = None
    render_mode: str | None = None

    def __post_init__(self) -> None:
        """Refuse unknown names."""
        check_name("start", self.start, STARTS)
        if self.render_mode is not None:
            check_name("render_mode", self.render_mode, ["rgb_array", "human"])
        if self.threads is not None and not (is_number(self.threads) and 1 <= self.threads <= MAX_THREADS):
            raise DrivesimError(f"threads: expected 1 to {MAX_THREADS}, or None, got {self.threads!r}.")

    @classmethod
    def from_arguments(cls, arguments: dict[str, Any]) -> "Scenario":
        """Build a scenario from keyword arguments, refusing unknown ones by name."""
        known = [field.name for field in fields(cls)]
        for name in arguments:
            check_name("environment argument", name, known)
        return cls(**arguments)

    def rules(self, has_pedal: bool) -> Rules:
        """Return what is the same for every car."""
        return Rules(
            vehicle=get_vehicle(self.vehicle),
            control_hz=self.control_hz,
            cruise_speed=None if has_pedal else self.cruise_speed,
            laps=self.laps,
            off_road_margin=self.off_road_margin,
            stall_time=self.stall_time,
            time_limit=self.time_limit,
            wind=self.wind,
        )

    def cameras(self) -> tuple[Camera, ...]:
        """Return the cameras; none where the observation is the road's state."""
        if self.camera is None:
            return ()
        if isinstance(self.camera, str | Camera):
            return (get_camera(self.camera),)
        if not isinstance(self.camera, list | tuple):
            raise DrivesimError(f"camera: expected a name, a Camera, several of these, or None, got {self.camera!r}.")
        if not self.camera:
            raise DrivesimError("camera: expected a camera, or several, got an empty list. Give None for no frames.")
        return tuple(get_camera(camera) for camera in self.camera)

    def world_source(self, has_pedal: bool) -> WorldSource:
        """Return the source of the episodes' worlds."""
        return WorldSource(
            self.track,
            self.difficulty,
            self.split,
            self.appearance,
            self.weather,
            self.randomize,
            self.palette,
            self.lane,
            self.traffic,
            self.obstacles,
            self.rules(has_pedal),
            self.dynamics,
        )

    def start_values(
        self, length: float, rng: np.random.Generator, options: dict[str, Any]
    ) -> tuple[float, float, float]:
        """Draw where an episode starts: arc length, lateral offset, heading error; metres and radians.

        Args:
            length: Of the track, metres.
            rng: The episode's.
            options: Of `reset`; `s`, `lateral` and `heading_error` in it win over what is drawn.
        """
        drawn = (0.0, 0.0, 0.0)
        if self.start == "random":
            drawn = (rng.uniform(0, length), rng.uniform(-1, 1), rng.uniform(-0.1, 0.1))
        values = [float(options.get(name, value)) for name, value in zip(_START_OPTIONS, drawn, strict=False)]
        return values[0] % length, values[1], values[2]


def check_options(options: dict[str, Any] | None, *more: str) -> dict[str, Any]:
    """Return `reset`'s options, refusing unknown names and a start that is no place or speed."""
    if options is not None and not isinstance(options, dict):
        raise DrivesimError(f"reset: expected options as a dict, or None, got {options!r}.")
    options = dict(options or {})
    for name, value in options.items():
        check_name("reset option", name, [*_START_OPTIONS, *more])
        if name in _START_OPTIONS and not (is_number(value) and np.isfinite(float(value))):
            raise DrivesimError(f"reset option {name}: expected a finite number, got {value!r}.")
        if name in _START_OPTIONS and abs(value) > (most := _FARTHEST if name == "s" else LARGEST):
            raise DrivesimError(f"reset option {name}: expected a number from {-most:g} to {most:g}, got {value!r}.")
    if options.get("speed", 0.0) < 0:
        raise DrivesimError(f"reset option speed: expected 0 m/s or more, got {options['speed']!r}.")
    return options
