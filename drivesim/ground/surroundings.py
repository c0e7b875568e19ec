"""Surroundings: what the ground beside a road is made of, as seamless tiles of tones.

A tile holds one byte a pixel, an index into a ramp of colours that the look's ground colour gives. Tiles are made once
a process, 0.1 m a pixel, and shrunk to the resolution that is asked for.
"""

from functools import lru_cache

import cv2
import numpy as np

from drivesim.appearance import Color
from drivesim.ground.noise import Floats32, seamless_noise

Image = np.ndarray

TILE_METRES = 102.4
_PIXELS = 1024

# Of each kind there are so many tiles.
TILES = 2

# From here on an index means lawn in `city` and flowers in `grass`.
_SECOND_RAMP = 200


@lru_cache(maxsize=32)
def tone_tile(kind: str, seed: int, size: int) -> Image:
    """Return a tile of a kind of ground, surroundings or `gravel`, one of `TILES`: (size, size) uint8."""
    if size != _PIXELS:
        fine = tone_tile(kind, seed, _PIXELS)
        return cv2.resize(fine, (size, size), interpolation=cv2.INTER_AREA if size < _PIXELS else cv2.INTER_CUBIC)
    rng = np.random.default_rng([seed, 0x5E77])
    tones = _MAKERS[kind](rng)
    return np.rint(np.clip(tones, 0, 255)).astype(np.uint8)


def tone_ramp(kind: str, color: Color, grain: float) -> Image:
    """Return the colours of a kind of ground by tone: (256, 4) uint8 RGBA.

    Args:
        kind: Of the ground: surroundings, or `gravel`.
        color: What its middle tone is.
        grain: How far the tones spread, grey levels: 14 is as usual.
    """
    base, spread = np.asarray(color, float), grain / 14.0
    dark, light = {
        "grass": ((-38, -34, -22), (34, 30, 4)),
        "sand": ((-46, -44, -40), (30, 30, 32)),
        "snow": ((-52, -40, -22), (22, 20, 16)),
        "concrete": ((-46, -46, -44), (26, 26, 26)),
        "city": ((-44, -44, -42), (28, 27, 25)),
        "gravel": ((-60, -58, -54), (52, 50, 48)),
    }[kind]
    at = np.linspace(-1.0, 1.0, 256 if kind not in ("grass", "city") else _SECOND_RAMP)[:, None]
    ramp = base + spread * (np.maximum(-at, 0) * dark + np.maximum(at, 0) * light)
    if kind == "grass":
        flowers = np.linspace((225, 205, 90), (250, 248, 240), 256 - _SECOND_RAMP)
        ramp = np.vstack([ramp, flowers])
    elif kind == "city":
        lawn = np.linspace((60, 92, 48), (108, 146, 74), 256 - _SECOND_RAMP)
        lawn[:6] = (186, 184, 178)
        ramp = np.vstack([ramp, lawn])
    return np.column_stack([np.rint(np.clip(ramp, 0, 255)), np.full(256, 255)]).astype(np.uint8)


def _noise(rng: np.random.Generator, cells: int) -> Floats32:
    return seamless_noise(rng, cells, cells, _PIXELS, _PIXELS)


def _grass(rng: np.random.Generator) -> Floats32:
    meadow, clumps = _noise(rng, 8), _noise(rng, 64)
    tones = 0.30 * meadow + 0.28 * clumps + 0.30 * _noise(rng, 256) + 0.22 * _noise(rng, 512) + 0.14 * _noise(rng, 1024)
    tones = np.clip(100 + 52 * tones, 0, _SECOND_RAMP - 1)
    # Flowers grow in patches.
    bed = _noise(rng, 16) + 0.4 * clumps
    sown = rng.random((_PIXELS // 2, _PIXELS // 2), dtype=np.float32) < 0.012
    flowers = cv2.resize(sown.astype(np.uint8), (_PIXELS, _PIXELS), interpolation=cv2.INTER_NEAREST).astype(bool)
    blooming = flowers & (bed > 1.35)
    tones[blooming] = _SECOND_RAMP + 10 + 45 * (meadow[blooming] > 0)
    return tones


def _sand(rng: np.random.Generator) -> Floats32:
    dunes, bends = _noise(rng, 8), _noise(rng, 16)
    x, y = np.meshgrid(*[np.arange(_PIXELS, dtype=np.float32) / _PIXELS] * 2)
    # A whole number of waves crosses the tile; their crests wander.
    phase = 2 * np.pi * (34 * x + 21 * y) + 3.2 * bends + 0.5 * _noise(rng, 64)
    ripples = np.sin(phase) + 0.35 * np.sin(2 * phase + 0.9)
    calm = np.clip(0.55 + 0.45 * _noise(rng, 8), 0.08, 1.0)
    return 128 + 24 * dunes + 30 * calm * ripples + 10 * _noise(rng, 128) + 9 * _noise(rng, 1024)


def _snow(rng: np.random.Generator) -> Floats32:
    height = 1.0 * _noise(rng, 8) + 0.5 * _noise(rng, 16) + 0.16 * _noise(rng, 48) + 0.04 * _noise(rng, 160)
    # Light falls along the diagonal: what faces it shines, what is turned away is blue.
    slope = np.roll(height, 6, 0) - np.roll(height, -6, 0) + np.roll(height, 6, 1) - np.roll(height, -6, 1)
    tones = 150 + 150 * slope / max(float(slope.std()), 1e-6) * 0.24 + 4 * _noise(rng, 1024)
    sparkle = rng.random((_PIXELS, _PIXELS), dtype=np.float32) < 0.0012
    tones[sparkle] = 255
    return tones


def _concrete(rng: np.random.Generator) -> Floats32:
    slabs = 16
    side = _PIXELS // slabs
    tone = rng.normal(0, 15, (slabs, slabs)).astype(np.float32)
    tones = 132 + np.repeat(np.repeat(tone, side, 0), side, 1)
    tones += 12 * _noise(rng, 24) + 9 * _noise(rng, 128) + 8 * _noise(rng, 1024)
    stains = np.clip(_noise(rng, 20) - 1.3, 0, 1) + np.clip(_noise(rng, 72) - 2.0, 0, 1)
    tones -= 38 * stains
    for at in range(0, _PIXELS, side):
        for line in (tones[at : at + 2], tones[:, at : at + 2]):
            line[:] = 36 + 0.2 * line
        for light in (tones[(at + 2) % _PIXELS], tones[:, (at + 2) % _PIXELS]):
            light += 22
    canvas = np.zeros((_PIXELS, _PIXELS), np.uint8)
    for _ in range(14):
        walk = np.cumsum(rng.normal(0, 6, (18, 2)) + rng.normal(0, 5, 2), axis=0) + rng.uniform(100, 900, 2)
        cv2.polylines(canvas, [np.rint(walk).astype(np.int32)], False, 255, 1, cv2.LINE_AA)
    return tones - canvas * np.float32(0.22)


def _city(rng: np.random.Generator) -> Floats32:
    stones, side = 64, _PIXELS // 64
    tones = np.full((_PIXELS, _PIXELS), 104, np.float32)
    tone = rng.normal(0, 11, (stones, stones)).astype(np.float32)
    tones += np.repeat(np.repeat(tone, side, 0), side, 1) + 10 * _noise(rng, 24) + 5 * _noise(rng, 512)
    for at in range(0, _PIXELS, side):
        tones[at] -= 30
        tones[:, at] -= 30
    tones = np.clip(tones, 0, _SECOND_RAMP - 1)
    green = 40 * np.clip(0.5 + 0.22 * (_noise(rng, 32) + _noise(rng, 256) + 0.7 * _noise(rng, 1024)), 0, 1)
    for _ in range(9):
        left, top = (rng.integers(0, 60, 2) * side).tolist()
        width, height = (rng.integers(4, 12, 2) * side).tolist()
        rows, columns = slice(top + 2, min(top + height, _PIXELS) - 2), slice(left + 2, min(left + width, _PIXELS) - 2)
        tones[rows, columns] = _SECOND_RAMP + 2
        inner = slice(rows.start + 3, rows.stop - 3), slice(columns.start + 3, columns.stop - 3)
        tones[inner] = _SECOND_RAMP + 12 + green[inner]
    return tones


def _gravel(rng: np.random.Generator) -> Floats32:
    return 128 + 10 * _noise(rng, 24) + 12 * _noise(rng, 128) + 16 * _noise(rng, 512) + 26 * _noise(rng, 1024)


_MAKERS = {"grass": _grass, "sand": _sand, "snow": _snow, "concrete": _concrete, "city": _city, "gravel": _gravel}
