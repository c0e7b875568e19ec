"""Frame statistics: a frame in four numbers, which fog, night or another camera move and another road hardly does."""

import cv2
import numpy as np

from drivesim.geometry import Floats

STATISTICS = ("brightness", "contrast", "colourfulness", "edges")

# Red against green, and yellow against blue (Hasler and Süsstrunk 2003, "Measuring colourfulness in natural images").
_OPPONENTS = np.array([[1.0, -1.0, 0.0], [0.5, 0.5, -1.0]], np.float32)


def frame_statistics(frames: np.ndarray) -> Floats:
    """Take frames (N, H, W, 3) uint8 RGB to (N, 4) float64, each statistic from 0 to about 1.

    `brightness` and `contrast` are mean and standard deviation of the grey levels, `colourfulness` is Hasler and
    Süsstrunk's, `edges` the mean slope of the grey levels.
    """
    return np.array([_of_one(frame) for frame in frames]).reshape(-1, len(STATISTICS))


def _of_one(frame: np.ndarray) -> list[float]:
    grey = cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY)
    brightness, contrast = (float(value[0, 0]) for value in cv2.meanStdDev(grey))
    opponents = cv2.transform(frame.astype(np.float32), _OPPONENTS)
    mean, deviation = (np.hypot(*value.ravel()) for value in cv2.meanStdDev(opponents))
    # A step of one grey level gives a Sobel slope of 4.
    right, down = cv2.spatialGradient(grey)
    slope = (cv2.norm(right, cv2.NORM_L1) + cv2.norm(down, cv2.NORM_L1)) / 4 / grey.size
    return [brightness / 255, contrast / 255, float(deviation + 0.3 * mean) / 255, slope / 255]
