"""Recolor on a torch device: what `datasets.recolor` does to frames that are there already."""

import numpy as np
import torch
from torch import Tensor

from datasets.recolor import STRIDE, Turns


def recolored(frames: Tensor, turns: Turns) -> Tensor:
    """Return frames (B, H, W, 3) uint8 RGB with their colours turned."""
    chosen = np.flatnonzero(turns.chosen)
    if not len(chosen):
        return frames
    at = torch.from_numpy(chosen).to(frames.device)
    maps, contrast, lightness = (
        torch.from_numpy(values[chosen]).to(frames.device) for values in (turns.maps, turns.contrast, turns.lightness)
    )
    seen = frames[at]
    pixels = seen[:, ::STRIDE, ::STRIDE].flatten(1, 2).double()
    mean = pixels.mean(dim=1)
    # The mean variance of the three turned values.
    turned = (pixels - mean[:, None]) @ maps.transpose(1, 2)
    spread = (turned.square().sum(dim=(1, 2)) / max(pixels.shape[1] - 1, 1) / 3).sqrt()
    turn = maps * (contrast / spread.clamp(min=1e-3))[:, None, None]
    offset = lightness - (turn @ mean[..., None])[..., 0]
    values = seen.flatten(1, 2).float() @ turn.transpose(1, 2).float() + offset[:, None].float()
    return frames.index_copy(0, at, values.round().clamp(0, 255).to(torch.uint8).view_as(seen))
