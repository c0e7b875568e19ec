"""Gathering: what a round drives, and the laps that are kept of it.

A lap holds the whole drive. Steps that the teacher said nothing of are marked as the policy's: they show how a car came
to where it was, and are learned from no more than any other policy's driving.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from agents.aggregation.shared_wheel import SharedWheel, Sharing
from agents.aggregation.teacher import Teacher
from agents.driver import Driver
from agents.provenance import lap_info
from agents.rollout import Course, Drive, drive, lap_columns
from datasets.recording import LapWriter
from datasets.schema import LABELS, MARK_BAD, MARK_POLICY, POLICY_ACTIONS
from drivesim.world import World


@dataclass(frozen=True)
class Gathered:
    """What a round's drives came to.

    Attributes:
        steps: Driven.
        labels: Steps that are labelled.
        taught: Steps in which the teacher acted.
        departures: Times that a wheel left the road.
    """

    steps: int
    labels: int
    taught: int
    departures: int


def gather(
    policy: Driver,
    teacher: Teacher,
    sharing: Sharing,
    worlds: Sequence[World],
    course: Course,
    rng: np.random.Generator,
    folder: Path,
    on_step: Callable[[float], None] | None = None,
    **notes: Any,
) -> Gathered:
    """Drive, a car in each world, and write a lap of each that has a label.

    Args:
        policy: Drives.
        teacher: Labels.
        sharing: Who acts when.
        worlds: Where.
        course: How; whoever leaves the road should be put back on it.
        rng: Of chance.
        folder: For the laps.
        on_step: Told the share of the cars that have ended.
        **notes: For the laps, plain JSON.
    """
    wheel = SharedWheel(policy, teacher, sharing, rng)
    drives = drive(wheel, worlds, course, rng, on_step)
    rules = course.rules
    labels = taught = 0
    for car, driven in enumerate(drives):
        columns = _columns(driven, wheel, car)
        count = int(np.count_nonzero(columns["mark"] == 0))
        taught += sum(bool(step.taught[car]) for step in wheel.notes[: len(driven.put_back)])
        labels += count
        if count:
            with LapWriter(folder, lap_info(driven.world, rules, wheel.name, **notes)) as lap:
                lap.extend(columns)
    return Gathered(
        sum(len(driven.put_back) for driven in drives), labels, taught, sum(len(d.departure_steps) for d in drives)
    )


def _columns(driven: Drive, wheel: SharedWheel, car: int) -> dict[str, np.ndarray]:
    """A drive's columns as a lap's, with what the teacher and the policy said."""
    columns, count = lap_columns(driven), len(driven.put_back)
    said = np.stack([step.labels[car] for step in wheel.notes[:count]])
    asked = np.stack([step.asked[car] for step in wheel.notes[:count]])
    for number in range(said.shape[1]):
        columns[LABELS[number]], columns[POLICY_ACTIONS[number]] = said[:, number], asked[:, number]
    mark = np.where(np.isnan(said).any(axis=1), MARK_POLICY, 0).astype(np.uint8)
    # The car was put back, so that the path does not go on from here.
    mark[driven.put_back | driven.departed] |= MARK_BAD
    return columns | {"mark": mark}
