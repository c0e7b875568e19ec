"""Noise: seamless random fields that grounds and roads are mottled with."""

import cv2
import numpy as np

Floats32 = np.ndarray

# Cells that a field is continued by on every side while it is enlarged; bicubic weights reach two.
_BORDER = 3


def seamless_noise(rng: np.random.Generator, rows: int, columns: int, height: int, width: int) -> Floats32:
    """Return smooth noise that joins itself at opposite borders: (height, width) float32, standard deviation about 1.

    Args:
        rng: Of the noise.
        rows: Cells down, each a random number of its own.
        columns: Cells across.
        height: Pixels.
        width: Pixels.
    """
    coarse = rng.standard_normal((rows, columns), dtype=np.float32)
    if (rows, columns) == (height, width):
        return coarse
    padded = np.pad(coarse, _BORDER, mode="wrap")
    # Pixel i lies at the place (i + 1/2) cells / pixels - 1/2 of the field, as in `cv2.resize`.
    scale = np.array([[columns / width, 0.0, 0.0], [0.0, rows / height, 0.0]])
    scale[:, 2] = [0.5 * columns / width - 0.5 + _BORDER, 0.5 * rows / height - 0.5 + _BORDER]
    flags = cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP
    return cv2.warpAffine(padded, scale, (width, height), flags=flags, borderMode=cv2.BORDER_REPLICATE)
