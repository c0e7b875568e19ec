"""Vehicle: single-track models, kinematic and dynamic, for one car or many.

Equations after Rajamani, *Vehicle Dynamics and Control* (2012), chapters 2 and 3, with the centre of gravity as the
reference point, ISO 8855 axes (x forward, y left) and tyre forces that saturate as a hyperbolic tangent.
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, NamedTuple

from drivesim.errors import DrivesimError, check_name
from drivesim.namespaces import Namespace

GRAVITY = 9.81

MODELS = ("kinematic", "dynamic")

# Below this speed (m/s) slip angles mean nothing and the dynamic model follows the kinematic one; above the second it
# stands alone.
_BLEND_FROM, _BLEND_TO = 2.0, 4.0


@dataclass(frozen=True)
class VehicleParams:
    """A car.

    Attributes:
        model: `kinematic` (no slip) or `dynamic` (tyres with slip and saturation).
        length: Of the body, metres.
        width: Of the body, metres.
        cg_to_front: From the centre of gravity to the front axle, metres.
        cg_to_rear: From the centre of gravity to the rear axle, metres.
        mass: kg.
        yaw_inertia: kg m^2.
        cornering_stiffness_front: Of the whole axle, N/rad.
        cornering_stiffness_rear: Of the whole axle, N/rad.
        friction: Coefficient between tyre and road.
        max_steering_angle: Of the road wheels, radians.
        max_steering_rate: Of the road wheels, rad/s.
        steering_time_constant: Of the first-order lag from command to wheel, seconds.
        max_acceleration: At full throttle, m/s^2.
        max_braking: At full brake, m/s^2.
        max_speed: Where drag eats all of the throttle, m/s.
    """

    model: str = "kinematic"
    length: float = 4.5
    width: float = 1.8
    cg_to_front: float = 1.2
    cg_to_rear: float = 1.5
    mass: float = 1500.0
    yaw_inertia: float = 2500.0
    cornering_stiffness_front: float = 90_000.0
    cornering_stiffness_rear: float = 110_000.0
    friction: float = 1.0
    max_steering_angle: float = 0.6
    max_steering_rate: float = 1.5
    steering_time_constant: float = 0.1
    max_acceleration: float = 4.0
    max_braking: float = 8.0
    max_speed: float = 40.0

    def __post_init__(self) -> None:
        """Refuse a car that can't exist, with all its faults at once."""
        check_name("vehicle model", self.model, MODELS)
        faults = [
            f"{name}={value!r}"
            for name, value in vars(self).items()
            if name != "model" and not (isinstance(value, int | float) and 0 < value < float("inf"))
        ]
        if faults:
            raise DrivesimError(f"vehicle: expected positive finite numbers, got {', '.join(faults)}.")

    @property
    def wheelbase(self) -> float:
        """Distance between the axles, metres."""
        return self.cg_to_front + self.cg_to_rear


# A mid-size passenger car, and a 1:10 RC car of the F1TENTH class (parameters after F1TENTH gym's defaults).
VEHICLES = {
    "car": VehicleParams(),
    "car-dynamic": VehicleParams(model="dynamic"),
    "rc": VehicleParams(
        model="dynamic",
        length=0.58,
        width=0.31,
        cg_to_front=0.159,
        cg_to_rear=0.171,
        mass=3.74,
        yaw_inertia=0.047,
        cornering_stiffness_front=89.0,
        cornering_stiffness_rear=95.0,
        friction=1.05,
        max_steering_angle=0.42,
        max_steering_rate=3.2,
        steering_time_constant=0.05,
        max_acceleration=6.0,
        max_braking=8.0,
        max_speed=15.0,
    ),
}


class VehicleState(NamedTuple):
    """The state of one car (floats) or many (arrays of one shape).

    Attributes:
        x: Centre of gravity, metres east, world.
        y: Centre of gravity, metres north, world.
        heading: Radians counter-clockwise from +x; not wrapped.
        speed: Along the car's axis, m/s; never negative.
        lateral_velocity: Across the car's axis, m/s, positive left.
        yaw_rate: rad/s, positive left.
        steering_angle: Of the road wheels, radians, positive left.
    """

    x: Any
    y: Any
    heading: Any
    speed: Any
    lateral_velocity: Any
    yaw_rate: Any
    steering_angle: Any


def get_vehicle(vehicle: str | VehicleParams | Mapping[str, Any]) -> VehicleParams:
    """Return the preset of that name, the parameters themselves, or those of a mapping as read from JSON."""
    if isinstance(vehicle, VehicleParams):
        return vehicle
    if isinstance(vehicle, Mapping):
        known = [field.name for field in fields(VehicleParams)]
        for name in vehicle:
            check_name("vehicle parameter", name, known)
        return VehicleParams(**vehicle)
    return VEHICLES[check_name("vehicle", vehicle, VEHICLES)]


def step_vehicle(
    state: VehicleState,
    steering: Any,
    pedal: Any,
    params: VehicleParams,
    dt: float,
    xp: Namespace,
    substeps: int = 1,
    wind: Any = 0.0,
    grip: Any = 1.0,
    mass: Any = 1.0,
    tyres: Any = 1.0,
    lag: Any = 1.0,
    steering_offset: Any = 0.0,
) -> VehicleState:
    """Advance cars by `substeps` steps of `dt` seconds under one action.

    Args:
        state: One car or many.
        steering: The steering action, -1 full left ... +1 full right.
        pedal: The pedal action, -1 full brake ... +1 full throttle.
        params: The car.
        dt: Seconds, 0.01 or less.
        xp: The namespace of the state's fields.
        substeps: Number of steps.
        wind: What a steady wind that blows east accelerates a car with slip by, across its axis, m/s^2.
        grip: What is left of the friction between tyre and road, up to 1.
        mass: Of the car, of what its parameters say.
        tyres: Of their cornering stiffness, of the same.
        lag: Of the steering's time constant, of the same.
        steering_offset: Of the road wheels where the wheel is straight, radians, positive left.
    """
    friction = params.friction * grip
    target = steering_offset - steering * params.max_steering_angle
    limit = friction * GRAVITY
    drive = xp.where(pedal > 0.0, pedal * params.max_acceleration, pedal * params.max_braking) / mass
    drive = xp.clip(drive, -limit, limit)
    loads = _Loads(wind, friction, mass, tyres, xp.maximum(params.steering_time_constant * lag, dt))
    for _ in range(substeps):
        state = _substep(state, target, drive, params, dt, xp, loads)
    return state


class _Loads(NamedTuple):
    """What stays the same from substep to substep.

    Attributes:
        wind: m/s^2.
        friction: Coefficient between tyre and road.
        mass: Of what the parameters say.
        tyres: Of the cornering stiffness that they say.
        time_constant: Of the steering, seconds.
    """

    wind: Any
    friction: Any
    mass: Any
    tyres: Any
    time_constant: Any


def _substep(
    state: VehicleState,
    target: Any,
    drive: Any,
    params: VehicleParams,
    dt: float,
    xp: Namespace,
    loads: _Loads,
) -> VehicleState:
    """Advance by `dt`, steering towards the angle `target` and pushed by `drive` m/s^2."""
    angle = _steer(state.steering_angle, target, params, dt, xp, loads.time_constant)
    acceleration = drive - (params.max_acceleration / params.max_speed**2) * state.speed * state.speed
    speed = xp.maximum(state.speed + dt * acceleration, 0.0)
    yaw_rate = speed * xp.tan(angle) * (1.0 / params.wheelbase)
    lateral_velocity = yaw_rate * params.cg_to_rear
    if params.model == "dynamic":
        slipping_lateral, slipping_yaw = _slip(state, angle, acceleration, params, dt, xp, loads)
        weight = xp.clip((speed - _BLEND_FROM) / (_BLEND_TO - _BLEND_FROM), 0.0, 1.0)
        lateral_velocity = lateral_velocity + weight * (slipping_lateral - lateral_velocity)
        yaw_rate = yaw_rate + weight * (slipping_yaw - yaw_rate)
    middle = state.heading + (0.5 * dt) * yaw_rate
    cos, sin = xp.cos(middle), xp.sin(middle)
    return VehicleState(
        x=state.x + dt * (speed * cos - lateral_velocity * sin),
        y=state.y + dt * (speed * sin + lateral_velocity * cos),
        heading=state.heading + dt * yaw_rate,
        speed=speed,
        lateral_velocity=lateral_velocity,
        yaw_rate=yaw_rate,
        steering_angle=angle,
    )


def _steer(angle: Any, target: Any, params: VehicleParams, dt: float, xp: Namespace, time_constant: Any) -> Any:
    """First-order lag towards the target angle, limited in rate."""
    rate = (target - angle) / time_constant
    return angle + dt * xp.clip(rate, -params.max_steering_rate, params.max_steering_rate)


def _slip(
    state: VehicleState,
    angle: Any,
    acceleration: Any,
    params: VehicleParams,
    dt: float,
    xp: Namespace,
    loads: _Loads,
) -> tuple[Any, Any]:
    """Lateral velocity and yaw rate after `dt` of tyre forces."""
    speed = xp.maximum(state.speed, _BLEND_FROM)
    lateral, yaw_rate = state.lateral_velocity, state.yaw_rate
    slip_front = xp.atan((lateral + params.cg_to_front * yaw_rate) / speed) - angle
    slip_rear = xp.atan((lateral - params.cg_to_rear * yaw_rate) / speed)
    # Friction ellipse: what braking or driving takes from the tyres is not there for cornering.
    mass = params.mass * loads.mass
    used = xp.clip(acceleration / (loads.friction * GRAVITY), -0.95, 0.95)
    grip = loads.friction * mass * GRAVITY * xp.sqrt(1.0 - used * used)
    grip_front = grip * (params.cg_to_rear / params.wheelbase)
    grip_rear = grip * (params.cg_to_front / params.wheelbase)
    force_front = -grip_front * xp.tanh(params.cornering_stiffness_front * loads.tyres * slip_front / grip_front)
    force_rear = -grip_rear * xp.tanh(params.cornering_stiffness_rear * loads.tyres * slip_rear / grip_rear)
    across = force_front * xp.cos(angle)
    lateral_acceleration = (across + force_rear) / mass - speed * yaw_rate
    if not isinstance(loads.wind, float) or loads.wind:
        lateral_acceleration = lateral_acceleration - loads.wind * xp.sin(state.heading)
    yaw_acceleration = (params.cg_to_front * across - params.cg_to_rear * force_rear) / (
        params.yaw_inertia * loads.mass
    )
    return lateral + dt * lateral_acceleration, yaw_rate + dt * yaw_acceleration
