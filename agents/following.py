"""Following: how the expert drives among others: a gap to whoever is ahead, and slowly past what stands.

It follows by the intelligent driver model (see `drivesim.flow`), brakes harder and keeps a longer gap than others do,
and goes around what stands with `MARGIN`, or stops before it where there is no room.
"""

import numpy as np

from drivesim.flow import ABREAST, HOLD, RAMP, REST_GAP, TIME_HEADWAY, idm_acceleration
from drivesim.geometry import Floats
from drivesim.namespaces import NUMPY
from drivesim.simulation import cruise_pedal
from drivesim.traffic import LENGTH, USUAL_LENGTH, WIDTH
from drivesim.traffic_table import Others, swerves
from drivesim.vector_env import DriveVectorEnv
from drivesim.vehicle import GRAVITY, VehicleParams

# What stands is passed at this speed, m/s; bumper to bumper it keeps so many times others' gap at rest.
PASSING_SPEED, _REST_GAPS = 8.0, 2.0

# Shares of the car's limits: of its throttle when it follows, of its grip when it brakes for others, and when it slows
# down for what stands.
_ACCELERATION, _BRAKING, _SLOWING = 0.5, 0.3, 0.35

# Its wheels stay so far from the road's edge, metres.
_EDGE = 0.2

# Less than this between the sides of the car and of what stands is no room to pass, metres.
_NO_ROOM = 0.1


def swerve(env: DriveVectorEnv, s: Floats) -> Floats:
    """How far left of the line to drive at `s`, (N,) or (N, P) metres: metres, and never off the road."""
    if env.others is None:
        return np.zeros(np.shape(s))
    road = env.road
    places = s.reshape(len(road.length), -1)
    near = np.floor(places / road.spacing[:, None] + 0.5).astype(np.int64) % road.count[:, None]
    left, right = np.moveaxis(road.table[road.first[:, None] + near, 5:7], -1, 0) - 0.5 * env.rules.vehicle.width
    found = swerves(env.others, places, road.length, env.rules.vehicle)
    return np.clip(found, -np.maximum(right - _EDGE, 0.0), np.maximum(left - _EDGE, 0.0)).reshape(np.shape(s))


def careful_pedal(env: DriveVectorEnv, pedal: Floats) -> Floats:
    """Limit the pedals (N,) of all cars to what others leave."""
    others = env.others
    if others is None:
        return pedal
    params, speed = env.rules.vehicle, env.state.vehicle.speed
    grip = np.minimum(params.max_braking / env.road.mass, params.friction * GRAVITY * env.road.grip)
    paths = swerve(env, others.s.astype(np.float64))
    length = env.road.length[:, None]
    ahead = others.s - env.state.s[:, None]
    ahead -= length * np.floor(ahead / length + 0.5)
    follow = _follow(others, ahead, paths, env.state.lateral, speed, params, grip)
    slow = _slow_down(others, ahead, speed, params, grip, env.road.mass)
    return np.minimum(pedal, np.minimum(_pedal_for(follow, speed, params, env.road.mass), slow))


def _follow(
    others: Others, ahead: Floats, paths: Floats, lateral: Floats, speed: Floats, params: VehicleParams, grip: Floats
) -> Floats:
    """Acceleration (N,) that keeps a gap to the next thing in the way, m/s^2."""
    room = 0.5 * (others.things[..., WIDTH] + params.width)
    stands = np.arange(others.s.shape[1]) < others.standing[:, None]
    at = others.poses[..., 3]
    # What stands is in the way where the path around it has no room; who drives, where the car or its path meets it.
    blocks = np.abs(at - paths) < room + np.where(stands, _NO_ROOM, ABREAST)
    blocks |= ~stands & (np.abs(at - lateral[:, None]) < room + ABREAST)
    gap = ahead - 0.5 * (others.things[..., LENGTH] + params.length)
    gap = np.where(blocks & others.present & (ahead > 0), gap, np.inf)
    nearest = gap.argmin(axis=1)
    rows = np.arange(len(gap))
    gap, closing = gap[rows, nearest], speed - others.along[rows, nearest]
    scale = params.length / USUAL_LENGTH
    # On a free road it goes by its own profile of speeds.
    found = idm_acceleration(
        speed,
        np.inf,
        np.minimum(gap, 1e6),
        closing,
        _REST_GAPS * REST_GAP * scale,
        TIME_HEADWAY,
        _ACCELERATION * params.max_acceleration,
        _BRAKING * grip,
    )
    return np.where(np.isfinite(gap), np.maximum(found, -grip), np.inf)


def _slow_down(
    others: Others, ahead: Floats, speed: Floats, params: VehicleParams, grip: Floats, mass: Floats
) -> Floats:
    """Pedal (N,) that comes to what must be passed at `PASSING_SPEED`, and keeps it there."""
    scale = params.length / USUAL_LENGTH
    stands = np.arange(others.s.shape[1]) < others.standing[:, None]
    held = 0.5 * (others.things[..., LENGTH] + params.length) + HOLD * scale
    needed = 0.5 * (others.things[..., WIDTH] + params.width) + 0.5
    is_aside = stands & (np.abs(others.poses[..., 3]) < needed) & (ahead > -held - RAMP * scale)
    way = np.where(is_aside, ahead - held - RAMP * scale, np.inf).min(axis=1)
    passing = PASSING_SPEED * np.sqrt(scale)
    required = (speed**2 - passing**2) / (2 * np.maximum(way, 0.5))
    slowing = np.where(required > _SLOWING * grip, -1.1 * required, np.inf)
    return np.where(way > 0.0, _pedal_for(slowing, speed, params, mass), cruise_pedal(speed, passing, params, NUMPY))


def _pedal_for(acceleration: Floats, speed: Floats, params: VehicleParams, mass: Floats) -> Floats:
    """The pedal (N,) that accelerates by so many m/s^2 what weighs `mass` times what the car usually does."""
    wanted = (acceleration + params.max_acceleration * (speed / params.max_speed) ** 2) * mass
    return np.clip(np.where(wanted > 0, wanted / params.max_acceleration, wanted / params.max_braking), -1.0, 1.0)
