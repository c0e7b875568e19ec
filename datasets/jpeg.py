"""JPEG: what is left of a frame that a camera has encoded."""

import cv2
import numpy as np
from numpy.typing import NDArray


def through_jpeg(frame: NDArray[np.uint8], quality: int) -> NDArray[np.uint8]:
    """Encode and decode a frame (H, W, 3) RGB with a quality from 1 to 100."""
    encoded = cv2.imencode(".jpg", frame[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
    decoded = cv2.imdecode(encoded, cv2.IMREAD_COLOR)
    assert decoded is not None
    return np.ascontiguousarray(decoded[..., ::-1]).astype(np.uint8, copy=False)
