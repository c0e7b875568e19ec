"""Pure pursuit: the arc that takes a car to a point ahead.

After Coulter, *Implementation of the Pure Pursuit Path Tracking Algorithm* (1992), from the rear axle.
"""

import numpy as np

from drivesim.geometry import Floats
from drivesim.vehicle import VehicleParams


def pursuit_curvature(poses: Floats, targets: Floats, params: VehicleParams) -> Floats:
    """Curvature of the arc on which a car's rear axle meets its target, tangent to the car's axis.

    Args:
        poses: (N, 3) x y heading of the centres of gravity, metres and radians, world.
        targets: (N, 2) metres, world.
        params: The car.

    Returns:
        (N,) 1/m, positive left.
    """
    cos, sin = np.cos(poses[:, 2]), np.sin(poses[:, 2])
    dx = targets[:, 0] - poses[:, 0] + params.cg_to_rear * cos
    dy = targets[:, 1] - poses[:, 1] + params.cg_to_rear * sin
    left = cos * dy - sin * dx
    return 2 * left / (dx**2 + dy**2)
