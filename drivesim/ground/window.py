"""Ground window: a rectangle of pixels that are fixed to the world, which a piece of ground is painted in."""

from dataclasses import dataclass

import numpy as np

from drivesim.geometry import Floats

# The road is looked for in squares of this many pixels; a window holds whole ones.
CELL = 4


@dataclass(frozen=True)
class Window:
    """A rectangle of pixels that are fixed to the world.

    Attributes:
        left: Of its first column, pixels east of the world's origin.
        bottom: Of its last row, pixels north of the world's origin.
        width: Pixels, a multiple of `CELL`.
        height: Pixels, a multiple of `CELL`.
        resolution: Metres a pixel.
    """

    left: int
    bottom: int
    width: int
    height: int
    resolution: float

    def pixels(self, xy: Floats) -> Floats:
        """Return columns and rows (..., 2) of world points (..., 2), whole numbers at pixels' middles."""
        scale = np.array([1.0, -1.0]) / self.resolution
        return xy * scale + np.array([-self.left - 0.5, self.bottom + self.height - 0.5])

    def near(self, xy: Floats, reach: float) -> np.ndarray:
        """Tell which world points (..., 2) lie within the window or `reach` metres around it: (...) bool."""
        at, beyond = self.pixels(xy), reach / self.resolution
        return np.asarray(np.all((at >= -beyond) & (at <= np.array([self.width, self.height]) + beyond), axis=-1))
