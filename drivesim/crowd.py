"""Crowd: traffic drawn for a road: obstacles that can be passed, and cars that keep apart from the start."""

from dataclasses import dataclass

import numpy as np

from drivesim.appearance import Color
from drivesim.geometry import Floats
from drivesim.simulation import Rules
from drivesim.track import Track
from drivesim.traffic import MARGIN, USUAL_LENGTH, USUAL_WIDTH, Thing, Traffic

# Of a usual car's size: nothing stands nearer than this to the start line, nor to what stands already, metres.
_CLEAR_START, _APART = 30.0, 50.0

# Cars begin this far from the learner's and from one another.
_HEADWAY = 22.0

# How fast others would like to drive, m/s: the learner's car has a pedal; or, of its cruise controller's speed, a
# little more: nobody can follow a slower car without one.
_SPEEDS, _CRUISE_SHARES = (5.0, 10.0), (1.0, 1.25)

# Bends are taken with this, m/s^2; beside a cruise controller, which does not slow down either, with anything.
_BEND, _ANY_BEND = 4.0, 1e3

# The nearest and the farthest side of an obstacle from the line that is driven: the nearest must be passed aside.
_NEAREST, _FARTHEST = 0.55, 1.5

# Share of obstacles that stand beside the other lane.
_ACROSS = 0.25

# A road is two lanes where each has room for this many cars abreast.
_LANE = 1.5

_ORANGE, _RED = (236, 92, 20), (200, 34, 34)
_PAINTS: tuple[Color, ...] = (
    (232, 232, 230),
    (28, 29, 32),
    (120, 124, 128),
    (176, 180, 184),
    (34, 66, 130),
    (150, 22, 30),
    (38, 84, 60),
    (222, 172, 40),
    (86, 132, 168),
    (120, 88, 62),
)


@dataclass(frozen=True)
class _Lanes:
    """What a road offers.

    Attributes:
        track: The road.
        scale: Of the learner's car, of a usual one's length.
        wide: Of the learner's car, of a usual one's width.
        has_two: Whether cars come the other way.
    """

    track: Track
    scale: float
    wide: float
    has_two: bool


def draw_traffic(track: Track, rng: np.random.Generator, cars: int, obstacles: int, rules: Rules) -> Traffic:
    """Draw traffic for a road: as many cars and obstacles as are asked for, or as the road has room for.

    On a road whose line is the middle of one of two lanes (`Track.lane`) half of the cars come the other way, in the
    other lane, and obstacles stand at the edges. On another road all cars drive the learner's way.

    Args:
        track: The road.
        rng: Of the traffic.
        cars: That drive.
        obstacles: Parked cars, barriers and rows of cones; each can be passed within the lane.
        rules: Of the learner: others are as large as its car, and no slower than its cruise controller.
    """
    vehicle = rules.vehicle
    wide = vehicle.width / USUAL_WIDTH
    aside = track.width_left - track.width_right
    lane = np.abs(aside).min()
    has_two = bool((np.abs(aside) > 1e-3).all()) and lane >= _LANE * vehicle.width
    lanes = _Lanes(track, vehicle.length / USUAL_LENGTH, wide, has_two)
    return Traffic((*_obstacles(lanes, rng, obstacles), *_cars(lanes, rng, cars, rules)))


def _cars(lanes: _Lanes, rng: np.random.Generator, count: int, rules: Rules) -> list[Thing]:
    """Cars that drive, those of a lane one behind the other."""
    oncoming = count // 2 if lanes.has_two else 0
    speeds, bend = _SPEEDS, _BEND
    if rules.cruise_speed is not None:
        speeds, bend = (_CRUISE_SHARES[0] * rules.cruise_speed, _CRUISE_SHARES[1] * rules.cruise_speed), _ANY_BEND
    things = []
    for direction, number in ((1, count - oncoming), (-1, oncoming)):
        headway = _HEADWAY * lanes.scale
        room = lanes.track.length - 2 * headway
        number = min(number, max(int(room / headway), 0))
        for k in range(number):
            s = headway + room * (k + rng.uniform(0, 0.4)) / number
            lateral, speed = rng.uniform(-0.15, 0.15) * lanes.wide, rng.uniform(*speeds)
            things.append(_car(lanes, rng, s, lateral, direction, speed, bend))
    return things


def _obstacles(lanes: _Lanes, rng: np.random.Generator, count: int) -> list[Thing]:
    """Things that stand, evenly around the road."""
    start = _CLEAR_START * lanes.scale
    room = lanes.track.length - 2 * start
    count = min(count, max(int(room / (_APART * lanes.scale)), 0))
    things: list[Thing] = []
    for k in range(count):
        s = start + room * (k + rng.uniform(0, 0.5)) / count
        direction = -1 if lanes.has_two and rng.random() < _ACROSS else 1
        kind = str(rng.choice(("cones", "barrier", "parked"), p=(0.35, 0.25, 0.4)))
        side = rng.choice((-1, 1))
        if lanes.has_two:
            # The edge beside a lane: the right one where the road lies to the left of the line.
            side = -direction if lanes.track.width_left[0] > lanes.track.width_right[0] else direction
        face = side * _face(lanes, rng, s, side, 0.75 if kind == "parked" else _NEAREST)
        things += _standing(lanes, rng, kind, s, face, side, direction)
    return things


def _face(lanes: _Lanes, rng: np.random.Generator, s: float, side: int, nearest: float) -> float:
    """How far from the line the near side of an obstacle is: so far that a car gets by on the other side."""
    left, right = (float(width) for width in lanes.track.width_at(s))
    # From the line to where a car's other side may be: the other edge, or the middle of two lanes.
    other = abs(left - right) / 2 + 0.1 * lanes.wide if lanes.has_two else (left if side < 0 else right) - 0.2
    needed = (USUAL_WIDTH + MARGIN) * lanes.wide - other
    return max(float(rng.uniform(nearest, _FARTHEST)) * lanes.wide, needed)


def _standing(
    lanes: _Lanes, rng: np.random.Generator, kind: str, s: float, face: float, side: int, direction: int
) -> list[Thing]:
    """An obstacle whose near side is at `face`, metres left of the line."""
    scale, wide = lanes.scale, lanes.wide
    if kind == "parked":
        car = _car(lanes, rng, s, 0.0, direction, 0.0, _BEND)
        return [Thing(**{**vars(car), "lateral": face + side * car.width / 2})]
    if kind == "barrier":
        size = {"length": 2.2 * scale, "width": 0.5 * wide, "height": 0.95 * wide, "color": _RED}
        return [Thing("barrier", s, face + side * 0.25 * wide, direction, **size)]  # type: ignore[arg-type]
    size = {"length": 0.42 * wide, "width": 0.42 * wide, "height": 0.75 * wide, "color": _ORANGE}
    # A row that leads aside.
    return [
        Thing("cone", s + 3.0 * scale * k, face + side * (0.21 + 0.12 * (2 - k)) * wide, direction, **size)  # type: ignore[arg-type]
        for k in range(3)
    ]


def _car(
    lanes: _Lanes, rng: np.random.Generator, s: float, lateral: float, direction: int, speed: float, bend: float
) -> Thing:
    length, width, height = (float(value) for value in _size(rng))
    return Thing(
        "car",
        s,
        float(lateral),
        direction,
        float(speed),
        length * lanes.scale,
        width * lanes.wide,
        height * lanes.wide,
        _PAINTS[rng.integers(len(_PAINTS))],
        bend,
    )


def _size(rng: np.random.Generator) -> Floats:
    """Length, width and height of a car, metres: a van now and then."""
    if rng.random() < 0.15:
        return np.array([rng.uniform(4.8, 5.4), rng.uniform(1.88, 1.98), rng.uniform(1.95, 2.3)])
    return np.array([rng.uniform(3.8, 4.8), rng.uniform(1.7, 1.86), rng.uniform(1.4, 1.6)])
