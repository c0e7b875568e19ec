"""Report: an evaluation as one HTML file that needs nothing else: no server, no network, no other file."""

import math
import platform
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

import drivesim
from agents.evaluation.evaluation import Evaluation
from agents.evaluation.intervals import bootstrap_interval
from agents.evaluation.metric_table import METRICS, Metric
from agents.evaluation.metrics import METRICS_OF_TRACKS, combine, parts
from agents.provenance import commit
from agents.report.drawings import ERROR_STEPS, autonomy_chart, error_chart, track_map
from agents.report.videos import Film
from drivesim.errors import DrivesimError
from drivesim.whole_file import whole_file

_TEMPLATES = Path(__file__).parent / "templates"

_PACKAGES = ("numpy", "opencv-python-headless", "torch", "gymnasium")

_TILES = ("autonomy", "tracks_without_departure", "cross_track_error_mean", "progress_against_expert")


# What the page tells of a single track besides.
_OF_A_TRACK = {
    metric.name: metric
    for metric in (
        Metric("interventions", "interventions", "", 0, False, "the car was put back at 1 m from the centreline"),
        Metric("departures", "departures", "", 0, False, "a wheel left the road"),
        Metric("lap_completed", "lap", "", 0, True, "completed without a departure"),
        Metric("distance", "driven", "m", 0, True, ""),
        Metric("elapsed", "time", "s", 1, False, ""),
    )
}

_COLUMNS = (
    "autonomy",
    "interventions",
    "departures",
    "lap_completed",
    "cross_track_error_mean",
    "cross_track_error_p95",
    "cross_track_error_max",
    "steering_change",
    "mean_speed",
    "progress_against_expert",
)


def write_report(
    path: Path,
    evaluations: Sequence[tuple[str, Evaluation]],
    command: str,
    options: Mapping[str, str] | None = None,
    films: Sequence[Sequence[Film]] = (),
    stress: Sequence[Mapping[str, Any]] = (),
) -> None:
    """Write evaluations as one HTML file.

    Args:
        path: Where to.
        evaluations: Each with its driver's name; several are compared with the first, on the same tracks.
        command: The line that makes the same report again.
        options: All options of that command, those left out as well.
        films: Of each evaluation, in their order; or none.
        stress: Rows of `stress` (its name), `severity` and metrics; and `policy`, where there are several.

    Raises:
        DrivesimError: If there is no evaluation, or they are not of the same tracks.
    """
    page = render_report(evaluations, command, options or {}, films, stress)
    with whole_file(path) as part:
        part.write_text(page, encoding="utf-8")


def render_report(
    evaluations: Sequence[tuple[str, Evaluation]],
    command: str,
    options: Mapping[str, str],
    films: Sequence[Sequence[Film]] = (),
    stress: Sequence[Mapping[str, Any]] = (),
) -> str:
    """Return the page of `write_report`."""
    if not evaluations:
        raise DrivesimError("evaluations: expected one or more, got none.")
    first_names = _track_names(evaluations[0][1])
    for name, evaluation in evaluations:
        if _track_names(evaluation) != first_names:
            raise DrivesimError(
                f"evaluations: {name} drove other tracks than {evaluations[0][0]}. Drive the same ones."
            )
    films = films or [()] * len(evaluations)
    environment = Environment(
        loader=FileSystemLoader(_TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    rows = _summary_rows([evaluation for _, evaluation in evaluations])
    return environment.get_template("report.html.j2").render(
        names=[name for name, _ in evaluations],
        track_count=len(first_names),
        rows=rows,
        tiles=[row for name in _TILES for row in rows if row["name"] == name],
        columns=[{"name": name, "quantity": _quantity(name)} for name in _COLUMNS],
        policies=[_policy(name, evaluation, some) for (name, evaluation), some in zip(evaluations, films, strict=True)],
        error_steps=ERROR_STEPS,
        heat_maps=_heat_maps(stress),
        command=command,
        options=options,
        versions=_versions(),
    )


def _track_names(evaluation: Evaluation) -> list[str]:
    return [driven.world.track.name for driven in evaluation.drives]


def _quantity(name: str) -> Metric:
    known = METRICS.get(name) or _OF_A_TRACK.get(name)
    return known or Metric(name, name.replace("_", " "), "", 3, True, "")


def _text(quantity: Metric, value: float, signed: bool = False) -> str:
    """Write a value, without its unit."""
    sign = "+" if signed and math.isfinite(value) and not math.copysign(1, value) < 0 else ""
    # A true minus sign is as wide as the plus.
    return sign + quantity.text(value).replace("-", "−")


def _summary_rows(evaluations: Sequence[Evaluation]) -> list[dict[str, Any]]:
    """Each metric with its interval over tracks, and with its paired difference from the first evaluation's."""
    names = [name for name in evaluations[0].summary if _is_number(evaluations[0].summary[name])]
    count = len(evaluations[0].tracks)
    some = np.stack([parts(evaluation.tracks) for evaluation in evaluations], axis=1)

    def values(picked: np.ndarray) -> np.ndarray:
        found = np.array([combine(picked[:, i]) for i in range(len(evaluations))])
        return np.stack([found, found - found[0]])

    low, high = bootstrap_interval(some, values)
    rows = []
    for name in names:
        quantity = _quantity(name)
        has_interval = count > 1 and name in METRICS_OF_TRACKS and not quantity.is_maximum
        at = METRICS_OF_TRACKS.index(name) if has_interval else 0
        cells, compared = [], []
        for i, evaluation in enumerate(evaluations):
            interval = _interval(quantity, low[0, i, at], high[0, i, at]) if has_interval else ""
            cells.append({"text": _text(quantity, evaluation.summary[name]), "interval": interval})
            difference = evaluation.summary[name] - evaluations[0].summary[name]
            ends = low[1, i, at], high[1, i, at]
            compared.append(
                {
                    "text": _text(quantity, difference, signed=True),
                    "interval": _interval(quantity, *ends, signed=True) if has_interval else "",
                    "verdict": _verdict(name, *ends) if has_interval else "",
                }
            )
        rows.append({"name": name, "quantity": quantity, "cells": cells, "differences": compared[1:]})
    return rows


def _is_number(value: object) -> bool:
    return isinstance(value, int | float | np.number)


def _interval(quantity: Metric, low: float, high: float, signed: bool = False) -> str:
    if not (np.isfinite(low) and np.isfinite(high)):
        return ""
    return f"{_text(quantity, low, signed).removesuffix('%')} to {_text(quantity, high, signed)}"


def _verdict(name: str, low: float, high: float) -> str:
    """`better` or `worse` where the interval of the difference leaves out 0."""
    if name not in METRICS or not (low > 0 or high < 0):
        return ""
    return "better" if (low > 0) == METRICS[name].more_is_better else "worse"


def _policy(name: str, evaluation: Evaluation, films: Sequence[Film]) -> dict[str, Any]:
    """What the page shows of one evaluation."""
    tracks = []
    for driven, metrics in zip(evaluation.drives, evaluation.tracks, strict=True):
        track_name = driven.world.track.name
        error = _text(_quantity("cross_track_error_mean"), metrics["cross_track_error_mean"])
        tracks.append(
            {
                "name": track_name,
                "length": driven.world.track.length,
                "metrics": metrics,
                "map": track_map(driven, f"{track_name}: {error} m from the centreline"),
                "values": {column: _cell(column, metrics.get(column, np.nan)) for column in _COLUMNS},
                "details": [
                    (quantity.heading, f"{_cell(key, value)} {quantity.unit}".strip())
                    for key, value in metrics.items()
                    if _is_number(value) and key not in ("supervised_distance", "without_departure")
                    for quantity in [_quantity(key)]
                ],
            }
        )
    order = sorted(
        range(len(tracks)),
        key=lambda i: (-evaluation.tracks[i]["departures"], -evaluation.tracks[i]["cross_track_error_mean"]),
    )
    return {
        "name": name,
        "tracks": tracks,
        "worst_first": order,
        "kilometres": sum(metrics["distance"] for metrics in evaluation.tracks) / 1000,
        "minutes": sum(metrics["elapsed"] for metrics in evaluation.tracks) / 60,
        "departed": sum(metrics["departures"] > 0 for metrics in evaluation.tracks),
        "interventions": round(np.nansum([metrics["interventions"] for metrics in evaluation.tracks])),
        "charts": [
            ("Distance to the centreline, share of the driven time", error_chart(evaluation.drives)),
            (
                "Autonomy, number of tracks",
                autonomy_chart(np.array([metrics["autonomy"] for metrics in evaluation.tracks])),
            ),
        ],
        "films": [_film(film, evaluation.drives[film.track].world.track.name) for film in films],
    }


def _cell(name: str, value: float) -> str:
    if name == "lap_completed":
        return "yes" if value else "no"
    return _text(_quantity(name), value)


def _film(film: Film, track_name: str) -> dict[str, Any]:
    # base64 needs no escaping, and escaping megabytes takes its time.
    return {"film": film, "track": track_name, "video": Markup(film.video), "poster": Markup(film.poster)}


def _heat_maps(stress: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """A table for each metric: stresses down, severities across; how bad a value is, from 0 to 1, is its colour."""
    if not stress:
        return []
    metrics = [name for name in METRICS if any(name in row for row in stress)]
    labels = list(dict.fromkeys(_stress_label(row) for row in stress))
    severities = sorted({row["severity"] for row in stress})
    maps = []
    for name in metrics:
        found = {(_stress_label(row), row["severity"]): float(row[name]) for row in stress if name in row}
        maps.append(
            {
                "quantity": _quantity(name),
                "severities": severities,
                "rows": [(label, [_heat(name, found, label, severity) for severity in severities]) for label in labels],
            }
        )
    return maps


def _stress_label(row: Mapping[str, Any]) -> str:
    label = str(row["stress"]).replace("_", " ")
    return f"{row['policy']}: {label}" if "policy" in row else label


def _heat(name: str, found: Mapping[tuple[str, Any], float], label: str, severity: Any) -> dict[str, Any] | None:
    if (label, severity) not in found:
        return None
    value = found[label, severity]
    values = np.array(list(found.values()))
    # A share is judged by itself; what has no upper end by the worst that came.
    low, high = (0.0, 1.0) if METRICS[name].is_bounded else (float(np.nanmin(values)), float(np.nanmax(values)))
    if not METRICS[name].more_is_better:
        low = 0.0
    share = (value - low) / max(high - low, 1e-9)
    bad = float(np.clip(1 - share if METRICS[name].more_is_better else share, 0.0, 1.0)) if np.isfinite(value) else 1.0
    return {"text": _text(_quantity(name), value), "bad": bad}


def _short(revision: str) -> str:
    """A commit in few letters; `+` where files differ from it stays."""
    return revision[:12] + revision[40:] or "no checkout"


def _versions() -> dict[str, str]:
    return {
        "drivesim": drivesim.__version__,
        "commit": _short(commit()),
        "Python": platform.python_version(),
        **{name: version(name) for name in _PACKAGES},
    }
