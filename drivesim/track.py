"""Track: a closed road as a centreline with a width to each side.

Every track, generated or read from a file, is built from a closed list of points by one periodic cubic spline, so
its curvature is continuous and the same points give the same track, byte for byte.
"""

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike
from scipy.interpolate import CubicSpline
from scipy.spatial import cKDTree

from drivesim.errors import check_name
from drivesim.geometry import Floats, wrap_angle

# Samples lie this far apart at most: between two of them an arc of radius 10 m is met to a tenth of a millimetre.
MAX_SPACING = 0.35

# The inner edge of a bend tighter than the road is wide stops short of the bend's centre by this factor.
INNER_EDGE_LIMIT = 0.9

LANES = ("center", "right", "left")

# A lane's centreline is told by points this far apart, metres.
_LANE_SPACING = 2.0


@dataclass(frozen=True, eq=False)
class Track:
    """A closed road.

    Attributes:
        name: What to call it in tables and files.
        points: (P, 4) float64, `x y width_left width_right` in metres, world: what the track is built from; the last
            point is not a repetition of the first.
        spacing: Arc length between two samples, metres.
        centerline: (M, 2) float64, metres, world: samples at equal arc length, the first at the start line.
        heading: (M,) float64, radians, in [-pi, pi).
        curvature: (M,) float64, 1/m, positive to the left.
        width_left: (M,) float64, metres from the centreline to the left edge.
        width_right: (M,) float64, metres from the centreline to the right edge.
    """

    name: str
    points: Floats
    spacing: float
    centerline: Floats
    heading: Floats
    curvature: Floats
    width_left: Floats
    width_right: Floats

    @classmethod
    def from_points(cls, points: ArrayLike, name: str) -> "Track":
        """Build a track from a closed list of points in the direction of travel.

        Args:
            points: (P, 4) `x y width_left width_right`, metres, world; P >= 4, the first point not repeated.
            name: What to call it.
        """
        points = np.ascontiguousarray(points, np.float64)
        closed = np.vstack([points, points[:1]])
        chord = np.concatenate([[0.0], np.cumsum(np.hypot(*np.diff(closed[:, :2], axis=0).T))])
        curve = CubicSpline(chord, closed[:, :2], bc_type="periodic")
        parameter = np.linspace(0.0, chord[-1], 32 * len(points) + 1)
        arc_length = _arc_length(curve, parameter)
        narrowest = (points[:, 2] + points[:, 3]).min()
        count = int(np.ceil(arc_length[-1] / min(MAX_SPACING, narrowest / 8)))
        spacing = arc_length[-1] / count
        at = np.interp(np.arange(count) * spacing, arc_length, parameter)
        velocity, acceleration = curve(at, 1), curve(at, 2)
        speed = np.hypot(velocity[:, 0], velocity[:, 1])
        cross = velocity[:, 0] * acceleration[:, 1] - velocity[:, 1] * acceleration[:, 0]
        return cls(
            name=name,
            points=points,
            spacing=float(spacing),
            centerline=curve(at),
            heading=wrap_angle(np.arctan2(velocity[:, 1], velocity[:, 0])),
            curvature=cross / speed**3,
            width_left=np.interp(at, chord, closed[:, 2]),
            width_right=np.interp(at, chord, closed[:, 3]),
        )

    @property
    def length(self) -> float:
        """Length of the centreline in metres."""
        return self.spacing * len(self.centerline)

    def position(self, s: ArrayLike, lateral: ArrayLike = 0.0) -> Floats:
        """Return the world point(s) at arc length `s`, `lateral` metres left of the centreline: (..., 2)."""
        s, lateral = np.broadcast_arrays(np.asarray(s, np.float64), np.asarray(lateral, np.float64))
        index, along = self._nearest_sample(s)
        heading, curvature = self.heading[index], self.curvature[index]
        turn = curvature * along
        # A short arc from the nearest sample: sinc keeps it exact on straights.
        chord = along * np.sinc(turn / (2 * np.pi))
        bearing = heading + turn / 2
        end = heading + turn
        x = self.centerline[index, 0] + chord * np.cos(bearing) - lateral * np.sin(end)
        y = self.centerline[index, 1] + chord * np.sin(bearing) + lateral * np.cos(end)
        return np.stack([x, y], axis=-1)

    def heading_at(self, s: ArrayLike) -> Floats:
        """Return the direction of travel at arc length `s`, radians in [-pi, pi)."""
        index, along = self._nearest_sample(np.asarray(s, np.float64))
        return wrap_angle(self.heading[index] + self.curvature[index] * along)

    def curvature_at(self, s: ArrayLike) -> Floats:
        """Return the curvature at arc length `s`, 1/m, positive to the left."""
        return self._interpolate(self.curvature, s)

    def width_at(self, s: ArrayLike) -> tuple[Floats, Floats]:
        """Return the widths at arc length `s`: metres to the left edge, metres to the right edge."""
        return self._interpolate(self.width_left, s), self._interpolate(self.width_right, s)

    def pose(self, s: float, lateral: float = 0.0, heading_error: float = 0.0) -> Floats:
        """Return the pose (3,) of a car at arc length `s`, beside the centreline and turned from it."""
        return np.append(self.position(s, lateral), wrap_angle(self.heading_at(s) + heading_error))

    def local_coordinates(self, xy: ArrayLike) -> tuple[Floats, Floats]:
        """Return arc length and lateral offset (positive left) of world points.

        Args:
            xy: (..., 2) metres, world.

        Returns:
            `s` (...) in [0, length) and `lateral` (...), metres. Where the road comes near itself, the nearest
            piece counts; a car that is tracked along the road uses `simulation.project` instead.
        """
        xy = np.asarray(xy, np.float64)
        _, index = self._tree.query(xy)
        dx, dy = xy[..., 0] - self.centerline[index, 0], xy[..., 1] - self.centerline[index, 1]
        cos, sin, curvature = np.cos(self.heading[index]), np.sin(self.heading[index]), self.curvature[index]
        along, left = cos * dx + sin * dy, cos * dy - sin * dx
        return arc_coordinates(np.multiply(index, self.spacing), along, left, curvature, self.length)

    def edges(self) -> tuple[Floats, Floats]:
        """Return the left and the right edge, each (M, 2) metres, world."""
        normal = np.stack([-np.sin(self.heading), np.cos(self.heading)], axis=-1)
        tightest = INNER_EDGE_LIMIT / np.maximum(np.abs(self.curvature), 1e-9)
        left = np.where(self.curvature > 0, np.minimum(self.width_left, tightest), self.width_left)
        right = np.where(self.curvature < 0, np.minimum(self.width_right, tightest), self.width_right)
        return self.centerline + left[:, None] * normal, self.centerline - right[:, None] * normal

    def reversed(self) -> "Track":
        """Return the same road driven the other way."""
        points = np.roll(self.points[::-1], 1, axis=0)[:, [0, 1, 3, 2]]
        name = self.name.removesuffix("-reversed") if self.name.endswith("-reversed") else f"{self.name}-reversed"
        return Track.from_points(points, name)

    def mirrored(self) -> "Track":
        """Return the road as it looks from below: y is -y, left is right."""
        return replace(
            self,
            name=f"{self.name}-mirrored",
            points=(self.points * [1.0, -1.0, 1.0, 1.0])[:, [0, 1, 3, 2]],
            centerline=self.centerline * [1.0, -1.0],
            heading=wrap_angle(-self.heading),
            curvature=-self.curvature,
            width_left=self.width_right,
            width_right=self.width_left,
        )

    def resized(self, scale: float, width: float = 1.0) -> "Track":
        """Return a road `scale` times as large, and `width` times as wide besides."""
        wider = scale * width
        return replace(
            self,
            name=f"{self.name}-resized",
            points=self.points * [scale, scale, wider, wider],
            spacing=scale * self.spacing,
            centerline=scale * self.centerline,
            curvature=self.curvature / scale,
            width_left=wider * self.width_left,
            width_right=wider * self.width_right,
        )

    def lane(self, side: str) -> "Track":
        """Return the same road with the middle of one of its two lanes as the centreline: `right` or `left`.

        The road's edges stay where they are. `center` returns the track itself.
        """
        if check_name("lane", side, LANES) == "center":
            return self
        step = max(round(_LANE_SPACING / self.spacing), 1)
        at = np.arange(0, len(self.centerline) - step // 2, step)
        left, right = self.width_left[at], self.width_right[at]
        aside = (left - right) / 2 + (left + right) / 4 * (1 if side == "left" else -1)
        points = np.column_stack([self.position(at * self.spacing, aside), left - aside, right + aside])
        return Track.from_points(points, f"{self.name}-{side}")

    def _nearest_sample(self, s: Floats) -> tuple[np.ndarray, Floats]:
        nearest = np.rint(s / self.spacing)
        return nearest.astype(np.int64) % len(self.centerline), s - nearest * self.spacing

    def _interpolate(self, samples: Floats, s: ArrayLike) -> Floats:
        at = np.asarray(s, np.float64) / self.spacing
        below = np.floor(at)
        index = below.astype(np.int64) % len(samples)
        weight = at - below
        return samples[index] * (1 - weight) + samples[(index + 1) % len(samples)] * weight

    @cached_property
    def _tree(self) -> cKDTree:
        return cKDTree(self.centerline)


def arc_coordinates(s: Floats, along: Floats, left: Floats, curvature: Floats, length: float) -> tuple[Floats, Floats]:
    """Turn a point in the frame of a centreline sample into arc length and lateral offset on its osculating circle.

    Args:
        s: Arc length of the sample, metres.
        along: Metres ahead of the sample, along its tangent.
        left: Metres left of the tangent.
        curvature: Of the centreline at the sample, 1/m.
        length: Of the track, metres; `s` wraps there.
    """
    ahead = 1.0 - curvature * left
    reach = np.sqrt(ahead**2 + (curvature * along) ** 2)
    lateral = (2 * left - curvature * (along**2 + left**2)) / (1.0 + reach)
    angle = np.arctan2(curvature * along, ahead)
    straight = np.abs(curvature) < 1e-9
    arc = np.where(straight, along, angle / np.where(straight, 1.0, curvature))
    wrapped = (s + arc) % length
    # The remainder of a tiny negative number rounds up to `length` itself.
    return np.where(wrapped < length, wrapped, 0.0), lateral


def _arc_length(curve: CubicSpline, parameter: Floats) -> Floats:
    """Cumulative arc length of `curve` at `parameter` (K,), by Simpson's rule on each interval; metres."""
    middle = (parameter[1:] + parameter[:-1]) / 2
    speed = np.hypot(*curve(parameter, 1).T)
    middle_speed = np.hypot(*curve(middle, 1).T)
    pieces = np.diff(parameter) * (speed[:-1] + 4 * middle_speed + speed[1:]) / 6
    return np.concatenate([[0.0], np.cumsum(pieces)])
