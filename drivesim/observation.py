"""Observation: what an agent is given, and what `info` says, for one car or many."""

from typing import Any

import numpy as np
from gymnasium import spaces

from drivesim.camera import Camera
from drivesim.errors import DrivesimError
from drivesim.namespaces import Namespace
from drivesim.road_table import Road
from drivesim.simulation import CarState, wheel_clearance
from drivesim.vehicle import VehicleParams

# The state observation tells the road's curvature this far ahead, metres.
PREVIEW = (0.0, 5.0, 10.0, 20.0, 40.0)

# No speed in m/s, offset in metres or curvature in 1/m comes near it.
LARGEST = 1000.0


def observation_space(cameras: tuple[Camera, ...], has_pedal: bool) -> spaces.Space[Any]:
    """Return the space of one car's observation.

    With a camera, a frame, (height, width, 3) uint8 RGB, and with several a tuple of their frames; with a pedal,
    `Dict(camera=frame, speed=(1,) float32 m/s)`. Without a camera, (9,) float32: see `road_state`.
    """
    if not cameras:
        return spaces.Box(-LARGEST, LARGEST, (4 + len(PREVIEW),), np.float32)
    frames = [spaces.Box(0, 255, (camera.height, camera.width, 3), np.uint8) for camera in cameras]
    seen: spaces.Space[Any] = frames[0] if len(frames) == 1 else spaces.Tuple(frames)
    if not has_pedal:
        return seen
    return spaces.Dict(camera=seen, speed=spaces.Box(0.0, LARGEST, (1,), np.float32))


def frames_in(observation: Any, has_pedal: bool) -> tuple[np.ndarray, ...]:
    """Return the frames of an observation, one (or one batch) for each camera."""
    seen = observation["camera"] if has_pedal else observation
    return seen if isinstance(seen, tuple) else (seen,)


def frame_observation(frames: list[np.ndarray], speed: np.ndarray | None) -> Any:
    """Return the observation that holds frames, one (or one batch) for each camera, and, with a pedal, the speed."""
    seen = frames[0] if len(frames) == 1 else tuple(frames)
    return seen if speed is None else {"camera": seen, "speed": speed}


def action_space(has_pedal: bool) -> spaces.Box:
    """Return the space of one car's action: steering and, with a pedal, pedal; each in [-1, 1]."""
    return spaces.Box(-1.0, 1.0, (2 if has_pedal else 1,), np.float32)


def check_actions(action: Any, shape: tuple[int, ...]) -> np.ndarray:
    """Return actions as float64 of `shape`, or refuse them before anything has moved."""
    try:
        values = np.asarray(action)
    except (TypeError, ValueError) as error:
        raise DrivesimError(f"action: expected numbers of shape {shape}, got {type(action).__name__}.") from error
    if values.dtype.kind not in "biuf":
        raise DrivesimError(f"action: expected numbers of shape {shape}, got {action!r}.")
    if values.shape != shape:
        raise DrivesimError(f"action: expected shape {shape}, got {values.shape}.")
    if not np.isfinite(values).all():
        where = np.argwhere(~np.isfinite(values))[0].tolist()
        raise DrivesimError(
            f"action: expected finite numbers, got {values[tuple(where)]} at {where}; nothing has moved."
        )
    return values.astype(np.float64)


def road_state(state: CarState, road: Road, xp: Namespace) -> list[Any]:
    """Return the state observation's values.

    Speed (m/s), lateral offset (m), heading error (rad), steering angle (rad), then the centreline's curvature (1/m) at
    each distance of `PREVIEW` ahead.
    """
    vehicle = state.vehicle
    values = [vehicle.speed, state.lateral, state.heading_error, vehicle.steering_angle]
    for distance in PREVIEW:
        index = xp.floor((state.s + distance) / road.spacing + 0.5) % road.count
        values.append(xp.rows(road.table, road.first + index)[4])
    return values


def step_info(
    state: CarState, road: Road, car: VehicleParams, steering: Any, pedal: Any, clipped: Any, xp: Namespace
) -> dict[str, Any]:
    """Return the entries of `info`, the same for one car and many.

    `progress` counts laps (0.5 is half a lap), `lap` those completed; `lap_time` is the last lap's, seconds, 0 before;
    `lateral_error` metres left of the centreline; `heading_error` radians; `clearance` metres from the outermost wheel
    to the road's edge; `steering` and `pedal` the applied action; `action_clipped` whether that was cut to [-1, 1].
    """
    return {
        "progress": state.progress / road.length,
        "lap": state.lap,
        "lap_time": state.lap_time,
        "time": state.time,
        "s": state.s,
        "lateral_error": state.lateral,
        "heading_error": state.heading_error,
        "clearance": wheel_clearance(state, road, car, xp),
        "speed": state.vehicle.speed,
        "steering": steering,
        "pedal": pedal,
        "action_clipped": clipped,
    }
