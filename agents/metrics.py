"""Metrics: how well a road was driven; pure functions of drives."""

from collections.abc import Sequence

import numpy as np

from agents.rollout import Drive
from drivesim.errors import DrivesimError

# Seconds that an intervention counts for: Bojarski et al. 2016, "End to End Learning for Self-Driving Cars", section 7.
INTERVENTION_SECONDS = 6.0

# A car this far from the line that it is to follow is put back, metres (same source).
INTERVENTION_DISTANCE = 1.0

# What `summary` returns, and whether more is better.
METRICS = {
    "autonomy": True,
    "interventions_per_km": False,
    "departures_per_km": False,
    "tracks_without_departure": True,
    "laps_completed": True,
    "cross_track_error_mean": False,
    "cross_track_error_p95": False,
    "cross_track_error_max": False,
    "steering_change": False,
    "mean_speed": True,
    "progress_against_expert": True,
}


def autonomy(interventions: int, elapsed: float) -> float:
    """DAVE-2's autonomy: 1 - 6 s x interventions / elapsed seconds, not below 0."""
    return max(0.0, 1.0 - INTERVENTION_SECONDS * interventions / elapsed)


def needs_no_intervention(free: Drive) -> bool:
    """Whether a free drive never came farther than `INTERVENTION_DISTANCE` from the centreline."""
    return not free.put_back.any() and bool(np.abs(free.columns["lateral_error"]).max() <= INTERVENTION_DISTANCE)


def track_metrics(free: Drive, supervised: Drive, expert: Drive) -> dict[str, float]:
    """Measure one track.

    Args:
        free: Driven without interventions, put back only after a wheel left the road.
        supervised: Driven with an intervention at `INTERVENTION_DISTANCE`; the same drive as `free` where none came.
        expert: The scripted expert's, on the same road with the same car.

    Returns:
        `autonomy` (0 to 1) of the supervised drive, with its `interventions`; of the free drive `departures`,
        `lap_completed` (1 or 0: the lap, without a departure), cross-track error in metres (mean, 95th percentile,
        maximum of the distance to the centreline), `steering_change` (mean |change| of the action a second), `distance`
        (metres), `elapsed` (s), `mean_speed` (m/s) and `progress_against_expert` (ratio of metres a second).
    """
    error = np.abs(free.columns["lateral_error"])
    steering = free.columns["steering"]
    departures = len(free.departure_steps)
    speed = free.progress / free.elapsed
    return {
        "autonomy": autonomy(int(supervised.put_back.sum()), supervised.elapsed),
        "interventions": float(supervised.put_back.sum()),
        "supervised_distance": supervised.progress,
        "departures": float(departures),
        "lap_completed": float(free.end_reason == "lap_completed" and departures == 0),
        "cross_track_error_mean": float(error.mean()),
        "cross_track_error_p95": float(np.percentile(error, 95)),
        "cross_track_error_max": float(error.max()),
        "steering_change": float(np.abs(np.diff(steering)).sum() / free.elapsed),
        "distance": free.progress,
        "elapsed": free.elapsed,
        "mean_speed": speed,
        "progress_against_expert": speed / (expert.progress / expert.elapsed),
    }


def summary(tracks: Sequence[dict[str, float]]) -> dict[str, float]:
    """Put the metrics of several tracks together: means over tracks, the worst maximum, rates over all kilometres."""

    def column(name: str) -> np.ndarray:
        return np.array([track[name] for track in tracks])

    kilometres = column("distance").sum() / 1000
    return {
        "autonomy": float(column("autonomy").mean()),
        "interventions_per_km": float(column("interventions").sum() / (column("supervised_distance").sum() / 1000)),
        "departures_per_km": float(column("departures").sum() / kilometres),
        "tracks_without_departure": float((column("departures") == 0).mean()),
        "laps_completed": float(column("lap_completed").mean()),
        "cross_track_error_mean": float(column("cross_track_error_mean").mean()),
        "cross_track_error_p95": float(column("cross_track_error_p95").mean()),
        "cross_track_error_max": float(column("cross_track_error_max").max()),
        "steering_change": float(column("steering_change").mean()),
        "mean_speed": float(column("mean_speed").mean()),
        "progress_against_expert": float(column("progress_against_expert").mean()),
    }


_OPERATORS = {">=": np.greater_equal, "<=": np.less_equal, ">": np.greater, "<": np.less}


def check_requirement(text: str) -> tuple[str, str, float]:
    """Read a requirement such as `autonomy>=0.99`: metric, operator, number.

    Raises:
        DrivesimError: If the operator is missing, the metric unknown (known ones are listed) or the number none.
    """
    operator = next((operator for operator in _OPERATORS if operator in text), None)
    if operator is None:
        raise DrivesimError(f"--require {text!r}: expected METRIC>=NUMBER, or one of {', '.join(_OPERATORS)}.")
    name, number = (part.strip() for part in text.split(operator, 1))
    if name not in METRICS:
        raise DrivesimError(f"--require {text!r}: unknown metric {name!r}. Known: {', '.join(METRICS)}.")
    try:
        return name, operator, float(number)
    except ValueError as error:
        raise DrivesimError(f"--require {text!r}: expected a number after {operator}, got {number!r}.") from error


def is_met(requirement: tuple[str, str, float], values: dict[str, float]) -> bool:
    """Whether the values of `summary` meet a requirement."""
    name, operator, number = requirement
    return bool(_OPERATORS[operator](values[name], number))
