"""Readings: what the instruments of a window show."""

from dataclasses import dataclass
from typing import NamedTuple

from drivesim.track import Track


class Driven(NamedTuple):
    """A place that was driven through.

    Attributes:
        x: Metres, world.
        y: Metres, world.
        kind: `driven`, `recorded`, `policy` or `bad`.
    """

    x: float
    y: float
    kind: str


@dataclass(frozen=True)
class Readings:
    """Values of the instruments; one that is None is not shown.

    Attributes:
        driver: Who drives, in words.
        steering: -1 full left ... +1 full right.
        policy_steering: What the policy at the wheel asks for.
        pedal: -1 full brake ... +1 full throttle.
        speed: m/s.
        lap: Of the drive, from 1.
        lap_time: Of the running lap, seconds.
        last: Of the lap before, seconds.
        best: Of the best lap, seconds.
        lateral: Left of the centreline, metres.
        half_width: Of the road, metres.
        recording: Whether it is being recorded.
        recorded: Seconds recorded.
        track: The road of the minimap.
        line: What was driven.
        car: x y heading of the car, metres and radians, world.
        progress: Share of a replay that is over.
    """

    driver: str = ""
    steering: float | None = None
    policy_steering: float | None = None
    pedal: float | None = None
    speed: float | None = None
    lap: int | None = None
    lap_time: float | None = None
    last: float | None = None
    best: float | None = None
    lateral: float | None = None
    half_width: float = 4.0
    recording: bool = False
    recorded: float | None = None
    track: Track | None = None
    line: tuple[Driven, ...] | list[Driven] = ()
    car: tuple[float, float, float] | None = None
    progress: float | None = None
