"""Statistics: what recorded laps hold, and what in them deserves a look."""

import hashlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from datasets.departures import off_road
from datasets.schema import Lap
from drivesim.geometry import Floats
from drivesim.vehicle import VEHICLES, get_vehicle

# A car below this speed (m/s) for longer than this (seconds) is idle.
IDLE_SPEED, IDLE_SECONDS = 0.5, 2.0

_BINS = 21


@dataclass(frozen=True)
class Stretch:
    """A part of a lap that deserves a look.

    Attributes:
        lap: Its name.
        what: `idle`, `off the road` or `marked bad`.
        start: Its first step.
        stop: The step after its last.
        seconds: When it starts and when it ends, since the start of the lap.
    """

    lap: str
    what: str
    start: int
    stop: int
    seconds: tuple[float, float]


@dataclass(frozen=True, eq=False)
class Histogram:
    """How often values fall where.

    Attributes:
        edges: (B + 1,) float64, of the bins.
        counts: (B,) int64, values in each.
    """

    edges: Floats
    counts: NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Statistics:
    """What laps hold.

    Attributes:
        laps: Their number.
        steps: Of all laps.
        good_steps: Those that are learned from.
        minutes: Of driving.
        drivers, tracks, vehicles: Laps of each; a vehicle that is no preset is called `other`.
        steering: Of what the drivers wanted, -1 full left ... +1 full right.
        speed: m/s.
        lateral_rms: Root mean square of the distance to the centreline, metres.
        stretches: Idle, off the road or marked bad, in the order of the laps.
        cut_off: Names of laps whose recording was cut off.
        twins: Names of laps that hold the same drive, one list for each drive that is there more than once.
    """

    laps: int
    steps: int
    good_steps: int
    minutes: float
    drivers: dict[str, int]
    tracks: dict[str, int]
    vehicles: dict[str, int]
    steering: Histogram
    speed: Histogram
    lateral_rms: float
    stretches: list[Stretch]
    cut_off: list[str]
    twins: list[list[str]]


def statistics(laps: Sequence[Lap]) -> Statistics:
    """Look at all laps."""
    lateral = np.concatenate([lap.columns["lateral_error"] for lap in laps])
    speed = np.concatenate([lap.columns["speed"] for lap in laps])
    return Statistics(
        laps=len(laps),
        steps=sum(map(len, laps)),
        good_steps=sum(int(lap.good.sum()) for lap in laps),
        minutes=sum(lap.duration for lap in laps) / 60,
        drivers=_count([lap.info.driver for lap in laps]),
        tracks=_count([lap.info.track_name for lap in laps]),
        vehicles=_count([vehicle_name(lap) for lap in laps]),
        steering=histogram(np.concatenate([lap.wanted("steering") for lap in laps]), -1.0, 1.0),
        speed=histogram(speed, 0.0, float(max(np.ceil(speed.max()), 1.0))),
        lateral_rms=float(np.sqrt(np.mean(lateral**2))),
        stretches=[stretch for lap in laps for stretch in remarkable(lap)],
        cut_off=[lap.name for lap in laps if not lap.complete],
        twins=twins(laps),
    )


def remarkable(lap: Lap) -> list[Stretch]:
    """Return the stretches of a lap that are idle, off the road or marked bad, by their start."""
    kinds = {"idle": idle(lap), "off the road": off_road(lap), "marked bad": ~lap.good}
    found = [
        Stretch(lap.name, what, start, stop, seconds_of(lap, start, stop))
        for what, flags in kinds.items()
        for start, stop in stretches(flags)
    ]
    return sorted(found, key=lambda stretch: stretch.start)


def seconds_of(lap: Lap, start: int, stop: int) -> tuple[float, float]:
    """Return when the steps `start` to `stop` - 1 begin and end, seconds since the start of the lap."""
    time = lap.columns["time"] - lap.columns["time"][0]
    return float(time[start]), float(time[stop - 1] + 1 / lap.info.control_hz)


def idle(lap: Lap) -> NDArray[np.bool_]:
    """Return at which steps (T,) the car is idle: slower than `IDLE_SPEED` for longer than `IDLE_SECONDS`."""
    flags = np.zeros(len(lap), bool)
    for start, stop in stretches(lap.columns["speed"] < IDLE_SPEED):
        begins, ends = seconds_of(lap, start, stop)
        flags[start:stop] = ends - begins > IDLE_SECONDS
    return flags


def stretches(flags: ArrayLike) -> list[tuple[int, int]]:
    """Return where flags (T,) are set in a row: the first index of each row, and the index after its last."""
    padded = np.concatenate([[False], np.asarray(flags, bool), [False]])
    ends = np.flatnonzero(padded[1:] != padded[:-1])
    return [(int(start), int(stop)) for start, stop in ends.reshape(-1, 2)]


def histogram(values: Floats, low: float, high: float) -> Histogram:
    """Count values in equal bins from `low` to `high`."""
    counts, edges = np.histogram(values, _BINS, (low, high))
    return Histogram(edges, counts.astype(np.int64))


def vehicle_name(lap: Lap) -> str:
    """Return the preset that drove, or `other`."""
    vehicle = get_vehicle(lap.info.vehicle)
    return next((name for name, params in VEHICLES.items() if params == vehicle), "other")


def twins(laps: Sequence[Lap]) -> list[list[str]]:
    """Return the names of laps whose tracks and steps are the same, marks aside."""
    drives: dict[str, list[str]] = {}
    for lap in laps:
        digest = hashlib.sha256(lap.info.track_points.tobytes())
        for name, values in lap.columns.items():
            if name != "mark":
                digest.update(values.tobytes())
        drives.setdefault(digest.hexdigest(), []).append(lap.name)
    return [names for names in drives.values() if len(names) > 1]


def _count(names: list[str]) -> dict[str, int]:
    return dict(Counter(names).most_common())
