"""Frame weather: fog and night laid over frames, to see whether a watched policy is noticed to be in them."""

import cv2
import numpy as np

from drivesim.errors import DrivesimError

# Grey of dense fog by day.
_FOG = 200


def fog(frame: np.ndarray, strength: float) -> np.ndarray:
    """Return the frame, uint8, behind a grey veil: 0 for none, 1 for nothing else."""
    veil = np.full_like(frame, _FOG)
    return cv2.addWeighted(frame, 1.0 - _checked("fog", strength), veil, strength, 0.0)


def night(frame: np.ndarray, strength: float) -> np.ndarray:
    """Return the frame, uint8, with that share of its light taken away."""
    return cv2.convertScaleAbs(frame, alpha=1.0 - _checked("night", strength))


def _checked(name: str, strength: float) -> float:
    if not 0 <= strength <= 1:
        raise DrivesimError(f"--{name}: expected a strength from 0 to 1, got {strength}.")
    return strength
