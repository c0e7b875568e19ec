"""Recolor: frames in colours turned at random.

A look is drawn as a person would paint a world: road and ground nearly always differ in lightness, and a network learns
to see nothing else. Turned colours differ in anything: it has to find the road by whatever sets it off.
"""

from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from drivesim.geometry import Floats

# What the values of a frame spread by afterwards, and where their mean lies, of 255.
_CONTRAST, _LIGHTNESS = (12.0, 60.0), (60.0, 195.0)

# The statistics of every fourth pixel, down and across, are those of a frame.
STRIDE = 4


class Turns(NamedTuple):
    """How the colours of samples are turned.

    Attributes:
        chosen: (B,) bool, whether they are.
        maps: (B, 3, 3) what becomes of red, green and blue, but for the scale.
        contrast: (B,) standard deviation of the values afterwards.
        lightness: (B, 3) mean of the values afterwards.
    """

    chosen: NDArray[np.bool_]
    maps: Floats
    contrast: Floats
    lightness: Floats

    @classmethod
    def random(cls, count: int, share: float, rng: np.random.Generator) -> "Turns":
        """Draw turns for `count` samples, of which this share is turned."""
        return cls(
            rng.random(count) < share,
            rng.standard_normal((count, 3, 3)),
            rng.uniform(*_CONTRAST, count),
            rng.uniform(*_LIGHTNESS, (count, 3)),
        )

    def of(self, samples: slice) -> "Turns":
        """Return those of some samples."""
        return Turns(self.chosen[samples], self.maps[samples], self.contrast[samples], self.lightness[samples])


def recolor(frames: NDArray[np.uint8], turns: Turns) -> None:
    """Turn the colours of frames (B, H, W, 3) RGB in place."""
    chosen = np.flatnonzero(turns.chosen)
    if not len(chosen):
        return
    pixels = frames[chosen, ::STRIDE, ::STRIDE].reshape(len(chosen), -1, 3).astype(np.float64)
    mean = pixels.mean(axis=1)
    maps = turns.maps[chosen]
    # The mean variance of the three turned values.
    turned = (pixels - mean[:, None]) @ maps.transpose(0, 2, 1)
    spread = np.sqrt(np.einsum("bnc,bnc->b", turned, turned) / max(pixels.shape[1] - 1, 1) / 3)
    turn = maps * (turns.contrast[chosen] / np.maximum(spread, 1e-3))[:, None, None]
    offset = turns.lightness[chosen, :, None] - turn @ mean[..., None]
    for i, each in zip(chosen.tolist(), np.concatenate([turn, offset], axis=2), strict=True):
        frames[i] = cv2.transform(frames[i], each)
