"""Box action: what the values of an environment's action stand for: steering, then a pedal, or gas and brake.

Policies and stored drives know two values: steering, and a pedal from full brake, -1, to full throttle, 1. CarRacing
takes three: steering, gas and brake. `to_box` takes the two to the three; `pedal_of` is the way back.
"""

from typing import Any

import numpy as np
from gymnasium import spaces


def has_gas_and_brake(space: spaces.Box) -> bool:
    """Whether an action is steering, gas and brake, as CarRacing's."""
    return space.shape == (3,) and bool((space.low == [-1, 0, 0]).all() and (space.high == 1).all())


def to_box(action: np.ndarray, space: spaces.Box) -> np.ndarray:
    """Return an action (A,) as the environment takes it, cut to its limits.

    Args:
        action: Steering, or steering and pedal; where the environment has gas and brake, the pedal is one or the other.
        space: Of the environment.
    """
    if has_gas_and_brake(space) and len(action) == 2:
        steering, pedal = action
        action = np.array([steering, max(pedal, 0.0), max(-pedal, 0.0)])
    return np.clip(action, space.low, space.high).astype(space.dtype)


def pedal_of(gas: Any, brake: Any) -> Any:
    """Return the pedal that stands for gas and brake, each 0 to 1: numbers, or arrays of one shape."""
    return gas - brake
