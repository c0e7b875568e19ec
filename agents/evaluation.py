"""Evaluation: drive a driver on roads and measure it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from time import perf_counter

import numpy as np

from agents.driver import Driver
from agents.expert import ExpertDriver
from agents.metrics import INTERVENTION_DISTANCE, autonomy, needs_no_intervention, summary, track_metrics
from agents.rollout import Course, Drive, drive
from drivesim.world import World


@dataclass(frozen=True, eq=False)
class Evaluation:
    """How a driver drove.

    Attributes:
        drives: One a world, without interventions; put back only after a wheel left the road.
        tracks: The metrics of each: see `agents.metrics.track_metrics`.
        summary: Of all: see `agents.metrics.summary`.
        frames_per_second: Control steps driven a second of wall time, the network included.
    """

    drives: list[Drive]
    tracks: list[dict[str, float]]
    summary: dict[str, float]
    frames_per_second: float


def evaluate(
    driver: Driver, worlds: Sequence[World], course: Course, on_step: Callable[[float], None] | None = None
) -> Evaluation:
    """Drive every world and measure.

    A world is driven freely first. Where the car came farther than `INTERVENTION_DISTANCE` from the centreline, it is
    driven once more with interventions, for autonomy; elsewhere that drive would be the same.
    """
    started = perf_counter()
    free = drive(driver, worlds, replace(course, put_back_off_road=True), on_step=on_step)
    again = [i for i, driven in enumerate(free) if not needs_no_intervention(driven)]
    supervised = list(free)
    if again:
        course_with_help = replace(course, put_back_beyond=INTERVENTION_DISTANCE)
        for i, driven in zip(again, drive(driver, [worlds[i] for i in again], course_with_help), strict=True):
            supervised[i] = driven
    steps = sum(len(driven.put_back) for driven in free) + sum(len(supervised[i].put_back) for i in again)
    speed = steps / (perf_counter() - started)
    expert = drive(ExpertDriver(), worlds, replace(course, camera=None))
    tracks = [track_metrics(*drives) for drives in zip(free, supervised, expert, strict=True)]
    return Evaluation(free, tracks, summary(tracks), speed)


def quick_check(driver: Driver, worlds: Sequence[World], course: Course) -> dict[str, float]:
    """Measure what chooses a model: autonomy and mean cross-track error (metres) over the course's time limit."""
    drives = drive(driver, worlds, replace(course, put_back_beyond=INTERVENTION_DISTANCE))
    return {
        "autonomy": float(np.mean([autonomy(int(d.put_back.sum()), d.elapsed) for d in drives])),
        "cross_track_error": float(np.mean([np.abs(d.columns["lateral_error"]).mean() for d in drives])),
    }
