"""Pacing: frames at an even rate, and how even it was."""

import time
from collections import deque
from collections.abc import Callable

import numpy as np

# Frames whose times are kept: half an hour of them.
_KEPT = 100_000


class Pacer:
    """Waits for the time of the next frame, and remembers how long frames took.

    Args:
        rate: Frames a second.
        clock: Seconds.
        sleep: For seconds.
    """

    def __init__(
        self,
        rate: float,
        clock: Callable[[], float] = time.perf_counter,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._period, self._clock, self._sleep = 1.0 / rate, clock, sleep
        self._times: deque[float] = deque(maxlen=_KEPT)
        self._busy: deque[float] = deque(maxlen=round(rate))
        self.start()

    def start(self) -> None:
        """Begin now; what was remembered is forgotten."""
        self._due = self._last = self._clock()
        self._times.clear()
        self._busy.clear()

    def wait(self) -> None:
        """Wait until the next frame is due; one that is late is not made up for."""
        now = self._clock()
        self._busy.append(now - self._last)
        self._due = max(self._due + self._period, now)
        if self._due > now:
            self._sleep(self._due - now)
        now = self._clock()
        self._times.append(now - self._last)
        self._last = now

    @property
    def busy(self) -> float:
        """Seconds that a frame of the last second took without the waiting, the median."""
        return float(np.median(self._busy)) if self._busy else 0.0

    def rate(self, frames: int | None = None) -> float:
        """Return the mean frames a second, of the last `frames` or of all."""
        times = list(self._times)[-frames:] if frames else self._times
        return len(times) / sum(times) if times else 0.0

    def low(self) -> float:
        """Return the frames a second of the slowest hundredth of frames."""
        slowest = np.sort(np.array(self._times))[::-1][: max(len(self._times) // 100, 1)]
        return float(1.0 / slowest.mean()) if len(slowest) else 0.0
