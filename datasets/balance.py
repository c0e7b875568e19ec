"""Balance: drawing the rare bends as often as the straight road."""

import numpy as np

from drivesim.geometry import Floats

# Degrees of steering that balancing makes equal: a straight road, and ever tighter bends.
_DEGREES = (0.02, 0.05, 0.1, 0.2, 0.4)


def draw_steps(steering: Floats, count: int, balance: float, rng: np.random.Generator) -> np.ndarray:
    """Draw steps: (count,) indices.

    Args:
        steering: (T,), -1 full left ... +1 full right.
        count: How many.
        balance: 0 draws all steps alike, 1 all degrees of steering; in between, some of each.
        rng: Of the choice.
    """
    if not balance:
        return rng.integers(len(steering), size=count)
    degrees = np.digitize(np.abs(steering), _DEGREES)
    by_degree = 1.0 / np.bincount(degrees, minlength=len(_DEGREES) + 1)[degrees]
    shares = balance * by_degree / by_degree.sum() + (1 - balance) / len(steering)
    return rng.choice(len(steering), size=count, p=shares)
