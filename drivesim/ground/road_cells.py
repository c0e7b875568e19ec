"""Road cells: which squares of a window lie on or near a road, and the road coordinates of their pixels."""

from dataclasses import dataclass

import numpy as np
from numba import njit

from drivesim.geometry import Floats
from drivesim.ground.noise import Floats32
from drivesim.ground.window import CELL, Window
from drivesim.track import Track

compiled = njit(nogil=True, cache=True, error_model="numpy")


@dataclass(frozen=True, eq=False)
class RoadCells:
    """Squares of `CELL` x `CELL` pixels near a road.

    Attributes:
        row: (C,) int64, of cells, from the window's north.
        column: (C,) int64, of cells.
        sample: (C,) int64: the centreline's sample nearest to each cell's middle.
        frames: (C, 4) float64: arc length of that sample; how far ahead and left of it the cell's upper left corner
            lies, metres; and the curvature there, 1/m.
        turns: (C, 2) float64: cosine and sine of the road's heading there.
    """

    row: np.ndarray
    column: np.ndarray
    sample: np.ndarray
    frames: Floats
    turns: Floats

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self.row)

    def of(self, chosen: np.ndarray) -> "RoadCells":
        """Return some of them, by a mask or by indices."""
        return RoadCells(
            self.row[chosen], self.column[chosen], self.sample[chosen], self.frames[chosen], self.turns[chosen]
        )

    def coordinates(self, resolution: float) -> tuple[Floats32, Floats32]:
        """Return arc length and lateral offset of the pixels: (C, CELL, CELL) float32, metres each."""
        s = np.empty((len(self), CELL, CELL), np.float32)
        lateral = np.empty_like(s)
        _fill_coordinates(self.frames, self.turns, resolution, s, lateral)
        return s, lateral


def cells_near_road(track: Track, window: Window, beyond: float = 0.0) -> RoadCells:
    """Find the cells on the road, or up to `beyond` metres beside it, or touching that.

    Where two pieces of road are near one another, a cell belongs to the nearer.
    """
    side = CELL * window.resolution
    # Points closer than a cell's side over the root of 2 leave no cell out; bends spread them on their outside.
    widest = float(max(track.width_left.max(), track.width_right.max())) + side + beyond
    stretch = 1.0 + widest * float(np.abs(track.curvature).max())
    step = 0.7 * side
    along = np.linspace(0.0, track.length, int(np.ceil(track.length * stretch / step)), endpoint=False)
    across = np.linspace(-widest, widest, int(np.ceil(2 * widest / step)) + 1)
    # From the middle out.
    across = across[np.argsort(np.abs(across), kind="stable")]
    sample = np.rint(along / track.spacing).astype(np.int64) % len(track.centerline)
    corner = window.left * window.resolution, (window.bottom + window.height) * window.resolution
    nearest = np.full((window.height // CELL, window.width // CELL), -1, np.int64)
    _mark(track.position(along), track.heading_at(along), sample, across, corner, side, nearest)
    row, column = np.nonzero(nearest >= 0)
    sample, frames, turns = nearest[row, column], np.empty((len(row), 4)), np.empty((len(row), 2))
    cos, sin = np.cos(track.heading), np.sin(track.heading)
    line = np.column_stack([track.centerline, cos, sin, track.curvature])
    _refine(row, column, sample, line, track.spacing, corner, side, frames, turns)
    return RoadCells(row, column, sample, frames, turns)


@compiled
def _mark(
    center: Floats,
    heading: Floats,
    sample: np.ndarray,
    across: Floats,
    corner: tuple[float, float],
    side: float,
    nearest: np.ndarray,
) -> None:
    """Give the cells under a comb of points across the road the sample of the point nearest to the centreline."""
    rows, columns = nearest.shape
    for tooth in across:
        for i in range(len(center)):
            column = int(np.floor((center[i, 0] - np.sin(heading[i]) * tooth - corner[0]) / side))
            row = int(np.floor((corner[1] - center[i, 1] - np.cos(heading[i]) * tooth) / side))
            if 0 <= row < rows and 0 <= column < columns and nearest[row, column] < 0:
                nearest[row, column] = sample[i]


@compiled
def _refine(
    row: np.ndarray,
    column: np.ndarray,
    sample: np.ndarray,
    line: Floats,
    spacing: float,
    corner: tuple[float, float],
    side: float,
    frames: Floats,
    turns: Floats,
) -> None:
    """Move each cell's sample to the one nearest to its middle, and fill in `frames` and `turns` of `RoadCells`."""
    for i in range(len(row)):
        x, y = corner[0] + column[i] * side, corner[1] - row[i] * side
        for _ in range(2):
            center_x, center_y, cos, sin, curvature = line[sample[i]]
            dx, dy = x + side / 2 - center_x, y - side / 2 - center_y
            along, left = cos * dx + sin * dy, cos * dy - sin * dx
            arc = along
            if abs(curvature) >= 1e-9:
                arc = np.arctan2(curvature * along, 1.0 - curvature * left) / curvature
            sample[i] = int(np.rint(sample[i] + arc / spacing)) % len(line)
        center_x, center_y, cos, sin, curvature = line[sample[i]]
        dx, dy = x - center_x, y - center_y
        frames[i] = sample[i] * spacing, cos * dx + sin * dy, cos * dy - sin * dx, curvature
        turns[i] = cos, sin


@compiled
def pixel_coordinates(
    s: float, along: float, left: float, curvature: float, cos: float, sin: float, right: float, down: float
) -> tuple[float, float]:
    """Return arc length and lateral offset of a point in a cell, metres.

    Args:
        s: Of the cell's sample: see `RoadCells.frames`.
        along: Of the cell's corner.
        left: Of the cell's corner.
        curvature: Of the cell's sample.
        cos: See `RoadCells.turns`.
        sin: See `RoadCells.turns`.
        right: Metres east of the cell's upper left corner.
        down: Metres south of it.
    """
    along += cos * right - sin * down
    left -= sin * right + cos * down
    # `track.arc_coordinates` for points within a cell of their sample, where the arc is along / (1 - curvature left).
    ahead = 1.0 - curvature * left
    reach = np.sqrt(ahead * ahead + (curvature * along) ** 2)
    lateral = (2 * left - curvature * (along * along + left * left)) / (1.0 + reach)
    return s + along / max(ahead, 0.1), lateral


@compiled
def _fill_coordinates(frames: Floats, turns: Floats, resolution: float, s: Floats32, lateral: Floats32) -> None:
    for i in range(len(frames)):
        start, along, left, curvature = frames[i]
        cos, sin = turns[i]
        for row in range(CELL):
            for column in range(CELL):
                right, down = (column + 0.5) * resolution, (row + 0.5) * resolution
                s[i, row, column], lateral[i, row, column] = pixel_coordinates(
                    start, along, left, curvature, cos, sin, right, down
                )
