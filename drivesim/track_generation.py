"""Seed -> Track: closed, never crossing itself, of bounded curvature, the same for ever.

A random star-shaped curve cannot cross itself, and a shear of the plane, x += a sin(b y + c), keeps it so however
strong it is: a few of them bend the star into hairpins and esses. Low-pass filtering then brings its curvature down: of
several shapes, each filtered no more than its length asks for, the most winding one that keeps clear of itself becomes
the track.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from drivesim.errors import DrivesimError, check_name
from drivesim.geometry import Floats
from drivesim.track import Track

SPLITS = ("train", "test", "validation")
WIDTH_RANGE = (6.0, 10.0)

# Between two stretches of road there is always room for both halves and this much grass, metres.
CLEARANCE = WIDTH_RANGE[1] + 6.0

# It is looked for between points this far apart along the road, metres.
_CLEARANCE_STEP = 6.0

_CANDIDATES = 16
_SHAPE_SAMPLES = 256

# Harmonics of the closed curve that each filter lets through, from hardly filtered to nearly an ellipse.
_CUTOFFS = np.array([64.0, 32, 22, 16, 12, 9, 7, 5.5, 4.5, 3.5])


@dataclass(frozen=True)
class Difficulty:
    """What a difficulty allows.

    Attributes:
        index: Part of the random key, never to change.
        min_radius: Of the tightest bend of the centreline, metres.
        length: Shortest and longest, metres.
        harmonics: Highest harmonic of the star.
        roughness: Amplitude of the star's harmonics relative to its radius.
        shear: Amplitude of the shears relative to the star's radius.
    """

    index: int
    min_radius: float
    length: tuple[float, float]
    harmonics: int
    roughness: float
    shear: float


DIFFICULTIES = {
    "easy": Difficulty(0, min_radius=30.0, length=(400.0, 900.0), harmonics=4, roughness=0.25, shear=0.2),
    "medium": Difficulty(1, min_radius=16.0, length=(600.0, 1500.0), harmonics=7, roughness=0.4, shear=0.45),
    "hard": Difficulty(2, min_radius=9.0, length=(900.0, 3000.0), harmonics=12, roughness=0.5, shear=0.7),
}


def generate_track(seed: int, difficulty: str = "medium", split: str = "train") -> Track:
    """Return the track that a seed names.

    The random key holds the split, so no training track is a test track, whatever the seeds.

    Args:
        seed: Any non-negative integer.
        difficulty: `easy`, `medium` or `hard`: see `DIFFICULTIES`.
        split: `train`, `test` or `validation`: disjoint families of tracks.

    Raises:
        DrivesimError: If an argument is none of these.
    """
    check_name("difficulty", difficulty, DIFFICULTIES)
    check_name("split", split, SPLITS)
    if not isinstance(seed, int | np.integer) or seed < 0:
        raise DrivesimError(f"track seed: expected a non-negative integer, got {seed!r}. Use 0, 1, 2, ...")
    limits = DIFFICULTIES[difficulty]
    rng = np.random.default_rng([SPLITS.index(split), limits.index, seed])
    while True:
        length = float(np.exp(rng.uniform(*np.log(limits.length))))
        for curve in _most_winding_first(_random_shapes(rng, limits), length, limits.min_radius):
            points = np.column_stack([curve, *_half_widths(rng)])
            track = Track.from_points(points, f"{split}-{difficulty}-{seed}")
            if np.abs(track.curvature).max() <= 1 / limits.min_radius and _keeps_clear(track):
                return track


def _random_shapes(rng: np.random.Generator, limits: Difficulty) -> Floats:
    """Draw closed curves that do not cross themselves: (C, S, 2), about one unit in radius."""
    count = _CANDIDATES
    theta = np.linspace(0, 2 * np.pi, _SHAPE_SAMPLES, endpoint=False)
    order = np.arange(2, limits.harmonics + 1)
    amplitude = limits.roughness * rng.uniform(0.2, 1.0, (count, len(order))) / np.sqrt(order - 1)
    phase = rng.uniform(0, 2 * np.pi, (count, len(order)))
    wave = np.cos(order[:, None] * theta + phase[..., None])
    # The exponential keeps the radius positive, so the curve stays a star.
    radius = np.exp(np.einsum("ck,cks->cs", amplitude, wave))
    x, y = radius * np.cos(theta), radius * np.sin(theta) * rng.uniform(0.6, 1.0, (count, 1))
    for _ in range(2):
        strength = limits.shear * rng.uniform(0.3, 1.0, (2, count, 1))
        frequency = rng.uniform(1.0, 3.0, (2, count, 1))
        offset = rng.uniform(0, 2 * np.pi, (2, count, 1))
        x = x + strength[0] * np.sin(frequency[0] * y + offset[0])
        y = y + strength[1] * np.sin(frequency[1] * x + offset[1])
    turn = rng.uniform(0, 2 * np.pi, (count, 1))
    direction = rng.choice([-1.0, 1.0], (count, 1))
    cos, sin = np.cos(turn), np.sin(turn)
    return np.stack([cos * x - sin * y, direction * (sin * x + cos * y)], axis=-1)


def _most_winding_first(shapes: Floats, length: float, min_radius: float) -> Iterator[Floats]:
    """Filter closed curves (C, S, 2) as little as brings them, at `length` metres, under 1 / `min_radius`.

    Yields:
        (S, 2) metres, starting where the road bends least.
    """
    spectrum = np.fft.fft(shapes[..., 0] + 1j * shapes[..., 1])
    spectrum[:, 0] = 0.0
    harmonic = np.fft.fftfreq(shapes.shape[1], 1 / shapes.shape[1])
    curves = np.fft.ifft(spectrum[:, None] * np.exp(-((harmonic / _CUTOFFS[:, None]) ** 2)))
    curves *= length / np.abs(np.roll(curves, -1, axis=-1) - curves).sum(axis=-1, keepdims=True)
    before, after = np.roll(curves, 1, axis=-1), np.roll(curves, -1, axis=-1)
    first, second = (after - before) / 2, after - 2 * curves + before
    speed = np.abs(first)
    bend = np.abs((first.conj() * second).imag) / speed**3
    # 0.94: a margin for the difference between these finite differences and the spline.
    fits = bend.max(axis=-1) <= 0.94 / min_radius
    least = np.argmax(fits, axis=1)
    turning = np.where(fits.any(axis=1), (bend * speed).sum(axis=-1)[np.arange(len(least)), least], -1.0)
    for shape in np.argsort(-turning)[: np.count_nonzero(turning > 0)]:
        curve = curves[shape, least[shape]]
        yield np.roll(np.column_stack([curve.real, curve.imag]), -_straightest(bend[shape, least[shape]]), axis=0)


def _keeps_clear(track: Track) -> bool:
    """Whether stretches that are far apart along the road are so in the plane too."""
    every = max(int(_CLEARANCE_STEP / track.spacing), 1)
    points, at = track.centerline[::every], np.arange(0, len(track.centerline), every) * track.spacing
    dx = points[:, None, 0] - points[None, :, 0]
    dy = points[:, None, 1] - points[None, :, 1]
    apart = np.abs(at[:, None] - at)
    apart = np.minimum(apart, track.length - apart)
    # Half a circle of diameter CLEARANCE is the shortest way to a neighbour that near.
    return not np.any((dx**2 + dy**2 < CLEARANCE**2) & (apart > np.pi / 2 * CLEARANCE))


def _half_widths(rng: np.random.Generator) -> tuple[Floats, Floats]:
    """Draw smoothly varying widths, left and right: (S,) metres each."""
    along = np.arange(_SHAPE_SAMPLES) / _SHAPE_SAMPLES
    order = np.arange(1, 4)
    wave = np.cos(2 * np.pi * order * along[:, None] + rng.uniform(0, 2 * np.pi, 3))
    narrow, wide = WIDTH_RANGE
    width = np.clip(rng.uniform(narrow + 0.5, wide - 0.5) + wave @ rng.uniform(0, 0.5, 3), narrow, wide)
    return width / 2, width / 2


def _straightest(bend: Floats) -> int:
    """Index around which the road bends least: the start line."""
    window = 21
    around = np.concatenate([bend[-(window // 2) :], bend, bend[: window // 2]])
    return int(np.argmin(np.convolve(around, np.ones(window), "valid")))
