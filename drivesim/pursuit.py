"""Pure pursuit: the arc that takes a car to a point ahead.

After Coulter, *Implementation of the Pure Pursuit Path Tracking Algorithm* (1992), from the rear axle.
"""

from typing import Any

from drivesim.geometry import Floats
from drivesim.namespaces import NUMPY, Namespace
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
    return arc_to(poses[:, 0], poses[:, 1], poses[:, 2], targets[:, 0], targets[:, 1], params, NUMPY)


def arc_to(x: Any, y: Any, heading: Any, target_x: Any, target_y: Any, params: VehicleParams, xp: Namespace) -> Any:
    """Curvature of the arc that `pursuit_curvature` returns, of cars and targets in any namespace, a value a car."""
    cos, sin = xp.cos(heading), xp.sin(heading)
    dx = target_x - x + params.cg_to_rear * cos
    dy = target_y - y + params.cg_to_rear * sin
    left = cos * dy - sin * dx
    return 2 * left / (dx**2 + dy**2)
