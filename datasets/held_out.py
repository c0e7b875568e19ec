"""Held out: which stretches of stored drives are not learned from, but judge what was learned."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from datasets.formats.drive import Pictures, Side, StoredDrive
from drivesim.errors import DrivesimError

# With so many drives whole ones are held out; with fewer, stretches of them.
_ENOUGH_DRIVES = 5
_STRETCHES = 10

# Between what is learned from and a stretch that is held out of the same drive: pictures of one moment look alike.
_GUARD_SECONDS = 1.0
_FEWEST_STEPS = 20


@dataclass(frozen=True, eq=False)
class Split:
    """Drives to learn from, and drives that judge.

    Attributes:
        learned: Drives, or what is left of them.
        held_out: Drives, or stretches of them.
        whole_drives: Whether none of the held-out ones shares a drive with what is learned from.
    """

    learned: list[StoredDrive]
    held_out: list[StoredDrive]
    whole_drives: bool


@dataclass(frozen=True, eq=False)
class PictureRange:
    """Some pictures of others: those from `start` on."""

    pictures: Pictures
    start: int
    count: int

    def __len__(self) -> int:
        """Return how many there are."""
        return self.count

    def read(self, indices: Sequence[int]) -> list[np.ndarray]:
        """Return some of them; see `Pictures`."""
        return self.pictures.read([self.start + index for index in indices])


def split(drives: Sequence[StoredDrive], share: float, seed: int) -> Split:
    """Hold out about a share of the steps: whole drives, or, of few drives, stretches with a second around them.

    Args:
        drives: All there are.
        share: Of the steps, 0 to 1.
        seed: Of which.

    Raises:
        DrivesimError: If there are too few steps.
    """
    total = sum(map(len, drives))
    if total < _FEWEST_STEPS:
        raise DrivesimError(
            f"data: {total} steps can be read; expected {_FEWEST_STEPS} or more, to learn from most and to be judged "
            "by the rest. Record more."
        )
    rng = np.random.default_rng(seed)
    if len(drives) >= _ENOUGH_DRIVES:
        chosen = _choose([len(drive) for drive in drives], share * total, rng)
        # One long drive among short ones may be most of what there is.
        if sum(len(drives[at]) for at in chosen) <= total / 2:
            learned = [drive for at, drive in enumerate(drives) if at not in chosen]
            return Split(learned, [drives[at] for at in sorted(chosen)], True)
    parts = [(drive, int(start), int(stop)) for drive in drives for start, stop in _stretches(len(drive))]
    chosen = _choose([stop - start for _, start, stop in parts], share * total, rng)
    held_out = [part_of(*parts[at]) for at in sorted(chosen)]
    learned = []
    for at, (drive, start, stop) in enumerate(parts):
        if at in chosen:
            continue
        guard = min(round(_GUARD_SECONDS * drive.control_hz), (stop - start) // 3)
        if at - 1 in chosen and parts[at - 1][0] is drive:
            start += guard
        if at + 1 in chosen and parts[at + 1][0] is drive:
            stop -= guard
        learned.append(part_of(drive, start, stop))
    return Split(learned, held_out, False)


def part_of(drive: StoredDrive, start: int, stop: int) -> StoredDrive:
    """Return the steps of a drive from `start` to before `stop`."""
    steps = slice(start, stop)
    sides = {}
    for name, side in drive.sides.items():
        first, last = np.searchsorted(side.steps, [start, stop])
        if last > first:
            pictures = PictureRange(side.pictures, int(first), int(last - first))
            sides[name] = Side(side.steps[first:last] - start, pictures)
    return StoredDrive(
        f"{drive.name}, steps {start} to {stop - 1}",
        PictureRange(drive.pictures, start, stop - start),
        drive.size,
        drive.steering[steps],
        drive.pedal[steps],
        drive.speed[steps],
        drive.time[steps] - drive.time[start],
        sides,
        drive.environment,
    )


def _stretches(steps: int) -> list[tuple[int, int]]:
    edges = np.unique(np.linspace(0, steps, _STRETCHES + 1).astype(int))
    return list(zip(edges[:-1].tolist(), edges[1:].tolist(), strict=True))


def _choose(sizes: Sequence[int], wanted: float, rng: np.random.Generator) -> set[int]:
    """Draw members until their sizes make up what is wanted: one at least, and never all."""
    chosen: set[int] = set()
    held = 0
    for at in rng.permutation(len(sizes)).tolist():
        if chosen and (held >= wanted or held + sizes[at] > 2 * wanted or len(chosen) == len(sizes) - 1):
            continue
        chosen.add(at)
        held += sizes[at]
    return chosen
