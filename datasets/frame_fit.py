"""Frame fit: how a picture of any size becomes a frame of a policy's camera."""

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np

from drivesim.errors import DrivesimError

Crop = tuple[float, float, float, float]


@dataclass(frozen=True)
class FrameFit:
    """What is cut away of a picture before it is resized to a frame.

    Attributes:
        crop: Shares of the picture's height, width, height and width that are cut away at the top, right, bottom and
            left.
        keeps_shape: Whether what is then too high for the frame's proportions is cut at the top, where the sky is, and
            what is too wide left and right alike; if not, it is squeezed.
    """

    crop: Crop = (0.0, 0.0, 0.0, 0.0)
    keeps_shape: bool = False

    def __post_init__(self) -> None:
        """Refuse what leaves nothing of a picture."""
        plain = isinstance(self.crop, tuple) and len(self.crop) == 4
        top, right, bottom, left = self.crop if plain else (-1.0, 0.0, 0.0, 0.0)
        if min(top, right, bottom, left) < 0 or not top + bottom < 0.95 or not left + right < 0.95:
            raise DrivesimError(
                "crop: expected four shares, of the height at the top, the width at the right, the height at the "
                f"bottom and the width at the left, that leave something of the picture; got {self.crop}."
            )

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> "FrameFit":
        """Rebuild a fit from its fields, as read from JSON; raises what a wrong type raises."""
        return cls(**{**values, "crop": tuple(values["crop"])})

    def apply(self, picture: np.ndarray, height: int, width: int) -> np.ndarray:
        """Return a picture (H, W, 3) uint8 RGB, or grey, as a frame (height, width, 3) uint8 RGB."""
        high, wide = picture.shape[:2]
        top, bottom = round(self.crop[0] * high), round(self.crop[2] * high)
        right, left = round(self.crop[1] * wide), round(self.crop[3] * wide)
        return fit_frame(picture, height, width, (top, right, bottom, left), self.keeps_shape)


def fit_frame(
    image: np.ndarray,
    height: int,
    width: int,
    crop: tuple[int, int, int, int] = (0, 0, 0, 0),
    keeps_shape: bool = True,
) -> np.ndarray:
    """Return a picture of any size as a frame (height, width, 3) uint8.

    Args:
        image: (H, W, 3) uint8 RGB or (H, W) or (H, W, 1) uint8 grey.
        height: Of the frame.
        width: Of the frame.
        crop: Pixels of the picture to cut away at the top, right, bottom and left.
        keeps_shape: See `FrameFit`.
    """
    if image.dtype != np.uint8 or image.ndim not in (2, 3) or (image.ndim == 3 and image.shape[2] not in (1, 3)):
        raise DrivesimError(
            f"image_arr: expected (H, W, 3) or (H, W) uint8, got {image.dtype} of {image.shape}. Set IMAGE_DEPTH to 3."
        )
    top, right, bottom, left = crop
    image = image[top : image.shape[0] - bottom, left : image.shape[1] - right]
    if not image.size:
        raise DrivesimError(f"crop: {crop} leaves nothing of the car's picture. Cut away less.")
    if keeps_shape:
        high, wide = image.shape[:2]
        kept_height = max(min(high, round(wide * height / width)), 1)
        kept_width = max(min(wide, round(high * width / height)), 1)
        start = (wide - kept_width) // 2
        image = image[high - kept_height :, start : start + kept_width]
    if image.ndim == 2 or image.shape[2] == 1:
        image = np.repeat(image.reshape(*image.shape[:2], 1), 3, axis=2)
    if image.shape[:2] == (height, width):
        return np.ascontiguousarray(image)
    # Shrinking takes the mean of what a pixel covers: other ways leave pixels out.
    way = cv2.INTER_AREA if image.shape[0] >= height else cv2.INTER_LINEAR
    return cv2.resize(np.ascontiguousarray(image), (width, height), interpolation=way)
