"""Shared wheel: a policy drives, a teacher says what it would do, and now and then has the wheel.

Either by chance at every step (DAgger, Ross et al. 2011: the share falls from round to round), and then every step has
a label; or where the car is too far from the teacher's line (SafeDAgger, Zhang & Cho 2017), until it is back, and then
these stretches alone have one.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from agents.aggregation.teacher import Teacher
from agents.driver import Driver, DriverWithMemory
from drivesim.vector_env import DriveVectorEnv

# A teacher who has taken over gives the wheel back when the car is this much nearer than where it did, and not before
# this long, seconds: the end of a stretch is a line that is left again, of which little can be learned.
_BACK_SHARE, _LEAST_SECONDS = 0.5, 2.0


@dataclass(frozen=True)
class Sharing:
    """How a wheel is shared.

    Attributes:
        mixing: Probability, at every step, that the teacher acts; all steps are labelled.
        safe: The teacher acts where the car is farther than this from its line, metres, and there alone is labelled;
            None for never.
    """

    mixing: float = 0.0
    safe: float | None = None


@dataclass(frozen=True, eq=False)
class Notes:
    """What was said at a step, of all N cars: NaN and False where nothing was.

    Attributes:
        labels: (N, A), what the teacher would have done.
        asked: (N, A), what the policy would have done.
        taught: (N,) bool, whether the teacher acted.
    """

    labels: np.ndarray
    asked: np.ndarray
    taught: np.ndarray


class SharedWheel:
    """A driver made of a policy and a teacher.

    Attributes:
        notes: Of every step.
        needs_frames: Whether the policy does.

    Args:
        policy: Drives.
        teacher: Says what it would do.
        sharing: Who acts when.
        rng: Of chance.
    """

    name = "dagger"

    def __init__(self, policy: Driver, teacher: Teacher, sharing: Sharing, rng: np.random.Generator) -> None:
        self.policy, self.teacher, self.sharing, self.notes = policy, teacher, sharing, list[Notes]()
        self.needs_frames = policy.needs_frames
        self._rng = rng
        # Seconds until a teacher who has the wheel of a car may give it back; NaN where the policy has it.
        self._hold: np.ndarray | None = None

    def act(self, env: DriveVectorEnv, observation: Any, cars: np.ndarray) -> np.ndarray:
        """See `agents.driver.Driver.act`; each call is a control step."""
        asked = self.policy.act(env, observation, cars)
        advice = self.teacher.advise(env, observation, cars)
        knows = np.asarray(np.isfinite(advice.actions).all(axis=1))
        if self.sharing.safe is None:
            taught = knows & (self._rng.random(len(cars)) < self.sharing.mixing)
            labelled = knows
        else:
            error = np.where(knows, advice.error, 0.0)
            taught = labelled = knows & self._takes_over(env, cars, error, self.sharing.safe)
        shape = (env.num_envs, asked.shape[1])
        notes = Notes(np.full(shape, np.nan), np.full(shape, np.nan), np.zeros(env.num_envs, bool))
        notes.labels[cars] = np.where(labelled[:, None], advice.actions, np.nan)
        notes.asked[cars], notes.taught[cars] = asked, taught
        self.notes.append(notes)
        return np.where(taught[:, None], advice.actions, asked)

    def forget(self, env: DriveVectorEnv, cars: np.ndarray) -> None:
        """See `agents.driver.DriverWithMemory.forget`."""
        if isinstance(self.policy, DriverWithMemory):
            self.policy.forget(env, cars)
        if self._hold is not None:
            self._hold[cars] = np.nan

    def _takes_over(self, env: DriveVectorEnv, cars: np.ndarray, error: np.ndarray, safe: float) -> np.ndarray:
        """Return which of the cars (K,) the teacher has now."""
        if self._hold is None:
            self._hold = np.full(env.num_envs, np.nan)
        held = self._hold[cars]
        takes = np.isnan(held) & (error > safe)
        held = np.where(takes, _LEAST_SECONDS, held - env.rules.dt)
        gives_back = (held <= 0) & (error < _BACK_SHARE * safe)
        self._hold[cars] = np.where(gives_back, np.nan, held)
        return np.isfinite(self._hold[cars])
