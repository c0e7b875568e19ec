"""Labelled images: pictures of one size with the class that each shows, held in memory."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class LabelledImages:
    """Pictures and their classes.

    Attributes:
        images: (N, S, S, 3) uint8 RGB.
        labels: (N,) int64, into the classes.
        classes: Names.
    """

    images: NDArray[np.uint8]
    labels: NDArray[np.int64]
    classes: tuple[str, ...]

    def __len__(self) -> int:
        """Return the number of pictures."""
        return len(self.labels)

    def take(self, indices: Sequence[int] | NDArray[np.int64]) -> "LabelledImages":
        """Return some of the pictures."""
        return LabelledImages(self.images[indices], self.labels[indices], self.classes)

    def split(self, share: float, rng: np.random.Generator) -> tuple["LabelledImages", "LabelledImages"]:
        """Divide at random, each class by itself; a class of two pictures or more is on both sides.

        Args:
            share: Of the second part, 0 to 1.
            rng: Draws.
        """
        second: list[int] = []
        for label in range(len(self.classes)):
            members = rng.permutation(np.flatnonzero(self.labels == label))
            count = min(max(round(share * len(members)), 1), len(members) - 1)
            second += members[: max(count, 0)].tolist()
        is_second = np.zeros(len(self), bool)
        is_second[second] = True
        return self.take(np.flatnonzero(~is_second)), self.take(np.flatnonzero(is_second))


@dataclass(frozen=True, eq=False)
class ImageSets:
    """A data set of pictures.

    Attributes:
        name: Of the data set; no path.
        train: To learn from.
        val: Chooses what is kept.
        test: Measures it; None where the data set has no such part.
        lost: One sentence a kind of picture that was left out.
    """

    name: str
    train: LabelledImages
    val: LabelledImages
    test: LabelledImages | None = None
    lost: tuple[str, ...] = ()
