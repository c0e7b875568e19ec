"""Painting: the pixels of a piece of ground, from a track and its appearance.

From below: the ground beside the road, what lies on it, kerbs and gravel, the road, and what stands above.
"""

import numpy as np

from drivesim.appearance import Appearance, Color
from drivesim.ground.noise import Floats32
from drivesim.ground.road import FILTER, paint_road, strip_cover
from drivesim.ground.road_cells import cells_near_road
from drivesim.ground.scenery import has_scenery, scenery_of
from drivesim.ground.scenery_painting import paint_above, paint_beneath
from drivesim.ground.surfaces import ground_of, mottled, structured
from drivesim.ground.window import CELL, Window
from drivesim.track import Track

Image = np.ndarray

# Widths of kerbs, metres; racing kerbs lie along bends from this curvature on, 1/m.
_KERB_WIDTHS = {"none": 0.0, "stone": 0.35, "racing": 0.8}
_KERB_CURVATURE = 0.02
_GRAVEL: Color = (158, 148, 132)


def paint(track: Track, look: Appearance, window: Window) -> Image:
    """Paint the ground in a window: (height, width, 4) uint8 RGBA, row 0 in the north."""
    image = ground_of(look, window).fill(window)
    surface = mottled(look.road, look.road_grain, look.grain_seed + 1, window)
    scenery = scenery_of(track, look) if has_scenery(look) else None
    if scenery is not None:
        paint_beneath(image, surface, scenery, look, window)
    if look.gravel_width or look.kerbs != "none":
        _paint_verge(image, track, look, window)
    paint_road(image, surface, track, look, window)
    if scenery is not None:
        paint_above(image, scenery, look, window)
    return image


def _paint_verge(image: Image, track: Track, look: Appearance, window: Window) -> None:
    """Paint gravel and kerbs beside the road."""
    kerb = _KERB_WIDTHS[look.kerbs]
    near = cells_near_road(track, window, look.gravel_width + kerb)
    if not len(near):
        return
    s, lateral = near.coordinates(window.resolution)
    to_left = track.width_left[near.sample, None, None].astype(np.float32) - lateral
    to_right = track.width_right[near.sample, None, None].astype(np.float32) + lateral
    outside = -np.minimum(to_left, to_right)
    blur = FILTER * window.resolution
    # Cells well within the road are painted over.
    beside = np.flatnonzero(outside.max(axis=(1, 2)) > -blur)
    near, s, outside = near.of(beside), s[beside], outside[beside]
    row, column = near.row, near.column
    cells = image.reshape(window.height // CELL, CELL, window.width // CELL, CELL, 4)
    color = cells[row, :, column, :, :3].astype(np.float32)
    if look.gravel_width:
        gravel = structured("gravel", _GRAVEL, 14.0, look.grain_seed, window)
        stones = gravel.cells(row, column).astype(np.float32)
        # It is spread unevenly.
        uneven = (stones[..., 0] - _GRAVEL[0]) * np.float32(0.012)
        cover = np.clip((look.gravel_width + kerb - outside + uneven) / (2 * blur), 0.0, 1.0)
        color += (stones - color) * cover[..., None]
    if look.kerbs == "stone":
        _mix(color, (196, 194, 188), strip_cover(outside - kerb / 2, kerb, blur))
        _mix(color, (92, 92, 90), 0.8 * strip_cover(outside - 0.05, 0.1, blur))
    elif look.kerbs == "racing":
        is_bend = np.abs(track.curvature[near.sample]) > _KERB_CURVATURE
        cover = strip_cover(outside - kerb / 2, kerb, blur) * is_bend[:, None, None]
        block = strip_cover(s - 3.0 * np.rint(s / np.float32(3.0)), 1.5, blur)
        _mix(color, (206, 44, 40), cover)
        _mix(color, (238, 236, 230), cover * block)
    cells[row, :, column, :, :3] = color + np.float32(0.5)


def _mix(under: Floats32, paint: Color, share: Floats32) -> None:
    """Lay paint over the cells `under` (C, CELL, CELL, 3), by each pixel's share (C, CELL, CELL)."""
    touched = np.flatnonzero(share.reshape(len(share), -1).any(axis=1))
    cells = under[touched]
    cells += (np.asarray(paint, np.float32) - cells) * share[touched, ..., None]
    under[touched] = cells
