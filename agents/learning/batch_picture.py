"""Batch picture: the very tensors that enter a network, with their labels."""

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from torch import Tensor


def draw_batch(views: Sequence[Tensor], actions: Tensor, path: Path) -> None:
    """Draw samples as a sheet; cameras one above the other, past frames to the left of the newest.

    Args:
        views: Of each camera, (B, 3, H, W) uint8 RGB, or with past frames (B, 1 + past, 3, H, W), newest first.
        actions: (B, A) float32: steering, and pedal where there is one.
        path: PNG to write.
    """
    pictures = [_in_one([view[number] for view in views]) for number in range(len(actions))]
    height, width = pictures[0].shape[:2]
    columns = int(np.clip(round(8 * height / width), 2, 8))
    rows = -(-len(pictures) // columns)
    figure = Figure(figsize=(12, (12 / columns * height / width + 0.2) * rows))
    FigureCanvasAgg(figure)
    axes = figure.subplots(rows, columns, squeeze=False)
    for axis in axes.flat:
        axis.axis("off")
    for axis, picture, action in zip(axes.flat, pictures, actions.cpu().numpy(), strict=False):
        axis.imshow(picture)
        axis.set_title("  ".join(f"{value:+.2f}" for value in action), fontsize=8)
        # The wheel: an arrow that leans as far as it is turned.
        angle = action[0] * np.pi / 2
        tip = (width / 2 + 0.25 * height * np.sin(angle), height - 3 - 0.25 * height * np.cos(angle))
        axis.annotate("", tip, (width / 2, height - 3), arrowprops={"arrowstyle": "->", "color": "yellow", "lw": 1.5})
    figure.tight_layout()
    figure.savefig(path, dpi=110)


def _in_one(views: list[Tensor]) -> np.ndarray:
    """Put a sample's frames, (3, H, W) or (1 + past, 3, H, W) each, into one picture (height, width, 3)."""
    rows = []
    for view in views:
        frames = view.reshape(-1, *view.shape[-3:]).movedim(-3, -1).cpu().numpy()
        rows.append(np.concatenate(list(frames[::-1]), axis=1))
    width = max(row.shape[1] for row in rows)
    scaled = [cv2.resize(row, (width, round(row.shape[0] * width / row.shape[1]))) for row in rows]
    return np.concatenate(scaled)
