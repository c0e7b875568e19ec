"""Metrics: how well a road was driven; pure functions of drives. `agents.evaluation.metric_table` defines each."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from agents.evaluation.intervals import bootstrap_interval
from agents.evaluation.metric_table import METRICS
from agents.rollout import Drive
from drivesim.geometry import Floats

# Seconds that an intervention counts for: Bojarski et al. 2016, "End to End Learning for Self-Driving Cars", section 7.
INTERVENTION_SECONDS = 6.0

# A car this far from the line that it is to follow is put back, metres (same source).
INTERVENTION_DISTANCE = 1.0

# Steering reversals after Markkula & Engström 2006, "A steering wheel reversal rate metric for assessing effects of
# visual and cognitive secondary task load": their cut-off, and their gap of 3 degrees at the wheel of a car that turns
# its road wheels by up to 0.6 rad through a gear of 15 to 1.
REVERSAL_CUTOFF = 0.6
REVERSAL_GAP = 0.006

_OF_TRACKS = tuple(metric for metric in METRICS.values() if metric.of)
_SCALE = np.array([metric.scale for metric in _OF_TRACKS])
_IS_MAXIMUM = np.array([metric.is_maximum for metric in _OF_TRACKS])

# The metrics that tracks tell; the others are the clock's.
METRICS_OF_TRACKS = tuple(metric.name for metric in _OF_TRACKS)


@dataclass(frozen=True)
class Statistic:
    """A metric over the tracks of an evaluation.

    Attributes:
        value: The metric.
        low: Of the 95% interval; None where there is none.
        high: Of the 95% interval; None where there is none.
        worst_tenth: One track in ten is as bad as this or worse; None for what the clock measured.
        worst: Of the worst track; None for what the clock measured.
    """

    value: float
    low: float | None = None
    high: float | None = None
    worst_tenth: float | None = None
    worst: float | None = None


def autonomy(interventions: int, elapsed: float) -> float:
    """DAVE-2's autonomy: 1 - 6 s x interventions / elapsed seconds, not below 0."""
    return max(0.0, 1.0 - INTERVENTION_SECONDS * interventions / elapsed)


def interventions(driven: Drive) -> int:
    """How often a drive needed someone: where the car was put back, and where it hit something."""
    return int(driven.put_back.sum()) + driven.collided


def needs_no_intervention(free: Drive) -> bool:
    """Whether a free drive never came farther than `INTERVENTION_DISTANCE` from the centreline."""
    return not free.put_back.any() and bool(np.abs(free.columns["lateral_error"]).max() <= INTERVENTION_DISTANCE)


def track_metrics(free: Drive, supervised: Drive | None, expert: Drive) -> dict[str, float]:
    """Measure one track.

    Args:
        free: Driven without interventions, put back only after a wheel left the road.
        supervised: Driven with an intervention at `INTERVENTION_DISTANCE`; the same drive as `free` where none came;
            None where it was not driven, so that nothing is known of it.
        expert: The scripted expert's, on the same road with the same car.

    Returns:
        What the metrics of `METRICS` are made of, under their units; `departures`, `interventions` and `elapsed` (s)
        are counts and seconds, `distance` and `supervised_distance` metres; what is not known is NaN.
    """
    error = np.abs(free.columns["lateral_error"])
    turned = np.degrees(np.abs(free.columns["heading_error"]))
    steering = free.columns["steering"]
    sideways = free.columns["speed"] * free.columns["yaw_rate"]
    departures = len(free.departure_steps)
    speed = free.progress / free.elapsed
    unknown = float("nan")
    return {
        "autonomy": unknown if supervised is None else autonomy(interventions(supervised), supervised.elapsed),
        "interventions": unknown if supervised is None else float(interventions(supervised)),
        "supervised_distance": unknown if supervised is None else supervised.progress,
        "departures": float(departures),
        "collisions": float(free.collided),
        "without_departure": float(departures == 0),
        "lap_completed": float(free.end_reason == "lap_completed" and departures == 0),
        "cross_track_error_mean": float(error.mean()),
        "cross_track_error_rms": _rms(error),
        "cross_track_error_p95": float(np.percentile(error, 95)),
        "cross_track_error_max": float(error.max()),
        "heading_error_mean": float(turned.mean()),
        "heading_error_max": float(turned.max()),
        "steering_reversals": 60 * steering_reversals(steering, free.dt) / free.elapsed,
        "steering_change": float(np.abs(np.diff(steering)).sum() / free.elapsed),
        "lateral_acceleration_rms": _rms(sideways),
        "lateral_acceleration_max": float(np.abs(sideways).max()),
        "jerk_rms": _rms((np.diff(sideways) / free.dt)[~free.put_back[:-1]]),
        "distance": free.progress,
        "elapsed": free.elapsed,
        "mean_speed": speed,
        "progress_against_expert": speed / (expert.progress / expert.elapsed),
    }


def steering_reversals(steering: Floats, dt: float, gap: float = REVERSAL_GAP) -> int:
    """Count how often a steering signal turns back by at least `gap`, after Markkula & Engström 2006.

    Args:
        steering: (T,) the action.
        dt: Seconds from value to value.
        gap: In the action's unit.
    """
    from scipy.signal import butter, filtfilt

    if len(steering) < 2:
        return 0
    numerator, denominator = butter(2, min(2 * REVERSAL_CUTOFF * dt, 0.99))
    # Mirrored at its ends, for a period of the cut-off, the signal keeps its mean there.
    ends = min(round(1 / (REVERSAL_CUTOFF * dt)), len(steering) - 1)
    smooth = filtfilt(numerator, denominator, np.asarray(steering, np.float64), padtype="even", padlen=ends)
    slope = np.sign(np.diff(smooth))
    turns = np.flatnonzero(slope[1:] * slope[:-1] < 0) + 1
    points = smooth[np.concatenate([[0], turns, [len(smooth) - 1]])]
    return _rises(points, gap) + _rises(-points, gap)


def _rises(points: Floats, gap: float) -> int:
    """How often a signal, given by its turning points, rises by `gap` from where it was lowest since the last rise."""
    count, low = 0, points[0]
    for point in points[1:]:
        if point - low >= gap:
            count += 1
            low = point
        else:
            low = min(low, point)
    return count


def _rms(values: Floats) -> float:
    return float(np.sqrt(np.mean(np.square(values)))) if len(values) else 0.0


def parts(tracks: Sequence[dict[str, float]]) -> Floats:
    """Return what each track adds to each metric that is made of tracks: (N, 2, M), dividend and divisor.

    `combine` makes the metrics of them, of all tracks or of any choice of them.
    """
    of = [[track[metric.of] for metric in _OF_TRACKS] for track in tracks]
    over = [[track[metric.over] if metric.over else 1.0 for metric in _OF_TRACKS] for track in tracks]
    return np.stack([np.array(of), np.array(over)], axis=1)


def combine(some: Floats) -> Floats:
    """Put parts of tracks (N, 2, M) together: means over tracks, the worst maximum, rates over all metres (M,)."""
    quotients = _SCALE * some[:, 0].sum(axis=0) / np.maximum(some[:, 1].sum(axis=0), 1.0)
    return np.where(_IS_MAXIMUM, some[:, 0].max(axis=0), quotients)


def summary(tracks: Sequence[dict[str, float]]) -> dict[str, float]:
    """Put the metrics of several tracks together: means over tracks, the worst maximum, rates over all kilometres."""
    return dict(zip(METRICS_OF_TRACKS, combine(parts(tracks)).tolist(), strict=True))


def statistics(tracks: Sequence[dict[str, float]]) -> dict[str, Statistic]:
    """Put the metrics of several tracks together, with what is known of their spread.

    A maximum has no interval: other tracks drawn from the same ones can only make it smaller.
    """
    some = parts(tracks)
    low, high = bootstrap_interval(some, combine)
    each = _SCALE * some[:, 0] / np.maximum(some[:, 1], 1.0)
    found = {}
    for i, (metric, value) in enumerate(zip(_OF_TRACKS, combine(some).tolist(), strict=True)):
        has_interval = len(tracks) > 1 and not metric.is_maximum
        found[metric.name] = Statistic(
            value,
            low=float(low[i]) if has_interval else None,
            high=float(high[i]) if has_interval else None,
            worst_tenth=float(np.percentile(each[:, i], 10 if metric.more_is_better else 90)),
            worst=float(each[:, i].min() if metric.more_is_better else each[:, i].max()),
        )
    return found
