"""Roofs: houses as seen from above, with a ridge or flat."""

import cv2
import numpy as np

from drivesim.appearance import Color
from drivesim.geometry import Floats
from drivesim.ground.scenery import Buildings
from drivesim.ground.window import Window

Image = np.ndarray

# Points that are drawn have this many bits behind the point.
_SHIFT = 4

# Rows of tiles, chimneys and the like are drawn on a ground this fine, metres a pixel.
_FINE = 0.25

_FLAT: tuple[Color, ...] = ((142, 138, 132), (122, 124, 128), (164, 158, 148), (106, 104, 104), (150, 140, 124))
_GABLE: tuple[Color, ...] = ((150, 78, 58), (126, 66, 54), (110, 86, 70), (92, 92, 98), (164, 100, 66))


def draw_roofs(image: Image, houses: Buildings, sun: float, window: Window) -> None:
    """Draw roofs over an image.

    Args:
        image: (H, W, 4) uint8 RGBA, written to.
        houses: At least one.
        sun: Where the light comes from, radians counter-clockwise from the east.
        window: That the image shows.
    """
    light = np.array([np.cos(sun), np.sin(sun)])
    gabled = houses.at(houses.has_gable)
    if len(gabled.center):
        _draw_gables(image, gabled, light, window)
    flat = houses.at(~houses.has_gable)
    if len(flat.center):
        _draw_flat_roofs(image, flat, light, window)


def _colors(houses: Buildings, palette: tuple[Color, ...]) -> Floats:
    """A colour a house: (N, 3)."""
    chosen = np.array(palette, float)[(houses.style * len(palette)).astype(int) % len(palette)]
    return chosen + (60 * (houses.style * 7.3 % 1) - 30)[:, None]


def _fill(image: Image, shapes: Floats, colors: Floats, window: Window) -> None:
    """Fill convex shapes (N, K, 2), metres, world, each with its colour (N, 3)."""
    points = np.rint(window.pixels(shapes) * 2**_SHIFT).astype(np.int32)
    paints = np.column_stack([np.clip(colors, 0, 255), np.full(len(colors), 255)]).tolist()
    for shape, paint in zip(points, paints, strict=True):
        cv2.fillConvexPoly(image, shape, paint, cv2.LINE_AA, _SHIFT)


def _draw_gables(image: Image, houses: Buildings, light: Floats, window: Window) -> None:
    base, size = _colors(houses, _GABLE), houses.size
    facing = houses.turn[:, 1] @ light

    def strip(low: float, high: float, wider: float = 0.0) -> Floats:
        """Along the whole house, from one share of its width to another, and `wider` metres more."""
        corners = np.array([(-0.5, low), (0.5, low), (0.5, high), (-0.5, high)])
        local = corners * size[:, None]
        local[:, 2:, 1] += wider
        return houses.to_world(local)

    for low, high, side in ((-0.5, 0.0, -1), (0.0, 0.5, 1)):
        _fill(image, strip(low, high), base * (0.96 + 0.24 * side * facing)[:, None], window)
    if window.resolution <= _FINE:
        for share in np.arange(0.14, 0.5, 0.12):
            for side in (-1, 1):
                tone = (0.9 + 0.24 * side * facing)[:, None]
                _fill(image, strip(side * share, side * share, 0.12), base * tone, window)
        chimney = houses.to_world((np.array([0.28, 0.18]) * size)[:, None] + _square(np.full(len(size), 0.9)))
        _fill(image, chimney, base * 0.5, window)
    _fill(image, strip(0.0, 0.0, 0.25), base * 1.2, window)


def _draw_flat_roofs(image: Image, houses: Buildings, light: Floats, window: Window) -> None:
    base = _colors(houses, _FLAT)
    _fill(image, houses.rectangles(), base * 1.18, window)
    _fill(image, houses.rectangles(-0.9), base * 0.72, window)
    _fill(image, houses.rectangles(-1.3), base * 0.95, window)
    count = np.maximum(houses.size.prod(axis=1) / 45, 1).astype(int)
    for number in range(count.max()):
        # What stands on a roof follows from the house alone.
        having = houses.at(count > number)
        mixed = having.style[:, None] * (np.array([311.7, 173.3, 97.1, 57.7]) + 71.9 * number) % 1
        place = (0.72 * mixed[:, :2] - 0.36) * having.size
        box = _square(0.9 + 1.3 * mixed[:, 2])
        shadow = having.to_world(place[:, None] + box) - 0.45 * light
        _fill(image, shadow, base[count > number] * 0.6, window)
        tone = np.where(mixed[:, 3:] < 0.6, (200.0, 202.0, 204.0), (150.0, 178.0, 196.0))
        _fill(image, having.to_world(place[:, None] + box), tone, window)


def _square(side: Floats) -> Floats:
    """Corners (N, 4, 2) of squares around the origin, of sides (N,)."""
    return np.multiply.outer(side / 2, np.array([(-1, -1), (1, -1), (1, 1), (-1, 1)]))
