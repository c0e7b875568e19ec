"""Tensor history: what `agents.frame_history` remembers, on a torch device."""

from collections.abc import Sequence

import torch
from torch import Tensor


class TensorHistory:
    """Past frames of cars.

    Args:
        past: Earlier frames that are taken beside the newest.
        stride: Control steps between one and the next.
        cars: How many there are.
        device: Where.
    """

    def __init__(self, past: int, stride: int, cars: int, device: torch.device) -> None:
        self._depth = past * stride
        self._rings: list[Tensor] = []
        self._next = torch.zeros(cars, dtype=torch.int64, device=device)
        self._is_new = torch.ones(cars, dtype=torch.bool, device=device)
        self._back = stride * torch.arange(1, past + 1, device=device)

    def forget(self, cars: Tensor) -> None:
        """Forget what cars (K,) saw."""
        self._is_new[cars] = True

    def push(self, frames: Sequence[Tensor], cars: Tensor) -> tuple[Tensor, ...]:
        """Remember frames (K, H, W, 3) of cars (K,), and return them with the past: (K, 1 + past, H, W, 3) each."""
        if not self._rings:
            self._rings = [each.new_zeros(len(self._next), self._depth, *each.shape[1:]) for each in frames]
        at = (self._next[cars, None] - self._back) % self._depth
        is_new = self._is_new[cars][:, None, None, None, None]
        stacks = []
        for ring, newest in zip(self._rings, frames, strict=True):
            past = torch.where(is_new, newest[:, None], ring[cars[:, None], at])
            stacks.append(torch.cat([newest[:, None], past], dim=1))
            # A car's first frame stands for all of its past.
            ring[cars] = torch.where(is_new, newest[:, None], ring[cars])
            ring[cars, self._next[cars]] = newest
        self._next[cars] = (self._next[cars] + 1) % self._depth
        self._is_new[cars] = False
        return tuple(stacks)
