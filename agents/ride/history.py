"""History: the moments of a drive that can be gone back to."""

from collections import deque
from typing import NamedTuple

from drivesim.env import Snapshot
from drivesim.simulation import CarState

REMEMBERED_SECONDS = 120.0

# Going back to the road is given up after so many seconds.
_FARTHEST_SECONDS = 15.0


class Moment(NamedTuple):
    """The start of a step.

    Attributes:
        snapshot: Of the environment.
        recorded: Where the recording was: see `agents.ride.recorder.Recorder.place`.
        points: Of the driven line so far.
        on_course: Whether the car was well on the road and along it.
    """

    snapshot: Snapshot
    recorded: tuple[int, int]
    points: int
    on_course: bool


class History:
    """The last two minutes of a drive.

    Args:
        dt: Length of a step, seconds.
    """

    def __init__(self, dt: float) -> None:
        self._dt = dt
        self._moments: deque[Moment] = deque(maxlen=round(REMEMBERED_SECONDS / dt))

    def __len__(self) -> int:
        """Return the number of moments."""
        return len(self._moments)

    def remember(self, moment: Moment) -> None:
        """Add the start of the step that comes."""
        self._moments.append(moment)

    def clear(self) -> None:
        """Forget all of it: another drive begins."""
        self._moments.clear()

    def go_back(self, seconds: float, to_course: bool = False) -> tuple[Moment, list[CarState]]:
        """Take out the last moments; there must be one.

        Args:
            seconds: How many of them.
            to_course: Whether to go on farther back, to where the car was well on the road.

        Returns:
            The moment to go on from, and the states from the last one back to it.
        """
        steps, farthest = round(seconds / self._dt), round(_FARTHEST_SECONDS / self._dt)
        states: list[CarState] = []
        while self._moments:
            moment = self._moments.pop()
            states.append(moment.snapshot.state)
            if len(states) >= steps and (not to_course or moment.on_course or len(states) >= farthest):
                break
        return moment, states
