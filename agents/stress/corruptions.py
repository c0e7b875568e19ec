"""Corruptions: what weather, light, dirt and faults do to a camera's frames.

In the manner of ImageNet-C (Hendrycks & Dietterich 2019, "Benchmarking Neural Network Robustness to Common Corruptions
and Perturbations"). Lengths are shares of the frame's height, so that they mean the same for any camera. What belongs
to a lens (dirt, a tint, dead rows) is drawn once for each car; noise is drawn anew for every frame.
"""

from collections.abc import Callable
from typing import NamedTuple

import cv2
import numpy as np

from datasets.jpeg import through_jpeg
from drivesim.geometry import Floats
from drivesim.ground.painting import Image

# Frames (K, H, W, 3) uint8 of the cars (K,) to changed ones; the frames given are left as they are.
Corruption = Callable[[Image, np.ndarray], Image]


class Lenses(NamedTuple):
    """What a corruption is made for.

    Attributes:
        cars: Cars of the environment.
        height: Of the frames, pixels.
        width: Of the frames, pixels.
        rng: Of all that is random.
    """

    cars: int
    height: int
    width: int
    rng: np.random.Generator

    def pixels(self, share: float) -> float:
        """Return a share of the height in pixels."""
        return share * self.height


# A share of the height and the other values are severities: see `agents.stress.stresses`.
MakeCorruption = Callable[[float, Lenses], Corruption]

_QUANTILES = 1024
_BANK = 2**20


def gaussian_noise(deviation: float, lenses: Lenses) -> Corruption:
    """Add noise of a standard deviation, 1 being white."""
    from scipy.stats import norm

    added = np.asarray(255 * deviation * norm.ppf(_midpoints()))
    return _noise(np.arange(256)[:, None] + added, lenses)


def shot_noise(photons: float, lenses: Lenses) -> Corruption:
    """Count photons instead of measuring light: so many for white."""
    from scipy.stats import poisson

    counts = np.asarray(poisson.ppf(_midpoints(), np.arange(256)[:, None] / 255 * photons))
    return _noise(counts * (255 / photons), lenses)


def impulse_noise(share: float, lenses: Lenses) -> Corruption:
    """Make a share of the values black or white."""
    at = _midpoints()
    values = np.where(at < share / 2, 0, np.where(at < share, 255, np.arange(256)[:, None]))
    return _noise(values, lenses)


def defocus_blur(radius: float, lenses: Lenses) -> Corruption:
    """Spread every pixel over a disc."""
    pixels = lenses.pixels(radius)
    reach = int(np.ceil(pixels))
    y, x = np.mgrid[-reach : reach + 1, -reach : reach + 1]
    # Half a pixel soft, so that fractions of a pixel count.
    disc = np.clip(pixels + 0.5 - np.hypot(x, y), 0, 1)
    return _filter([disc / disc.sum()] * lenses.cars)


def motion_blur(length: float, lenses: Lenses) -> Corruption:
    """Spread every pixel over a line, of each car's own direction."""
    pixels = lenses.pixels(length)
    side = 2 * int(np.ceil(pixels / 2)) + 1
    kernels = []
    for angle in lenses.rng.uniform(0, np.pi, lenses.cars):
        kernel = np.zeros((side, side))
        for t in np.linspace(-pixels / 2, pixels / 2, 4 * side):
            column, row = side // 2 + t * np.cos(angle), side // 2 + t * np.sin(angle)
            kernel[round(row), round(column)] += 1
        kernels.append(kernel / kernel.sum())
    return _filter(kernels)


def brightness(added: float, lenses: Lenses) -> Corruption:
    """Add light, 1 being white; less than 0 takes it away."""
    return _curve(np.arange(256) + 255 * added)


def contrast(kept: float, lenses: Lenses) -> Corruption:
    """Bring every value nearer to its frame's mean: this share of the difference is kept."""

    def corrupt(frames: Image, cars: np.ndarray) -> Image:
        middle = frames.mean(axis=(1, 2), keepdims=True, dtype=np.float32)
        return _to_bytes(np.float32(kept) * frames + np.float32(1 - kept) * middle)

    return corrupt


def color_cast(gain: float, lenses: Lenses) -> Corruption:
    """Strengthen one channel by a share and weaken another by it, each car's own pair."""
    gains = np.tile(np.array([1 + gain, 1, 1 - gain], np.float32), (lenses.cars, 1))
    gains = lenses.rng.permuted(gains, axis=1)[:, None, None]

    def corrupt(frames: Image, cars: np.ndarray) -> Image:
        return _to_bytes(frames * gains[cars])

    return corrupt


def fog(density: float, lenses: Lenses) -> Corruption:
    """Lay drifting fog over the frames: this share of the light comes from it, on average."""
    # Its patches are seen through a window that moves to and fro over a larger picture.
    play = max(lenses.height // 2, 1)
    patches = _clouds(lenses, lenses.height + play, lenses.width)
    share = np.clip(density * (0.6 + 0.8 * patches), 0, 1).astype(np.float32)[..., None]
    steps = np.zeros(lenses.cars, np.int64)

    def corrupt(frames: Image, cars: np.ndarray) -> Image:
        offset = np.abs(steps[cars] % (2 * play) - play)
        steps[cars] += 1
        covered = np.stack([share[car, o : o + lenses.height] for car, o in zip(cars, offset, strict=True)])
        return _to_bytes(frames + covered * (np.float32(215) - frames))

    return corrupt


def jpeg(quality: float, lenses: Lenses) -> Corruption:
    """Encode and decode with a quality of 1 to 100."""

    def corrupt(frames: Image, cars: np.ndarray) -> Image:
        return np.stack([through_jpeg(frame, int(quality)) for frame in frames])

    return corrupt


def dirt(share: float, lenses: Lenses) -> Corruption:
    """Cover a share of the lens with blobs."""
    patches = _clouds(lenses, lenses.height, lenses.width)
    edges = np.quantile(patches, 1 - share, axis=(1, 2), keepdims=True)
    cover = np.clip((patches - edges) / 0.04 + 0.5, 0, 1).astype(np.float32)[..., None]
    mud = np.array([70, 60, 45], np.float32)

    def corrupt(frames: Image, cars: np.ndarray) -> Image:
        return _to_bytes(frames + cover[cars] * (mud - frames))

    return corrupt


def dead_rows(share: float, lenses: Lenses) -> Corruption:
    """Make a share of the rows black."""
    count = max(round(lenses.pixels(share)), 1)
    alive = np.ones((lenses.cars, lenses.height, 1, 1), np.uint8)
    for car in range(lenses.cars):
        alive[car, lenses.rng.choice(lenses.height, count, replace=False)] = 0

    def corrupt(frames: Image, cars: np.ndarray) -> Image:
        return frames * alive[cars]

    return corrupt


def roll(degrees: float, lenses: Lenses) -> Corruption:
    """Turn the frames about their centre, as a camera that is mounted askew sees."""
    center = ((lenses.width - 1) / 2, (lenses.height - 1) / 2)
    matrix = cv2.getRotationMatrix2D(center, degrees, 1.0)

    def corrupt(frames: Image, cars: np.ndarray) -> Image:
        size = (lenses.width, lenses.height)
        return np.stack([cv2.warpAffine(frame, matrix, size, borderMode=cv2.BORDER_REPLICATE) for frame in frames])

    return corrupt


def _midpoints() -> Floats:
    return (np.arange(_QUANTILES) + 0.5) / _QUANTILES


def _noise(values: Floats, lenses: Lenses) -> Corruption:
    """Noise given by its quantiles (256, Q) for every value: a table, looked up at random."""
    table = _to_bytes(values).ravel()
    # Long pieces of one bank, from anywhere in it: to draw every number anew takes ten times as long.
    size = lenses.height * lenses.width * 3
    bank = lenses.rng.integers(_QUANTILES, size=_BANK + size, dtype=np.int32)
    rng = lenses.rng

    def corrupt(frames: Image, cars: np.ndarray) -> Image:
        starts = rng.integers(_BANK, size=lenses.cars)[cars]
        drawn = np.stack([bank[start : start + size] for start in starts]).reshape(frames.shape)
        drawn += frames.astype(np.int32) * _QUANTILES
        return table[drawn]

    return corrupt


def _filter(kernels: list[Floats]) -> Corruption:
    def corrupt(frames: Image, cars: np.ndarray) -> Image:
        return np.stack(
            [
                cv2.filter2D(frame, -1, kernels[car], borderType=cv2.BORDER_REFLECT)
                for frame, car in zip(frames, cars.tolist(), strict=True)
            ]
        )

    return corrupt


def _curve(values: np.ndarray) -> Corruption:
    table = _to_bytes(values)

    def corrupt(frames: Image, cars: np.ndarray) -> Image:
        return table[frames]

    return corrupt


def _clouds(lenses: Lenses, height: int, width: int) -> Floats:
    """Draw smooth random patches from 0 to 1, of several sizes at once: (cars, height, width)."""
    patches = np.zeros((lenses.cars, height, width))
    for cells, weight in ((3, 1.0), (6, 0.5), (12, 0.25)):
        for car, grid in enumerate(lenses.rng.uniform(0, 1, (lenses.cars, cells, cells))):
            patches[car] += weight * cv2.resize(grid, (width, height), interpolation=cv2.INTER_CUBIC)
    low, high = patches.min(axis=(1, 2), keepdims=True), patches.max(axis=(1, 2), keepdims=True)
    return (patches - low) / (high - low)


def _to_bytes(values: np.ndarray) -> Image:
    return np.clip(np.rint(values), 0, 255).astype(np.uint8)
