"""Surfaces: mottled or structured ground that is fixed to the world: a tile that repeats in every direction."""

from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np

from drivesim.appearance import Appearance, Color
from drivesim.ground.noise import Floats32
from drivesim.ground.surroundings import TILE_METRES, TILES, tone_ramp, tone_tile
from drivesim.ground.window import CELL, Window

Image = np.ndarray

_GRAIN_TILE_PIXELS = 256


@dataclass(frozen=True, eq=False)
class Surface:
    """A tile of ground, and where it lies in a window.

    Attributes:
        tile: (S, S, 4) uint8 RGBA.
        top: Row of the tile that lies on the window's first row.
        left: Column of the tile that lies on the window's first column.
    """

    tile: Image
    top: int
    left: int

    def fill(self, window: Window) -> Image:
        """Return a window full of it: (height, width, 4) RGBA."""
        size = len(self.tile)
        tile = np.roll(self.tile.view(np.uint32)[..., 0], (-self.top, -self.left), axis=(0, 1))
        image = np.empty((window.height, window.width), np.uint32)
        for column in range(0, window.width, size):
            image[:size, column : column + size] = tile[: min(size, window.height), : window.width - column]
        for row in range(size, window.height, size):
            image[row : row + size] = image[: min(size, window.height - row)]
        return image.view(np.uint8).reshape(window.height, window.width, 4)

    def cells(self, row: np.ndarray, column: np.ndarray) -> Image:
        """Return the pixels of some of the window's cells: (C, CELL, CELL, 3)."""
        size, within = len(self.tile), np.arange(CELL)
        rows = (row[:, None] * CELL + within + self.top) % size
        columns = (column[:, None] * CELL + within + self.left) % size
        pixels = self.tile.view(np.uint32)[..., 0][rows[:, :, None], columns[:, None, :]]
        return pixels.view(np.uint8).reshape(*pixels.shape, 4)[..., :3]


def mottled(color: Color, grain: float, seed: int, window: Window) -> Surface:
    """Return a mottled surface.

    Args:
        color: Its mean.
        grain: Amplitude of its mottling, grey levels.
        seed: Of its pattern.
        window: Where it lies.
    """
    noise = _grain_tile(seed % 8, max(round(TILE_METRES / window.resolution), 1))
    return _placed(_tones(color, grain), noise, window)


def structured(kind: str, color: Color, grain: float, seed: int, window: Window) -> Surface:
    """Return a surface of a kind that `surroundings.tone_tile` knows; the rest as of `mottled`."""
    tones = tone_tile(kind, seed % TILES, max(round(TILE_METRES / window.resolution), 1))
    return _placed(tone_ramp(kind, color, grain), tones, window)


def ground_of(look: Appearance, window: Window) -> Surface:
    """Return the ground beside the road."""
    if look.surroundings == "plain":
        return mottled(look.ground, look.ground_grain, look.grain_seed, window)
    return structured(look.surroundings, look.ground, look.ground_grain, look.grain_seed, window)


def _placed(ramp: Image, tones: Image, window: Window) -> Surface:
    """A tile of tones in a ramp's colours, at its place in a window."""
    tile = ramp.view(np.uint32).ravel()[tones]
    size = len(tile)
    image = tile.view(np.uint8).reshape(size, size, 4)
    return Surface(image, -(window.bottom + window.height) % size, window.left % size)


def _tones(color: Color, grain: float) -> Image:
    """The colours of a mottled surface by grain value: (256, 4) uint8 RGBA."""
    tones = np.multiply.outer(np.linspace(-1.0, 1.0, 256) * grain, np.ones(3)) + color
    return np.column_stack([np.rint(np.clip(tones, 0, 255)), np.full(256, 255)]).astype(np.uint8)


@lru_cache(maxsize=32)
def _grain_tile(seed: int, size: int) -> Image:
    """A seamless tile of smooth noise, from coarse to fine: (size, size) uint8 around 128."""
    rng = np.random.default_rng(seed)
    total: Floats32 = np.zeros((_GRAIN_TILE_PIXELS, _GRAIN_TILE_PIXELS), np.float32)
    middle = slice(_GRAIN_TILE_PIXELS, 2 * _GRAIN_TILE_PIXELS)
    for cells, weight in ((16, 1.0), (48, 0.8), (128, 0.6), (256, 0.5)):
        coarse = np.tile(rng.standard_normal((cells, cells)).astype(np.float32), (3, 3))
        fine = cv2.resize(coarse, (3 * _GRAIN_TILE_PIXELS,) * 2, interpolation=cv2.INTER_CUBIC)
        total += weight * fine[middle, middle]
    if size != _GRAIN_TILE_PIXELS:
        method = cv2.INTER_AREA if size < _GRAIN_TILE_PIXELS else cv2.INTER_CUBIC
        total = cv2.resize(total, (size, size), interpolation=method)
    return np.clip(total / (3 * total.std()) * 127.5 + 127.5, 0, 255).astype(np.uint8)
