"""Racing line: where to drive on a closed road, and how fast.

The line bends as little as the road's width allows; the speed along it is as high as a share of the grip lets it be, in
the bends and between them.
"""

import dataclasses
from dataclasses import dataclass

import numpy as np
from scipy.interpolate import CubicSpline

from agents.carracing.fastest_line import fastest_offsets
from drivesim.geometry import Floats

# Of the solver (ADMM, Boyd et al. 2011) of the bounded least squares.
_ROUNDS, _ITERATIONS, _WEIGHT = 8, 150, 0.03


@dataclass(frozen=True, eq=False)
class RacingLine:
    """A closed line with speeds, sampled at equal distances.

    Attributes:
        points: (P, 2) metres, world.
        curvature: (P,) 1/m, positive left.
        speed: (P,) m/s.
        spacing: Metres from one point to the next.
    """

    points: Floats
    curvature: Floats
    speed: Floats
    spacing: float

    def nearest(self, position: Floats, around: int | None = None, window: int = 40) -> int:
        """Return the index of the point nearest to a position (2,), near an index where there is one."""
        if around is None:
            return int(np.argmin(((self.points - position) ** 2).sum(axis=1)))
        indices = np.arange(around - window // 4, around + window) % len(self.points)
        return int(indices[np.argmin(((self.points[indices] - position) ** 2).sum(axis=1))])


@dataclass(frozen=True)
class Limits:
    """What a car can do on a line.

    Attributes:
        lateral: Acceleration in bends, m/s^2.
        forward: Acceleration, m/s^2.
        braking: Deceleration, m/s^2.
        top_speed: m/s.
        power: Of the engine, W/kg of all that it moves.
    """

    lateral: float
    forward: float
    braking: float
    top_speed: float
    power: float


def offsets_of_least_bending(center: Floats, normals: Floats, most: float, length_weight: float) -> Floats:
    """Return how far along the normals a closed line lies that bends little.

    Args:
        center: (N, 2) metres.
        normals: (N, 2) unit.
        most: Largest offset either way, metres.
        length_weight: What the line's length counts beside its bending.

    Returns:
        (N,) metres.
    """
    count = len(center)
    eye = np.eye(count)
    step = np.roll(eye, 1, axis=1) - eye
    offsets = np.zeros(count)
    for _ in range(_ROUNDS):
        points = center + offsets[:, None] * normals
        gaps = np.linalg.norm(np.roll(points, -1, axis=0) - points, axis=1)
        gaps = np.maximum(gaps, 0.3 * gaps.mean())
        at_points = (gaps + np.roll(gaps, 1)) / 2
        # Second derivative along the line, weighted by the length that it stands for.
        first = step / gaps[:, None]
        second = (first - np.roll(first, 1, axis=0)) / np.sqrt(at_points)[:, None]
        rows = [second, np.sqrt(length_weight) * step / np.sqrt(gaps)[:, None]]
        quadratic, linear = np.zeros((count, count)), np.zeros(count)
        for matrix in rows:
            for axis in range(2):
                along = matrix * normals[:, axis]
                quadratic += along.T @ along
                linear += along.T @ (matrix @ center[:, axis])
        offsets = _bounded(quadratic, linear, most, offsets)
    return offsets


def _bounded(quadratic: Floats, linear: Floats, most: float, start: Floats) -> Floats:
    """Minimise x Q x / 2 + l x for |x| <= most."""
    weight = _WEIGHT * float(np.trace(quadratic)) / len(linear)
    inverse = np.linalg.inv(quadratic + weight * np.eye(len(linear)))
    split, dual = start.copy(), np.zeros_like(start)
    for _ in range(_ITERATIONS):
        relaxed = 1.6 * (inverse @ (weight * (split - dual) - linear)) - 0.6 * split
        split = np.clip(relaxed + dual, -most, most)
        dual += relaxed - split
    return split


def speeds_along(curvature: Floats, spacing: float, limits: Limits) -> Floats:
    """Return the highest speeds (P,) along a closed line within limits that share the grip (an ellipse)."""
    speed = np.minimum(np.sqrt(limits.lateral / np.maximum(np.abs(curvature), 1e-6)), limits.top_speed)
    for way, most in ((-1, limits.braking), (1, limits.forward)):
        order = np.arange(2 * len(speed))[::way] % len(speed)
        before = order[0]
        for at in order[1:]:
            side = min(speed[before] ** 2 * abs(curvature[before]) / limits.lateral, 1.0)
            able = most if way < 0 else min(most, limits.power / max(speed[before], 1.0))
            reach = speed[before] ** 2 + 2 * spacing * able * np.sqrt(1 - side**2)
            speed[at] = min(speed[at], np.sqrt(reach))
            before = at
    return speed


def racing_line(
    center: Floats, normals: Floats, most: float, length_weight: float, limits: Limits, spacing: float = 1.0
) -> RacingLine:
    """Return the fastest line of a closed road; see `fastest_offsets`, and `offsets_of_least_bending` for the rest."""
    offsets = offsets_of_least_bending(center, normals, most, length_weight)
    offsets = fastest_offsets(center, normals, most, dataclasses.astuple(limits), offsets)
    points = center + offsets[:, None] * normals
    points = np.vstack([points, points[:1]])
    distance = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(points, axis=0), axis=1))])
    spline = CubicSpline(distance, points, bc_type="periodic")
    count = round(distance[-1] / spacing)
    at = np.arange(count) * distance[-1] / count
    (dx, dy), (ddx, ddy) = spline(at, 1).T, spline(at, 2).T
    curvature = (dx * ddy - dy * ddx) / np.maximum(np.hypot(dx, dy) ** 3, 1e-9)
    spacing = float(distance[-1] / count)
    return RacingLine(spline(at), curvature, speeds_along(curvature, spacing, limits), spacing)
