"""Heat map: a metric by stress and severity, coloured by what the stress cost."""

from itertools import pairwise
from pathlib import Path

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from agents.evaluation.metric_table import METRICS, Metric
from agents.stress.robustness import Robustness
from agents.stress.stresses import Stress
from drivesim.whole_file import whole_file


def draw_heat_map(robustness: Robustness, metrics: list[str], path: Path) -> None:
    """Draw one panel a metric (PNG): its value in every cell, and as colour how much worse that is than without stress.

    Args:
        robustness: What was measured.
        metrics: Names, one a panel.
        path: Where to.
    """
    stresses = robustness.stresses
    severities = [str(severity) for severity in robustness.severities]
    figure = Figure(
        figsize=(3.2 + len(metrics) * (0.9 + 0.62 * len(severities)), 1.7 + 0.27 * len(stresses)), layout="constrained"
    )
    FigureCanvasAgg(figure)
    axes = figure.subplots(1, len(metrics), squeeze=False)[0]
    for axis, name in zip(axes, metrics, strict=True):
        metric, values = METRICS[name], robustness.table(name)
        clean = robustness.clean[name]
        worse = (clean - values) if metric.more_is_better else (values - clean)
        scale = _full_scale(metric, worse)
        image = axis.imshow(worse, cmap="OrRd", vmin=0, vmax=scale, aspect="auto")
        for row, column in np.ndindex(values.shape):
            text = metric.text(float(values[row, column]))
            strong = np.nan_to_num(worse[row, column]) > 0.6 * scale
            axis.text(column, row, text, ha="center", va="center", fontsize=7, color="white" if strong else "black")
        axis.set_xticks(range(len(severities)), severities)
        axis.set_xlabel("severity")
        axis.set_title(f"{metric.title}\nwithout stress {metric.text(clean)}", fontsize=9)
        axis.tick_params(length=0, labelsize=8)
        axis.set_yticks(range(len(stresses)), [_label(stress) for stress in stresses] if axis is axes[0] else [])
        _divide_parts(axis, stresses)
        bar = figure.colorbar(image, ax=axis, shrink=0.6, aspect=30, pad=0.02)
        bar.ax.tick_params(labelsize=7)
        bar.set_label(f"worse than without stress{f' ({metric.unit})' if metric.unit else ''}", fontsize=8)
    figure.suptitle(
        f"{robustness.name}: {robustness.tracks} unseen tracks a cell, {robustness.seconds:g} s on each", fontsize=10
    )
    with whole_file(path) as part:
        figure.savefig(part, dpi=100, format="png")


def _full_scale(metric: Metric, worse: np.ndarray) -> float:
    """Where the colours end: 1 for a share; for others, the most that a stress cost."""
    if not metric.unit and metric.more_is_better:
        return 1.0
    return float(np.nanmax(worse, initial=1e-9))


def _label(stress: Stress) -> str:
    return stress.name.replace("-", " ")


def _divide_parts(axis: object, stresses: tuple[Stress, ...]) -> None:
    """Draw a line between the camera's stresses, the car's, the loop's and the start's."""
    for row, (before, after) in enumerate(pairwise(stresses)):
        if before.part != after.part:
            axis.axhline(row + 0.5, color="black", linewidth=1.2)  # type: ignore[attr-defined]
