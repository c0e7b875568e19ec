"""Stored frames: recorded pictures as a source of batches, like `RenderedFrames`; and several sources as one."""

import tempfile
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, Protocol

import numpy as np

from datasets.balance import StepDraw, step_chances
from datasets.formats.drive import Pictures, StoredDrive
from datasets.frame_fit import FrameFit
from datasets.frames import Batch
from datasets.instruments import mirror
from drivesim.errors import DrivesimError
from drivesim.geometry import Floats

# More than this is held in a file that is gone with the process.
_MOST_IN_MEMORY = 2**30
_CHUNK = 64


class Frames(Protocol):
    """A source of batches."""

    def __len__(self) -> int:
        """Return the number of recorded steps that are learned from."""
        ...

    def epoch(
        self, samples: int, batch_size: int, rng: np.random.Generator, skip: int = 0, share: slice | None = None
    ) -> Iterator[Batch]:
        """Yield batches; see `RenderedFrames.epoch`."""
        ...


@dataclass(frozen=True)
class StoredVariety:
    """What is made of stored pictures.

    Attributes:
        mirror: Whether half of the samples are mirrored.
        balance: 0 draws steps as often as they were driven, 1 all degrees of steering equally often.
        side_correction: Steering that brings the car back from where a camera beside the first one sees it: added to
            the driver's for the left camera, taken from it for the right one. 0 leaves such cameras out.
    """

    mirror: bool = True
    balance: float = 0.0
    side_correction: float = 0.2


@dataclass(frozen=True, eq=False)
class FittedFrames:
    """Frames that are ready to be learned from.

    Attributes:
        frames: (N, H, W, 3) uint8 RGB.
        actions: (N, A) float64: steering, and the pedal where it is learned too.
        speeds: (N,) float64, m/s; NaN where unknown.
        environments: (N,) int64, of each the place in `names`.
        names: Ids of environments; see `StoredDrive.environment`.
        place: Keeps the file that holds them, where there is one.
    """

    frames: np.ndarray
    actions: Floats
    speeds: Floats
    environments: np.ndarray
    names: tuple[str, ...]
    place: object = field(default=None, repr=False)


class StoredFrames:
    """Stored drives as a source of batches.

    Args:
        drives: At least one.
        height: Of the frames to make.
        width: Of the frames to make.
        fit: How pictures become frames.
        variety: What to make of them.
        threads: Threads that read.
        has_pedal: Whether the pedal is learned too.
        needs_speed: Whether steps whose speed is unknown are left out.
        on_step: Told the share of the pictures that is read.
    """

    def __init__(
        self,
        drives: Sequence[StoredDrive],
        height: int,
        width: int,
        fit: FrameFit | None = None,
        variety: StoredVariety | None = None,
        threads: int = 1,
        has_pedal: bool = False,
        needs_speed: bool = False,
        on_step: Callable[[float], None] | None = None,
    ) -> None:
        self.variety = variety or StoredVariety()
        usable = [usable_steps(drive, has_pedal, needs_speed) for drive in drives]
        views = [front_view(drive, steps) for drive, steps in zip(drives, usable, strict=True)]
        self._steps = sum(len(view.indices) for view in views)
        if not self._steps:
            raise DrivesimError(
                "data: no step to learn from: none of them has all that is to be learned. Leave out --pedal or --speed."
            )
        if self.variety.side_correction:
            for drive, steps in zip(drives, usable, strict=True):
                views += _side_views(drive, steps, self.variety.side_correction)
        self._fitted = fit_views(views, height, width, fit or FrameFit(), threads, has_pedal, on_step)
        self._choose = StepDraw(step_chances(self._fitted.actions[:, 0], self.variety.balance))

    def __len__(self) -> int:
        """Return the number of recorded steps that are learned from."""
        return self._steps

    @property
    def views(self) -> int:
        """How many pictures they are, with those of cameras beside."""
        return len(self._fitted.frames)

    @property
    def mean_action(self) -> Floats:
        """(A,) the mean of the actions, as the driver took them: what a driver without eyes would do best."""
        return self._fitted.actions[: self._steps].mean(axis=0)

    def epoch(
        self, samples: int, batch_size: int, rng: np.random.Generator, skip: int = 0, share: slice | None = None
    ) -> Iterator[Batch]:
        """Yield batches; see `RenderedFrames.epoch`."""
        for number in range(max(samples // batch_size, 1)):
            of_batch = np.random.default_rng(rng.integers(2**63))
            if number >= skip:
                yield self._draw(batch_size, of_batch, share or slice(None))

    def _draw(self, count: int, rng: np.random.Generator, share: slice) -> Batch:
        fitted = self._fitted
        chosen = self._choose(count, rng)
        mirrored = (rng.random(count) < 0.5) & self.variety.mirror
        chosen, mirrored = chosen[share], mirrored[share]
        frames, actions = fitted.frames[chosen], fitted.actions[chosen]
        for number, name in enumerate(fitted.names):
            of_it = mirrored & (fitted.environments[chosen] == number)
            frames[of_it] = mirror(frames[of_it], name)
        actions[mirrored, 0] *= -1
        return Batch((frames,), actions.astype(np.float32), fitted.speeds[chosen].astype(np.float32))


class MixedFrames:
    """Several sources as one: every batch holds some of each, by the number of their steps.

    Args:
        sources: At least one.
    """

    def __init__(self, sources: Sequence[Frames]) -> None:
        self._sources = list(sources)

    def __len__(self) -> int:
        """Return the number of recorded steps that are learned from."""
        return sum(map(len, self._sources))

    def epoch(
        self, samples: int, batch_size: int, rng: np.random.Generator, skip: int = 0, share: slice | None = None
    ) -> Iterator[Batch]:
        """Yield batches; see `RenderedFrames.epoch`."""
        sizes = self._sizes(batch_size)
        count = max(samples // batch_size, 1)
        epochs = [
            source.epoch(count * size, size, np.random.default_rng(rng.integers(2**63)), skip)
            for source, size in zip(self._sources, sizes, strict=True)
            if size
        ]
        # Each process takes a share of every batch: shuffled, so that none gets one source alone.
        order = np.random.default_rng(rng.integers(2**63)).permutation(batch_size)[share or slice(None)]
        for parts in zip(*epochs, strict=True):
            frames, actions, speeds = zip(*parts, strict=True)
            views = zip(*frames, strict=True)
            yield Batch(
                # One kind of array: where some were drawn on a device, all are read from there.
                tuple(np.concatenate([_on_host(part) for part in view])[order] for view in views),
                np.concatenate(actions)[order],
                np.concatenate(speeds)[order],
            )

    def _sizes(self, batch_size: int) -> list[int]:
        """Samples of a batch from each source."""
        edges = np.round(np.cumsum([0, *map(len, self._sources)]) * batch_size / len(self)).astype(int)
        return [int(stop - start) for start, stop in pairwise(edges)]


def _on_host(frames: Any) -> np.ndarray:
    """Frames as an array, wherever they were drawn."""
    return frames if isinstance(frames, np.ndarray) else frames.cpu().numpy()


@dataclass(frozen=True, eq=False)
class View:
    """Pictures of one camera, with what to do where they were taken.

    Attributes:
        pictures: Of the camera.
        indices: (V,) which of them are taken.
        steering, pedal, speed: (V,) each; see `StoredDrive`.
        environment: See `StoredDrive`.
    """

    pictures: Pictures
    indices: np.ndarray
    steering: Floats
    pedal: Floats
    speed: Floats
    environment: str = ""


def usable_steps(drive: StoredDrive, has_pedal: bool, needs_speed: bool) -> np.ndarray:
    """Return which steps have all that is to be learned: (T,) bool."""
    usable = np.ones(len(drive), bool)
    if has_pedal:
        usable &= np.isfinite(drive.pedal)
    if needs_speed:
        usable &= np.isfinite(drive.speed)
    return usable


def front_view(drive: StoredDrive, usable: np.ndarray) -> View:
    """Return what the first camera saw at the steps that are usable."""
    steps = np.flatnonzero(usable)
    columns = (drive.steering[steps], drive.pedal[steps], drive.speed[steps])
    return View(drive.pictures, steps, *columns, drive.environment)


def fit_views(
    views: Sequence[View],
    height: int,
    width: int,
    fit: FrameFit,
    threads: int = 1,
    has_pedal: bool = False,
    on_step: Callable[[float], None] | None = None,
) -> FittedFrames:
    """Read pictures and make frames of them, in order. See `StoredFrames`."""
    total = sum(len(view.indices) for view in views)
    shape = (total, height, width, 3)
    place = None
    if total * height * width * 3 <= _MOST_IN_MEMORY:
        frames = np.empty(shape, np.uint8)
    else:
        place = tempfile.TemporaryFile(prefix="drivesim-frames-")  # noqa: SIM115 (lives as long as the frames)
        frames = np.memmap(place, np.uint8, "w+", shape=shape)
    starts = np.cumsum([0, *(len(view.indices) for view in views)])
    parts = [
        (view, int(start), at)
        for view, start in zip(views, starts, strict=False)
        for at in range(0, len(view.indices), _CHUNK)
    ]

    def fill(part: tuple[View, int, int]) -> int:
        view, start, at = part
        pictures = view.pictures.read(view.indices[at : at + _CHUNK].tolist())
        for number, picture in enumerate(pictures, start + at):
            frames[number] = fit.apply(picture, height, width)
        return len(pictures)

    done = 0
    with ThreadPoolExecutor(threads, "drivesim-stored") as workers:
        for count in workers.map(fill, parts):
            done += count
            if on_step is not None:
                on_step(done / total)
    steering = np.concatenate([view.steering for view in views])
    pedal = np.concatenate([view.pedal for view in views])
    actions = np.column_stack([steering, pedal] if has_pedal else [steering])
    names = tuple(sorted({view.environment for view in views}))
    environments = np.concatenate([np.full(len(view.indices), names.index(view.environment)) for view in views])
    return FittedFrames(frames, actions, np.concatenate([view.speed for view in views]), environments, names, place)


def _side_views(drive: StoredDrive, usable: np.ndarray, correction: float) -> Iterator[View]:
    """What the cameras beside the first one saw, steered back."""
    for side, sign in (("left", 1.0), ("right", -1.0)):
        if side not in drive.sides:
            continue
        beside = drive.sides[side]
        seen = np.flatnonzero(usable[beside.steps])
        steps = beside.steps[seen]
        steering = np.clip(drive.steering[steps] + sign * correction, -1.0, 1.0)
        yield View(beside.pictures, seen, steering, drive.pedal[steps], drive.speed[steps], drive.environment)
