"""Batch picture: the very tensors that enter a network, with their labels."""

from pathlib import Path

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from torch import Tensor


def draw_batch(frames: Tensor, actions: Tensor, path: Path) -> None:
    """Draw samples as a sheet.

    Args:
        frames: (B, 3, H, W) uint8 RGB.
        actions: (B, A) float32: steering, and pedal where there is one.
        path: PNG to write.
    """
    columns = 8
    rows = -(-len(frames) // columns)
    figure = Figure(figsize=(1.5 * columns, 1.7 * rows))
    FigureCanvasAgg(figure)
    axes = figure.subplots(rows, columns, squeeze=False)
    pictures = frames.permute(0, 2, 3, 1).cpu().numpy()
    for axis in axes.flat:
        axis.axis("off")
    for axis, picture, action in zip(axes.flat, pictures, actions.cpu().numpy(), strict=False):
        axis.imshow(picture)
        axis.set_title("  ".join(f"{value:+.2f}" for value in action), fontsize=8)
        height, width = picture.shape[:2]
        # The wheel: an arrow that leans as far as it is turned.
        angle = action[0] * np.pi / 2
        tip = (width / 2 + 0.25 * height * np.sin(angle), height - 3 - 0.25 * height * np.cos(angle))
        axis.annotate("", tip, (width / 2, height - 3), arrowprops={"arrowstyle": "->", "color": "yellow", "lw": 1.5})
    figure.tight_layout()
    figure.savefig(path, dpi=110)
