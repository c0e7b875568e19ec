"""Fastest line: the line of a closed road on which the lap takes least time, found downhill from one that bends little.

The lap time is that of the speeds of `agents.carracing.racing_line`, at the points across which the line is moved; its
slope is found by moving each of them a little.
"""

import math

import numpy as np
from numba import njit
from scipy.optimize import minimize

from drivesim.geometry import Floats

# Seconds that a change of the curvature from one point to the next costs, (1/m)^2: a line that can be followed.
_SMOOTH = 0.5
_ROUNDS, _MEMORY = 40, 30
_STEP = 1e-3  # metres


def fastest_offsets(center: Floats, normals: Floats, most: float, limits: tuple[float, ...], start: Floats) -> Floats:
    """Return how far along the normals the line lies on which a lap takes least time.

    Args:
        center: (N, 2) metres.
        normals: (N, 2) unit.
        most: Largest offset either way, metres.
        limits: Lateral, forward and braking acceleration, top speed and power: see `racing_line.Limits`.
        start: (N,) metres, to begin from.

    Returns:
        (N,) metres.
    """
    road = np.ascontiguousarray(center), np.ascontiguousarray(normals)

    def downhill(offsets: Floats) -> tuple[float, Floats]:
        return _lap_time(offsets, *road, *limits), _slope(offsets.copy(), *road, *limits)

    found = minimize(
        downhill,
        np.clip(start, -most, most),
        jac=True,
        method="L-BFGS-B",
        bounds=[(-most, most)] * len(center),
        options={"maxiter": _ROUNDS, "maxcor": _MEMORY},
    )
    return found.x


@njit(cache=True, error_model="numpy")
def _lap_time(offsets, center, normals, lateral, forward, braking, top_speed, power):
    count = len(offsets)
    x, y = center[:, 0] + offsets * normals[:, 0], center[:, 1] + offsets * normals[:, 1]
    gaps, curvature, speed = np.empty(count), np.empty(count), np.empty(count)
    for at in range(count):
        after = (at + 1) % count
        gaps[at] = math.hypot(x[after] - x[at], y[after] - y[at])
    for at in range(count):
        before, after = (at - 1) % count, (at + 1) % count
        # Of the circle through three points.
        cross = (x[at] - x[before]) * (y[after] - y[at]) - (y[at] - y[before]) * (x[after] - x[at])
        chord = math.hypot(x[after] - x[before], y[after] - y[before])
        curvature[at] = 2 * cross / (gaps[before] * gaps[at] * chord + 1e-9)
        speed[at] = min(math.sqrt(lateral / max(abs(curvature[at]), 1e-6)), top_speed)
    slowest = int(np.argmin(speed))
    for step in range(1, count):
        at, after = (slowest - step) % count, (slowest - step + 1) % count
        side = min(speed[after] ** 2 * abs(curvature[after]) / lateral, 1.0)
        speed[at] = min(speed[at], math.sqrt(speed[after] ** 2 + 2 * gaps[at] * braking * math.sqrt(1 - side**2)))
    for step in range(1, count):
        before, at = (slowest + step - 1) % count, (slowest + step) % count
        side = min(speed[before] ** 2 * abs(curvature[before]) / lateral, 1.0)
        able = min(forward, power / max(speed[before], 1.0)) * math.sqrt(1 - side**2)
        speed[at] = min(speed[at], math.sqrt(speed[before] ** 2 + 2 * gaps[before] * able))
    total = 0.0
    for at in range(count):
        after = (at + 1) % count
        total += 2 * gaps[at] / (speed[at] + speed[after]) + _SMOOTH * (curvature[after] - curvature[at]) ** 2
    return total


@njit(cache=True, error_model="numpy")
def _slope(offsets, center, normals, lateral, forward, braking, top_speed, power):
    slope = np.empty(len(offsets))
    for at in range(len(offsets)):
        offset = offsets[at]
        offsets[at] = offset + _STEP
        above = _lap_time(offsets, center, normals, lateral, forward, braking, top_speed, power)
        offsets[at] = offset - _STEP
        below = _lap_time(offsets, center, normals, lateral, forward, braking, top_speed, power)
        offsets[at] = offset
        slope[at] = (above - below) / (2 * _STEP)
    return slope
