"""Evaluation: drive a driver on roads and measure it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from time import perf_counter

import numpy as np

from agents.driver import Driver
from agents.evaluation.inference import TimedDriver
from agents.evaluation.metrics import (
    INTERVENTION_DISTANCE,
    Statistic,
    autonomy,
    interventions,
    needs_no_intervention,
    statistics,
    track_metrics,
)
from agents.expert import ExpertDriver
from agents.rollout import Course, Drive, DriveInterrupted, drive
from drivesim.world import World


@dataclass(frozen=True, eq=False)
class Evaluation:
    """How a driver drove.

    Attributes:
        drives: One a world, without interventions; put back only after a wheel left the road.
        tracks: The metrics of each: see `agents.evaluation.metrics.track_metrics`.
        summary: Of all: see `agents.evaluation.metric_table`.
        frames_per_second: Control steps driven a second of wall time, the network included.
        statistics: The summary with intervals, the worst tenth and the worst.
        name: The driver's.
        complete: False where the user stopped it: `drives` are those that had ended, and the metrics of drives with
            interventions that had not are NaN.
    """

    drives: list[Drive]
    tracks: list[dict[str, float]]
    summary: dict[str, float]
    frames_per_second: float
    statistics: dict[str, Statistic] = field(default_factory=dict)
    name: str = ""
    complete: bool = True


def evaluate(
    driver: Driver,
    worlds: Sequence[World],
    course: Course,
    on_step: Callable[[float], None] | None = None,
    expert: Sequence[Drive] | None = None,
) -> Evaluation:
    """Drive every world and measure.

    A world is driven freely first. Where the car came farther than `INTERVENTION_DISTANCE` from the centreline, it is
    driven once more with interventions, for autonomy; elsewhere that drive would be the same.

    Args:
        driver: Who drives.
        worlds: Where.
        course: How.
        on_step: Told the share of the cars that have ended.
        expert: The scripted expert's drives on the same course, where they are known.

    Raises:
        KeyboardInterrupt: If the user stops it before any drive has ended; later, what has ended is returned.
    """
    if expert is None:
        expert = expert_drives(worlds, course)
    timed = TimedDriver(driver)
    started = perf_counter()
    free, complete = _drive_until_stopped(timed, worlds, replace(course, put_back_off_road=True), on_step)
    ended = [i for i, driven in enumerate(free) if driven is not None]
    if not ended:
        raise KeyboardInterrupt
    supervised = [driven if driven is not None and needs_no_intervention(driven) else None for driven in free]
    again = [i for i in ended if supervised[i] is None]
    if again and complete:
        # Only a car that started far from the centreline can leave the road without having been near it.
        help_course = replace(course, put_back_beyond=INTERVENTION_DISTANCE, put_back_off_road=bool(course.start_aside))
        helped, complete = _drive_until_stopped(timed, [worlds[i] for i in again], help_course)
        for i, driven in zip(again, helped, strict=True):
            supervised[i] = driven
    clock = timed.metrics(perf_counter() - started)
    drives = [driven for driven in free if driven is not None]
    tracks = [track_metrics(d, supervised[i], expert[i]) for i, d in zip(ended, drives, strict=True)]
    known = statistics(tracks) | {name: Statistic(value) for name, value in clock.items()}
    values = {name: statistic.value for name, statistic in known.items()}
    return Evaluation(drives, tracks, values, clock["frames_per_second"], known, driver.name, complete)


def expert_drives(worlds: Sequence[World], course: Course) -> list[Drive]:
    """Let the scripted expert drive, which sees no frames."""
    # Without frames the host is fast enough, and says the same whatever drives beside it.
    return drive(ExpertDriver(), worlds, replace(course, camera=None, device=None))


def _drive_until_stopped(
    driver: Driver, worlds: Sequence[World], course: Course, on_step: Callable[[float], None] | None = None
) -> tuple[list[Drive | None], bool]:
    """Drive; returns what had ended, and whether all had."""
    try:
        return [*drive(driver, worlds, course, on_step=on_step)], True
    except DriveInterrupted as stopped:
        return stopped.drives, False


def quick_check(driver: Driver, worlds: Sequence[World], course: Course) -> dict[str, float]:
    """Measure what chooses a model: autonomy and mean cross-track error (metres) over the course's time limit."""
    drives = drive(driver, worlds, replace(course, put_back_beyond=INTERVENTION_DISTANCE))
    return {
        "autonomy": float(np.mean([autonomy(interventions(d), d.elapsed) for d in drives])),
        "cross_track_error": float(np.mean([np.abs(d.columns["lateral_error"]).mean() for d in drives])),
    }
