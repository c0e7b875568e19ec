"""Simulation: one control step of cars on roads, as pure functions over floats, arrays of cars, or tensors.

Every quantity of `CarState` and `StepResult` is a float for one car or an array (N,) for many; `xp` is the namespace
that they belong to.
"""

from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any, NamedTuple

import numpy as np

from drivesim.errors import DrivesimError, is_number
from drivesim.namespaces import Namespace
from drivesim.road_table import Road
from drivesim.vehicle import VehicleParams, VehicleState, step_vehicle

MAX_SUBSTEP = 0.01

# A car is followed along its road from step to step, so a step covers no more than this, metres.
MAX_STEP = 8.0


class EndReason(IntEnum):
    """Why an episode ended; `NONE` while it runs. The lower-case names are what `info["end_reason"]` says."""

    NONE = 0
    LAP_COMPLETED = 1
    OFF_ROAD = 2
    STALLED = 3
    TIME_LIMIT = 4
    COLLISION = 5


@dataclass(frozen=True)
class Rules:
    """What is the same for every car of an environment.

    Attributes:
        vehicle: The car.
        control_hz: Control steps a second; physics run in substeps of 10 ms or less.
        cruise_speed: What the cruise controller holds, m/s; None where the action has a pedal.
        laps: Laps to an episode.
        off_road_margin: An episode ends when the car's centre is this far outside the road's edge, metres.
        stall_time: An episode ends after this long without progress, seconds.
        time_limit: Of an episode, seconds; None for what a lap takes at 3 m/s.
        wind: Of a steady wind that blows east: what it accelerates a car by, across its axis, m/s^2.
    """

    vehicle: VehicleParams = field(default_factory=VehicleParams)
    control_hz: float = 20.0
    cruise_speed: float | None = 10.0
    laps: int = 1
    off_road_margin: float = 0.0
    stall_time: float = 5.0
    time_limit: float | None = None
    wind: float = 0.0

    def __post_init__(self) -> None:
        """Refuse rules that can't be played by, with all faults at once."""
        optional = ("cruise_speed", "time_limit")
        values = {name: value for name, value in vars(self).items() if name not in ("vehicle", "laps")}
        faults = [
            f"{name}={value!r} (a number{', or None' if name in optional else ''})"
            for name, value in values.items()
            if not (is_number(value) or (value is None and name in optional))
        ]
        if not isinstance(self.vehicle, VehicleParams):
            faults.append(f"vehicle={self.vehicle!r} (VehicleParams)")
        if faults:
            raise DrivesimError(f"environment: {'; '.join(faults)}.")
        top = self.vehicle.max_speed if self.cruise_speed is None else self.cruise_speed
        if not 1 <= self.control_hz <= 100:
            faults.append(f"control_hz={self.control_hz!r} (from 1 to 100)")
        elif top / self.control_hz > MAX_STEP:
            faults.append(
                f"control_hz={self.control_hz!r} (from {top / MAX_STEP:.3g} for a car that reaches {top} m/s)"
            )
        if self.cruise_speed is not None and not 0 < self.cruise_speed <= self.vehicle.max_speed:
            faults.append(f"cruise_speed={self.cruise_speed!r} (above 0, up to {self.vehicle.max_speed} m/s)")
        if not (isinstance(self.laps, int) and not isinstance(self.laps, bool) and self.laps >= 1):
            faults.append(f"laps={self.laps!r} (an integer from 1)")
        if not 0 <= self.off_road_margin <= 20:
            faults.append(f"off_road_margin={self.off_road_margin!r} (from 0 to 20 metres)")
        if not self.stall_time > 0:
            faults.append(f"stall_time={self.stall_time!r} (positive seconds)")
        if self.time_limit is not None and not self.time_limit > 0:
            faults.append(f"time_limit={self.time_limit!r} (positive seconds, or None)")
        if not (abs(self.wind) <= 20 and (self.wind == 0 or self.vehicle.model == "dynamic")):
            faults.append(f"wind={self.wind!r} (up to 20 m/s^2; 0 for a kinematic car, which has no slip)")
        if faults:
            raise DrivesimError(f"environment: {'; '.join(faults)}.")

    @property
    def dt(self) -> float:
        """Length of a control step, seconds."""
        return 1.0 / self.control_hz

    @property
    def substeps(self) -> int:
        """Physics steps to a control step."""
        return max(int(np.ceil(self.dt / MAX_SUBSTEP - 1e-9)), 1)


class CarState(NamedTuple):
    """Everything that a car carries from one step to the next.

    Attributes:
        vehicle: Pose, velocities and steering.
        s: Arc length on the track, metres, in [0, length).
        lateral: Left of the centreline, metres.
        heading_error: Of the car against the road, radians, in [-pi, pi), positive left.
        travelled: Arc length gained since the start, metres; falls when the car goes back.
        progress: The most that `travelled` has been, metres.
        time: Since the start, seconds.
        progress_time: When `progress` last grew, seconds.
        lap: Laps completed.
        lap_start: When the running lap began, seconds.
        lap_time: Of the last lap completed, seconds; 0 before.
    """

    vehicle: VehicleState
    s: Any
    lateral: Any
    heading_error: Any
    travelled: Any
    progress: Any
    time: Any
    progress_time: Any
    lap: Any
    lap_start: Any
    lap_time: Any


class StepResult(NamedTuple):
    """What a step did.

    Attributes:
        state: After the step.
        gained: New progress in this step, metres.
        end_reason: An `EndReason` by number.
    """

    state: CarState
    gained: Any
    end_reason: Any


def start_state(road: Road, s: Any, lateral: Any, heading_error: Any, speed: Any, xp: Namespace) -> CarState:
    """Return cars placed on their roads at arc length `s`, beside and turned from the centreline, rolling."""
    x, y, heading = centerline_at(road, s, xp)
    zero = xp.zeros_like(s)
    vehicle = VehicleState(
        x=x - lateral * xp.sin(heading),
        y=y + lateral * xp.cos(heading),
        heading=heading + heading_error,
        speed=speed + zero,
        lateral_velocity=zero,
        yaw_rate=zero,
        steering_angle=zero,
    )
    return CarState(vehicle, s, lateral, heading_error, zero, zero, zero, zero, zero, zero, zero)


def step(state: CarState, steering: Any, pedal: Any, road: Road, rules: Rules, xp: Namespace) -> StepResult:
    """Advance cars by one control step.

    Args:
        state: Of the cars.
        steering: The steering action, -1 full left ... +1 full right.
        pedal: The pedal action, -1 full brake ... +1 full throttle; ignored under a cruise controller.
        road: Under each car.
        rules: Of the environment.
        xp: The namespace.
    """
    if rules.cruise_speed is not None:
        pedal = cruise_pedal(state.vehicle.speed, rules.cruise_speed, rules.vehicle, xp)
    dt = rules.dt / rules.substeps
    vehicle = step_vehicle(
        state.vehicle,
        steering,
        pedal,
        rules.vehicle,
        dt,
        xp,
        rules.substeps,
        rules.wind + road.wind,
        road.grip,
        road.mass,
        road.tyres,
        road.lag,
        road.steering_offset,
    )
    gained_s, s, lateral, heading_error, width_left, width_right = project(state.s, vehicle, road, xp)
    travelled = state.travelled + _within_reach(gained_s, s, state.vehicle, vehicle, road, xp)
    progress = xp.maximum(state.progress, travelled)
    gained = progress - state.progress
    time = state.time + rules.dt
    progress_time = xp.where(gained > 0.0, time, state.progress_time)
    next_line = (state.lap + 1.0) * road.length
    crossed = progress >= next_line
    # The line lies between two steps: the part of the last one that came after it is not of the lap.
    late = rules.dt * (progress - next_line) / xp.maximum(gained, 1e-9)
    lap_time = xp.where(crossed, time - late - state.lap_start, state.lap_time)
    after = CarState(
        vehicle=vehicle,
        s=s,
        lateral=lateral,
        heading_error=heading_error,
        travelled=travelled,
        progress=progress,
        time=time,
        progress_time=progress_time,
        lap=xp.where(crossed, state.lap + 1.0, state.lap),
        lap_start=xp.where(crossed, time - late, state.lap_start),
        lap_time=lap_time,
    )
    off_road = xp.maximum(lateral - width_left, -lateral - width_right) > rules.off_road_margin
    limit = rules.time_limit if rules.time_limit is not None else rules.laps * road.length / 3.0
    reason = xp.where(time >= limit - 1e-9, float(EndReason.TIME_LIMIT), 0.0)
    reason = xp.where(time - progress_time >= rules.stall_time - 1e-9, float(EndReason.STALLED), reason)
    reason = xp.where(off_road, float(EndReason.OFF_ROAD), reason)
    reason = xp.where(after.lap >= rules.laps, float(EndReason.LAP_COMPLETED), reason)
    return StepResult(after, gained, reason)


def _within_reach(gained: Any, s: Any, before: VehicleState, after: VehicleState, road: Road, xp: Namespace) -> Any:
    """Limit the arc length gained by a move to what the move is worth on the road.

    Inside a bend a short way passes much road, on the grass ever more of it: no metre counts for more than on the
    road's inner edge.
    """
    _, _, _, _, curvature, width_left, width_right, _, _ = _sample(road, s, xp)
    inner = xp.maximum(xp.minimum(1.0 - curvature * width_left, 1.0 + curvature * width_right), 0.1)
    dx, dy = after.x - before.x, after.y - before.y
    # The margin is for bends that tighten within the step.
    reach = 1.1 * xp.sqrt(dx * dx + dy * dy) / inner
    return xp.clip(gained, -reach, reach)


def cruise_pedal(speed: Any, target: float, vehicle: VehicleParams, xp: Namespace) -> Any:
    """The pedal that holds a speed: drag fed forward, and a second to correct what is missing."""
    drag = vehicle.max_acceleration * (target / vehicle.max_speed) ** 2
    wanted = drag + (target - speed)
    return xp.clip(xp.where(wanted > 0.0, wanted / vehicle.max_acceleration, wanted / vehicle.max_braking), -1.0, 1.0)


def project(s: Any, vehicle: VehicleState, road: Road, xp: Namespace) -> tuple[Any, ...]:
    """Follow a car along its road: from its last arc length `s` to where it is now.

    Following, instead of looking for the nearest piece of road, keeps a car that cuts across the grass on the piece
    that it left; that is why cutting gains nothing.

    Returns:
        Metres gained (negative backwards), arc length, lateral offset, heading error, width left and width right.
    """
    start = s
    # In the tightest bends of hard roads two corrections leave 3 mm after a step of 2 m, and 0.6 m after `MAX_STEP`.
    for _ in range(2):
        x, y, cos, sin, curvature, width_left, width_right, heading, offset = _sample(road, s, xp)
        dx, dy = vehicle.x - x, vehicle.y - y
        along, left = cos * dx + sin * dy, cos * dy - sin * dx
        ahead = xp.maximum(1.0 - curvature * left, 0.1)
        s = s - offset + xp.clip(along / ahead, -5.0, 5.0)
    turn = curvature * along
    reach = xp.sqrt((1.0 - curvature * left) ** 2 + turn * turn)
    lateral = (2.0 * left - curvature * (along * along + left * left)) / (1.0 + reach)
    heading_error = vehicle.heading - heading - turn / ahead
    heading_error = heading_error - 2 * np.pi * xp.floor(heading_error / (2 * np.pi) + 0.5)
    wrapped = s - road.length * xp.floor(s / road.length)
    return s - start, wrapped, lateral, heading_error, width_left, width_right


def wheel_clearance(state: CarState, road: Road, car: VehicleParams, xp: Namespace) -> Any:
    """Distance from the outermost wheel to the nearer edge of the road, metres; negative when a wheel is off."""
    _, _, _, _, curvature, width_left, width_right, _, _ = _sample(road, state.s, xp)
    cos, sin = xp.cos(state.heading_error), xp.sin(state.heading_error)
    half = 0.5 * car.width * cos
    # Seen from the centreline's tangent, the road falls away by curvature * x^2 / 2 at the axles.
    front = state.lateral + car.cg_to_front * sin - 0.5 * curvature * (car.cg_to_front * cos) ** 2
    rear = state.lateral - car.cg_to_rear * sin - 0.5 * curvature * (car.cg_to_rear * cos) ** 2
    return xp.minimum(width_left - xp.maximum(front, rear), width_right + xp.minimum(front, rear)) - half


def cars_at(values: Any, cars: np.ndarray) -> Any:
    """Pick some cars out of a `CarState` or a `Road` of many."""
    if isinstance(values, Road):
        return Road(values.table, *(column[cars] for column in values[1:]))
    vehicle = VehicleState(*(column[cars] for column in values.vehicle))
    return CarState(vehicle, *(column[cars] for column in values[1:]))


def many(state: CarState) -> CarState:
    """Return one car's state, of floats, as that of many which are one: arrays (1,)."""
    vehicle = VehicleState(*(np.array([value], np.float64) for value in state.vehicle))
    return CarState(vehicle, *(np.array([value], np.float64) for value in state[1:]))


def where_cars(mask: np.ndarray, state: CarState, other: CarState) -> CarState:
    """Take the cars in `mask` (N,) from `state`, the rest from `other`."""
    vehicle = VehicleState(*(np.where(mask, a, b) for a, b in zip(state.vehicle, other.vehicle, strict=True)))
    return CarState(vehicle, *(np.where(mask, a, b) for a, b in zip(state[1:], other[1:], strict=True)))


def _sample(road: Road, s: Any, xp: Namespace) -> tuple[Any, ...]:
    """The centreline's sample nearest to `s`: its eight values, and metres from it to `s`."""
    nearest = xp.floor(s / road.spacing + 0.5)
    x, y, cos, sin, curvature, left, right, heading = xp.rows(road.table, road.first + nearest % road.count)
    return x, y, cos, sin, curvature, left, right, heading, s - nearest * road.spacing


def centerline_at(road: Road, s: Any, xp: Namespace) -> tuple[Any, Any, Any]:
    """Return the centreline's point and heading at arc length `s`: x, y in metres, world, and radians."""
    x, y, cos, sin, curvature, _, _, heading, along = _sample(road, s, xp)
    # A sample is at most half a spacing away: the arc and its second-order parabola are the same there.
    bend = 0.5 * curvature * along * along
    return x + along * cos - bend * sin, y + along * sin + bend * cos, heading + curvature * along
