"""Traffic table: the traffic around many cars, as padded arrays."""

from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from drivesim.flow import advance, settle, swerve
from drivesim.geometry import Floats
from drivesim.road_table import Road, track_rows
from drivesim.simulation import CarState, Rules
from drivesim.track import Track
from drivesim.traffic import BEND, COLUMNS, DIRECTION, MARGIN, SPEED, Traffic
from drivesim.vehicle import VehicleParams


class Others(NamedTuple):
    """Where everything besides the cars is; N roads, M places for things on each. Its arrays are never written to.

    Attributes:
        s: (N, M) float32, arc length, metres: laps hold it exactly.
        speed: (N, M) float64, m/s, each thing's own way.
        poses: (N, M, 4) float64: x, y (m) and heading (rad), world; metres left of the line that is driven.
        things: (N, M, 12) float64: see `drivesim.traffic`.
        counts: (N,) int64, how many there are.
        standing: (N,) int64, how many of them stand: the first ones.
    """

    s: np.ndarray
    speed: Floats
    poses: Floats
    things: Floats
    counts: np.ndarray
    standing: np.ndarray

    def of(self, roads: np.ndarray | slice) -> "Others":
        """Pick some of the roads."""
        return Others(*(column[roads] for column in self))

    @property
    def along(self) -> Floats:
        """(N, M) speeds along the road, m/s, negative for what comes the other way."""
        return self.speed * self.things[..., DIRECTION]

    @property
    def present(self) -> np.ndarray:
        """(N, M) bool, which places are taken."""
        return np.arange(self.s.shape[1]) < self.counts[:, None]


class TrafficTable:
    """The traffic around many cars.

    Args:
        cars: Number of cars, each on a road of its own.
    """

    def __init__(self, cars: int) -> None:
        self._others = _nothing(cars, 0)
        # Whether nobody else has seen its arrays, so that they may be written to.
        self._is_own = True

    @property
    def others(self) -> Others | None:
        """Where everything is; None where nothing is on any road."""
        self._is_own = False
        return self._others if self._others.s.shape[1] else None

    def assign(self, car: int, traffic: Traffic) -> None:
        """Give a car's road its traffic; `start` puts it there."""
        old = self._others
        places = max(len(traffic), old.s.shape[1])
        if not places:
            return
        others = old
        if places > old.s.shape[1] or not self._is_own:
            others, self._is_own = _nothing(len(old.s), places), True
            for mine, theirs in zip(others, old, strict=True):
                mine[(slice(None), *map(slice, theirs.shape[1:]))] = theirs
        others.counts[car], others.standing[car] = len(traffic), traffic.standing
        others.things[car] = 0.0
        others.things[car, : len(traffic)] = traffic.table
        self._others = others

    def start(self, cars: np.ndarray, s: Floats, road: Road) -> None:
        """Begin: what stands where it stands, what drives at its distance from the cars (K,) at `s` (K,) metres."""
        if not self._others.s.shape[1]:
            return
        old = self._others
        at, speed = old.s.copy(), old.speed.copy()
        for car, begin in zip(cars.tolist(), s.tolist(), strict=True):
            things, standing = old.things[car], int(old.standing[car])
            at[car] = things[:, 0]
            at[car, standing:] = (things[standing:, 0] + begin) % road.length[car]
            near = np.rint(at[car] / road.spacing[car]).astype(np.int64) % road.count[car]
            bends = np.maximum(np.abs(road.table[road.first[car] + near, 4]), 1e-6)
            speed[car] = np.minimum(things[:, SPEED], np.sqrt(things[:, BEND] / bends))
        self._others = self._settled(old._replace(s=at, speed=speed), cars, road)

    def advance(self, state: CarState, road: Road, rules: Rules, moving: np.ndarray) -> np.ndarray:
        """Go on by a control step around cars in this state, where they move (N,); returns which have hit something."""
        old, vehicle = self._others, state.vehicle
        others = old._replace(s=old.s.copy(), speed=old.speed.copy(), poses=old.poses.copy())
        hit = np.zeros(len(moving), bool)
        along = np.cos(state.heading_error) * vehicle.speed
        learner = np.column_stack([state.s, state.lateral, along, vehicle.x, vehicle.y, vehicle.heading])
        advance(
            old.things,
            old.counts,
            old.standing,
            moving,
            old.s,
            old.speed,
            old.poses,
            learner,
            box_of(rules.vehicle),
            rules.dt,
            *road[:5],
            others.s,
            others.speed,
            others.poses,
            hit,
        )
        self._others = others
        return hit

    def restore(self, others: Others | None, road: Road) -> None:
        """Go back to where everything was; the same traffic must be assigned."""
        if others is None or not self._others.s.shape[1]:
            return
        now = self._others
        s, speed = now.s.copy(), now.speed.copy()
        s[:, : others.s.shape[1]], speed[:, : others.s.shape[1]] = others.s, others.speed
        self._others = self._settled(now._replace(s=s, speed=speed), np.arange(len(s)), road)

    def aside(self, cars: np.ndarray, s: Floats, vehicle: VehicleParams, road: Road) -> Floats:
        """How far left of the line cars (K,) pass what stands at `s` (K,), metres."""
        if not self._others.s.shape[1]:
            return np.zeros(len(cars))
        return swerves(self._others.of(cars), s, road.length[cars], vehicle)

    def _settled(self, others: Others, cars: np.ndarray, road: Road) -> Others:
        chosen = np.zeros(len(others.s), bool)
        chosen[cars] = True
        poses = others.poses.copy()
        settle(others.things, others.counts, others.standing, chosen, others.s, poses, *road[:5])
        return others._replace(poses=poses)


def swerves(others: Others, s: Floats, lengths: Floats, vehicle: VehicleParams) -> Floats:
    """How far left of the line a learner's car passes what stands at places `s` of N roads.

    Args:
        others: N roads.
        s: (N,) or (N, P) metres.
        lengths: (N,) of the roads, metres.
        vehicle: The learner's car.

    Returns:
        Metres, of the shape of `s`.
    """
    places = np.ascontiguousarray(s, np.float64).reshape(len(lengths), -1)
    found = np.empty_like(places)
    size = (vehicle.length, vehicle.width, MARGIN)
    swerve(others.things, others.poses, others.standing, others.s, lengths, places, *size, found)
    return found.reshape(np.shape(s))


def box_of(vehicle: VehicleParams) -> Floats:
    """A car's length and width, and from its centre of gravity to its middle: (3,) metres."""
    return np.array([vehicle.length, vehicle.width, vehicle.wheelbase / 2 - vehicle.cg_to_rear])


def seen_on(track: Track, traffic: Traffic, s: np.ndarray) -> Others:
    """Return where traffic is on a road, given all arc lengths at each of T moments: (T, M) float32; M things."""
    count = len(s)
    others = _nothing(count, len(traffic))._replace(s=np.ascontiguousarray(s, np.float32))
    others.counts[:], others.standing[:], others.things[:] = len(traffic), traffic.standing, traffic.table
    rows = _rows(track)

    def same(value: float) -> np.ndarray:
        return np.full(count, value)

    road = (rows, same(0), same(len(rows)), same(track.spacing), same(track.length))
    settle(*others[3:], np.ones(count, bool), others.s, others.poses, *road)
    return others


@lru_cache(maxsize=64)
def _rows(track: Track) -> Floats:
    return track_rows(track)


def together(parts: Sequence[Others | None], counts: Sequence[int]) -> Others | None:
    """Put the traffic of groups of roads together, each so many roads; None where there is nothing on any of them."""
    places = max((part.s.shape[1] for part in parts if part is not None), default=0)
    if not places:
        return None
    whole = _nothing(sum(counts), places)
    first = 0
    for part, count in zip(parts, counts, strict=True):
        for mine, theirs in zip(whole, part, strict=True) if part is not None else ():
            mine[(slice(first, first + count), *map(slice, theirs.shape[1:]))] = theirs
        first += count
    return whole


def _nothing(cars: int, places: int) -> Others:
    return Others(
        np.zeros((cars, places), np.float32),
        np.zeros((cars, places)),
        np.zeros((cars, places, 4)),
        np.zeros((cars, places, COLUMNS)),
        np.zeros(cars, np.int64),
        np.zeros(cars, np.int64),
    )
