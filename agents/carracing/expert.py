"""CarRacing expert: drives CarRacing-v3 by what only the environment knows: the track, and the car's motion."""

import math
from dataclasses import dataclass
from typing import Any

import gymnasium
import numpy as np

from agents.carracing.racing_line import Limits, RacingLine, racing_line
from drivesim.geometry import Floats

# Of gymnasium.envs.box2d.car_dynamics: newtons a tyre can hold, watts a rear wheel, kg m^2, radius, metres between the
# axles, kilograms with the wheels, and seconds a step.
TYRE_GRIP, POWER, WHEEL_INERTIA, WHEEL_RADIUS, WHEELBASE, MASS, DT = 400.0, 40_000.0, 1.6, 0.54, 3.24, 7.302, 0.02
TURNING_MASS = WHEEL_INERTIA / WHEEL_RADIUS**2  # what a wheel's spin adds to the car's mass
_BRAKE_STEP = 15.0  # radians a second that a full brake takes from a wheel in a step
_TRACK_STEP = 3.5  # metres from one tile to the next


@dataclass(frozen=True)
class Tuning:
    """How the expert drives; found by `benchmarks.carracing_tuning`."""

    most_offset: float = 6.0
    length_weight: float = 1e-4
    lateral: float = 150.0
    forward: float = 80.0
    braking: float = 130.0
    top_speed: float = 100.0
    lookahead: float = 3.0
    lookahead_time: float = 0.08
    heading_mix: float = 0.5
    preview: float = 0.03
    speed_gain: float = 8.0
    grip_share: float = 0.9
    slip_limit: float = 4.0


class CarRacingExpert:
    """A player that follows the racing line of the track.

    Args:
        env: CarRacing-v3.
        tuning: How.
    """

    name = "expert"

    def __init__(self, env: gymnasium.Env[Any, Any], tuning: Tuning | None = None) -> None:
        self._world: Any = env.unwrapped
        self.tuning = tuning or Tuning()

    def begin(self) -> None:
        """Find the line of a new track."""
        self.line = line_of(self._world.track, self.tuning)
        self._at = self.line.nearest(np.array(self._world.car.hull.position))

    def act(self, frame: np.ndarray) -> np.ndarray:
        """Return steering, gas and brake (3,) float32; the frame is not looked at."""
        steering, pedal = self.demand()
        return np.array([steering, max(pedal, 0.0), max(-pedal, 0.0)], np.float32)

    def demand(self) -> tuple[float, float]:
        """Return the steering and the pedal, each -1 to 1."""
        tuning, line, car = self.tuning, self.line, self._world.car
        position, velocity = np.array(car.hull.position), np.array(car.hull.linearVelocity)
        speed = math.hypot(*velocity)
        self._at = line.nearest(position, self._at)
        ahead = tuning.lookahead + tuning.lookahead_time * speed
        target = line.points[(self._at + round(ahead / line.spacing)) % len(line.points)] - position
        forward = np.array([-math.sin(car.hull.angle), math.cos(car.hull.angle)])
        if speed > 5:
            forward = tuning.heading_mix * velocity / speed + (1 - tuning.heading_mix) * forward
            forward /= math.hypot(*forward)
        left = forward[0] * target[1] - forward[1] * target[0]
        curvature = 2 * left / (target @ target)
        steering = -math.atan(WHEELBASE * curvature)
        return float(np.clip(steering, -1, 1)), self._pedal(car, speed, curvature)

    def _pedal(self, car: Any, speed: float, curvature: float) -> float:
        tuning, line = self.tuning, self.line
        at = self._at + tuning.preview * speed / line.spacing
        now, after = (line.speed[int(at + step) % len(line.speed)] for step in (0, 2))
        wanted = (after**2 - now**2) / (4 * line.spacing) + tuning.speed_gain * (now - speed)
        side = MASS * speed**2 * abs(curvature) / 4
        grip = tuning.grip_share * TYRE_GRIP
        free = math.sqrt(max(grip**2 - side**2, (0.1 * grip) ** 2))
        if wanted >= 0:
            # The rear wheels push the car and the front wheels' inertia, and spin up themselves.
            wanted = min(wanted, free / (MASS / 2 + TURNING_MASS))
            rear = car.wheels[2:4]
            spin = max(wheel.omega for wheel in rear)
            if spin * WHEEL_RADIUS - speed > tuning.slip_limit:
                return 0.0
            torque = wanted * (TURNING_MASS * WHEEL_RADIUS + (MASS / 2 + TURNING_MASS) * WHEEL_RADIUS)
            return float(min(torque * (abs(spin) + 5) / POWER, 1.0))
        wanted = min(-wanted, 4 * free / MASS)
        slowest = min(wheel.omega for wheel in car.wheels)
        if speed - slowest * WHEEL_RADIUS > tuning.slip_limit:
            return 0.0
        turn = wanted * DT * (1 / WHEEL_RADIUS + MASS / 4 * WHEEL_RADIUS / WHEEL_INERTIA)
        return -float(min(turn / _BRAKE_STEP, 0.85))


def line_of(track: list[tuple[float, float, float, float]], tuning: Tuning) -> RacingLine:
    """Return the racing line of a CarRacing track: (angle, heading, x, y) of each tile."""
    tiles = np.array(track)
    center, normals = tiles[:, 2:4], np.column_stack([np.cos(tiles[:, 1]), np.sin(tiles[:, 1])])
    # The generator leaves one tile out where the lap closes.
    gap = np.linalg.norm(center[0] - center[-1])
    for share in np.arange(1, round(gap / _TRACK_STEP)) / max(round(gap / _TRACK_STEP), 1):
        center = np.vstack([center, tiles[-1, 2:4] + share * (tiles[0, 2:4] - tiles[-1, 2:4])])
        normal = (1 - share) * normals[len(tiles) - 1] + share * normals[0]
        normals = np.vstack([normals, normal / np.linalg.norm(normal)])
    limits = Limits(tuning.lateral, tuning.forward, tuning.braking, tuning.top_speed)
    return racing_line(center, normals, tuning.most_offset, tuning.length_weight, limits)


__all__ = ["CarRacingExpert", "Floats", "Tuning", "line_of"]
