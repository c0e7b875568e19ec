"""Failures: the seconds before each departure, kept as laps to learn from.

What the driver did is the lap's action; its label is what the scripted expert would have done there (DAgger, Ross et
al. 2011). Without one, training would take the very action that left the road for what was wanted.
"""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from agents.expert import ExpertDriver
from agents.provenance import lap_info
from agents.rollout import Course, Drive, lap_columns, make_env
from datasets.recording import LapWriter
from drivesim.geometry import Floats
from drivesim.simulation import CarState
from drivesim.vehicle import VehicleState

SECONDS_BEFORE = 10.0
SECONDS_AFTER = 1.0


def save_failures(folder: Path, name: str, drives: Sequence[Drive], course: Course) -> int:
    """Write one lap for every departure: the seconds before it, and the moment after.

    Stretches before departures that follow soon after one another do not overlap.

    Args:
        folder: Of laps; it may hold some.
        name: Of the driver.
        drives: As in `agents.evaluation.evaluation.Evaluation`.
        course: How they were driven.

    Returns:
        How many.
    """
    rules = course.rules
    count = 0
    for driven in drives:
        labels = None
        for start, stop, departure in _stretches(driven):
            if labels is None:
                labels = expert_actions(driven, course)
            columns = {column: values[start:stop] for column, values in lap_columns(driven).items()}
            columns["time"] = columns["time"] - columns["time"][0]
            columns["steering_label"] = labels[start:stop, 0]
            if course.has_pedal:
                columns["pedal_label"] = labels[start:stop, 1]
            seconds = (departure - start + 1) * driven.dt
            info = lap_info(driven.world, rules, name, departure_after=seconds, label="expert")
            with LapWriter(folder, info) as lap:
                lap.extend(columns)
            count += 1
    return count


def expert_actions(driven: Drive, course: Course) -> Floats:
    """Return what the scripted expert would have done at every step of a drive: (T, A), steering and pedal."""
    columns, count = driven.columns, len(driven.put_back)
    env = make_env(count, _blind(course))
    env.reset(seed=0, options={"worlds": [driven.world] * count})
    started = env.get_state()
    vehicle = VehicleState(*(columns[name].astype(np.float64) for name in VehicleState._fields))
    there = {"s": columns["s"], "lateral": columns["lateral_error"], "heading_error": columns["heading_error"]}
    state: CarState = started.state._replace(vehicle=vehicle, **there)
    others = driven.others_at(np.arange(count))
    if others is not None:
        others = others._replace(speed=columns["others_speed"])
    observation = env.set_state(replace(started, state=state, others=others))
    actions = ExpertDriver().act(env, observation, np.arange(count))
    env.close()
    return np.clip(actions, -1.0, 1.0)


def _blind(course: Course) -> Course:
    return Course(has_pedal=course.has_pedal, scenario=course.scenario)


def _stretches(driven: Drive) -> list[tuple[int, int, int]]:
    """First step, the step after the last, and the step of the departure."""
    before, after = round(SECONDS_BEFORE / driven.dt), round(SECONDS_AFTER / driven.dt)
    found: list[tuple[int, int, int]] = []
    for departure in driven.departure_steps.tolist():
        start = max(departure + 1 - before, found[-1][1] if found else 0, 0)
        stop = min(departure + 1 + after, len(driven.put_back))
        found.append((min(start, departure), stop, departure))
    return found
