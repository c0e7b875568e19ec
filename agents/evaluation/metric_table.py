"""Metric table: every metric of an evaluation with its definition, unit and source.

The terminal's table, `--require`, the reports and `docs/metrics.md` all read it here.
"""

import math
from dataclasses import dataclass


@dataclass(frozen=True)
class Metric:
    """One metric of an evaluation.

    Attributes:
        name: In JSON and in `--require`.
        label: In tables.
        unit: Of the value; empty for a share or a ratio.
        digits: After the decimal point.
        more_is_better: Or less is.
        definition: What is computed.
        source: Who defined it, where it is not this project.
        of: The entry of `agents.evaluation.metrics.track_metrics` that it is made of; empty for what the clock
            measured.
        over: The entry that the sum of `of` is divided by, at least 1; empty for a mean over tracks.
        scale: What the quotient is multiplied by.
        is_maximum: Whether it is the largest over tracks instead of a mean; such a metric has no interval.
        is_share: Whether tables write it in per cent.
        short: The label where there is little room; empty for the label.
    """

    name: str
    label: str
    unit: str
    digits: int
    more_is_better: bool
    definition: str
    source: str = ""
    of: str = ""
    over: str = ""
    scale: float = 1.0
    is_maximum: bool = False
    is_share: bool = False
    short: str = ""

    def text(self, value: float) -> str:
        """Write a value, without its unit; what is not known is a dash."""
        if not math.isfinite(value):
            return "–"
        return f"{100 * value if self.is_share else value:,.{self.digits}f}{'%' if self.is_share else ''}"

    @property
    def is_bounded(self) -> bool:
        """Whether it is from 0 to 1."""
        return self.is_share or self.name == "autonomy"

    @property
    def heading(self) -> str:
        """The label, as a sentence begins."""
        return self.label[:1].upper() + self.label[1:]

    @property
    def title(self) -> str:
        """The label with its unit."""
        return f"{self.label} ({self.unit})" if self.unit else self.label


_DAVE2 = "Bojarski et al. 2016, arXiv:1604.07316, section 7"
_REVERSALS = "SAE J2944; Markkula & Engström 2006"
_COMFORT = "ISO 2631-1 (rms)"

# `agents.evaluation.metrics` says how each is computed; a share is a mean over tracks of 1 and 0.
_ALL = (
    Metric(
        "autonomy",
        "autonomy (1 m, 6 s)",
        "",
        4,
        True,
        "1 - 6 s x interventions / elapsed seconds, not below 0, of the drive with an intervention wherever the car is "
        "more than 1 m from the centreline, and a collision, which ends it, for one more; mean over tracks",
        _DAVE2,
        of="autonomy",
    ),
    Metric(
        "interventions_per_km",
        "interventions",
        "1/km",
        3,
        False,
        "interventions of that drive, a collision for one more, over its kilometres",
        _DAVE2,
        of="interventions",
        over="supervised_distance",
        scale=1000.0,
    ),
    Metric(
        "departures_per_km",
        "departures",
        "1/km",
        3,
        False,
        "how often a wheel left the road over the kilometres of the drive without interventions, in which the car is "
        "put back after a departure",
        of="departures",
        over="distance",
        scale=1000.0,
    ),
    Metric(
        "collisions_per_100km",
        "collisions",
        "1/100 km",
        1,
        False,
        "how many drives without interventions ended by hitting another car or an obstacle, over their kilometres",
        of="collisions",
        over="distance",
        scale=100_000.0,
    ),
    Metric(
        "distance_between_departures",
        "distance between departures",
        "m",
        0,
        True,
        "metres driven over departures; without any, all metres driven, which it exceeds",
        of="distance",
        over="departures",
    ),
    Metric(
        "tracks_without_departure",
        "tracks without a departure",
        "",
        1,
        True,
        "share of tracks driven without a wheel off the road",
        of="without_departure",
        is_share=True,
    ),
    Metric(
        "laps_completed",
        "laps completed",
        "",
        1,
        True,
        "share of tracks whose lap was completed without a departure",
        of="lap_completed",
        is_share=True,
    ),
    Metric(
        "cross_track_error_mean",
        "cross-track error, mean",
        "m",
        3,
        False,
        "distance of the car's centre of gravity to the centreline: mean over a track's steps, then over tracks",
        of="cross_track_error_mean",
        short="error, mean",
    ),
    Metric(
        "cross_track_error_rms",
        "cross-track error, rms",
        "m",
        3,
        False,
        "root of the mean square over a track's steps; mean over tracks",
        of="cross_track_error_rms",
    ),
    Metric(
        "cross_track_error_p95",
        "cross-track error, 95th percentile",
        "m",
        3,
        False,
        "95th percentile over a track's steps; mean over tracks",
        of="cross_track_error_p95",
        short="error, 95%",
    ),
    Metric(
        "cross_track_error_max",
        "cross-track error, largest",
        "m",
        3,
        False,
        "largest over all steps of all tracks",
        of="cross_track_error_max",
        is_maximum=True,
        short="error, largest",
    ),
    Metric(
        "heading_error_mean",
        "heading error, mean",
        "deg",
        2,
        False,
        "angle between the car's axis and the centreline: mean of its size over a track's steps, then over tracks",
        of="heading_error_mean",
    ),
    Metric(
        "heading_error_max",
        "heading error, largest",
        "deg",
        2,
        False,
        "largest over all steps of all tracks",
        of="heading_error_max",
        is_maximum=True,
    ),
    Metric(
        "steering_reversals",
        "steering reversals",
        "1/min",
        1,
        False,
        "how often the steering, low-passed at 0.6 Hz (Butterworth, second order, forwards and backwards), turns back "
        "by more than 0.006 of the action: 3 degrees of a steering wheel geared 15 to 1; mean over tracks",
        _REVERSALS,
        of="steering_reversals",
    ),
    Metric(
        "steering_change",
        "steering change",
        "1/s",
        3,
        False,
        "sum of the sizes of the action's changes from step to step over the seconds; mean over tracks",
        of="steering_change",
    ),
    Metric(
        "lateral_acceleration_rms",
        "lateral acceleration, rms",
        "m/s²",
        2,
        False,
        "speed x yaw rate: root of the mean square over a track's steps; mean over tracks",
        _COMFORT,
        of="lateral_acceleration_rms",
    ),
    Metric(
        "lateral_acceleration_max",
        "lateral acceleration, largest",
        "m/s²",
        2,
        False,
        "largest over all steps of all tracks",
        of="lateral_acceleration_max",
        is_maximum=True,
    ),
    Metric(
        "jerk_rms",
        "lateral jerk, rms",
        "m/s³",
        2,
        False,
        "change of the lateral acceleration from step to step over the step's length, not across a car that was put "
        "back: root of the mean square; mean over tracks",
        of="jerk_rms",
    ),
    Metric(
        "mean_speed",
        "mean speed along the road",
        "m/s",
        2,
        True,
        "new arc length of the centreline over elapsed seconds; mean over tracks",
        of="mean_speed",
        short="speed",
    ),
    Metric(
        "progress_against_expert",
        "progress against the expert",
        "",
        3,
        True,
        "that speed over the scripted expert's on the same road with the same car; mean over tracks",
        of="progress_against_expert",
        short="against the expert",
    ),
    Metric(
        "inference_p50",
        "inference a control step, median",
        "ms",
        2,
        False,
        "wall time of the driver's answer for all cars that still drive, together: median over control steps",
    ),
    Metric(
        "inference_p95",
        "inference a control step, 95th percentile",
        "ms",
        2,
        False,
        "the same: 95th percentile over control steps",
    ),
    Metric(
        "inference_p99",
        "inference a control step, 99th percentile",
        "ms",
        2,
        False,
        "the same: 99th percentile over control steps",
    ),
    Metric(
        "inference_per_frame",
        "inference a frame",
        "ms",
        4,
        False,
        "all of that time over the number of answers, one a car and control step",
    ),
    Metric(
        "inference_share",
        "inference, share of the time",
        "",
        1,
        True,
        "all of that time over the wall time of driving; the rest is simulation, rendering and bookkeeping",
        is_share=True,
    ),
    Metric(
        "frames_per_second",
        "control steps a second",
        "1/s",
        0,
        True,
        "control steps of all cars over the wall time of driving",
    ),
)

METRICS = {metric.name: metric for metric in _ALL}


def markdown_table() -> str:
    """Return the table of `docs/metrics.md`."""
    rows = ["| metric | unit | better | definition | source |", "|---|---|---|---|---|"]
    for metric in METRICS.values():
        better = "more" if metric.more_is_better else "less"
        rows.append(
            f"| `{metric.name}` | {metric.unit} | {better} | {metric.definition} | {metric.source or 'this project'} |"
        )
    return "\n".join(rows)
