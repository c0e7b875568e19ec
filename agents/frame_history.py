"""Frame history: what cars saw in earlier steps, for policies that take past frames beside the newest.

A car that begins, or is put back on the road, has no past: its first frame stands for all of it, as in training at a
lap's first step.
"""

from collections.abc import Sequence

import numpy as np

Views = tuple[np.ndarray, ...]


class FrameHistory:
    """Past frames of cars.

    Args:
        past: Earlier frames that are taken beside the newest.
        stride: Control steps between one and the next.
        cars: How many there are.
    """

    def __init__(self, past: int, stride: int, cars: int = 1) -> None:
        self.past, self.stride = past, stride
        self._depth = past * stride
        # Of every camera, a ring of each car's last frames: (cars, depth, H, W, 3).
        self._rings: list[np.ndarray] = []
        self._next = np.zeros(cars, np.int64)
        self._is_new = np.ones(cars, bool)

    def forget(self, cars: np.ndarray | None = None) -> None:
        """Forget what cars (K,) saw; what all saw, if left out."""
        self._is_new[slice(None) if cars is None else cars] = True

    def stacked(self, frames: Sequence[np.ndarray], cars: np.ndarray | None = None) -> Views:
        """Return frames with the past behind them; nothing is remembered.

        Args:
            frames: Of every camera, (K, H, W, 3) uint8.
            cars: (K,) whose they are; the first K if left out.

        Returns:
            Of every camera, (K, 1 + past, H, W, 3), newest first; without a past, the frames as they are.
        """
        if not self.past:
            return tuple(frames)
        cars = np.arange(len(frames[0])) if cars is None else cars
        at = (self._next[cars, None] - self.stride * np.arange(1, self.past + 1)) % self._depth
        is_new = self._is_new[cars]
        stacks = []
        for number, newest in enumerate(frames):
            stack = np.empty((len(cars), 1 + self.past, *newest.shape[1:]), newest.dtype)
            stack[:, 0] = newest
            if not is_new.all():
                stack[:, 1:] = self._rings[number][cars[:, None], at]
            stack[is_new, 1:] = newest[is_new, None]
            stacks.append(stack)
        return tuple(stacks)

    def push(self, frames: Sequence[np.ndarray], cars: np.ndarray | None = None) -> Views:
        """Return what `stacked` does, and remember the frames: a control step of these cars is over."""
        stacks = self.stacked(frames, cars)
        if not self.past:
            return stacks
        cars = np.arange(len(frames[0])) if cars is None else cars
        if not self._rings:
            self._rings = [np.empty((len(self._next), self._depth, *each.shape[1:]), each.dtype) for each in frames]
        new = self._is_new[cars]
        for ring, newest in zip(self._rings, frames, strict=True):
            ring[cars[new]] = newest[new, None]
            ring[cars, self._next[cars]] = newest
        self._next[cars] = (self._next[cars] + 1) % self._depth
        self._is_new[cars] = False
        return stacks
