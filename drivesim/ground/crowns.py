"""Crowns: trees, shrubs and rocks as seen from above, lit by the sun, as stamps for a ground."""

from functools import lru_cache

import cv2
import numpy as np

from drivesim.ground.noise import Floats32

Image = np.ndarray

# Crowns are modelled with this many pixels a side.
_SIDE = 96

# Of each kind there are so many shapes, and each shape comes in these shares of the largest size.
SHAPES = 4
SIZES = (0.45, 0.68, 1.0)

# Diameter of the largest crown of each kind, metres.
LARGEST = {"grass": 8.0, "sand": 4.4, "snow": 6.5, "concrete": 5.5, "city": 5.5, "plain": 7.0}

# Of each kind: colours of its shapes, and the share of white that lies on what faces the sky.
_COLORS = {
    "grass": ((74, 112, 44), (92, 128, 52), (58, 98, 46), (112, 134, 58)),
    "sand": ((116, 120, 74), (136, 128, 84), (150, 118, 92), (128, 108, 88)),
    "snow": ((78, 112, 92), (92, 124, 104), (70, 104, 88), (100, 126, 108)),
    "concrete": ((88, 118, 62), (104, 128, 70), (80, 108, 60), (96, 112, 66)),
    "city": ((80, 122, 58), (98, 136, 64), (70, 110, 56), (120, 140, 74)),
    "plain": ((70, 108, 50), (90, 124, 56), (60, 96, 50), (104, 126, 60)),
}
_FROSTED = {"snow": 0.62}


@lru_cache(maxsize=64)
def crown_stamps(kind: str, octant: int, resolution: float) -> Image:
    """Return stamps of a kind, every shape in every size: (SHAPES * len(SIZES), S, S, 4) uint8 RGBA.

    Args:
        kind: Of the surroundings that they grow in.
        octant: Where the light comes from: so many times 45 degrees counter-clockwise from the east.
        resolution: Metres a pixel.
    """
    side = int(np.ceil(LARGEST[kind] / resolution)) + 2
    stamps = np.zeros((SHAPES, len(SIZES), side, side, 4), np.uint8)
    for shape in range(SHAPES):
        crown = _crown(kind, shape, octant)
        for number, share in enumerate(SIZES):
            size = max(round(LARGEST[kind] * share / resolution), 2)
            small = cv2.resize(crown, (size, size), interpolation=cv2.INTER_AREA)
            start = (side - size) // 2
            # Its colours are multiplied by alpha while it is shrunk, and divided by it afterwards.
            alpha = small[..., 3:]
            color = small[..., :3] / np.maximum(alpha, 1e-3)
            stamp = np.concatenate([np.clip(color, 0, 255), 255 * alpha], axis=2)
            stamps[shape, number, start : start + size, start : start + size] = np.rint(stamp)
    return stamps.reshape(-1, side, side, 4)


@lru_cache(maxsize=64)
def shadow_stamps(kind: str, octant: int, resolution: float) -> Image:
    """Return the crowns' shadows: their alpha, softened; shapes as of `crown_stamps`."""
    stamps = crown_stamps(kind, octant, resolution).copy()
    blur = max(0.35 / resolution, 0.4)
    for stamp in stamps:
        stamp[..., 3] = cv2.GaussianBlur(stamp[..., 3], (0, 0), blur)
    return stamps


def _crown(kind: str, shape: int, octant: int) -> Floats32:
    """A crown: (_SIDE, _SIDE, 4) float32, RGB 0 to 255 multiplied by alpha, and alpha 0 to 1."""
    rng = np.random.default_rng([sorted(LARGEST).index(kind), shape, 0xC402])
    at = (np.arange(_SIDE, dtype=np.float32) + 0.5) / _SIDE * 2 - 1
    x, y = np.meshgrid(at, at)
    if kind == "snow":
        height, alpha = _fir(rng, x, y)
    elif kind == "sand" and shape >= 2:
        height, alpha = _rock(rng, x, y)
    else:
        height, alpha = _leaves(rng, x, y)
    slope_y, slope_x = np.gradient(height, at[1] - at[0])
    sun = np.radians(45 * octant)
    light = np.array([np.cos(sun), -np.sin(sun), 1.15])
    light /= np.linalg.norm(light)
    facing = (-slope_x * light[0] - slope_y * light[1] + light[2]) / np.sqrt(1 + slope_x**2 + slope_y**2)
    lit = np.clip(facing, 0, 1)
    leaf = cv2.GaussianBlur(rng.standard_normal((_SIDE, _SIDE)).astype(np.float32), (0, 0), 1.2)
    tone = 0.46 + 0.8 * lit + 0.16 * leaf
    color = np.asarray(_COLORS[kind][shape], np.float32) * tone[..., None]
    # What is lit is a little yellow, what is not a little blue.
    color += (lit - 0.5)[..., None] * np.array([16, 10, -12], np.float32)
    frost = _FROSTED.get(kind, 0.0) * np.clip((lit - 0.52) / 0.26 + 0.15 * leaf, 0, 1)[..., None]
    color += (np.array([238, 243, 250], np.float32) - color) * frost
    alpha = alpha[..., None].astype(np.float32)
    return np.concatenate([np.clip(color, 0, 255) * alpha, alpha], axis=2).astype(np.float32)


def _leaves(rng: np.random.Generator, x: Floats32, y: Floats32) -> tuple[Floats32, Floats32]:
    """Heights and alpha of a crown of many boughs."""
    height = np.full_like(x, -1.0)
    for _ in range(26):
        distance, bearing = 0.68 * np.sqrt(rng.random()), rng.uniform(0, 2 * np.pi)
        radius = rng.uniform(0.2, 0.34)
        apart = (x - distance * np.cos(bearing)) ** 2 + (y - distance * np.sin(bearing)) ** 2
        bough = 0.75 * (1 - distance**2) + 0.9 * np.sqrt(np.maximum(radius**2 - apart, 0.0))
        height = np.where(apart < radius**2, np.maximum(height, bough), height)
    alpha = cv2.GaussianBlur((height > -1).astype(np.float32), (0, 0), 1.1)
    height = np.maximum(height, 0.0)
    return cv2.GaussianBlur(height, (0, 0), 0.9), alpha


def _fir(rng: np.random.Generator, x: Floats32, y: Floats32) -> tuple[Floats32, Floats32]:
    """Heights and alpha of a fir: whorls of branches, one over another."""
    distance, bearing = np.hypot(x, y), np.arctan2(y, x)
    height, alpha = np.zeros_like(x), np.zeros_like(x)
    for whorl in range(5):
        reach = 0.96 - 0.18 * whorl
        branches, turn = int(rng.integers(9, 13)), rng.uniform(0, 2 * np.pi)
        edge = reach * (0.9 + 0.1 * np.cos(branches * bearing + turn))
        inside = np.clip((edge - distance) * 24, 0, 1)
        cone = 0.12 * whorl + 0.3 * (1 - distance / reach) + 0.04 * np.cos(branches * bearing + turn)
        height = np.where(inside > 0.5, np.maximum(height, cone), height)
        alpha = np.maximum(alpha, inside)
    return cv2.GaussianBlur(height, (0, 0), 2.4), alpha


def _rock(rng: np.random.Generator, x: Floats32, y: Floats32) -> tuple[Floats32, Floats32]:
    """Heights and alpha of a few stones beside one another."""
    height, alpha = np.zeros_like(x), np.zeros_like(x)
    for stone in range(3):
        reach = (0.62, 0.36, 0.26)[stone]
        center = rng.uniform(-0.28, 0.28, 2) * (1 + stone)
        dx, dy = x - center[0], y - center[1]
        bearing, turns = np.arctan2(dy, dx), rng.uniform(0, 2 * np.pi, 3)
        edge = reach * (0.86 + sum(0.09 * np.cos((2 + i) * bearing + turn) for i, turn in enumerate(turns)))
        inside = np.clip((edge - np.hypot(dx, dy)) * 30, 0, 1)
        dome = 0.7 * edge * np.sqrt(np.clip(1 - (np.hypot(dx, dy) / np.maximum(edge, 1e-3)) ** 2, 0, 1))
        height, alpha = np.maximum(height, dome), np.maximum(alpha, inside)
    return cv2.GaussianBlur(height.astype(np.float32), (0, 0), 1.5), alpha
