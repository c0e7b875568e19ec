"""Teacher: who says what should have been done where a policy drove.

`ExpertTeacher` knows the road. `LineTeacher` knows recorded laps alone: it steers back to the line that was driven
there, and has nothing to say away from it.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple, Protocol

import numpy as np
from scipy.spatial import cKDTree

from agents.expert import ExpertDriver
from datasets.schema import Lap
from datasets.views import Line, Spread, line_of
from drivesim.errors import DrivesimError
from drivesim.geometry import Floats, to_ego, wrap_angle
from drivesim.namespaces import NUMPY
from drivesim.pursuit import pursuit_curvature
from drivesim.simulation import cruise_pedal
from drivesim.track import Track
from drivesim.vector_env import DriveVectorEnv

# Farther beside the recorded line than this many car widths, or turned away from it by more than this (radians), the
# line says nothing.
_REACH_WIDTHS, _REACH_TURN = 3.0, 1.0


class Advice(NamedTuple):
    """What a teacher says of some cars.

    Attributes:
        actions: (K, A) float64, what it would do; NaN where it does not know.
        error: (K,) metres from the line that it would drive; infinite where it does not know.
    """

    actions: Floats
    error: Floats


class Teacher(Protocol):
    """Says what it would do in a car's place."""

    def advise(self, env: DriveVectorEnv, observation: Any, cars: np.ndarray) -> Advice:
        """Say it of the cars (K,) of `env`, given the observation of all."""
        ...


class ExpertTeacher:
    """The scripted expert."""

    def __init__(self) -> None:
        self._expert = ExpertDriver()

    def advise(self, env: DriveVectorEnv, observation: Any, cars: np.ndarray) -> Advice:
        """See `Teacher.advise`."""
        actions = np.clip(self._expert.act(env, observation, cars), -1.0, 1.0)
        return Advice(actions, np.abs(env.state.lateral[cars]))


class LineTeacher:
    """Pure pursuit of the lines of recorded laps, on the roads that they were recorded on.

    Attributes:
        tracks: A road for each lap that has a line, in their order; it knows these alone.

    Args:
        laps: Recorded, by whomever.

    Raises:
        DrivesimError: If none has a line.
    """

    def __init__(self, laps: Sequence[Lap]) -> None:
        lines = [line for lap in laps if len(line := line_of(lap, Spread.lookahead)) > 1]
        if not lines:
            raise DrivesimError(
                "--labels: recorded lines are followed, and the laps given have none: all are marked bad or shorter "
                "than a second. Record more, or take --labels expert."
            )
        # A road of its own for each lap: several laps of one road are several lines.
        self.tracks = [Track.from_points(line.track.points, line.track.name) for line in lines]
        self._lines = {track: _Known(line) for track, line in zip(self.tracks, lines, strict=True)}

    def start(self, track: Track, steps: int, rng: np.random.Generator) -> tuple[float, float, float]:
        """Draw where on a lap's line to start: arc length (m), offset to the left (m) and turn (radians).

        Args:
            track: One of `tracks`.
            steps: To be driven from there; so many steps of the line are ahead, or half of it if it is shorter.
            rng: Of the place.
        """
        poses = self._lines[track].line.poses
        x, y, heading = poses[rng.integers(max(len(poses) - steps, len(poses) // 2, 1))]
        s, lateral = track.local_coordinates([x, y])
        return float(s), float(lateral), float(wrap_angle(heading - track.heading_at(s)))

    def advise(self, env: DriveVectorEnv, observation: Any, cars: np.ndarray) -> Advice:
        """See `Teacher.advise`."""
        poses, speeds, worlds = env.poses[cars], env.state.vehicle.speed[cars], env.worlds
        actions = np.full((len(cars), env.single_action_space.shape[0]), np.nan)
        error = np.full(len(cars), np.inf)
        of_track = np.array([id(worlds[car].track) for car in cars.tolist()])
        for first in np.unique(of_track, return_index=True)[1]:
            here = np.flatnonzero(of_track == of_track[first])
            known = self._lines[worlds[int(cars[first])].track]
            actions[here], error[here] = known.advise(poses[here], speeds[here], env)
        return Advice(actions, error)


class _Known:
    """A recorded line, ready to be looked up."""

    def __init__(self, line: Line) -> None:
        self.line = line
        self._tree = cKDTree(line.poses[:, :2])
        step = np.hypot(*np.diff(line.poses[:, :2], axis=0).T)
        self._gap = 2.0 * float(np.median(step)) + 0.5

    def advise(self, poses: Floats, speeds: Floats, env: DriveVectorEnv) -> tuple[Floats, Floats]:
        line, car = self.line, env.rules.vehicle
        nearest = self._tree.query(poses[:, :2])[1]
        beside = to_ego(poses[:, :2], line.poses[nearest])
        turn = wrap_angle(poses[:, 2] - line.poses[nearest, 2])
        # More than a gap ahead of the nearest place: the line has ended, or what follows is not to be learned from.
        knows = (
            (np.abs(beside[:, 0]) <= self._gap)
            & (np.abs(beside[:, 1]) <= _REACH_WIDTHS * car.width)
            & (np.abs(turn) <= _REACH_TURN)
        )
        curvature = pursuit_curvature(poses, line.targets[nearest], car)
        steering = -np.arctan(car.wheelbase * curvature) / car.max_steering_angle
        wanted: Any = line.speed[nearest]
        pedal = cruise_pedal(speeds, wanted, car, NUMPY)
        actions = np.column_stack([steering, pedal] if env.has_pedal else [steering])
        actions = np.where(knows[:, None], np.clip(actions, -1.0, 1.0), np.nan)
        return actions, np.where(knows, np.abs(beside[:, 1]), np.inf)
