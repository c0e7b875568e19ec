"""Augment: frames changed on their way into a network, as a camera, the light or the weather might change them.

The actions stay what they were. Mirrored roads and views from beside the line, whose actions do change, belong to
`datasets.views`: they are rendered, not computed from frames.
"""

from contextlib import nullcontext
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torchvision.transforms import v2
from torchvision.transforms.v2 import functional

from datasets.jpeg import through_jpeg
from drivesim.errors import DrivesimError

# Frames that are blurred alike, and share noise and JPEG quality.
_ALIKE = 16

_NOISE = torch.randn(2**20, generator=torch.Generator().manual_seed(0))
_ERASE = v2.RandomErasing(p=1.0, scale=(0.01, 0.08), value=[90.0, 90.0, 90.0])


@dataclass(frozen=True)
class Augment:
    """Random changes of frames.

    Attributes:
        strength: 0 changes nothing, 1 as much as a driver would still see the road through.
    """

    strength: float = 0.5

    def __post_init__(self) -> None:
        """Refuse a strength that is none."""
        if not 0 <= self.strength <= 1:
            raise DrivesimError(f"augment: expected a strength from 0 to 1, got {self.strength}.")

    def __call__(self, frames: Tensor, seed: int) -> Tensor:
        """Change frames (B, 3, H, W) uint8 RGB; the same seed changes the same frames alike."""
        if self.strength == 0:
            return frames
        # Transforms draw from torch's own generator, on a GPU from that one's; it is given back as it was.
        gpus = [frames.device] if frames.is_cuda else []
        with torch.random.fork_rng(devices=gpus), frames.device if gpus else nullcontext():
            torch.manual_seed(seed)
            parts = [self._change(part) for part in frames.split(_ALIKE)]
        return torch.cat(parts).contiguous(memory_format=torch.channels_last)

    def _change(self, frames: Tensor) -> Tensor:
        s = self.strength
        values = _fog(_light(frames.float(), s), s)
        if _happens(0.5 * s):
            values = functional.gaussian_blur(values, [5, 5], [0.2 + 1.3 * s * float(torch.rand(()))])
        if _happens(0.6 * s):
            values = _add_noise(values, 55.0 * s)
        changed = values.clamp_(0, 255).to(torch.uint8)
        if _happens(0.3 * s):
            quality = int(95 - 80 * s * float(torch.rand(())))
            decoded = [through_jpeg(frame.permute(1, 2, 0).cpu().numpy(), quality) for frame in changed]
            changed = torch.from_numpy(np.stack(decoded)).to(changed.device).permute(0, 3, 1, 2)
        return _occlude(changed, s)


def _happens(probability: float) -> bool:
    return bool(torch.rand(()) < probability)


def _around(one: float, spread: float, *shape: int) -> Tensor:
    return one + spread * (2 * torch.rand(*shape) - 1)


def _light(values: Tensor, strength: float) -> Tensor:
    """Change brightness, contrast, saturation and tint of each frame."""
    count = len(values)
    saturation = _around(1.0, 0.8 * strength, count, 1, 1)
    grey = torch.tensor([0.299, 0.587, 0.114]).repeat(3, 1)
    colors = saturation * torch.eye(3) + (1 - saturation) * grey
    colors = colors * _around(1.0, 0.3 * strength, count, 3, 1)
    # Somewhat more or less contrast; and of some frames a small rest.
    contrast = _around(1.0, 0.4 * strength, count, 1, 1)
    faint = torch.rand(count, 1, 1) < 0.35 * strength
    contrast = torch.where(faint, 1 - 0.87 * strength * torch.rand(count, 1, 1), contrast)
    # All of them are linear in the colours: one matrix and one offset a frame.
    middle = values.mean(dim=(2, 3))[..., None]
    brightness = 255 * _around(0.0, 0.35 * strength, count, 1, 1)
    pixels = torch.baddbmm((1 - contrast) * middle + brightness, contrast * colors, values.flatten(2))
    return pixels.view_as(values)


def _fog(values: Tensor, strength: float) -> Tensor:
    """Lay fog over some frames, thicker here than there."""
    chosen = torch.nonzero(torch.rand(len(values)) < 0.4 * strength).flatten()
    if not len(chosen):
        return values
    # More often dense than thin: through thin fog a network sees anyway.
    density = 0.8 * strength * torch.rand(len(chosen), 1, 1, 1).sqrt()
    patches = _patches(len(chosen), 3, values.shape[-2:]) + 0.5 * _patches(len(chosen), 6, values.shape[-2:])
    low, high = patches.amin(dim=(2, 3), keepdim=True), patches.amax(dim=(2, 3), keepdim=True)
    share = (density * (0.5 + (patches - low) / (high - low).clamp(min=1e-3))).clamp(max=0.95)
    values[chosen] = torch.lerp(values[chosen], _around(190.0, 50.0, len(chosen), 1, 1, 1), share)
    return values


def _patches(count: int, cells: int, size: torch.Size) -> Tensor:
    """Draw smooth patches from 0 to 1: (count, 1, *size)."""
    return torch.nn.functional.interpolate(torch.rand(count, 1, cells, cells), size, mode="bilinear")


def _add_noise(values: Tensor, deviation: float) -> Tensor:
    """Add noise of each frame's own deviation, and now and then black and white pixels."""
    # A piece of one long noise: to draw as much anew would take longer than all the rest.
    start = int(torch.randint(_NOISE.numel() // 2, ()))
    # Made on the CPU, where it is the same with every seed and device.
    noise = _NOISE[start : start + values[0].numel()].to(values.device).view_as(values[0])
    values = values + deviation * torch.rand(len(values), 1, 1, 1) * noise
    if _happens(0.3):
        # The rarest tenth of a normal distribution.
        values = torch.where(noise[:1].abs() > 1.65, 255.0 * (noise[:1] > 0), values)
    return values


def _occlude(frames: Tensor, strength: float) -> Tensor:
    """Cover rectangles of some frames, as dirt or a car in front does, and rows of others, as a broken sensor does."""
    for _ in range(3):
        for i in torch.nonzero(torch.rand(len(frames)) < 0.25 * strength).flatten().tolist():
            frames[i] = _ERASE(frames[i])
    for i in torch.nonzero(torch.rand(len(frames)) < 0.15 * strength).flatten().tolist():
        frames[i][:, torch.rand(frames.shape[2]) < 0.2 * torch.rand(())] = 0
    return frames
