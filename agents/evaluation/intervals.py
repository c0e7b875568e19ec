"""Intervals: how far a figure over tracks would move had other tracks been drawn."""

from collections.abc import Callable
from typing import Any

import numpy as np

from drivesim.errors import DrivesimError


def bootstrap_interval(
    values: np.ndarray, statistic: Callable[[np.ndarray], Any] = np.mean, resamples: int = 2000, seed: int = 0
) -> tuple[Any, Any]:
    """Return the 95% percentile bootstrap interval of a statistic (Efron 1979).

    Args:
        values: (N,) or (N, ...), one entry a track.
        statistic: Of a resample, which has the shape of `values`: a number, or an array of several.
        resamples: How many are drawn.
        seed: Of the draws.

    Returns:
        `(low, high)`, each as `statistic` returns; both the statistic itself where there is one value.
    """
    if len(values) == 0:
        raise DrivesimError("values: expected one or more to resample, got none.")
    draws = np.random.default_rng(seed).integers(len(values), size=(resamples, len(values)))
    found = np.array([statistic(values[draw]) for draw in draws])
    low, high = np.percentile(found, [2.5, 97.5], axis=0)
    return low, high
