"""CarRacing expert: drives CarRacing-v3 by what only the environment knows: the track, and the car's motion.

It pursues a point ahead on the racing line, and holds the speeds along it: no more gas than the rear tyres can take
beside what they hold in the bend, and no more brake than leaves the wheels turning.
"""

import math
from dataclasses import dataclass
from typing import Any

import gymnasium
import numpy as np
from gymnasium import spaces

from agents.carracing.physics import (
    BRAKE_STEP,
    DT,
    MASS,
    MOST_BRAKE,
    POWER,
    TILE_LENGTH,
    TURNING_MASS,
    TYRE_GRIP,
    TYRE_STIFFNESS,
    WHEEL_INERTIA,
    WHEEL_RADIUS,
    WHEELBASE,
)
from agents.carracing.racing_line import Limits, RacingLine, racing_line
from datasets.box_action import to_box
from drivesim.geometry import Floats

# Below this the direction of the motion says nothing, m/s.
_SLOW = 5.0


@dataclass(frozen=True)
class Tuning:
    """How the expert drives: found by a search (the cross-entropy method) over tracks of its own, under noise.

    Without noise more of the grip returns more, but whoever learns from such a driver spins: with noise of 0.05 on both
    actions a `straight_share` of 0.96 lost more than ten points on the same tracks, one of 0.85 less than one.

    Attributes:
        most_offset: Of the line from the road's middle, metres.
        length_weight: See `offsets_of_least_bending`.
        lateral, forward, braking, top_speed: See `Limits`.
        lookahead: Distance of the pursued point, metres, and `lookahead_time` seconds of driving more.
        lookahead_time: See `lookahead`.
        heading_mix: What the pursuit starts from: 0 where the car points, 1 where it goes.
        counter: Share of the body's slip beyond that of the bend that is steered against.
        yaw_gain: Seconds: radians of steering for what the yaw rate lacks.
        preview: How far ahead the speed is read, seconds.
        speed_gain: Acceleration for what the speed lacks, 1/s.
        care: The pursued bend may ask for so much of `lateral`.
        grip_share: Of the tyres' grip: where a bend takes so much there is nothing left for gas or brake.
        straight_share: Of the tyres' grip, for gas or brake where there is no bend.
        slip_limit: Of the wheels, m/s: beyond it gas, or brake, is let go.
    """

    most_offset: float = 5.8
    length_weight: float = 1e-4
    lateral: float = 168.0
    forward: float = 40.5
    braking: float = 95.0
    top_speed: float = 104.0
    lookahead: float = 4.5
    lookahead_time: float = 0.061
    heading_mix: float = 0.55
    counter: float = 0.25
    yaw_gain: float = 0.049
    preview: float = 0.025
    speed_gain: float = 8.0
    care: float = 1.18
    grip_share: float = 0.8
    straight_share: float = 0.86
    slip_limit: float = 6.5

    @property
    def limits(self) -> Limits:
        """What the speeds along the line keep to."""
        # The engine turns all wheels besides pushing the car.
        power = POWER / (MASS / 2 + 2 * TURNING_MASS)
        return Limits(self.lateral, self.forward, self.braking, self.top_speed, power)


# Of what is recorded: calmer, since a learner sees yaw rate and slip less sharply than this one steers by them.
TEACHER = Tuning(
    lateral=150.0,
    forward=39.0,
    braking=85.0,
    top_speed=95.0,
    lookahead_time=0.09,
    heading_mix=0.5,
    counter=0.0,
    yaw_gain=0.012,
    straight_share=0.85,
)


class CarRacingExpert:
    """A player that follows the racing line of the track.

    Args:
        env: CarRacing-v3.
        tuning: How.
    """

    name = "expert"
    line: RacingLine

    def __init__(self, env: gymnasium.Env[Any, Any], tuning: Tuning | None = None) -> None:
        self._world: Any = env.unwrapped
        self.tuning = tuning or Tuning()
        self._at = 0

    def begin(self) -> None:
        """Find the line of a new track."""
        self.line = line_of(self._world.track, self.tuning)
        self._at = self.line.nearest(np.array(self._world.car.hull.position))

    def act(self, frame: np.ndarray) -> np.ndarray:
        """Return steering, gas and brake (3,) float32; the frame is not looked at."""
        box = self._world.action_space
        assert isinstance(box, spaces.Box)
        return to_box(np.array(self.demand()), box)

    def demand(self, shift: float = 0.0, pace: float = 1.0) -> tuple[float, float]:
        """Return the steering and the pedal, each -1 to 1.

        Args:
            shift: Metres to the left of the line where the car is to drive.
            pace: Share of the line's speeds.
        """
        tuning, line, car = self.tuning, self.line, self._world.car
        position, velocity, heading = np.array(car.hull.position), np.array(car.hull.linearVelocity), self._heading()
        speed = math.hypot(*velocity)
        self._at = line.nearest(position, self._at)
        ahead = tuning.lookahead + tuning.lookahead_time * speed
        aim = (self._at + round(ahead / line.spacing)) % len(line.points)
        along = (line.points[(aim + 1) % len(line.points)] - line.points[aim]) / line.spacing
        target = line.points[aim] + shift * np.array([-along[1], along[0]]) - position
        toward = heading
        if speed > _SLOW:
            toward = tuning.heading_mix * velocity / speed + (1 - tuning.heading_mix) * heading
            toward /= max(math.hypot(*toward), 1e-6)
        curvature = 2 * _cross(toward, target) / max(float(target @ target), 1e-6)
        angle = math.atan(WHEELBASE * curvature)
        if speed > _SLOW:
            # In a steady bend: the axle's middle moves along the car, but for what the rear tyres slip.
            steady = curvature * (WHEELBASE / 2 - MASS * speed / (4 * TYRE_STIFFNESS))
            angle += tuning.counter * (self.slip() - max(-0.3, min(0.3, steady)))
            angle += tuning.yaw_gain * (speed * curvature - car.hull.angularVelocity)
        return max(-1.0, min(1.0, -angle)), self._pedal(speed, curvature, pace)

    def slip(self) -> float:
        """Return the angle from where the car points to where it goes, radians, positive left; 0 where it is slow."""
        velocity = np.array(self._world.car.hull.linearVelocity)
        if math.hypot(*velocity) <= _SLOW:
            return 0.0
        heading = self._heading()
        return math.atan2(_cross(heading, velocity), float(heading @ velocity))

    def _heading(self) -> Floats:
        angle = self._world.car.hull.angle
        return np.array([-math.sin(angle), math.cos(angle)])

    def _pedal(self, speed: float, curvature: float, pace: float) -> float:
        tuning, line, wheels = self.tuning, self.line, self._world.car.wheels
        at = self._at + tuning.preview * speed / line.spacing
        now, after = (pace * float(line.speed[int(at + step) % len(line.speed)]) for step in (0, 2))
        now = min(now, math.sqrt(tuning.care * tuning.lateral / max(abs(curvature), 1e-4)))
        after = min(now, after) if after < now else after
        wanted = (after**2 - now**2) / (4 * line.spacing) + tuning.speed_gain * (now - speed)
        side = MASS * speed**2 * curvature / 4 / (tuning.grip_share * TYRE_GRIP)
        free = tuning.straight_share * TYRE_GRIP * math.sqrt(max(1 - side**2, 0.01))
        if wanted >= 0:
            return self._gas(min(wanted, free / (MASS / 2 + TURNING_MASS)), speed, max(w.omega for w in wheels[2:4]))
        return -self._brake(min(-wanted, 4 * free / MASS), speed, min(wheel.omega for wheel in wheels))

    def _gas(self, acceleration: float, speed: float, spin: float) -> float:
        """Gas for an acceleration, m/s^2; the rear wheels push the car and the front ones, and spin up themselves."""
        if spin * WHEEL_RADIUS - speed > self.tuning.slip_limit:
            return 0.0
        torque = acceleration * (MASS / 2 + 2 * TURNING_MASS) * WHEEL_RADIUS
        return min(torque * (abs(spin) + 5) / POWER, 1.0)

    def _brake(self, deceleration: float, speed: float, spin: float) -> float:
        """Brake for a deceleration, m/s^2: what the road does not give back to a wheel, it must be slowed by."""
        if speed - spin * WHEEL_RADIUS > self.tuning.slip_limit:
            return 0.0
        turn = deceleration * DT * (1 / WHEEL_RADIUS + MASS / 4 * WHEEL_RADIUS / WHEEL_INERTIA)
        return min(turn / BRAKE_STEP, MOST_BRAKE)


def line_of(track: list[tuple[float, float, float, float]], tuning: Tuning) -> RacingLine:
    """Return the racing line of a CarRacing track: (angle, heading, x, y) of each tile."""
    tiles = np.array(track)
    center, normals = tiles[:, 2:4], np.column_stack([np.cos(tiles[:, 1]), np.sin(tiles[:, 1])])
    # The generator leaves a tile out where the lap closes.
    gap = center[0] - center[-1]
    for share in np.linspace(0, 1, max(round(float(np.linalg.norm(gap)) / TILE_LENGTH), 1) + 1)[1:-1]:
        normal = (1 - share) * normals[len(tiles) - 1] + share * normals[0]
        center = np.vstack([center, tiles[-1, 2:4] + share * gap])
        normals = np.vstack([normals, normal / np.linalg.norm(normal)])
    return racing_line(center, normals, tuning.most_offset, tuning.length_weight, tuning.limits)


def _cross(first: Floats, second: Floats) -> float:
    return float(first[0] * second[1] - first[1] * second[0])
