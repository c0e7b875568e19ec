"""Scenery painting: side roads and stray lines under a road, shadows, roofs and crowns over it."""

import cv2
import numpy as np

from drivesim.appearance import Appearance
from drivesim.geometry import Floats
from drivesim.ground.crowns import crown_stamps, shadow_stamps
from drivesim.ground.roofs import draw_roofs
from drivesim.ground.scenery import Scenery, SideRoad
from drivesim.ground.stamps import cast_stamps, lay_masked, lay_stamps, shade
from drivesim.ground.surfaces import Surface
from drivesim.ground.window import Window

Image = np.ndarray

# Points that are drawn have this many bits behind the point.
_SHIFT = 4

# What a shadow takes from red, green and blue, as shares: the sky lights it blue.
_SHADOW = (1.0, 0.94, 0.8)

# Shadows are so many times as long as their caster is high, and a crown stands about so many of its diameters high.
_SHADOW_LENGTH, _CROWN_HEIGHT = 0.8, 1.5

# How much wider a side road is where it meets the main road, metres, and how fast that ends.
_FLARE, _FLARE_LENGTH = 3.2, 2.6
_TURNING_CIRCLE = 1.25

# No wider reaches anything from its place, metres.
_REACH = 30.0


def paint_beneath(image: Image, surface: Surface, scenery: Scenery, look: Appearance, window: Window) -> None:
    """Paint what the main road lies over.

    Args:
        image: (H, W, 4) uint8 RGBA, written to.
        surface: Of roads.
        scenery: What is there.
        look: Of the world.
        window: That the image shows.
    """
    roads = [road for road in scenery.side_roads if window.near(road.axis, _REACH).any()]
    lines = scenery.lines[window.near(scenery.lines, _REACH).any(axis=1)]
    if roads:
        covered = np.zeros(image.shape[:2], np.uint8)
        for road in roads:
            _cover_with_road(covered, road, window)
        lay_masked(image, covered, surface.tile, surface.top, surface.left)
    if roads or len(lines):
        painted = np.zeros(image.shape[:2], np.uint8)
        for road in roads:
            _draw_road_lines(painted, road, look, window)
        _draw_lines(painted, lines, max(look.edge_line_width, 0.15), 0.85, window)
        lay_masked(image, painted, np.array([[[*look.edge_line, 255]]], np.uint8), 0, 0)


def paint_above(image: Image, scenery: Scenery, look: Appearance, window: Window) -> None:
    """Paint shadows over the road, and roofs and crowns beside it; arguments as of `paint_beneath`."""
    octant = round(look.sun_azimuth / 45) % 8
    sun = np.radians(look.sun_azimuth)
    away = -_SHADOW_LENGTH * np.array([np.cos(sun), np.sin(sun)])
    houses = scenery.buildings.at(window.near(scenery.buildings.center, _REACH))
    shown = window.near(scenery.trees, _REACH)
    trees, crowns, diameters = scenery.trees[shown], scenery.crowns[shown], scenery.diameters[shown]
    if look.shadows and (len(trees) or len(houses.center)):
        mask = np.zeros(image.shape[:2], np.uint8)
        if len(trees):
            stamps = shadow_stamps(look.surroundings, octant, window.resolution)
            for share in (0.3, 0.65, 1.0):
                casts = trees + share * _CROWN_HEIGHT * diameters[:, None] * away
                cast_stamps(mask, stamps, _places(casts, crowns, stamps.shape[1], window))
        corners = houses.rectangles()
        for both in np.concatenate([corners, corners + (houses.height[:, None] * away)[:, None]], axis=1):
            outline = cv2.convexHull(both.astype(np.float32))[:, 0]
            cv2.fillConvexPoly(mask, _fixed(outline, window), 255, cv2.LINE_AA, _SHIFT)
        shade(image, mask, np.rint(255 * look.shadows * np.array(_SHADOW)).astype(np.int64))
    if len(houses.center):
        draw_roofs(image, houses, sun, window)
    if not len(trees):
        return
    stamps = crown_stamps(look.surroundings, octant, window.resolution)
    lay_stamps(image, stamps, _places(trees, crowns, stamps.shape[1], window))


def _fixed(xy: Floats, window: Window) -> np.ndarray:
    """World points (K, 2) as fixed-point pixels."""
    return np.rint(window.pixels(np.asarray(xy, np.float64)) * 2**_SHIFT).astype(np.int32)


def _places(xy: Floats, kinds: np.ndarray, side: int, window: Window) -> np.ndarray:
    """Stamps around world points: (N, 3) int64, kind, row and column of the upper left pixel."""
    # In whole pixels of the world, whatever the window.
    corner = np.rint(window.pixels(xy) - (side - 1) / 2).astype(np.int64)
    return np.ascontiguousarray(np.column_stack([kinds, corner[:, 1], corner[:, 0]]))


def _cover_with_road(covered: Image, road: SideRoad, window: Window) -> None:
    half = road.width / 2 + _FLARE * np.exp(-np.maximum(road.distance, 0) / _FLARE_LENGTH)
    across = np.column_stack([-np.sin(road.heading), np.cos(road.heading)]) * half[:, None]
    outline = np.vstack([road.axis + across, (road.axis - across)[::-1]])
    cv2.fillPoly(covered, [_fixed(outline, window)], 255, cv2.LINE_AA, _SHIFT)
    radius = road.width / 2 * _TURNING_CIRCLE
    center = _fixed(road.axis[-1:], window)[0].tolist()
    cv2.circle(covered, center, round(radius / window.resolution * 2**_SHIFT), 255, -1, cv2.LINE_AA, _SHIFT)


def _draw_road_lines(painted: Image, road: SideRoad, look: Appearance, window: Window) -> None:
    """Draw its edge lines as the main road has them, and where it gives way."""
    beyond = (road.distance > 4.5) & (road.distance < road.distance[-1] - road.width)
    if beyond.sum() < 2:
        return
    axis, heading = road.axis[beyond], road.heading[beyond]
    across = np.column_stack([-np.sin(heading), np.cos(heading)])
    if look.edge_line_width and look.edge_line_style != "none":
        for side in (-1, 1):
            line = axis + side * (road.width / 2 - 0.3) * across
            _draw_lines(painted, line[None], min(look.edge_line_width, 0.18), 0.8, window)
    start = axis[0] + np.outer(np.arange(-road.width / 2 + 0.6, road.width / 2 - 0.6, 0.9), across[0])
    _draw_lines(painted, np.stack([start, start + 0.5 * across[0]], axis=1), 0.3, 0.9, window)


def _draw_lines(painted: Image, lines: Floats, width: float, share: float, window: Window) -> None:
    """Draw lines (N, K, 2), metres; those thinner than a pixel are paler instead."""
    thickness = max(round(width / window.resolution), 1)
    paleness = min(width / (thickness * window.resolution), 1.0)
    value = round(255 * share * paleness)
    cv2.polylines(painted, [*_fixed(lines, window)], False, value, thickness, cv2.LINE_AA, _SHIFT)
