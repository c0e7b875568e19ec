"""Departures: where a lap leaves the road, and the steps that lead there."""

import numpy as np
from numpy.typing import NDArray

from datasets.schema import Lap
from drivesim.geometry import Floats
from drivesim.namespaces import NUMPY
from drivesim.road_table import Road, track_rows
from drivesim.simulation import CarState, wheel_clearance
from drivesim.vehicle import VehicleState, get_vehicle


def clearance(lap: Lap) -> Floats:
    """Return how far the outermost wheel is from the nearer edge of the road: (T,) metres, negative off the road."""
    columns, track, steps = lap.columns, lap.track, len(lap)
    road = Road(
        track_rows(track),
        np.zeros(steps, np.int64),
        np.full(steps, len(track.centerline)),
        np.full(steps, track.spacing),
        np.full(steps, track.length),
    )
    vehicle = VehicleState(*(columns[name] for name in VehicleState._fields))
    heading_error = columns["heading"] - track.heading_at(columns["s"])
    unknown = np.zeros(steps)
    state = CarState(vehicle, columns["s"], columns["lateral_error"], heading_error, *[unknown] * 7)
    return wheel_clearance(state, road, get_vehicle(lap.info.vehicle), NUMPY)


def off_road(lap: Lap) -> NDArray[np.bool_]:
    """Return at which steps a wheel is off the road: (T,) bool; at the last one, also if it comes off in that step."""
    clear = clearance(lap)
    departed = clear < 0
    # A recording often ends with the departure: where the last step led to is no row any more.
    departed[-1] |= len(clear) > 1 and 2 * clear[-1] - clear[-2] < 0
    return departed


def leading_to(departed: NDArray[np.bool_], steps: int) -> NDArray[np.bool_]:
    """Return the steps (T,) bool at which the car has departed, and the `steps` before each."""
    count = len(departed)
    changes = np.zeros(count + 1, np.int64)
    at = np.flatnonzero(departed)
    np.add.at(changes, np.maximum(at - steps, 0), 1)
    np.add.at(changes, at + 1, -1)
    return np.cumsum(changes[:count]) > 0
