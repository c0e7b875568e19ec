"""Expert: a privileged scripted driver, pure pursuit and a speed profile.

The speed profile takes each bend at a share of the grip, and slows down and speeds up within the car's limits; among
others it drives as `agents.following` says.
"""

from dataclasses import replace
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np

from agents.following import careful_pedal, swerve
from drivesim.geometry import Floats
from drivesim.namespaces import NUMPY
from drivesim.pursuit import pursuit_curvature
from drivesim.simulation import centerline_at, cruise_pedal
from drivesim.track import Track
from drivesim.vector_env import DriveVectorEnv
from drivesim.vehicle import GRAVITY, VehicleParams
from drivesim.world import World

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
        vehicle, params = env.state.vehicle, env.rules.vehicle
        ahead = lookahead(vehicle.speed, params)
        at = env.state.s - params.cg_to_rear + ahead
        x, y, heading = centerline_at(env.road, at, NUMPY)
        left = swerve(env, at)
        targets = np.column_stack([x - left * np.sin(heading), y + left * np.cos(heading)])
        curvature = pursuit_curvature(env.poses, targets, params)
        # The second term is what slip asks for beyond the geometry: the car's steady-state understeer.
        angle = np.arctan(params.wheelbase * curvature) + understeer(params) * vehicle.speed**2 * curvature
        steering = np.clip(-angle / params.max_steering_angle, -1.0, 1.0)
        if not env.has_pedal:
            return steering[cars, None]
        pedal = np.zeros(env.num_envs)
        pedal[cars] = self._speeds.pedal(env, cars)
        return np.column_stack([steering[cars], careful_pedal(env, pedal)[cars]])


class SpeedProfiles:
    """The speeds to drive on every road, computed once each, and the pedal that holds them."""

    def __init__(self) -> None:
        self._profiles: WeakKeyDictionary[Track, dict[VehicleParams, Floats]] = WeakKeyDictionary()

    def pedal(self, env: DriveVectorEnv, cars: np.ndarray) -> Floats:
        """Return the pedal actions (K,) of the cars (K,) of `env`."""
        state, params = env.state, env.rules.vehicle
        worlds = [env.worlds[car] for car in cars]
        return np.array(
            [
                self._pedal(world.track, state.s[car], state.vehicle.speed[car], _under(world, params))
                for car, world in zip(cars, worlds, strict=True)
            ]
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
