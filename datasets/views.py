"""Views: poses on and beside a recorded line, each with the steering that leads back to the line.

The label of a pose that was driven is the driver's own steering. Beside the line it is that, plus what pure pursuit of
the recorded path asks for because of the shift: no expert is needed, and a driver's habits are kept.

A view with past frames has a past of its own: the poses of earlier steps, moved with the view as one rigid body, so
that its frames show what a car would have seen that came here. That alone would let a network read the driver's last
action off the movement between frames and repeat it ("copycat", Wen et al. 2020, "Fighting Copycat Agents in Behavioral
Cloning from Observation Histories"): between steps actions hardly change, so the loss would be low, and the car would
go on as it happened to go. Two things part the label from the movement: the shift asks for steering that the past does
not show, and each past is bent as if another steering had led here, at random, while the label stays.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from datasets.schema import Lap
from drivesim.geometry import Floats, to_ego, to_world, wrap_angle
from drivesim.pursuit import pursuit_curvature
from drivesim.track import Track
from drivesim.traffic import EMPTY, Traffic
from drivesim.traffic_table import Others, seen_on
from drivesim.vehicle import VehicleParams, get_vehicle

# No road that is made up is narrower than this many cars, and none is made wider than this many: on a wider one a
# camera above the car sees no edge.
NARROWEST = 2.5
WIDEST = 14.0

# Two steps that lie this many times farther apart than the car drove in between belong to two stretches.
_JUMP = 3.0


@dataclass(frozen=True)
class Spread:
    """How far beside the line views are taken.

    Attributes:
        lateral: Standard deviation of the shift across the line, metres.
        heading: Standard deviation of the turn away from it, radians.
        limit: Shifts and turns are cut at this many standard deviations.
        lookahead: Of the pure pursuit back to the line, seconds of driving.
        bend: Standard deviation of the curvature added to the past of a view, 1/m: about what coming back to the line
            from the other spreads takes.
    """

    lateral: float = 0.7
    heading: float = 0.10
    limit: float = 2.5
    lookahead: float = 0.8
    bend: float = 0.02


@dataclass(frozen=True, eq=False)
class Steps:
    """What is learned from: steps that were driven, of one lap or of several.

    Attributes:
        vehicle: The car that drove.
        poses: (T, 3) float64, x y heading, metres and radians, world: the usable steps.
        steering: (T,) float64, what the driver wanted: -1 full left ... +1 full right.
        targets: (T, 2) float64, metres, world: the recorded path a lookahead farther on.
        pedal: (T,) float64, what the driver wanted: -1 full brake ... +1 full throttle.
        speed: (T,) float64, m/s.
        past: (T, P, 3) float64, poses of P earlier steps, the last one first: the first step of a recording, or after
            a jump, stands for those before it.
    """

    vehicle: VehicleParams
    poses: Floats
    steering: Floats
    targets: Floats
    pedal: Floats
    speed: Floats
    past: Floats

    def __len__(self) -> int:
        """Return the number of steps."""
        return len(self.poses)

    @classmethod
    def joined(cls, parts: Sequence["Steps"]) -> "Steps":
        """Return the steps of several drives of one car behind one another."""
        names = ("poses", "steering", "targets", "pedal", "speed", "past")
        return Steps(parts[0].vehicle, *(np.concatenate([getattr(part, name) for part in parts]) for name in names))

    def view(self, steps: np.ndarray, spread: Spread, rng: np.random.Generator) -> tuple[Floats, Floats]:
        """Draw views beside some steps.

        Args:
            steps: (B,) indices.
            spread: How far beside the line.
            rng: Of the shifts.

        Returns:
            Poses (B, 3), metres and radians, world; and steering (B,), -1 full left ... +1 full right.
        """
        poses = self.poses[steps].copy()
        draw = np.clip(rng.standard_normal((2, len(steps))), -spread.limit, spread.limit)
        lateral = spread.lateral * draw[0]
        on_line = self._pursuit(poses, steps)
        poses[:, 0] -= lateral * np.sin(poses[:, 2])
        poses[:, 1] += lateral * np.cos(poses[:, 2])
        poses[:, 2] = wrap_angle(poses[:, 2] + spread.heading * draw[1])
        back = self._pursuit(poses, steps) - on_line
        return poses, np.clip(self.steering[steps] + back, -1.0, 1.0)

    def came_from(self, steps: np.ndarray, views: Floats, spread: Spread, rng: np.random.Generator) -> Floats:
        """Return where a car at some views would have come from: poses (B, P, 3), the last one first.

        Args:
            steps: (B,) indices.
            views: (B, 3) poses, as `view` returns them.
            spread: How much the past is bent; see the module.
            rng: Of the bends.
        """
        now = self.poses[steps][:, None]
        past = self.past[steps]
        xy = to_ego(past[..., :2], now)
        heading = past[..., 2] - now[..., 2]
        if past.shape[1] and spread.bend:
            bend = spread.bend * np.clip(rng.standard_normal((len(steps), 1)), -spread.limit, spread.limit)
            # A curvature turns the path behind by its length, and moves it aside by half the length's square.
            xy[..., 1] += bend * xy[..., 0] ** 2 / 2
            heading = heading + bend * xy[..., 0]
        placed = to_world(xy, views[:, None])
        return np.concatenate([placed, wrap_angle(heading + views[:, None, 2])[..., None]], axis=-1)

    def _pursuit(self, poses: Floats, steps: np.ndarray) -> Floats:
        """Steering (B,) of pure pursuit from poses (B, 3) to their steps' targets."""
        curvature = pursuit_curvature(poses, self.targets[steps], self.vehicle)
        return -np.arctan(self.vehicle.wheelbase * curvature) / self.vehicle.max_steering_angle


@dataclass(frozen=True, eq=False)
class Line(Steps):
    """A recorded lap as a line to view from and to come back to.

    Attributes:
        track: The road. The rest as of `Steps`.
        traffic: What else is on the road.
        others: (T, 1 + P, M) float32, where that was at the step and at the P earlier ones: arc lengths, metres.
    """

    track: Track
    traffic: Traffic = EMPTY
    others: np.ndarray = field(default_factory=lambda: np.zeros((0, 0, 0), np.float32))

    def others_at(self, steps: np.ndarray) -> Others | None:
        """Return where the traffic was at some steps (B,), and before each of them: B (1 + P) roads; None for none."""
        if not self.traffic:
            return None
        return seen_on(self.track, self.traffic, self.others[steps].reshape(-1, len(self.traffic)))

    def mirrored(self) -> "Line":
        """Return the same drive on the mirrored road: left is right."""
        return replace(
            self,
            track=self.track.mirrored(),
            poses=self.poses * [1.0, -1.0, -1.0],
            steering=-self.steering,
            targets=self.targets * [1.0, -1.0],
            past=self.past * [1.0, -1.0, -1.0],
            traffic=self.traffic.mirrored(),
        )


def line_of(lap: Lap, lookahead: float, scale: float = 1.0, width: float = 1.0, past: int = 0, stride: int = 1) -> Line:
    """Take from a lap the steps that can be learned from, on the road as it was or on one of another size.

    Left out are steps marked bad, and those after which the recording does not go on for a lookahead without a jump.
    Where a step has no label, the applied action stands for it.

    On a resized road the car stays as it is: it steers for the curvature of the resized line, and comes back to it as
    far ahead as ever. The road does not become narrower than `NARROWEST` car widths, nor by widening
    wider than `WIDEST`.

    Args:
        lap: The recording.
        lookahead: Seconds.
        scale: How many times as large the road is made.
        width: How many times as wide it is made besides.
        past: Earlier steps whose poses each step keeps.
        stride: Control steps from one of these to the next.
    """
    columns, vehicle = lap.columns, get_vehicle(lap.info.vehicle)
    poses = lap.poses * [scale, scale, 1.0]
    xy = poses[:, :2]
    step = np.hypot(*np.diff(xy, axis=0).T)
    dt = 1.0 / lap.info.control_hz
    jumps = step > _JUMP * scale * np.maximum(columns["speed"][:-1] * dt, 0.1)
    stretch = np.concatenate([[0], np.cumsum(jumps)])
    before = _steps_before(jumps, past, stride)
    earlier = _earlier(poses, jumps, before, step, scale)
    # Bad steps end a stretch too: the path through them is not one to come back to.
    stretch = stretch + np.cumsum(~lap.good)
    along = np.concatenate([[0.0], np.cumsum(step)])
    ahead = along + np.maximum(lookahead * columns["speed"], 2.0 * vehicle.wheelbase)
    targets = np.column_stack([np.interp(ahead, along, xy[:, 0]), np.interp(ahead, along, xy[:, 1])])
    at = np.minimum(np.searchsorted(along, ahead), len(along) - 1)
    label = lap.wanted("steering")
    if scale != 1.0:
        limit = vehicle.max_steering_angle
        label = np.arctan(np.tan(label * limit) / scale) / limit
    usable = lap.good & (ahead <= along[-1]) & (stretch[at] == stretch)
    track = lap.track if scale == width == 1.0 else _resized(lap.track, scale, width, vehicle)
    return Line(
        vehicle,
        poses[usable],
        np.clip(label[usable], -1.0, 1.0),
        targets[usable],
        lap.wanted("pedal")[usable],
        columns["speed"][usable].astype(np.float64),
        earlier[usable],
        track,
        lap.traffic,
        lap.others[np.column_stack([np.arange(len(lap)), before])[usable]],
    )


def _steps_before(jumps: np.ndarray, past: int, stride: int) -> np.ndarray:
    """Return earlier steps of each step (T, past), none of them before a jump."""
    first = _first_steps(jumps)
    return np.maximum(np.arange(len(first))[:, None] - stride * np.arange(1, past + 1), first[:, None])


def _first_steps(jumps: np.ndarray) -> np.ndarray:
    """The first step of the stretch that each step (T,) belongs to."""
    return np.maximum.accumulate(np.concatenate([[0], np.where(jumps, np.arange(1, len(jumps) + 1), 0)]))


def _earlier(poses: Floats, jumps: np.ndarray, at: np.ndarray, step: Floats, scale: float) -> Floats:
    """Return the poses (T, past, 3) of earlier steps `at` (T, past).

    On a resized road the car drove as fast as ever: an earlier step lies as far back along the line as it was driven.
    """
    if scale == 1.0 or not at.shape[1]:
        return poses[at]
    first = _first_steps(jumps)
    along = np.concatenate([[0.0], np.cumsum(step)])
    back = np.maximum(along[:, None] - (along[:, None] - along[at]) / scale, along[first][:, None])
    turned = np.unwrap(poses[:, 2])
    values = [np.interp(back, along, column) for column in (poses[:, 0], poses[:, 1], turned)]
    return np.stack([values[0], values[1], wrap_angle(values[2])], axis=-1)


def _resized(track: Track, scale: float, width: float, vehicle: VehicleParams) -> Track:
    widths = scale * (track.width_left + track.width_right)
    width = min(width, max(WIDEST * vehicle.width / widths.max(), 1.0))
    return track.resized(scale, max(width, NARROWEST * vehicle.width / widths.min()))
