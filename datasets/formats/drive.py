"""Stored drive: pictures and actions, step by step, wherever they lie."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from datasets.formats.losses import Losses
from drivesim.geometry import Floats

# Where the recorded times can't be those of a control loop: a Donkeycar's default.
USUAL_HZ = 20.0
_FEWEST_HZ, _MOST_HZ = 1.0, 100.0

# No car that is recorded is faster, m/s: a value beyond it is none.
FASTEST = 200.0

# Steps farther apart than this belong to two drives.
JUMP_SECONDS = 2.0

SIDES = ("left", "right")


class Pictures(Protocol):
    """The pictures of a drive, in order."""

    def __len__(self) -> int:
        """Return how many there are."""
        ...

    def read(self, indices: Sequence[int]) -> list[np.ndarray]:
        """Return some of them, each (H, W, 3) uint8 RGB."""
        ...


@dataclass(frozen=True, eq=False)
class Side:
    """What a camera beside the first one saw.

    Attributes:
        steps: (S,) int64, of the drive, increasing.
        pictures: S of them.
    """

    steps: NDArray[np.int64]
    pictures: Pictures


@dataclass(frozen=True, eq=False)
class StoredDrive:
    """A stretch of driving without a jump in it.

    Attributes:
        name: Of the stretch, for tables and messages; no path.
        pictures: T of them, one a step, all of `size`.
        size: Height and width of the pictures, pixels.
        steering: (T,) float64, -1 full left ... +1 full right, of the car that was driven.
        pedal: (T,) float64, -1 full brake ... +1 full throttle; NaN where unknown.
        speed: (T,) float64, m/s; NaN where unknown.
        time: (T,) float64, seconds since the first step; NaN where unknown.
        sides: Of cameras beside the first one, `left` and `right`, where there are such.
        environment: Id of the Gymnasium environment that it was recorded in; empty where it is none, or unknown.
    """

    name: str
    pictures: Pictures
    size: tuple[int, int]
    steering: Floats
    pedal: Floats
    speed: Floats
    time: Floats
    sides: Mapping[str, Side] = field(default_factory=dict)
    environment: str = ""

    def __len__(self) -> int:
        """Return the number of steps."""
        return len(self.steering)

    @property
    def control_hz(self) -> float:
        """Steps a second: see `control_hz_of`."""
        return control_hz_of([self])


@dataclass(frozen=True, eq=False)
class Reading:
    """What was read of a data set.

    Attributes:
        format: Its name.
        drives: Those that can be read, at least one.
        losses: What could not.
    """

    format: str
    drives: list[StoredDrive]
    losses: Losses

    def __len__(self) -> int:
        """Return the number of steps."""
        return sum(map(len, self.drives))

    @property
    def control_hz(self) -> float:
        """Steps a second by the recorded times; a usual rate where there are none that can be."""
        return control_hz_of(self.drives)


def control_hz_of(drives: Sequence[StoredDrive]) -> float:
    """Return the steps a second of drives, by the median of what lies between two steps."""
    gaps = np.concatenate([np.diff(drive.time) for drive in drives])
    gaps = gaps[np.isfinite(gaps) & (gaps > 0)]
    if not len(gaps):
        return USUAL_HZ
    hz = float(1.0 / np.median(gaps))
    return round(hz, 3) if _FEWEST_HZ <= hz <= _MOST_HZ else USUAL_HZ
