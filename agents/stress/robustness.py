"""Robustness: how a driver drives under stresses, beside how it drives without."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from agents.driver import Driver
from agents.evaluation.evaluation import Evaluation, evaluate, expert_drives
from agents.evaluation.metric_table import METRICS
from agents.rollout import Course, Drive
from agents.stress.stressed_driver import under_stress
from agents.stress.stresses import Stress
from drivesim.world import World


@dataclass(frozen=True, eq=False)
class Robustness:
    """How a driver drove under stresses.

    Attributes:
        name: The driver's.
        stresses: In order.
        severities: In order.
        tracks: Number of tracks that every stress was driven on.
        seconds: Driven on each at most.
        clean: The summary without stress, on the same tracks.
        summaries: The summary by stress's name and severity.
        complete: False where the user stopped it.
    """

    name: str
    stresses: tuple[Stress, ...]
    severities: tuple[int, ...]
    tracks: int
    seconds: float
    clean: dict[str, float]
    summaries: dict[tuple[str, int], dict[str, float]]
    complete: bool = True

    def table(self, metric: str) -> np.ndarray:
        """Return a metric by stress and severity: (stresses, severities), NaN where it was not driven."""
        nan = float("nan")
        return np.array(
            [
                [self.summaries.get((stress.name, severity), {}).get(metric, nan) for severity in self.severities]
                for stress in self.stresses
            ]
        )

    def means(self) -> dict[str, float]:
        """Return every metric's mean over all stresses and severities that were driven; nothing where none was."""
        if not self.summaries:
            return {}
        return {name: float(np.mean([values[name] for values in self.summaries.values()])) for name in METRICS}

    def rows(self, metrics: Sequence[str]) -> list[dict[str, Any]]:
        """Return some metrics as a report takes them: a row for every stress and severity, and those without stress."""
        cells = [("none", severity, self.clean) for severity in self.severities]
        cells += [(*cell, summary) for cell, summary in self.summaries.items()]
        return [
            {"stress": stress, "severity": severity, **{name: summary[name] for name in metrics}}
            for stress, severity, summary in cells
        ]

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON."""
        return {
            "policy": self.name,
            "complete": self.complete,
            "tracks": self.tracks,
            "seconds_a_track": self.seconds,
            "clean": self.clean,
            "mean_over_stresses": self.means(),
            "stresses": [
                {
                    "stress": stress.name,
                    "part": stress.part,
                    "unit": stress.unit,
                    "severities": [
                        {"severity": severity, "value": stress.values[severity - 1], **summary}
                        for severity in self.severities
                        if (summary := self.summaries.get((stress.name, severity))) is not None
                    ],
                }
                for stress in self.stresses
            ],
        }


def measure_robustness(
    driver: Driver,
    worlds: Sequence[World],
    course: Course,
    stresses: Sequence[Stress],
    severities: Sequence[int],
    on_step: Callable[[float], None] | None = None,
) -> Robustness:
    """Drive every world under every stress and severity.

    Args:
        driver: Who drives.
        worlds: Where.
        course: How, with a time limit.
        stresses: Those that don't suit the course are left out.
        severities: From 1 to 5.
        on_step: Told the share of all that is done.
    """
    chosen = tuple(stress for stress in stresses if stress.suits(course))
    expert = expert_drives(worlds, course)
    clean = evaluate(driver, worlds, course, expert=expert)
    summaries: dict[tuple[str, int], dict[str, float]] = {}
    complete = clean.complete
    cells = [(stress, severity) for stress in chosen for severity in severities]
    for stress, severity in cells if complete else ():
        try:
            evaluation = _evaluate_under(stress, severity, driver, worlds, course, expert)
        except KeyboardInterrupt:
            complete = False
            break
        if not evaluation.complete:
            complete = False
            break
        summaries[stress.name, severity] = evaluation.summary
        if on_step is not None:
            on_step(len(summaries) / len(cells))
    limit = float("nan") if course.time_limit is None else course.time_limit
    return Robustness(driver.name, chosen, tuple(severities), len(worlds), limit, clean.summary, summaries, complete)


def _evaluate_under(
    stress: Stress, severity: int, driver: Driver, worlds: Sequence[World], course: Course, expert: Sequence[Drive]
) -> Evaluation:
    stressed, changed = under_stress(driver, course, stress, severity)
    if changed.camera != course.camera:
        # A camera that is moved needs grounds of its own: they go with these worlds.
        worlds = [
            World(world.track, world.appearance, world.weather, world.traffic, world.dynamics) for world in worlds
        ]
    # The expert knows the road: what only the driver's eyes and hands suffer leaves its drives as they were.
    is_same = replace(changed, camera=None) == replace(course, camera=None)
    return evaluate(stressed, worlds, changed, expert=expert if is_same else None)
