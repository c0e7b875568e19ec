"""Report: an evaluation as one HTML file that needs nothing else: no server, no network, no other file."""

import platform
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

import drivesim
from agents.evaluation import Evaluation
from agents.intervals import bootstrap_interval
from agents.metrics import METRICS, summary
from agents.provenance import commit
from agents.report_drawings import ERROR_STEPS, autonomy_chart, error_chart, track_map
from agents.report_videos import Film
from drivesim.errors import DrivesimError

_TEMPLATES = Path(__file__).parent / "templates"

_PACKAGES = ("numpy", "opencv-python-headless", "torch", "gymnasium")

# The largest of all is no mean: resampled tracks can only make it smaller.
_WITHOUT_INTERVAL = ("cross_track_error_max",)

_TILES = ("autonomy", "tracks_without_departure", "cross_track_error_mean", "progress_against_expert")


@dataclass(frozen=True)
class Quantity:
    """How a metric is written.

    Attributes:
        label: Its name in words.
        unit: Its unit; empty for none.
        digits: After the decimal point.
        is_share: Whether it is written in per cent.
        meaning: One sentence; empty where the label says it.
        short: Its name where there is little room; empty for the label.
    """

    label: str
    unit: str = ""
    digits: int = 3
    is_share: bool = False
    meaning: str = ""
    short: str = ""

    def text(self, value: float, signed: bool = False) -> str:
        """Write a value, without its unit."""
        if not np.isfinite(value):
            return "–"
        number = f"{100 * value if self.is_share else value:{'+' if signed else ''}.{self.digits}f}"
        # A true minus sign is as wide as the plus.
        return number.replace("-", "−") + ("%" if self.is_share else "")


_QUANTITIES = {
    "autonomy": Quantity(
        "Autonomy", meaning="1 − 6 s × interventions / seconds driven; one at 1 m from the centreline."
    ),
    "interventions": Quantity("Interventions", digits=0),
    "interventions_per_km": Quantity(
        "Interventions", "per km", meaning="The car is put back at 1 m from the centreline."
    ),
    "departures": Quantity("Departures", digits=0),
    "departures_per_km": Quantity(
        "Departures", "per km", meaning="A wheel leaves the road, driven without interventions."
    ),
    "tracks_without_departure": Quantity("Tracks without a departure", digits=1, is_share=True),
    "lap_completed": Quantity("Lap", digits=0, meaning="Completed without a departure."),
    "laps_completed": Quantity("Laps completed", digits=1, is_share=True, meaning="Without a departure."),
    "cross_track_error_mean": Quantity(
        "Distance to the centreline",
        "m",
        meaning="Mean over a track's steps, then over tracks.",
        short="Distance, mean",
    ),
    "cross_track_error_p95": Quantity(
        "Distance, 95th percentile", "m", meaning="Mean over tracks.", short="Distance, 95%"
    ),
    "cross_track_error_max": Quantity(
        "Distance, largest", "m", 2, meaning="The worst moment of all tracks.", short="Distance, largest"
    ),
    "steering_change": Quantity(
        "Steering change", "per s", meaning="Mean change of the action, which is from −1 to 1."
    ),
    "mean_speed": Quantity("Speed", "m/s", 2),
    "progress_against_expert": Quantity(
        "Progress against the expert",
        short="Against the expert",
        meaning="Metres a second, as a ratio to the scripted expert's on the same tracks.",
    ),
    "distance": Quantity("Driven", "m", 0),
    "elapsed": Quantity("Time", "s", 1),
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
    path.write_text(render_report(evaluations, command, options or {}, films, stress), encoding="utf-8")


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


def _quantity(name: str) -> Quantity:
    return _QUANTITIES.get(name, Quantity(name.replace("_", " ").capitalize()))


def _summary_rows(evaluations: Sequence[Evaluation]) -> list[dict[str, Any]]:
    """Each metric with its interval over tracks, and with its paired difference from the first evaluation's."""
    names = [name for name in evaluations[0].summary if _is_number(evaluations[0].summary[name])]
    count = len(evaluations[0].tracks)

    def values(evaluation: Evaluation, picks: np.ndarray) -> np.ndarray:
        found = summary([evaluation.tracks[i] for i in picks])
        return np.array([found.get(name, np.nan) for name in names])

    low, high = bootstrap_interval(some, values)
    rows = []
    for i, name in enumerate(names):
        quantity, has_interval = _quantity(name), count > 1 and name not in _WITHOUT_INTERVAL
        cells = [
            {
                "text": quantity.text(evaluation.summary[name]),
                "interval": _interval(quantity, low[i], high[i]) if has_interval else "",
            }
            for evaluation, (low, high) in zip(evaluations, found, strict=True)
        ]
        compared = [
            {
                "text": quantity.text(evaluation.summary[name] - evaluations[0].summary[name], signed=True),
                "interval": _interval(quantity, low[i], high[i], signed=True) if has_interval else "",
                "verdict": _verdict(name, low[i], high[i]) if has_interval else "",
            }
            for evaluation, (low, high) in zip(evaluations[1:], differences, strict=True)
        ]
        rows.append({"name": name, "quantity": quantity, "cells": cells, "differences": compared})
    return rows


def _is_number(value: object) -> bool:
    return isinstance(value, int | float | np.number)


def _interval(quantity: Quantity, low: float, high: float, signed: bool = False) -> str:
    if not (np.isfinite(low) and np.isfinite(high)):
        return ""
    return f"{quantity.text(low, signed).removesuffix('%')} to {quantity.text(high, signed)}"


def _verdict(name: str, low: float, high: float) -> str:
    """`better` or `worse` where the interval of the difference leaves out 0."""
    if name not in METRICS or not (low > 0 or high < 0):
        return ""
    return "better" if (low > 0) == METRICS[name] else "worse"


def _policy(name: str, evaluation: Evaluation, films: Sequence[Film]) -> dict[str, Any]:
    """What the page shows of one evaluation."""
    tracks = []
    for driven, metrics in zip(evaluation.drives, evaluation.tracks, strict=True):
        track_name = driven.world.track.name
        error = _quantity("cross_track_error_mean").text(metrics["cross_track_error_mean"])
        tracks.append(
            {
                "name": track_name,
                "length": driven.world.track.length,
                "metrics": metrics,
                "map": track_map(driven, f"{track_name}: {error} m from the centreline"),
                "values": {column: _cell(column, metrics.get(column, np.nan)) for column in _COLUMNS},
                "details": [
                    (quantity.label, f"{_cell(key, value)} {quantity.unit}".strip())
                    for key, value in metrics.items()
                    if _is_number(value) and key != "supervised_distance"
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
        "interventions": round(sum(metrics["interventions"] for metrics in evaluation.tracks)),
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
    return _quantity(name).text(value)


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
    is_share = name in ("autonomy", "tracks_without_departure", "laps_completed")
    low, high = (0.0, 1.0) if is_share else (float(np.nanmin(values)), float(np.nanmax(values)))
    if not METRICS[name]:
        low = 0.0
    share = (value - low) / max(high - low, 1e-9)
    bad = float(np.clip(1 - share if METRICS[name] else share, 0.0, 1.0)) if np.isfinite(value) else 1.0
    return {"text": _quantity(name).text(value), "bad": bad}


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
