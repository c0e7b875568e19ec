"""Road: the pixels of its surface, its lines and its decals, each coloured by its road coordinates.

A marking's edge is exact: a pixel takes the share of paint that its square is covered by.
"""

from typing import Any, NamedTuple

import numpy as np

from drivesim.appearance import Appearance, Color
from drivesim.ground.decals import Strip, decal_strip, has_decals
from drivesim.ground.road_cells import cells_near_road, compiled, pixel_coordinates
from drivesim.ground.surfaces import Surface
from drivesim.ground.window import CELL, Window
from drivesim.track import Track

Image = np.ndarray

# Lengths of the centre line's dashes and gaps, the inset of the edge lines and the bar at the start, metres.
_DASH, _GAP = 3.0, 4.5
_EDGE_INSET = 0.15
_START_BAR = 0.6

# A pixel takes in a little more than its own square, pixels: lines thinner than a pixel stay even.
FILTER = 1.4

_NO_STRIP = np.zeros((1, 2, 4), np.uint8)


class _Lines(NamedTuple):
    """What is painted on a road, as the compiled code takes it: metres, and colours as three floats."""

    edge_width: float
    edge_dashed: bool
    edge_color: tuple[float, float, float]
    center: int
    center_width: float
    center_at_centerline: bool
    center_color: tuple[float, float, float]
    dash_period: float


class _Decals(NamedTuple):
    """A strip of decals as the compiled code takes it; see `decals.Strip`."""

    has_any: bool
    period: float
    half: float
    fade: float


def paint_road(image: Image, surface: Surface, track: Track, look: Appearance, window: Window) -> None:
    """Paint the road's surface and what is on it over an image (height, width, 4) uint8 RGBA of the window."""
    cells = cells_near_road(track, window)
    if not len(cells):
        return
    strip = _decals(track, look, window) if has_decals(look) else None
    _paint(
        image,
        surface.tile,
        (surface.top, surface.left),
        cells.row,
        cells.column,
        cells.frames,
        cells.turns,
        track.width_left[cells.sample],
        track.width_right[cells.sample],
        window.resolution,
        track.length,
        _lines(look, track.length),
        _NO_STRIP if strip is None else strip.image,
        _Decals(False, 1.0, 1.0, 0.0) if strip is None else _Decals(True, strip.period, strip.half, strip.fade),
    )


def _lines(look: Appearance, length: float) -> _Lines:
    has_edges = look.edge_line_width > 0 and look.edge_line_style != "none"
    return _Lines(
        look.edge_line_width if has_edges else 0.0,
        look.edge_line_style == "dashed",
        _floats(look.edge_line),
        ("none", "solid", "dashed", "double").index(look.center_line_style),
        look.center_line_width,
        look.center_line_place == "centerline",
        _floats(look.center_line),
        # Stretched so that a whole number of dashes closes the lap.
        length / max(round(length / (_DASH + _GAP)), 1),
    )


def _floats(color: Color) -> tuple[float, float, float]:
    red, green, blue = color
    return float(red), float(green), float(blue)


def _decals(track: Track, look: Appearance, window: Window) -> Strip:
    left, right = track.width_left, track.width_right
    half_width = float(max(left.max(), right.max()))
    middle = 0.0 if look.center_line_place == "centerline" else float((left - right).mean() / 2)
    lane = float((left + right).mean() / 2)
    return decal_strip(look, track.length, half_width, middle, lane, window.resolution)


def strip_cover(distance: Any, width: float, blur: float) -> Any:
    """Return the share of pixels filtered `blur` wide that a strip covers, its middle `distance` away; metres."""
    distance = np.abs(distance)
    overlap = np.minimum(distance + blur / 2, width / 2) - np.maximum(distance - blur / 2, -width / 2)
    return np.minimum(np.maximum(overlap / blur, 0.0), 1.0)


_cover = compiled(strip_cover)


@compiled
def _dash_cover(s: float, period: float, blur: float) -> float:
    return _cover(s - period * np.rint(s / period), _DASH, blur)


@compiled
def _center_cover(lines: _Lines, s: float, from_middle: float, blur: float) -> float:
    if lines.center == 3:
        return _cover(abs(from_middle) - lines.center_width, lines.center_width, blur)
    cover = _cover(from_middle, lines.center_width, blur)
    return cover * _dash_cover(s, lines.dash_period, blur) if lines.center == 2 and cover > 0 else cover


@compiled
def _mix(color: np.ndarray, paint: tuple[float, float, float], share: float) -> None:
    color[0] += (paint[0] - color[0]) * share
    color[1] += (paint[1] - color[1]) * share
    color[2] += (paint[2] - color[2]) * share


@compiled
def _look_up(strip: Image, decals: _Decals, s: float, lateral: float, found: np.ndarray) -> None:
    """Sample a strip bilinearly: it repeats along the road, and its borders go on beyond them."""
    height, width = strip.shape[:2]
    column = s * (width / decals.period) - 0.5
    column -= width * np.floor(column / width)
    row = min(max(height / 2 - 0.5 - lateral * (height / (2 * decals.half)), 0.0), height - 1.0)
    left, top = int(column), int(row)
    right_share, down_share = column - left, row - top
    left = left if left < width else 0
    right = left + 1 if left + 1 < width else 0
    bottom = min(top + 1, height - 1)
    upper_right, lower_right = (1 - down_share) * right_share, down_share * right_share
    upper_left, lower_left = 1 - down_share - upper_right, down_share - lower_right
    for channel in range(4):
        found[channel] = (
            strip[top, left, channel] * upper_left
            + strip[top, right, channel] * upper_right
            + strip[bottom, left, channel] * lower_left
            + strip[bottom, right, channel] * lower_right
        )


@compiled
def _paint(
    image: Image,
    tile: Image,
    tile_corner: tuple[int, int],
    row: np.ndarray,
    column: np.ndarray,
    frames: np.ndarray,
    turns: np.ndarray,
    width_left: np.ndarray,
    width_right: np.ndarray,
    resolution: float,
    length: float,
    lines: _Lines,
    strip: Image,
    decals: _Decals,
) -> None:
    blur, side = FILTER * resolution, CELL * resolution
    size = len(tile)
    # How far a cell's pixels lie from its middle, and how far from its own middle a line may colour a pixel.
    reach = 0.75 * side
    edge_zone = max(0.5 * blur, _EDGE_INSET + lines.edge_width + blur if lines.edge_width > 0 else 0.0) + reach
    center_zone = 1.5 * lines.center_width + blur + reach
    color, decal = np.empty(3), np.zeros(4)
    for i in range(len(row)):
        start, along, left, curvature = frames[i]
        cos, sin = turns[i]
        s, lateral = pixel_coordinates(start, along, left, curvature, cos, sin, side / 2, side / 2)
        to_left, to_right = width_left[i] - lateral, width_right[i] + lateral
        if min(to_left, to_right) < -edge_zone:
            continue
        # Most cells have nothing on them.
        has_edge = min(to_left, to_right) < edge_zone
        from_middle = lateral if lines.center_at_centerline else (to_right - to_left) / 2
        has_center = lines.center > 0 and abs(from_middle) < center_zone
        has_bar = abs(s - length * np.rint(s / length)) < _START_BAR + blur + reach
        is_bare = not (has_edge or has_center or has_bar or decals.has_any)
        for down in range(CELL):
            at_row = row[i] * CELL + down
            tile_row = (at_row + tile_corner[0]) % size
            tile_column = (column[i] * CELL + tile_corner[1]) % size
            for right in range(CELL):
                at_column = column[i] * CELL + right
                surface = tile[tile_row, tile_column]
                tile_column = tile_column + 1 if tile_column + 1 < size else 0
                pixel = image[at_row, at_column]
                if is_bare:
                    pixel[0], pixel[1], pixel[2] = surface[0], surface[1], surface[2]
                    continue
                s, lateral = pixel_coordinates(
                    start, along, left, curvature, cos, sin, (right + 0.5) * resolution, (down + 0.5) * resolution
                )
                to_left, to_right = width_left[i] - lateral, width_right[i] + lateral
                to_edge = min(to_left, to_right)
                on_road = min(max(to_edge / blur + 0.5, 0.0), 1.0)
                # Lines keep within the road; what is farther out stays as it is.
                if on_road == 0.0:
                    continue
                kept, painted = 1.0, 0.0
                color[0], color[1], color[2] = surface[0], surface[1], surface[2]
                if decals.has_any:
                    _look_up(strip, decals, s, lateral, decal)
                    darker = decal[0] - decal[1]
                    color[0], color[1], color[2] = color[0] - darker, color[1] - darker, color[2] - darker
                    painted, kept = decal[2] / 255, 1.0 - decals.fade * decal[3] / 255
                if on_road < 1.0:
                    _mix(color, (float(pixel[0]), float(pixel[1]), float(pixel[2])), 1.0 - on_road)
                if has_edge and lines.edge_width > 0:
                    cover = kept * _cover(to_edge - _EDGE_INSET - lines.edge_width / 2, lines.edge_width, blur)
                    if lines.edge_dashed and cover > 0:
                        cover *= _dash_cover(s, lines.dash_period, blur)
                    _mix(color, lines.edge_color, cover)
                if has_center:
                    from_middle = lateral if lines.center_at_centerline else (to_right - to_left) / 2
                    _mix(color, lines.center_color, kept * _center_cover(lines, s, from_middle, blur))
                inside = min(max(to_edge / blur, 0.0), 1.0)
                if painted > 0:
                    _mix(color, lines.edge_color, painted * kept * inside)
                if has_bar:
                    from_start = s - length * np.rint(s / length)
                    _mix(color, lines.edge_color, inside * _cover(from_start - _START_BAR / 2, _START_BAR, blur))
                for channel in range(3):
                    pixel[channel] = int(min(max(color[channel], 0.0), 255.0) + 0.5)
