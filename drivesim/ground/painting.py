"""Painting: the pixels of a piece of ground, from a track and its appearance.

Every pixel on or near the road is given its road coordinates, arc length and lateral offset, and is coloured by them.
A marking's edge is therefore exact: a pixel takes the share of paint that its square is covered by.
"""

import numpy as np

from drivesim.appearance import Appearance, Color
from drivesim.geometry import Floats
from drivesim.ground.decals import DecalShares, decal_strip, has_decals
from drivesim.ground.noise import Floats32
from drivesim.ground.scenery import has_scenery, scenery_of
from drivesim.ground.scenery_painting import paint_above, paint_beneath
from drivesim.ground.surfaces import Surface, ground_of, mottled, structured
from drivesim.ground.window import CELL, Window
from drivesim.track import Track, arc_coordinates

Image = np.ndarray

# Lengths of the centre line's dashes and gaps, the inset of the edge lines and the bar at the start, metres.
_DASH, _GAP = 3.0, 4.5
_EDGE_INSET = 0.15
_START_BAR = 0.6

# Widths of kerbs, metres; racing kerbs lie along bends from this curvature on, 1/m.
_KERB_WIDTHS = {"none": 0.0, "stone": 0.35, "racing": 0.8}
_KERB_CURVATURE = 0.02
_GRAVEL: Color = (158, 148, 132)

# A pixel takes in a little more than its own square, pixels: lines thinner than a pixel stay even.
_FILTER = 1.4


def paint(track: Track, look: Appearance, window: Window) -> Image:
    """Paint the ground in a window: (height, width, 4) uint8 RGBA, row 0 in the north."""
    image = ground_of(look, window).fill(window)
    surface = mottled(look.road, look.road_grain, look.grain_seed + 1, window)
    scenery = scenery_of(track, look) if has_scenery(look) else None
    if scenery is not None:
        paint_beneath(image, surface, scenery, look, window)
    if look.gravel_width or look.kerbs != "none":
        _paint_verge(image, track, look, window)
    _paint_road(image, surface, track, look, window)
    if scenery is not None:
        paint_above(image, scenery, look, window)
    return image


def _paint_road(image: Image, surface: Surface, track: Track, look: Appearance, window: Window) -> None:
    """Paint the road's surface and its lines."""
    row, column, sample = _cells_near_road(track, window)
    if len(row) == 0:
        return
    s, lateral = _road_coordinates(track, window, row, column, sample)
    to_left = track.width_left[sample, None, None].astype(np.float32) - lateral
    to_right = track.width_right[sample, None, None].astype(np.float32) + lateral
    to_edge = np.minimum(to_left, to_right)

    cells = image.reshape(window.height // CELL, CELL, window.width // CELL, CELL, 4)
    blur = _FILTER * window.resolution
    color = surface.cells(row, column).astype(np.float32)
    decals = _decals(track, look, window, s, lateral) if has_decals(look) else None
    kept: Floats32 | float = 1.0
    if decals is not None:
        color -= decals.darker[..., None]
        kept = kept if decals.kept is None else decals.kept
    # Most cells lie within the road altogether.
    beside = np.flatnonzero(to_edge.min(axis=(1, 2)) < 0.5 * blur)
    ground = cells[row[beside], :, column[beside], :, :3].astype(np.float32)
    on_road = np.clip(to_edge[beside] / blur + 0.5, 0.0, 1.0)[..., None]
    color[beside] = ground + (color[beside] - ground) * on_road
    if look.edge_line_width > 0 and look.edge_line_style != "none":
        middle = _EDGE_INSET + look.edge_line_width / 2
        cover = _strip_cover(to_edge - middle, look.edge_line_width, blur) * kept
        if look.edge_line_style == "dashed":
            cover *= _dash_cover(s, track.length, blur)
        _mix(color, look.edge_line, cover)
    if look.center_line_style != "none":
        from_middle = lateral if look.center_line_place == "centerline" else (to_right - to_left) / 2
        _mix(color, look.center_line, _center_cover(look, s, from_middle, track.length, blur) * kept)
    inside = np.clip(to_edge / blur, 0.0, 1.0)
    if decals is not None and decals.paint is not None:
        _mix(color, look.edge_line, decals.paint * kept * inside)
    from_start = s - track.length * np.rint(s / np.float32(track.length))
    bar = _strip_cover(from_start - _START_BAR / 2, _START_BAR, blur) * inside
    _mix(color, look.edge_line, bar)
    if decals is not None:
        np.clip(color, 0.0, 255.0, out=color)
    cells[row, :, column, :, :3] = color + np.float32(0.5)


def _paint_verge(image: Image, track: Track, look: Appearance, window: Window) -> None:
    """Paint gravel and kerbs beside the road."""
    kerb = _KERB_WIDTHS[look.kerbs]
    row, column, sample = _cells_near_road(track, window, look.gravel_width + kerb)
    if len(row) == 0:
        return
    # Cells well within the road are painted over.
    x, y = _cell_centers(window, row, column)
    _, _, left = _in_sample_frame(track, sample, x, y)
    inside = np.minimum(track.width_left[sample] - left, track.width_right[sample] + left)
    row, column, sample = (each[inside < CELL * window.resolution] for each in (row, column, sample))
    s, lateral = _road_coordinates(track, window, row, column, sample)
    to_left = track.width_left[sample, None, None].astype(np.float32) - lateral
    to_right = track.width_right[sample, None, None].astype(np.float32) + lateral
    outside = -np.minimum(to_left, to_right)
    cells = image.reshape(window.height // CELL, CELL, window.width // CELL, CELL, 4)
    color = cells[row, :, column, :, :3].astype(np.float32)
    blur = _FILTER * window.resolution
    if look.gravel_width:
        gravel = structured("gravel", _GRAVEL, 14.0, look.grain_seed, window)
        stones = gravel.cells(row, column).astype(np.float32)
        # It is spread unevenly.
        uneven = (stones[..., 0] - _GRAVEL[0]) * np.float32(0.012)
        cover = np.clip((look.gravel_width + kerb - outside + uneven) / (2 * blur), 0.0, 1.0)
        color += (stones - color) * cover[..., None]
    if look.kerbs == "stone":
        _mix(color, (196, 194, 188), _strip_cover(outside - kerb / 2, kerb, blur))
        _mix(color, (92, 92, 90), 0.8 * _strip_cover(outside - 0.05, 0.1, blur))
    elif look.kerbs == "racing":
        is_bend = np.abs(track.curvature[sample]) > _KERB_CURVATURE
        cover = _strip_cover(outside - kerb / 2, kerb, blur) * is_bend[:, None, None]
        block = _strip_cover(s - 3.0 * np.rint(s / np.float32(3.0)), 1.5, blur)
        _mix(color, (206, 44, 40), cover)
        _mix(color, (238, 236, 230), cover * block)
    cells[row, :, column, :, :3] = color + np.float32(0.5)


def _decals(track: Track, look: Appearance, window: Window, s: Floats32, lateral: Floats32) -> DecalShares:
    left, right = track.width_left, track.width_right
    half_width = float(max(left.max(), right.max()))
    middle = 0.0 if look.center_line_place == "centerline" else float((left - right).mean() / 2)
    lane = float((left + right).mean() / 2)
    return decal_strip(look, track.length, half_width, middle, lane, window.resolution).at(s, lateral)


def _center_cover(look: Appearance, s: Floats32, from_middle: Floats32, length: float, blur: float) -> Floats32:
    """Share of pixels that the centre line covers."""
    if look.center_line_style == "double":
        return _strip_cover(np.abs(from_middle) - look.center_line_width, look.center_line_width, blur)
    cover = _strip_cover(from_middle, look.center_line_width, blur)
    if look.center_line_style == "dashed":
        cover *= _dash_cover(s, length, blur)
    return cover


def _cells_near_road(track: Track, window: Window, beyond: float = 0.0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Find the cells on the road, or up to `beyond` metres beside it, or touching that.

    Returns:
        Their rows and columns, and the centreline's sample nearest to each: (C,).
    """
    side = CELL * window.resolution
    columns, rows = window.width // CELL, window.height // CELL
    left, top = window.left * window.resolution, (window.bottom + window.height) * window.resolution
    # Points closer than a cell's side over the root of 2 leave no cell out; bends spread them on their outside.
    widest = float(max(track.width_left.max(), track.width_right.max())) + side + beyond
    stretch = 1.0 + widest * float(np.abs(track.curvature).max())
    step = 0.7 * side
    along = np.linspace(0.0, track.length, int(np.ceil(track.length * stretch / step)), endpoint=False)
    across = np.linspace(-widest, widest, int(np.ceil(2 * widest / step)) + 1)
    if beyond:
        # Where two pieces of road are near one another, a cell belongs to the nearer: the one that comes last.
        across = across[np.argsort(-np.abs(across), kind="stable")]
    center, heading = track.position(along), track.heading_at(along)
    column = np.floor((center[:, :1] - np.sin(heading)[:, None] * across - left) / side).astype(np.int64)
    row = np.floor((top - center[:, 1:] - np.cos(heading)[:, None] * across) / side).astype(np.int64)
    inside = (column >= 0) & (column < columns) & (row >= 0) & (row < rows)
    near = np.full(rows * columns, np.nan)
    cell, of_cell = row * columns + column, np.broadcast_to(along[:, None], inside.shape)
    if beyond:
        cell, of_cell, inside = cell.T, of_cell.T, inside.T
    near[cell[inside]] = of_cell[inside]
    found = np.flatnonzero(~np.isnan(near))
    row, column = found // columns, found % columns
    # The road coordinates of a cell's centre tell its nearest sample.
    x, y = _cell_centers(window, row, column)
    sample = np.rint(near[found] / track.spacing).astype(np.int64) % len(track.centerline)
    for _ in range(2):
        s, _ = arc_coordinates(*_in_sample_frame(track, sample, x, y), track.curvature[sample], track.length)
        sample = np.rint(s / track.spacing).astype(np.int64) % len(track.centerline)
    return row, column, sample


def _cell_centers(window: Window, row: np.ndarray, column: np.ndarray) -> tuple[Floats, Floats]:
    """World x and y of the middles of cells: (C,) metres each."""
    side = CELL * window.resolution
    left, top = window.left * window.resolution, (window.bottom + window.height) * window.resolution
    return left + (column + 0.5) * side, top - (row + 0.5) * side


def _in_sample_frame(track: Track, sample: np.ndarray, x: np.ndarray, y: np.ndarray) -> tuple[Floats, Floats, Floats]:
    """Arc length of centreline samples, and how far ahead and left of them the points `x y` lie, metres."""
    cos, sin = np.cos(track.heading[sample]), np.sin(track.heading[sample])
    dx, dy = x - track.centerline[sample, 0], y - track.centerline[sample, 1]
    return sample * track.spacing, cos * dx + sin * dy, cos * dy - sin * dx


def _road_coordinates(
    track: Track, window: Window, row: np.ndarray, column: np.ndarray, sample: np.ndarray
) -> tuple[Floats32, Floats32]:
    """Arc length and lateral offset of the pixels of cells: (C, CELL, CELL) metres each."""
    resolution = window.resolution
    x = (window.left + column * CELL) * resolution
    y = (window.bottom + window.height - row * CELL) * resolution
    s, along, left = (value.astype(np.float32)[:, None, None] for value in _in_sample_frame(track, sample, x, y))
    cos = np.cos(track.heading[sample]).astype(np.float32)[:, None, None]
    sin = np.sin(track.heading[sample]).astype(np.float32)[:, None, None]
    curvature = track.curvature[sample].astype(np.float32)[:, None, None]
    right = ((np.arange(CELL, dtype=np.float32) + 0.5) * resolution)[None, None, :]
    down = ((np.arange(CELL, dtype=np.float32) + 0.5) * resolution)[None, :, None]
    along = along + (cos * right - sin * down)
    left = left - (sin * right + cos * down)
    # `track.arc_coordinates` for points within a cell of their sample, where the arc is along / (1 - curvature left).
    ahead = 1.0 - curvature * left
    lateral = (2 * left - curvature * (along**2 + left**2)) / (1.0 + np.sqrt(ahead**2 + (curvature * along) ** 2))
    return s + along / np.maximum(ahead, np.float32(0.1)), lateral


def _strip_cover(distance: Floats32, width: float, blur: float) -> Floats32:
    """Share of a pixel filtered `blur` wide that a strip covers, the strip's middle `distance` away; metres."""
    distance = np.abs(distance)
    overlap = np.minimum(distance + blur / 2, width / 2) - np.maximum(distance - blur / 2, -width / 2)
    return np.clip(overlap / blur, 0.0, 1.0)


def _dash_cover(s: Floats32, length: float, blur: float) -> Floats32:
    """Share of a pixel that dashes cover, stretched so that a whole number of them closes the lap."""
    period = length / max(round(length / (_DASH + _GAP)), 1)
    return _strip_cover(s - period * np.rint(s / np.float32(period)), _DASH, blur)


def _mix(under: Floats32, paint: Color, share: Floats32) -> None:
    """Lay paint over the cells `under` (C, CELL, CELL, 3), by each pixel's share (C, CELL, CELL)."""
    touched = np.flatnonzero(share.reshape(len(share), -1).any(axis=1))
    cells = under[touched]
    cells += (np.asarray(paint, np.float32) - cells) * share[touched, ..., None]
    under[touched] = cells
