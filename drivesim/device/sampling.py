"""Sampling: ground textures sampled bilinearly from a pool of packed texels, in the arithmetic of bytes.

A texel is an int32 of four bytes: red lowest, then green, blue and alpha. Red and blue are mixed in one integer, each
in a half of it; green beside them: as `drivesim.warp` does, whose weights and rounding these are.
"""

import torch
from torch import Tensor

# Weights of neighbouring texels are in parts of 256.
_BITS = 8
_ONE = 1 << _BITS

# Red and blue: the lower byte of each half. Green, shifted by a byte, is the lower one of the lower half.
_LANES = 0x00FF00FF
_HALF = 0x00800080


def sample(texels: Tensor, offset: Tensor, height: Tensor, width: Tensor, column: Tensor, row: Tensor) -> Tensor:
    """Sample images bilinearly; beyond an image its border goes on.

    Args:
        texels: (T,) int32, of all images, row by row.
        offset: Of each image's first texel, int64; broadcasts with the places, as do the sizes.
        height: Of each image, int32.
        width: Of each image, int32.
        column: Places, float32, texel centres at integers.
        row: As `column`.

    Returns:
        Red and blue in the lower byte of each half of an int32, and green, each of the places' shape.
    """
    at_x, at_y = ((place * _ONE + 0.5).floor().int() for place in (column, row))
    right, below = at_x & (_ONE - 1), at_y & (_ONE - 1)
    left, top = at_x >> _BITS, at_y >> _BITS
    zero = torch.zeros_like(width)
    columns = (torch.clamp(left + beside, zero, width - 1) for beside in (0, 1))
    near, far = columns
    lines = (offset + (torch.clamp(top + under, zero, height - 1) * width) for under in (0, 1))
    upper, lower = lines
    return _mixed(
        _mix(texels[upper + near], texels[lower + near], below),
        _mix(texels[upper + far], texels[lower + far], below),
        right,
    )


def _mix(first: Tensor, second: Tensor, weight: Tensor) -> tuple[Tensor, Tensor]:
    """Mix packed texels; returns red and blue, and green."""
    pairs = ((first & _LANES, second & _LANES), ((first >> 8) & 0xFF, (second >> 8) & 0xFF))
    red_blue, green = (_between(a, b, weight) for a, b in pairs)
    return red_blue, green


def _mixed(first: tuple[Tensor, Tensor], second: tuple[Tensor, Tensor], weight: Tensor) -> Tensor:
    """Mix what `_mix` returned; red and blue, and green, behind one another."""
    return torch.stack([_between(a, b, weight) for a, b in zip(first, second, strict=True)])


def _between(first: Tensor, second: Tensor, weight: Tensor) -> Tensor:
    """(256 - weight) * first + weight * second, divided by 256 and rounded, in each half of an int32.

    The upper half's product reaches into the sign, which the mask takes away again.
    """
    return (((_ONE - weight) * first + weight * second + _HALF) >> _BITS) & _LANES


def mean_of_lines(mixed: Tensor, samples: int) -> Tensor:
    """Average every `samples` lines, a power of 2 up to 16, of what `sample` returned: (2, N, L, W)."""
    if samples == 1:
        return mixed
    sums = mixed.unflatten(2, (-1, samples)).sum(dim=3, dtype=torch.int32)
    half = samples // 2
    return ((sums + (half | half << 16)) >> (samples.bit_length() - 1)) & _LANES


def unpack(mixed: Tensor) -> Tensor:
    """Return colours (N, H, W, 3) uint8 of what `sample` returned: (2, N, H, W)."""
    red_blue, green = mixed
    return torch.stack([red_blue & 0xFF, green, red_blue >> 16], dim=-1).to(torch.uint8)
