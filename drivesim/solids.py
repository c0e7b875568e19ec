"""Solids: what traffic looks like, as flat faces, and the kernel that draws them into frames.

A face is a convex quadrilateral whose corners go around counter-clockwise seen from outside; those that turn away from
the camera are left out, what is farther away is drawn first, and pixels on an edge are mixed by how much of them is
covered. A camera that looks down sees everything from straight above.
"""

from dataclasses import dataclass
from functools import lru_cache
from math import cos, floor, sin

import numpy as np
from numba import njit

from drivesim.camera import Camera
from drivesim.geometry import Floats
from drivesim.ground.painting import Image
from drivesim.traffic import BLUE, GREEN, HEIGHT, KIND, LENGTH, RED, WIDTH
from drivesim.traffic_table import Others

# Nearer to a camera than this, metres, nothing is drawn.
_NEAR = 0.25

# Faces are so much larger than they are, pixels, that no ground is seen between two that meet.
_SEAM = 0.2

# A face: four corners, x ahead, y left and z up, of the thing's length, width and height; its colour, and how much of
# that is the thing's own; how light it is; how opaque; and at which sizes it is drawn.
_Face = tuple[tuple[tuple[float, float, float], ...], tuple[int, int, int], float, float, float, int]
_ALWAYS, _LARGE, _SMALL = 0, 1, 2

# Seen with fewer pixels to a metre than this, a thing is small.
_FEW_PIXELS = 5.0

_GLASS, _TIRE, _WHITE = (36, 44, 54), (22, 22, 24), (236, 236, 232)
_TAIL, _HEAD, _PLATE = (196, 24, 24), (240, 238, 220), (60, 40, 32)


def _box(x: tuple[float, float], y: float, z: tuple[float, float]) -> list[tuple[tuple[float, float, float], ...]]:
    """The left, right, rear, front and upper face of a box, `y` to either side."""
    return _frustum((*x, y), (*x, y), z)


def _frustum(
    low: tuple[float, float, float], high: tuple[float, float, float], z: tuple[float, float]
) -> list[tuple[tuple[float, float, float], ...]]:
    """The same of a box that is `(rear, front, y)` below and above."""
    (a, b, y), (c, d, w), (bottom, top) = low, high, z
    return [
        ((b, y, bottom), (a, y, bottom), (c, w, top), (d, w, top)),
        ((a, -y, bottom), (b, -y, bottom), (d, -w, top), (c, -w, top)),
        ((a, y, bottom), (a, -y, bottom), (c, -w, top), (c, w, top)),
        ((b, -y, bottom), (b, y, bottom), (d, w, top), (d, -w, top)),
        ((c, -w, top), (d, -w, top), (d, w, top), (c, w, top)),
    ]


# How light the faces of `_frustum` are.
_LIGHT = (0.82, 0.74, 0.66, 0.86, 1.0)


def _shadow(grow: float) -> _Face:
    x = 0.5 + grow
    return (((-x, -x, 0.0), (x, -x, 0.0), (x, x, 0.0), (-x, x, 0.0)), (12, 14, 18), 0.0, 1.0, 0.42, _LARGE)


def _car() -> list[_Face]:
    none = (0, 0, 0)
    faces: list[_Face] = [_shadow(0.04)]
    body = _frustum((-0.49, 0.49, 0.49), (-0.5, 0.5, 0.5), (0.08, 0.42))
    upper = _frustum((-0.5, 0.5, 0.5), (-0.475, 0.47, 0.47), (0.42, 0.60))
    faces += [(face, none, 1.0, 0.88 * light, 1.0, _ALWAYS) for face, light in zip(body[:4], _LIGHT[:4], strict=True)]
    faces += [(face, none, 1.0, light, 1.0, _ALWAYS) for face, light in zip(upper, _LIGHT, strict=True)]
    for x in (-0.3, 0.32):
        # Corners go around the other way on the other side.
        wheel = ((x + 0.075, 0.502, 0.0), (x - 0.075, 0.502, 0.0), (x - 0.075, 0.502, 0.43), (x + 0.075, 0.502, 0.43))
        faces.append((wheel, _TIRE, 0.0, 1.0, 1.0, _LARGE))
        faces.append((tuple((a, -b, c) for a, b, c in wheel[::-1]), _TIRE, 0.0, 1.0, 1.0, _LARGE))
    for y in (-0.36, 0.36):
        rear = tuple((-0.502, y + b, c) for b, c in ((0.1, 0.40), (-0.1, 0.40), (-0.1, 0.55), (0.1, 0.55)))
        front = tuple((0.502, y + b, c) for b, c in ((-0.1, 0.38), (0.1, 0.38), (0.1, 0.5), (-0.1, 0.5)))
        faces += [(rear, _TAIL, 0.0, 1.0, 1.0, _LARGE), (front, _HEAD, 0.0, 1.0, 1.0, _LARGE)]
    cabin = _frustum((-0.45, 0.24, 0.45), (-0.33, 0.07, 0.39), (0.60, 1.0))
    for face, light in zip(cabin[:4], _LIGHT[:4], strict=True):
        faces += [(face, none, 1.0, light, 1.0, _LARGE), (_inset(face), _GLASS, 0.1, 1.2 * light, 1.0, _LARGE)]
        faces.append((face, _GLASS, 0.2, 1.2 * light, 1.0, _SMALL))
    return [*faces, (cabin[4], none, 1.0, 1.06, 1.0, _ALWAYS)]


def _inset(face: tuple[tuple[float, float, float], ...]) -> tuple[tuple[float, float, float], ...]:
    """A face made smaller around its middle: the glass in it."""
    at = np.array(face)
    return tuple(tuple(corner) for corner in (at.mean(axis=0) + 0.84 * (at - at.mean(axis=0))).tolist())


def _cone() -> list[_Face]:
    faces: list[_Face] = [_shadow(0.12)]
    faces += [
        (face, _PLATE, 0.5, light, 1.0, _ALWAYS)
        for face, light in zip(_box((-0.5, 0.5), 0.5, (0, 0.06)), _LIGHT, strict=True)
    ]
    levels = (0.06, 0.36, 0.62, 1.0)
    for k in range(3):
        wide, narrow = (0.37 * (1 - 0.86 * (level - 0.06) / 0.94) for level in (levels[k], levels[k + 1]))
        own = 0.0 if k == 1 else 1.0
        band = _frustum((-wide, wide, wide), (-narrow, narrow, narrow), (levels[k], levels[k + 1]))
        faces += [(face, _WHITE, own, light, 1.0, _ALWAYS) for face, light in zip(band, _LIGHT, strict=True)]
    return faces


def _barrier() -> list[_Face]:
    faces: list[_Face] = [_shadow(0.05)]
    ends = _box((-0.5, 0.5), 0.36, (0.0, 1.0))[2:4]
    faces += [(face, (0, 0, 0), 1.0, light, 1.0, _ALWAYS) for face, light in zip(ends, _LIGHT[2:4], strict=True)]
    for k in range(4):
        left, right, _, _, top = _frustum(
            (-0.5 + k / 4, -0.25 + k / 4, 0.5), (-0.5 + k / 4, -0.25 + k / 4, 0.36), (0.0, 1.0)
        )
        own = float(k % 2 == 0)
        faces += [(f, _WHITE, own, s, 1.0, _ALWAYS) for f, s in ((left, 0.82), (right, 0.76), (top, 1.0))]
    return faces


@dataclass(frozen=True, eq=False)
class _Shapes:
    """All kinds' faces, one after another.

    Attributes:
        corners: (F, 4, 3) float64.
        paint: (F, 7) float64: red, green, blue, how much is the thing's own colour, light, opacity, sizes.
        spans: (K, 2) int64, the first face of each kind and the one after its last.
    """

    corners: Floats
    paint: Floats
    spans: np.ndarray


@lru_cache(maxsize=1)
def _shapes() -> _Shapes:
    kinds = [_cone(), _barrier(), _car()]
    faces = [face for kind in kinds for face in kind]
    ends = np.cumsum([0, *map(len, kinds)])
    return _Shapes(
        np.array([face[0] for face in faces], np.float64),
        np.array([(*face[1], *face[2:]) for face in faces], np.float64),
        np.column_stack([ends[:-1], ends[1:]]),
    )


@lru_cache(maxsize=16)
def _lens(camera: Camera) -> Floats:
    """What the kernel must know of a camera: (12,) float64."""
    scale = camera.width / camera.span if camera.span is not None else camera.focal_length
    yaw, pitch = np.radians(camera.yaw), np.radians(camera.pitch)
    middle = (camera.width - 1) / 2, (camera.height - 1) / 2
    reach = camera.view_distance if camera.looks_down else camera.reach
    turn = (np.cos(yaw), np.sin(yaw), np.cos(pitch), np.sin(pitch))
    return np.array([camera.looks_down, scale, *middle, *camera.mount, *turn, reach], np.float64)


def draw_solids(frames: Image, others: Others, poses: Floats, camera: Camera) -> np.ndarray | None:
    """Draw everything besides the cars into frames.

    Args:
        frames: (N, H, W, 3) uint8 RGB, C-contiguous: written to.
        others: N roads.
        poses: (N, 3) x y heading of the cars, metres and radians, world.
        camera: That the frames are of.

    Returns:
        (N, H, W) int16: the row of the ground under what is seen in a pixel, -1 where it is no solid; None for a
        camera that looks down, or where no solid is seen.
    """
    shapes = _shapes()
    shape = (len(frames), 1, 1) if camera.looks_down else frames.shape[:3]
    feet = np.full(shape, -1, np.int16)
    count = _draw(
        frames,
        np.ascontiguousarray(poses),
        others.things,
        others.counts,
        others.poses,
        _lens(camera),
        shapes.corners,
        shapes.paint,
        shapes.spans,
        feet,
    )
    return None if camera.looks_down or not count else feet


_compiled = njit(nogil=True, cache=True, error_model="numpy")


@_compiled
def _fill(
    frame: Image, points: Floats, count: int, red: float, green: float, blue: float, opacity: float, feet: np.ndarray,
    foot: int,
) -> None:  # fmt: skip
    """Mix a convex polygon's colour into a frame; its corners go around clockwise as rows count downwards."""
    height, width = frame.shape[0], frame.shape[1]
    left, right, top, bottom = points[0, 0], points[0, 0], points[0, 1], points[0, 1]
    for k in range(1, count):
        left, right = min(left, points[k, 0]), max(right, points[k, 0])
        top, bottom = min(top, points[k, 1]), max(bottom, points[k, 1])
    seam = _SEAM if min(right - left, bottom - top) > 3.0 else 0.0
    first, last = max(floor(top - 0.5), 0), min(floor(bottom + 1.5), height - 1)
    start, stop = max(floor(left - 0.5), 0), min(floor(right + 1.5), width - 1)
    edges = np.empty((count, 3))
    for k in range(count):
        ax, ay = points[k, 0], points[k, 1]
        bx, by = points[(k + 1) % count, 0], points[(k + 1) % count, 1]
        length = max(np.sqrt((bx - ax) ** 2 + (by - ay) ** 2), 1e-9)
        # The distance inwards, plus a half.
        edges[k, 0], edges[k, 1] = (ay - by) / length, (bx - ax) / length
        edges[k, 2] = -(edges[k, 0] * ax + edges[k, 1] * ay) + 0.5 + seam
    for row in range(first, last + 1):
        # Where every edge is less than a pixel outside.
        begin, end = float(start), float(stop)
        for k in range(count):
            at = edges[k, 1] * row + edges[k, 2]
            if edges[k, 0] > 1e-6:
                begin = max(begin, -at / edges[k, 0])
            elif edges[k, 0] < -1e-6:
                end = min(end, -at / edges[k, 0])
            elif at <= 0.0:
                end = -1.0
        for column in range(int(np.ceil(begin)), floor(end) + 1):
            missing = 0.0
            for k in range(count):
                inside = edges[k, 0] * column + edges[k, 1] * row + edges[k, 2]
                if inside < 1.0:
                    missing += 1.0 - max(inside, 0.0)
            if missing >= 1.0:
                continue
            share = (1.0 - missing) * opacity
            under = frame[row, column]
            under[0] = np.uint8(under[0] + (red - under[0]) * share + 0.5)
            under[1] = np.uint8(under[1] + (green - under[1]) * share + 0.5)
            under[2] = np.uint8(under[2] + (blue - under[2]) * share + 0.5)
            if foot >= 0 and share > 0.3:
                feet[row, column] = foot


@_compiled
def _clip(seen: Floats, clipped: Floats) -> int:
    """Cut a quadrilateral (4, 3) off where its depth falls below `_NEAR`; returns how many corners are left."""
    count = 0
    for k in range(4):
        here, after = seen[k], seen[(k + 1) % 4]
        if here[2] >= _NEAR:
            clipped[count] = here
            count += 1
        if (here[2] >= _NEAR) != (after[2] >= _NEAR):
            share = (_NEAR - here[2]) / (after[2] - here[2])
            clipped[count] = here + share * (after - here)
            count += 1
    return count


@njit(
    "int64(uint8[:, :, :, ::1], float64[:, ::1], float64[:, :, ::1], int64[::1], float64[:, :, ::1], float64[::1], "
    "float64[:, :, ::1], float64[:, ::1], int64[:, ::1], int16[:, :, ::1])",
    nogil=True,
    cache=True,
    error_model="numpy",
)
def _draw(
    frames: Image,
    cars: Floats,
    things: Floats,
    counts: np.ndarray,
    poses: Floats,
    lens: Floats,
    corners: Floats,
    paint: Floats,
    spans: np.ndarray,
    feet: np.ndarray,
) -> int:
    """Draw into all frames; returns how many things were near enough to be seen."""
    looks_down, scale, middle_x, middle_y = lens[0] > 0, lens[1], lens[2], lens[3]
    cos_yaw, sin_yaw, cos_pitch, sin_pitch, reach = lens[7], lens[8], lens[9], lens[10], lens[11]
    most = things.shape[1]
    order, distance = np.empty(most, np.int64), np.empty(most)
    seen, clipped, points = np.empty((4, 3)), np.empty((5, 3)), np.empty((5, 2))
    drawn = 0
    for n in range(len(frames)):
        near = 0
        cos_car, sin_car = cos(cars[n, 2]), sin(cars[n, 2])
        for i in range(counts[n]):
            dx, dy = poses[n, i, 0] - cars[n, 0], poses[n, i, 1] - cars[n, 1]
            x, y = cos_car * dx + sin_car * dy - lens[4], cos_car * dy - sin_car * dx - lens[5]
            ahead, aside = cos_yaw * x + sin_yaw * y, cos_yaw * y - sin_yaw * x
            size = 0.5 * (things[n, i, LENGTH] + things[n, i, WIDTH])
            if looks_down:
                if abs(ahead) - size > (middle_y + 1.0) / scale or abs(aside) - size > (middle_x + 1.0) / scale:
                    continue
            else:
                if ahead < -size or x * x + y * y > reach * reach:
                    continue
                if abs(aside) - 1.5 * size > (ahead + size) * (middle_x + 1.0) / scale / max(cos_pitch, 0.2):
                    continue
            # Sorted by distance, the farthest first.
            away, k = x * x + y * y, near
            while k > 0 and distance[k - 1] < away:
                distance[k], order[k] = distance[k - 1], order[k - 1]
                k -= 1
            distance[k], order[k] = away, i
            near += 1
        for k in range(near):
            i = order[k]
            drawn += 1
            dx, dy = poses[n, i, 0] - cars[n, 0], poses[n, i, 1] - cars[n, 1]
            x, y = cos_car * dx + sin_car * dy - lens[4], cos_car * dy - sin_car * dx - lens[5]
            turn = poses[n, i, 2] - cars[n, 2]
            cos_turn, sin_turn = cos(turn), sin(turn)
            base_ahead = cos_yaw * x + sin_yaw * y
            depth = base_ahead * cos_pitch + lens[6] * sin_pitch
            # How many pixels a metre of it is seen as, and the row that it stands on.
            pixels = scale if looks_down else scale / max(depth, 1.0)
            foot = -1
            if not looks_down:
                fall = -base_ahead * sin_pitch + lens[6] * cos_pitch
                foot = int(min(max(middle_y + scale * fall / max(depth, 0.5), 0.0), frames.shape[1] - 1.0))
            kind = int(things[n, i, KIND])
            for face in range(spans[kind, 0], spans[kind, 1]):
                if paint[face, 6] == (_LARGE if pixels < _FEW_PIXELS else _SMALL):
                    continue
                for c in range(4):
                    u, v = corners[face, c, 0] * things[n, i, LENGTH], corners[face, c, 1] * things[n, i, WIDTH]
                    ego_x, ego_y = x + cos_turn * u - sin_turn * v, y + sin_turn * u + cos_turn * v
                    ahead, aside = cos_yaw * ego_x + sin_yaw * ego_y, cos_yaw * ego_y - sin_yaw * ego_x
                    up = corners[face, c, 2] * things[n, i, HEIGHT] - lens[6]
                    if looks_down:
                        seen[c, 0], seen[c, 1], seen[c, 2] = -aside, -ahead, 1.0
                    else:
                        seen[c, 0] = -aside
                        seen[c, 1] = -ahead * sin_pitch - up * cos_pitch
                        seen[c, 2] = ahead * cos_pitch - up * sin_pitch
                count = _clip(seen, clipped)
                if count < 3:
                    continue
                area = 0.0
                for c in range(count):
                    points[c, 0] = middle_x + scale * clipped[c, 0] / clipped[c, 2]
                    points[c, 1] = middle_y + scale * clipped[c, 1] / clipped[c, 2]
                for c in range(count):
                    after = (c + 1) % count
                    area += points[c, 0] * points[after, 1] - points[after, 0] * points[c, 1]
                # Rows count downwards: what goes around counter-clockwise has a negative area.
                if area >= 0.0:
                    continue
                for c in range(count // 2):
                    for axis in range(2):
                        other = points[count - 1 - c, axis]
                        points[count - 1 - c, axis], points[c, axis] = points[c, axis], other
                own, light = paint[face, 3], paint[face, 4]
                red = min((paint[face, 0] * (1 - own) + things[n, i, RED] * own) * light, 255.0)
                green = min((paint[face, 1] * (1 - own) + things[n, i, GREEN] * own) * light, 255.0)
                blue = min((paint[face, 2] * (1 - own) + things[n, i, BLUE] * own) * light, 255.0)
                _fill(
                    frames[n], points, count, red, green, blue, paint[face, 5],
                    feet[n], foot,
                )  # fmt: skip
    return drawn
