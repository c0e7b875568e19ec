"""Drift: how far what is seen and done now is from what it was: population stability index, Mahalanobis distance."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from drivesim.geometry import Floats

# An index above it is called a significant shift by those who use it (Siddiqi 2006, "Credit Risk Scorecards").
PSI_LIMIT = 0.25

_BINS = 10

# A share of nothing counts as this, or one value in an empty bin would weigh infinitely.
_LEAST_SHARE = 1e-3

# Frames' statistics are compared as ratios: half the light is as far from usual in a dark look as in a light one.
_LOG_OFFSET = 0.01


@dataclass(frozen=True)
class Distribution:
    """How a value was distributed.

    Attributes:
        edges: Between bins of equal share, ascending; the first and the last lie a tenth of the range outside of it.
        shares: Of each bin, one more than edges: what lies beyond the outermost edges had no share.
        mean: Of the value.
        usual: The largest index that any one road of the reference shows against all of them. The values of ten seconds
            on one road are never spread as those of many roads are, so that this is far from 0.
    """

    edges: tuple[float, ...]
    shares: tuple[float, ...]
    mean: float
    usual: float

    @classmethod
    def of(cls, roads: Sequence[Floats]) -> "Distribution":
        """Describe a value, given those of each road: (T,) each."""
        values = np.concatenate(roads)
        low, high = float(values.min()), float(values.max())
        margin = 0.1 * (high - low) + 1e-6
        inner = np.quantile(values, np.arange(1, _BINS) / _BINS)
        edges = np.unique(np.concatenate([[low - margin], inner, [high + margin]]))
        alone = cls(tuple(edges.tolist()), tuple(_shares(values, edges).tolist()), float(values.mean()), 0.0)
        return cls(alone.edges, alone.shares, alone.mean, max(alone.psi(road) for road in roads))

    def psi(self, values: Floats) -> float:
        """Return the population stability index of values (T,) against this distribution; 0 where they are alike."""
        was = np.maximum(self.shares, _LEAST_SHARE)
        now = np.maximum(_shares(values, np.array(self.edges)), _LEAST_SHARE)
        return float(((now - was) * np.log(now / was)).sum())

    @property
    def limit(self) -> float:
        """The index above which the value has drifted: `PSI_LIMIT` more than roads differ among themselves."""
        return self.usual + PSI_LIMIT


@dataclass(frozen=True)
class Normality:
    """How usual a frame is.

    Attributes:
        mean: (S,) of the logarithms of the statistics.
        precision: (S, S), the inverse of their covariance.
        limit: The distance that one frame in a thousand of the reference exceeds.
    """

    mean: tuple[float, ...]
    precision: tuple[tuple[float, ...], ...]
    limit: float

    @classmethod
    def of(cls, statistics: Floats) -> "Normality":
        """Describe usual frames by their statistics (N, S)."""
        logs = np.log(statistics + _LOG_OFFSET)
        # Where all frames are alike in something, the least difference in it would be infinitely far.
        covariance = np.cov(logs.T) + 1e-6 * np.eye(logs.shape[1])
        rows = np.linalg.inv(covariance).tolist()
        alone = cls(tuple(logs.mean(axis=0).tolist()), tuple(tuple(row) for row in rows), 0.0)
        return cls(alone.mean, alone.precision, float(np.quantile(alone.distance(statistics), 0.999)))

    def distance(self, statistics: Floats) -> Floats:
        """Return the Mahalanobis distance of frames (N,) from the usual, given their statistics (N, S)."""
        off = np.log(statistics + _LOG_OFFSET) - self.mean
        return np.sqrt(np.einsum("ni,ij,nj->n", off, np.array(self.precision), off))


def _shares(values: Floats, edges: Floats) -> Floats:
    counts = np.bincount(np.searchsorted(edges, values), minlength=len(edges) + 1)
    return counts / max(len(values), 1)
