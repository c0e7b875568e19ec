"""Study picture: the scores of a search by trial, and by what was tried."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from agents.learning.score import ERROR_WEIGHT
from agents.learning.study import Trial
from drivesim.whole_file import whole_file

# Options whose orders of magnitude count.
_LOGARITHMIC = ("learning_rate",)


def draw_study(trials: Sequence[Trial], path: Path) -> None:
    """Draw scores by trial with the best so far; and each trial as a line through what it tried, to its score.

    Args:
        trials: That are over.
        path: PNG to write.
    """
    figure = Figure(figsize=(11, 8), layout="constrained")
    FigureCanvasAgg(figure)
    above, below = figure.subplots(2, 1)
    driven = [trial for trial in trials if trial.score is not None]
    scores = np.array([trial.score for trial in driven], float)
    low, high = (scores.min(), scores.max()) if len(scores) else (0.0, 1.0)
    scale = ScalarMappable(Normalize(low, max(high, low + 1e-6)), "viridis")
    _draw_scores(above, driven, scores, len(trials))
    _draw_lines(below, driven, scores, scale)
    figure.colorbar(scale, ax=below, label="score")
    with whole_file(path) as part:
        figure.savefig(part, dpi=110, format="png")


def _draw_scores(axis: Axes, driven: Sequence[Trial], scores: np.ndarray, count: int) -> None:
    numbers, complete = np.array([t.number for t in driven], int), np.array([t.complete for t in driven], bool)
    axis.plot(numbers[complete], scores[complete], "o", color="tab:blue", label="complete")
    axis.plot(numbers[~complete], scores[~complete], "x", color="0.5", label="ended early")
    best = np.maximum.accumulate(scores[complete])
    axis.step(numbers[complete], best, where="post", color="tab:red", label="best so far")
    axis.xaxis.set_major_locator(MaxNLocator(integer=True))
    axis.set_xlabel("trial")
    axis.set_ylabel(f"score: autonomy - {ERROR_WEIGHT} x error (m)")
    axis.set_title(f"{count} trials, {complete.sum()} of them complete", fontsize=10)
    axis.legend(fontsize=8)
    axis.grid(alpha=0.3)


def _draw_lines(axis: Axes, driven: Sequence[Trial], scores: np.ndarray, scale: ScalarMappable) -> None:
    """Draw parallel coordinates: one upright axis an option."""
    tried = [name for name in (driven[0].options if driven else ()) if len({str(t.options[name]) for t in driven}) > 1]
    places = [_places(name, [trial.options[name] for trial in driven]) for name in tried]
    colors = scale.to_rgba(scores)
    for trial, color, *heights in zip(
        driven, colors, *[place for place, _ in places], _normalised(scores), strict=True
    ):
        style: dict[str, Any] = {"color": color, "linewidth": 1.4}
        if not trial.complete:
            style |= {"linestyle": ":", "alpha": 0.6}
        axis.plot(range(len(heights)), heights, **style)
    for i, (_, marks) in enumerate(places):
        axis.axvline(i, color="0.3", linewidth=0.8)
        for height, text in marks:
            box = {"facecolor": "white", "edgecolor": "none", "alpha": 0.8, "pad": 1}
            axis.text(i - 0.02, height, text, fontsize=7, ha="right", va="center", bbox=box)
    axis.axvline(len(tried), color="0.3", linewidth=0.8)
    axis.set_xticks(range(len(tried) + 1), [*[name.replace("_", " ") for name in tried], "score"])
    axis.set_xlim(-0.4, len(tried) + 0.1)
    axis.set_yticks([])
    axis.set_ylim(-0.08, 1.08)


def _places(name: str, values: Sequence[Any]) -> tuple[np.ndarray, list[tuple[float, str]]]:
    """Return how high each value stands, 0 to 1, and what is written at which height."""
    if any(isinstance(value, str) for value in values):
        kinds = sorted(set(map(str, values)))
        heights = {kind: i / max(len(kinds) - 1, 1) for i, kind in enumerate(kinds)}
        return np.array([heights[str(value)] for value in values]), [(height, kind) for kind, height in heights.items()]
    numbers = np.array(values, float)
    heights_of = _normalised(np.log(numbers) if name in _LOGARITHMIC else numbers)
    marks = [(float(heights_of[i]), f"{numbers[i]:.3g}") for i in (int(numbers.argmin()), int(numbers.argmax()))]
    return heights_of, marks


def _normalised(values: np.ndarray) -> np.ndarray:
    if not len(values):
        return values
    return (values - values.min()) / max(float(np.ptp(values)), 1e-12)
