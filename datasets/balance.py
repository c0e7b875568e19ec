"""Balance: drawing the rare bends as often as the straight road."""

import numpy as np

from drivesim.geometry import Floats

# Degrees of steering that balancing makes equal: a straight road, and ever tighter bends.
_DEGREES = (0.02, 0.05, 0.1, 0.2, 0.4)


def step_chances(steering: Floats, balance: float) -> Floats:
    """Return how likely each step of a drive is drawn: (T,), one in all.

    Args:
        steering: (T,), -1 full left ... +1 full right.
        balance: 0 draws all steps alike, 1 all degrees of steering; in between, some of each.
    """
    alike = np.full(len(steering), 1.0 / len(steering))
    if not balance:
        return alike
    degrees = np.digitize(np.abs(steering), _DEGREES)
    by_degree = 1.0 / np.bincount(degrees, minlength=len(_DEGREES) + 1)[degrees]
    return balance * by_degree / by_degree.sum() + (1 - balance) * alike


class StepDraw:
    """Draws steps by their chances.

    Args:
        chances: (T,) of each step, in any scale.
    """

    def __init__(self, chances: Floats) -> None:
        self._sums = np.cumsum(chances)

    def __call__(self, count: int, rng: np.random.Generator) -> np.ndarray:
        """Draw `count` steps: (count,) indices."""
        # The last sum itself would be beyond the end.
        below = np.nextafter(self._sums[-1], 0.0)
        return np.searchsorted(self._sums, np.minimum(self._sums[-1] * rng.random(count), below), side="right")
