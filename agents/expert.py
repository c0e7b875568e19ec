"""Expert: a privileged scripted driver, pure pursuit and a speed profile.

The speed profile takes each bend at a share of the grip, and slows down and speeds up within the car's limits; among
others it drives as `agents.following` says.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

import numpy as np

from agents.following import careful_pedal, swerve
from drivesim.geometry import Floats
from drivesim.namespaces import NUMPY, Namespace
from drivesim.pursuit import arc_to
from drivesim.road_table import Road
from drivesim.simulation import CarState, centerline_at, cruise_pedal
from drivesim.track import Track
from drivesim.vector_env import DriveVectorEnv
from drivesim.vehicle import GRAVITY, VehicleParams
from drivesim.world import World

if TYPE_CHECKING:
    from torch import Tensor

    from drivesim.device.torch_env import DriveTorchEnv

# The point that is steered for lies this far ahead: wheelbases, and seconds of driving more.
_LOOKAHEAD_WHEELBASES, _LOOKAHEAD_TIME = 0.75, 0.5

# Shares of the car's limits that the speed profile uses.
_GRIP_SHARE, _BRAKING_SHARE, _ACCELERATION_SHARE = 0.4, 0.6, 0.8
_TOP_SPEED_SHARE = 0.75
_PROFILE_SPACING = 2.0


class ExpertDriver:
    """Follows the centreline, and passes what stands beside it; knows the road, the car's state and the others'."""

    name = "expert"
    needs_frames = False

    def __init__(self) -> None:
        self._speeds = SpeedProfiles()

    def act(self, env: DriveVectorEnv, observation: Any, cars: np.ndarray) -> np.ndarray:
        """See `agents.driver.Driver.act`."""
        aside = partial(swerve, env)
        steering = _steering(env.state, env.road, env.rules.vehicle, NUMPY, aside)
        if not env.has_pedal:
            return steering[cars, None]
        pedal = np.zeros(env.num_envs)
        pedal[cars] = self._speeds.pedal(env, cars)
        return np.column_stack([steering[cars], careful_pedal(env, pedal)[cars]])

    def act_on_device(self, env: "DriveTorchEnv", observation: Any, cars: "Tensor") -> "Tensor":
        """See `agents.driver.DeviceDriver.act_on_device`; the pedal is looked up on the host."""
        import torch

        from drivesim.device.namespace import TORCH

        steering = _steering(env.state, env.road, env.rules.vehicle, TORCH)[cars]
        if not env.has_pedal:
            return steering[:, None]
        state, params = env.state, env.rules.vehicle
        s, speed = torch.stack([state.s[cars], state.vehicle.speed[cars]]).cpu().numpy()
        worlds = [env.worlds[car] for car in cars.tolist()]
        pedal = torch.from_numpy(self._speeds.pedal_in(worlds, s, speed, params)).to(steering)
        return torch.stack([steering, pedal], dim=1)


def _steering(
    state: CarState, road: Road, params: VehicleParams, xp: Namespace, aside: Callable[[Any], Any] | None = None
) -> Any:
    """The steering actions of all cars: pure pursuit of a point ahead, on the centreline or so far left of it."""
    vehicle = state.vehicle
    at = state.s - params.cg_to_rear + lookahead(vehicle.speed, params)
    x, y, heading = centerline_at(road, at, xp)
    if aside is not None:
        left = aside(at)
        x, y = x - left * xp.sin(heading), y + left * xp.cos(heading)
    curvature = arc_to(vehicle.x, vehicle.y, vehicle.heading, x, y, params, xp)
    # The second term is what slip asks for beyond the geometry: the car's steady-state understeer.
    angle = xp.atan(params.wheelbase * curvature) + understeer(params) * vehicle.speed**2 * curvature
    return xp.clip(-angle / params.max_steering_angle, -1.0, 1.0)


class SpeedProfiles:
    """The speeds to drive on every road, computed once each, and the pedal that holds them."""

    def __init__(self) -> None:
        self._profiles: WeakKeyDictionary[Track, dict[VehicleParams, Floats]] = WeakKeyDictionary()

    def __reduce__(self) -> tuple[Any, ...]:
        """Speeds are not sent to another machine: they are computed anew there."""
        return SpeedProfiles, ()

    def pedal(self, env: DriveVectorEnv, cars: np.ndarray) -> Floats:
        """Return the pedal actions (K,) of the cars (K,) of `env`."""
        worlds = [env.worlds[car] for car in cars]
        return self.pedal_in(worlds, env.state.s[cars], env.state.vehicle.speed[cars], env.rules.vehicle)

    def pedal_in(self, worlds: Sequence[World], s: Floats, speed: Floats, params: VehicleParams) -> Floats:
        """Return the pedal actions (K,) of cars in worlds, one each, at arc length `s` (m) with a speed (m/s)."""
        return np.array(
            [self._pedal(world.track, s[i], speed[i], _under(world, params)) for i, world in enumerate(worlds)]
        )

    def _pedal(self, track: Track, s: float, speed: float, params: VehicleParams) -> float:
        profiles = self._profiles.setdefault(track, {})
        profile = profiles.get(params)
        if profile is None:
            profile = profiles[params] = speed_profile(track, params)
        at = int((s + 0.2 * speed) / _PROFILE_SPACING)
        now, after = profile[at % len(profile)], profile[(at + 1) % len(profile)]
        # The controller takes a second to correct a speed: what the profile changes by meanwhile is fed forward.
        target = now + (after**2 - now**2) / (2 * _PROFILE_SPACING)
        return float(cruise_pedal(speed, max(target, 0.0), params, NUMPY))


def _under(world: World, params: VehicleParams) -> VehicleParams:
    """The car with the friction that the weather leaves it, and as heavy as it is."""
    grip, mass = world.weather.grip * world.dynamics.grip, world.dynamics.mass
    if grip == mass == 1.0:
        return params
    return replace(
        params,
        friction=params.friction * grip,
        max_acceleration=params.max_acceleration / mass,
        max_braking=params.max_braking / mass,
    )


def lookahead(speed: Floats, params: VehicleParams) -> Floats:
    """Distance from the rear axle to the point that is steered for, metres."""
    return _LOOKAHEAD_WHEELBASES * params.wheelbase + _LOOKAHEAD_TIME * speed


def understeer(params: VehicleParams) -> float:
    """Understeer gradient, radians of wheel per m/s^2 of lateral acceleration (Rajamani 2012, section 3.3)."""
    if params.model == "kinematic":
        return 0.0
    front_load = params.mass * params.cg_to_rear / params.wheelbase
    rear_load = params.mass * params.cg_to_front / params.wheelbase
    return front_load / params.cornering_stiffness_front - rear_load / params.cornering_stiffness_rear


def speed_profile(track: Track, params: VehicleParams) -> Floats:
    """Speed to drive at every `_PROFILE_SPACING` metres of a track: (K,) m/s."""
    count = max(int(track.length / _PROFILE_SPACING), 1)
    at = np.arange(count) * _PROFILE_SPACING
    curvature = np.abs(track.curvature_at(at))
    grip = _GRIP_SHARE * params.friction * GRAVITY
    speed = np.minimum(np.sqrt(grip / np.maximum(curvature, 1e-6)), _TOP_SPEED_SHARE * params.max_speed)
    braking = 2 * _BRAKING_SHARE * min(params.max_braking, params.friction * GRAVITY) * _PROFILE_SPACING
    accelerating = 2 * _ACCELERATION_SHARE * params.max_acceleration * _PROFILE_SPACING
    # Twice around, so that the end of the lap knows its beginning.
    for i in [*range(count - 1, -1, -1)] * 2:
        speed[i] = min(speed[i], np.sqrt(speed[(i + 1) % count] ** 2 + braking))
    for i in [*range(count)] * 2:
        speed[i] = min(speed[i], np.sqrt(speed[i - 1] ** 2 + accelerating))
    return speed
