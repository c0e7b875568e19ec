"""Human-like: a scripted driver that steers as people do, late, loosely and by two points of the road.

The two-point visual control model of steering (Salvucci & Gray 2004, Perception 33, 1233-1248): the wheel follows the
changes of the angles to a far and a near point of the road, and drifts until the near one lies ahead:

    dphi = k_f dtheta_far + k_n dtheta_near + k_I min(theta_near, theta_max) dt

About it lies what makes a driver a person: a reaction time, an arm that follows the will with a lag, a hand that
wanders, and errors of position that are let be until they are large enough to notice.
"""

import weakref
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from agents.expert import SpeedProfiles, understeer
from drivesim.geometry import Floats
from drivesim.namespaces import NUMPY
from drivesim.pursuit import pursuit_curvature
from drivesim.simulation import centerline_at
from drivesim.vector_env import DriveVectorEnv

# Up to this speed the hand is as unsteady as `Habits.unsteadiness` says; above it, the lateral acceleration stays, m/s.
_STEADIER_ABOVE = 10.0


@dataclass(frozen=True)
class Habits:
    """How an attentive person steers.

    Attributes:
        near_distance: To the near point, metres (6.2 m in Salvucci & Gray 2004), at low speed.
        near_time: To the near point at speed, seconds.
        far_time: To the far point, seconds (Lehtonen et al. 2012: people look 1 to 2 s ahead into a bend).
        far_distance: To the far point at low speed, metres.
        far_weight: Share of the far point in what the wheel follows, 0 to 1; the near point has the rest. With the
            distances it makes k_f and k_n: 2 x wheelbase x share / distance, radians of road wheel a radian.
        correction_rate: How fast an error of position is steered away, 1/s: makes k_I.
        largest_miss: No error of position counts for more (theta_max), metres at the near point.
        dead_zone: Median of the error from which on it is corrected, metres at the near point.
        dead_zone_spread: Standard deviation of its logarithm, from one correction to the next.
        dead_zone_end: A correction ends at this share of the dead zone.
        reaction_time: Shortest and longest, seconds, drawn anew for every episode.
        arm_time_constant: Of the arms and the wheel, seconds.
        unsteadiness: Standard deviation of the wander of the hand, as curvature driven, 1/m.
        unsteadiness_half_life: In which the wander forgets half of itself, seconds.
    """

    near_distance: float = 8.0
    near_time: float = 0.9
    far_time: float = 1.3
    far_distance: float = 12.0
    far_weight: float = 0.65
    correction_rate: float = 0.3
    largest_miss: float = 0.8
    dead_zone: float = 0.25
    dead_zone_spread: float = 0.4
    dead_zone_end: float = 0.3
    reaction_time: tuple[float, float] = (0.15, 0.2)
    arm_time_constant: float = 0.1
    unsteadiness: float = 0.0043
    unsteadiness_half_life: float = 1.0


class Sight(NamedTuple):
    """What every car's driver sees, (N,) float64 each.

    Attributes:
        far: Curvature of the arc to the far point, 1/m, positive left: the angle, for the distance it is seen at.
        near: The same to the near point.
        miss: How far left of the arc that the car is on the near point lies, metres.
    """

    far: Floats
    near: Floats
    miss: Floats


class HumanLikeDriver:
    """Steers as a person does, from a seed; works the pedal as the expert does.

    Args:
        seed: Of the person's reaction times, wander and attention.
        habits: How the person steers.
    """

    name = "human-like"
    needs_frames = False

    def __init__(self, seed: int | Sequence[int] = 0, habits: Habits | None = None) -> None:
        self.habits = habits or Habits()
        self._rng = np.random.default_rng(seed)
        self._speeds = SpeedProfiles()
        self._env: weakref.ref[DriveVectorEnv] | None = None
        # Of each car: (steps, 3, N) what was seen of late, (N,) the delay in steps, and what the person is about to do.
        self._seen = np.zeros((0, 3, 0))
        self._delay = np.zeros(0, np.int64)
        self._will, self._arm, self._hand = np.zeros(0), np.zeros(0), np.zeros(0)

    def act(self, env: DriveVectorEnv, observation: Any, cars: np.ndarray) -> np.ndarray:
        """See `agents.driver.Driver.act`."""
        habits, params, dt = self.habits, env.rules.vehicle, env.rules.dt
        sight = look(env, habits)
        self._begin(env, sight)
        self._seen = np.concatenate([self._seen[1:], np.stack(sight)[None]])
        everyone = np.arange(env.num_envs)
        then, before = (Sight(*self._seen[-self._delay - back, :, everyone].T) for back in (0, 1))
        speed = env.state.vehicle.speed
        turn = habits.far_weight * (then.far - before.far) + (1 - habits.far_weight) * (then.near - before.near)
        near, _ = distances(speed, habits)
        miss = np.where(self._notices(then.miss), np.clip(then.miss, -habits.largest_miss, habits.largest_miss), 0.0)
        self._will += turn + habits.correction_rate * dt * 2 * miss / near**2
        sharpest = np.tan(params.max_steering_angle) / params.wheelbase
        self._will = np.clip(self._will, -sharpest, sharpest)
        self._arm += (self._will - self._arm) * (1 - np.exp(-dt / habits.arm_time_constant))
        steadiness = (_STEADIER_ABOVE / np.maximum(speed, _STEADIER_ABOVE)) ** 2
        curvature = self._arm + steadiness * self._wander(dt)
        angle = np.arctan(params.wheelbase * curvature) + understeer(params) * speed**2 * curvature
        steering = np.clip(-angle / params.max_steering_angle, -1.0, 1.0)[cars, None]
        return np.column_stack([steering, self._speeds.pedal(env, cars)]) if env.has_pedal else steering

    def _begin(self, env: DriveVectorEnv, sight: Sight) -> None:
        """Forget what was before, for the cars whose episode begins and those that were put elsewhere."""
        habits, count, dt = self.habits, env.num_envs, env.rules.dt
        new = env.state.time == 0.0
        if self._env is None or self._env() is not env:
            self._env = weakref.ref(env)
            new = np.ones(count, bool)
            longest = round(habits.reaction_time[1] / dt)
            self._seen = np.zeros((longest + 2, 3, count))
            self._delay = np.ones(count, np.int64)
            self._will, self._arm, self._hand = np.zeros((3, count))
            self._threshold, self._correcting = np.zeros(count), np.zeros(count, bool)
            self._poses = env.poses
        moved = np.hypot(*(env.poses - self._poses)[:, :2].T)
        new = new | (moved > 0.3 + 1.5 * dt * env.state.vehicle.speed)
        self._poses = env.poses
        if not new.any():
            return
        self._seen[:, :, new] = np.stack(sight)[:, new]
        delay = self._rng.uniform(*habits.reaction_time, count)
        self._delay[new] = 1 + np.rint(delay / dt).astype(np.int64)[new]
        curvature = habits.far_weight * sight.far + (1 - habits.far_weight) * sight.near
        self._will[new] = self._arm[new] = curvature[new]
        self._hand[new] = habits.unsteadiness * self._rng.standard_normal(count)[new]
        self._threshold[new], self._correcting[new] = self._draw_thresholds(count)[new], False

    def _draw_thresholds(self, count: int) -> Floats:
        spread = self.habits.dead_zone_spread * self._rng.standard_normal(count)
        return self.habits.dead_zone * np.exp(spread)

    def _notices(self, miss: Floats) -> np.ndarray:
        """Whether each driver is correcting: from one threshold on, until well below it; then the next is drawn."""
        size = np.abs(miss)
        ends = self._correcting & (size < self.habits.dead_zone_end * self._threshold)
        self._correcting = (self._correcting & ~ends) | (size > self._threshold)
        self._threshold = np.where(ends, self._draw_thresholds(len(miss)), self._threshold)
        return self._correcting

    def _wander(self, dt: float) -> Floats:
        kept = 0.5 ** (dt / self.habits.unsteadiness_half_life)
        fresh = self.habits.unsteadiness * np.sqrt(1 - kept**2) * self._rng.standard_normal(len(self._hand))
        self._hand = kept * self._hand + fresh
        return self._hand


def distances(speed: Floats, habits: Habits) -> tuple[Floats, Floats]:
    """Return how far the near and the far point lie ahead of the rear axle, metres."""
    return (
        np.maximum(habits.near_distance, habits.near_time * speed),
        np.maximum(habits.far_distance, habits.far_time * speed),
    )


def look(env: DriveVectorEnv, habits: Habits) -> Sight:
    """Return what the drivers of all cars see."""
    vehicle, params = env.state.vehicle, env.rules.vehicle
    near, far = distances(vehicle.speed, habits)

    def arc_to(ahead: Floats) -> Floats:
        x, y, _ = centerline_at(env.road, env.state.s - params.cg_to_rear + ahead, NUMPY)
        return pursuit_curvature(env.poses, np.column_stack([x, y]), params)

    to_near = arc_to(near)
    own = vehicle.yaw_rate / np.maximum(vehicle.speed, 1.0)
    return Sight(arc_to(far), to_near, (to_near - own) * near**2 / 2)
