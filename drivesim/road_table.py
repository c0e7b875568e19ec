"""Road table: the centrelines of the tracks in use, as rows that the simulation looks up.

A row is one sample of a centreline: `x y cos sin curvature width_left width_right heading`; eight doubles, one cache
line. One car looks up a list of tuples, many cars rows of one array.
"""

from typing import Any, NamedTuple

import numpy as np

from drivesim.dynamics import AS_BUILT, Dynamics
from drivesim.geometry import Floats
from drivesim.track import Track

COLUMNS = 8


class Road(NamedTuple):
    """The road under one car (floats) or under each of many (arrays).

    Attributes:
        table: Rows of `COLUMNS` values: list of tuples, or (R, 8) float64.
        first: Index of the track's first row.
        count: Number of the track's rows.
        spacing: Metres between rows.
        length: Of the track, metres.
        grip: What the weather and the car leave of the friction between tyre and road, up to 1.
        mass: Of the car, of its usual one; as the next ones see `dynamics.Dynamics`.
        tyres: Of its cornering stiffness.
        lag: Of its steering's time constant.
        steering_offset: Radians.
        wind: m/s^2.
    """

    table: Any
    first: Any
    count: Any
    spacing: Any
    length: Any
    grip: Any = 1.0
    mass: Any = 1.0
    tyres: Any = 1.0
    lag: Any = 1.0
    steering_offset: Any = 0.0
    wind: Any = 0.0


def track_rows(track: Track) -> Floats:
    """Return a track's rows: (M, 8) float64."""
    heading = track.heading
    return np.column_stack(
        [
            track.centerline,
            np.cos(heading),
            np.sin(heading),
            track.curvature,
            track.width_left,
            track.width_right,
            heading,
        ]
    )


def road_of_one(track: Track, grip: float = 1.0, dynamics: Dynamics = AS_BUILT) -> Road:
    """Return the road for one car."""
    rows = [tuple(row) for row in track_rows(track).tolist()]
    return Road(rows, 0, len(rows), track.spacing, track.length, *_handling(grip, dynamics))


def _handling(grip: float, dynamics: Dynamics) -> tuple[float, ...]:
    """The last values of a `Road`."""
    own = dynamics
    return grip * own.grip, own.mass, own.tyres, own.lag, own.steering_offset, own.wind


class RoadTable:
    """The roads of many cars; cars on the same track share its rows.

    Args:
        cars: Number of cars. Each needs `assign` before its first step.
    """

    def __init__(self, cars: int) -> None:
        self._tracks: list[Track | None] = [None] * cars
        self._slots: dict[Track, tuple[int, int]] = {}
        self._used = 0
        self.road = Road(
            np.zeros((0, COLUMNS)),
            np.zeros(cars, np.int64),
            np.ones(cars, np.int64),
            *np.ones((6, cars)),
            *np.zeros((2, cars)),
        )

    @property
    def used(self) -> int:
        """How many rows of the table are in use: the first ones."""
        return self._used

    def assign(self, car: int, track: Track, grip: float = 1.0, dynamics: Dynamics = AS_BUILT) -> None:
        """Put a car on a track, where the weather leaves so much of the friction."""
        for column, value in zip(self.road[5:], _handling(grip, dynamics), strict=True):
            column[car] = value
        self._tracks[car] = track
        if track not in self._slots:
            self._add(track)
        first, count = self._slots[track]
        self.road.first[car], self.road.count[car] = first, count
        self.road.spacing[car], self.road.length[car] = track.spacing, track.length

    def _add(self, track: Track) -> None:
        count = len(track.centerline)
        if self._used + count > len(self.road.table):
            self._make_room(count)
        self.road.table[self._used : self._used + count] = track_rows(track)
        self._slots[track] = (self._used, count)
        self._used += count

    def _make_room(self, count: int) -> None:
        """Drop tracks that no car drives on and, where that is not enough, double the table."""
        driven = set(self._tracks)
        kept = {track: slot for track, slot in self._slots.items() if track in driven}
        needed = sum(rows for _, rows in kept.values()) + count
        size = len(self.road.table)
        table = np.zeros((size if 2 * needed <= size else 2 * needed, COLUMNS))
        self._slots, self._used = {}, 0
        for track, (first, rows) in kept.items():
            table[self._used : self._used + rows] = self.road.table[first : first + rows]
            self._slots[track] = (self._used, rows)
            self._used += rows
        self.road = self.road._replace(table=table)
        for car, driven_track in enumerate(self._tracks):
            if driven_track in kept:
                self.road.first[car] = self._slots[driven_track][0]
