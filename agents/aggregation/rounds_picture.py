"""Rounds picture: driving against the labels that it took, of one run or of several side by side."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from agents.aggregation.rounds import Row
from drivesim.whole_file import whole_file

# What counts as driving by itself, as in the README's requirements.
_GOAL = 0.99


def draw_rounds(runs: Mapping[str, Sequence[Row]], path: Path) -> None:
    """Draw autonomy and mean cross-track error against labels.

    Args:
        runs: The rows of each run by name.
        path: PNG to write.
    """
    figure = Figure(figsize=(11, 4.6), layout="constrained")
    FigureCanvasAgg(figure)
    driving, error = figure.subplots(1, 2)
    for name, rows in runs.items():
        labels = [row["labels"] for row in rows]
        (line,) = driving.plot(labels, [row["autonomy"] for row in rows], "o-", label=name)
        error.plot(labels, [row["cross_track_error"] for row in rows], "o-", color=line.get_color(), label=name)
        for row in rows:
            place = (row["labels"], row["autonomy"])
            driving.annotate(f"{row['round']}", place, (4, 5), textcoords="offset points", fontsize=8)
    driving.axhline(_GOAL, color="0.5", linewidth=0.8, linestyle="--")
    driving.set_ylabel("autonomy on held-out tracks")
    error.set_ylabel("mean distance to the centreline (m)")
    for axis in (driving, error):
        axis.set_xlabel("labels used (control steps)")
        axis.grid(alpha=0.3)
        axis.set_xlim(0, 1.05 * max(row["labels"] for run in runs.values() for row in run))
    rows = [row for run in runs.values() for row in run]
    lowest = min([_GOAL, *(row["autonomy"] for row in rows)])
    driving.set_ylim(lowest - 0.1 * (1.005 - lowest), 1.005)
    error.set_ylim(0, 1.1 * max(row["cross_track_error"] for row in rows))
    driving.legend(fontsize=8, loc="lower right")
    with whole_file(path) as part:
        figure.savefig(part, dpi=110, format="png")
