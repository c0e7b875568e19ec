"""Specks: drops and flakes before a camera, on sheets that are drawn once and moved from frame to frame."""

from functools import lru_cache

import cv2
import numpy as np

from drivesim.geometry import Floats

Image = np.ndarray

# Of each kind so many sheets, from few specks to many, and how far they may be moved, pixels.
LEVELS = 3
ROOM = 40


def speck_places(seeds: np.ndarray, poses: Floats) -> np.ndarray:
    """Return rows and columns of sheets that lie on the first pixels of frames: (K, 2) int64, below `ROOM`.

    Args:
        seeds: (K,) uint64, of the weathers.
        poses: (K, 3) of the cars. The same place is always seen with the same specks.
    """
    bits = np.ascontiguousarray(poses, np.float64).view(np.uint64)
    mixed = seeds.copy()
    with np.errstate(over="ignore"):
        for value in bits.T:
            # After SplitMix64 (Steele et al. 2014).
            mixed = (mixed ^ value) * np.uint64(0xBF58476D1CE4E5B9)
            mixed = (mixed ^ (mixed >> np.uint64(29))) * np.uint64(0x94D049BB133111EB)
            mixed ^= mixed >> np.uint64(32)
    row, column = mixed % np.uint64(ROOM), (mixed >> np.uint64(20)) % np.uint64(ROOM)
    return np.column_stack([row.astype(np.int64), column.astype(np.int64)])


@lru_cache(maxsize=6)
def speck_sheets(width: int, height: int, looks_down: bool) -> Image:
    """Return sheets of opacity, of drops and then of flakes: (2 LEVELS, H + ROOM, 3 (W + ROOM)) uint8.

    Args:
        width: Of the frames, pixels.
        height: Of the frames, pixels.
        looks_down: Whether drops are seen from above.
    """
    rows, columns = height + ROOM, width + ROOM
    sheets = []
    for kind in range(2):
        for level in range(LEVELS):
            rng = np.random.default_rng([kind, level, 0x5EE7])
            canvas = np.zeros((rows, columns), np.uint8)
            if kind == 0:
                _draw_drops(canvas, rng, level, looks_down)
            else:
                _draw_flakes(canvas, rng, level)
            sheets.append(np.repeat(canvas, 3, axis=1))
    return np.ascontiguousarray(np.stack(sheets))


def _draw_drops(canvas: Image, rng: np.random.Generator, level: int, looks_down: bool) -> None:
    """Streaks that fall aslant; from above they are short, and some are rings where drops have met the ground."""
    rows, columns = canvas.shape
    size = np.sqrt(rows * columns)
    for _ in range((40, 90, 150)[level]):
        at = rng.uniform(0, 1, 2) * (columns, rows)
        length = size * (rng.uniform(0.012, 0.03) if looks_down else rng.uniform(0.05, 0.14))
        end = at + length * np.array([0.16, 1.0])
        line = np.rint(np.stack([at, end]) * 16).astype(np.int32)
        thick = max(round(size / 300), 1)
        cv2.polylines(canvas, [line], False, rng.uniform(45, 125), thick, cv2.LINE_AA, 4)
    if looks_down:
        for _ in range((10, 20, 36)[level]):
            center = np.rint(rng.uniform(0, 1, 2) * (columns, rows) * 16).astype(int).tolist()
            radius = round(16 * max(size * rng.uniform(0.006, 0.014), 1.0))
            cv2.circle(canvas, center, radius, rng.uniform(50, 100), 1, cv2.LINE_AA, 4)


def _draw_flakes(canvas: Image, rng: np.random.Generator, level: int) -> None:
    """Flakes, the near ones large and blurred."""
    rows, columns = canvas.shape
    size = np.sqrt(rows * columns)
    near = np.zeros_like(canvas)
    for number in range((70, 140, 240)[level]):
        center = np.rint(rng.uniform(0, 1, 2) * (columns, rows) * 16).astype(int).tolist()
        is_near = number % 9 == 0
        radius = size * (rng.uniform(0.012, 0.02) if is_near else rng.uniform(0.002, 0.006))
        layer = near if is_near else canvas
        cv2.circle(layer, center, max(round(radius * 16), 8), rng.uniform(110, 235), -1, cv2.LINE_AA, 4)
    canvas[:] = cv2.GaussianBlur(canvas, (0, 0), 0.6)
    blurred = cv2.GaussianBlur(near, (0, 0), max(size * 0.006, 0.5))
    np.maximum(canvas, (0.75 * blurred).astype(np.uint8), out=canvas)
