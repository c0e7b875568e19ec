"""Physics of CarRacing-v3: what its source says of the car and the road; and how the environment is made.

The figures are those of `gymnasium.envs.box2d.car_dynamics` and `car_racing`.
"""

from typing import Any

import gymnasium
import numpy as np

from drivesim.errors import DrivesimError

CAR_RACING = "CarRacing-v3"

# Seconds a step; metres from one tile to the next, and from the road's middle to its edge.
DT, TILE_LENGTH, HALF_WIDTH = 0.02, 3.5, 40 / 6

# Newtons that a tyre can hold, and for each m/s of slip; watts of a rear wheel; kg m^2 and metres of a wheel.
TYRE_GRIP, TYRE_STIFFNESS, POWER = 400.0, 82.0, 40_000.0
WHEEL_INERTIA, WHEEL_RADIUS = 1.6, 0.54
# Metres between the axles, and kilograms with the wheels, as Box2D weighs them.
WHEELBASE, MASS = 3.24, 7.302
# What a wheel's spin adds to the car's mass, kilograms.
TURNING_MASS = WHEEL_INERTIA / WHEEL_RADIUS**2
# Radians a second that a full brake takes from a wheel in a step; from 0.9 on it stops the wheel at once.
BRAKE_STEP, MOST_BRAKE = 15.0, 0.85


def leave_undrawn(env: gymnasium.Env[Any, Any]) -> None:
    """Let CarRacing give black frames from now on: for whoever does not look at them it is many times as fast."""
    world: Any = env.unwrapped
    world._render = lambda mode: np.zeros(world.observation_space.shape, np.uint8)


def make_car_racing(option: str) -> gymnasium.Env[Any, Any]:
    """Make the environment.

    Args:
        option: For the message.

    Raises:
        DrivesimError: If its packages are missing.
    """
    try:
        return gymnasium.make(CAR_RACING)
    except (gymnasium.error.Error, ImportError) as error:
        raise DrivesimError(
            f"{option}: {CAR_RACING} needs Box2D, which is not installed: pip install 'gymnasium[box2d]>=1.3'"
        ) from error
