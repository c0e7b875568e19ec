"""Evaluation table: the metrics of evaluations, and of stresses, for a terminal and as Markdown."""

from collections.abc import Sequence

from rich.table import Table

from agents.evaluation.evaluation import Evaluation
from agents.evaluation.metric_table import METRICS, Metric
from agents.evaluation.metrics import Statistic
from agents.stress.robustness import Robustness


def evaluation_table(evaluations: Sequence[Evaluation]) -> Table:
    """Return the metrics as a table: of one driver with the worst tracks, of several side by side."""
    table = Table(title=_title(evaluations), caption=_speed(evaluations))
    header, rows = _cells(evaluations)
    table.add_column(header[0])
    for column in header[1:]:
        table.add_column(column, justify="right")
    for row in rows:
        table.add_row(*row)
    return table


def evaluation_markdown(evaluations: Sequence[Evaluation]) -> str:
    """Return the same as Markdown."""
    header, rows = _cells(evaluations)
    lines = [f"### {_title(evaluations)}", "", *_head(header)]
    return "\n".join([*lines, *map(_row, rows), "", _speed(evaluations)])


def stress_table(robustness: Robustness, metric: str) -> Table:
    """Return a metric by stress and severity."""
    title, caption = _stress_title(robustness, METRICS[metric]), _stress_mean(robustness, METRICS[metric])
    # The title and the caption are longer than six narrow columns.
    table = Table(title=title, caption=caption, min_width=60)
    table.add_column("stress")
    for severity in robustness.severities:
        table.add_column(str(severity), justify="right")
    for row in _stress_rows(robustness, METRICS[metric]):
        table.add_row(*row)
    return table


def stress_markdown(robustness: Robustness, metric: str) -> str:
    """Return the same as Markdown."""
    header = ["stress", *map(str, robustness.severities)]
    lines = [
        f"### {_stress_title(robustness, METRICS[metric])}",
        "",
        _row(header),
        _row(["---"] + ["--:"] * (len(header) - 1)),
    ]
    rows = _stress_rows(robustness, METRICS[metric])
    return "\n".join([*lines, *map(_row, rows), "", _stress_mean(robustness, METRICS[metric])])


def _title(evaluations: Sequence[Evaluation]) -> str:
    tracks = " and ".join(sorted({f"{len(evaluation.tracks)} tracks" for evaluation in evaluations}))
    names = ", ".join(evaluation.name for evaluation in evaluations)
    stopped = "" if all(evaluation.complete for evaluation in evaluations) else " (incomplete: stopped by the user)"
    return f"{names} on {tracks}{stopped}"


def _speed(evaluations: Sequence[Evaluation]) -> str:
    return "; ".join(
        f"{evaluation.frames_per_second:,.0f} control steps a second, "
        f"{evaluation.summary['inference_share']:.0%} of the time in the driver"
        for evaluation in evaluations
    )


def _cells(evaluations: Sequence[Evaluation]) -> tuple[list[str], list[list[str]]]:
    if len(evaluations) > 1:
        header = ["metric", *(evaluation.name for evaluation in evaluations)]
        return header, [
            [metric.title, *(_with_interval(metric, e.statistics[metric.name]) for e in evaluations)]
            for metric in METRICS.values()
        ]
    header = ["metric", "value", "95% interval", "worst tenth", "worst track"]
    rows = []
    for metric in METRICS.values():
        known = evaluations[0].statistics[metric.name]
        tail = ["" if value is None else metric.text(value) for value in (known.worst_tenth, known.worst)]
        rows.append([metric.title, metric.text(known.value), _interval(metric, known), *tail])
    return header, rows


def _interval(metric: Metric, known: Statistic) -> str:
    if known.low is None or known.high is None:
        return ""
    return f"{metric.text(known.low)} to {metric.text(known.high)}"


def _with_interval(metric: Metric, known: Statistic) -> str:
    interval = _interval(metric, known)
    return f"{metric.text(known.value)} ({interval})" if interval else metric.text(known.value)


def _stress_title(robustness: Robustness, metric: Metric) -> str:
    stopped = "" if robustness.complete else " (incomplete: stopped by the user)"
    return f"{robustness.name} under stress: {metric.title}, by severity{stopped}"


def _stress_rows(robustness: Robustness, metric: Metric) -> list[list[str]]:
    clean = ["none", *[metric.text(robustness.clean[metric.name])] * len(robustness.severities)]
    values = robustness.table(metric.name).tolist()
    stressed = zip(robustness.stresses, values, strict=True)
    return [clean, *([stress.name, *map(metric.text, row)] for stress, row in stressed)]


def _stress_mean(robustness: Robustness, metric: Metric) -> str:
    cells = len(robustness.summaries)
    if not cells:
        return "nothing was driven under stress"
    return (
        f"mean over {cells} cells: {metric.text(robustness.means()[metric.name])}; "
        f"{robustness.tracks} tracks, {robustness.seconds:g} s on each"
    )


def _head(cells: Sequence[str]) -> list[str]:
    return [_row(cells), _row(["---", *["--:"] * (len(cells) - 1)])]


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"
