"""Confusion: which classes a classifier takes for which, counted and drawn."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from numpy.typing import NDArray

# Beyond so many classes numbers in the cells and names beside them can't be read.
_MOST_WRITTEN, _MOST_NAMED = 20, 60


def confusion_matrix(labels: NDArray[np.int64], told: NDArray[np.int64], classes: int) -> NDArray[np.int64]:
    """Count what was told for what was shown.

    Args:
        labels: (N,) shown.
        told: (N,) by the classifier.
        classes: How many there are.

    Returns:
        (C, C): a row for what was shown, a column for what was told.
    """
    return np.bincount(labels * classes + told, minlength=classes * classes).reshape(classes, classes)


def accuracy(confusion: NDArray[np.int64]) -> float:
    """Return the share of pictures told right."""
    return float(np.trace(confusion) / max(confusion.sum(), 1))


def recall(confusion: NDArray[np.int64]) -> list[float | None]:
    """Return the share told right of each class's pictures; None where it has none."""
    return [float(row[i] / row.sum()) if row.sum() else None for i, row in enumerate(confusion)]


def draw_confusion(confusion: NDArray[np.int64], classes: Sequence[str], path: Path) -> None:
    """Draw it: colour is the share of a row, numbers are pictures.

    Args:
        confusion: (C, C) counts.
        classes: C names.
        path: PNG to write.
    """
    count = len(classes)
    side = min(2.5 + 0.5 * count, 16.0)
    figure = Figure(figsize=(side + 1.0, side), layout="constrained")
    FigureCanvasAgg(figure)
    axis = figure.subplots()
    shares = confusion / np.maximum(confusion.sum(axis=1, keepdims=True), 1)
    image = axis.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    if count <= _MOST_WRITTEN:
        for row, column in zip(*np.nonzero(confusion), strict=True):
            color = "white" if shares[row, column] > 0.5 else "black"
            axis.text(column, row, str(confusion[row, column]), ha="center", va="center", fontsize=8, color=color)
    if count <= _MOST_NAMED:
        axis.set_xticks(range(count), [name[:20] for name in classes], rotation=90, fontsize=8)
        axis.set_yticks(range(count), [name[:20] for name in classes], fontsize=8)
    axis.set_xlabel("told")
    axis.set_ylabel("shown")
    axis.set_title(f"{confusion.sum()} pictures, accuracy {accuracy(confusion):.3f}", fontsize=10)
    figure.colorbar(image, ax=axis, label="share of the row", shrink=0.7)
    figure.savefig(path, dpi=110, format="png")
