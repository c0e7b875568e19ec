"""Stored pictures as batches: the same items as rendered ones, mirrored, balanced, with cameras beside, mixed."""

import numpy as np
import pytest

from datasets.formats.drive import Side, StoredDrive
from datasets.frame_fit import FrameFit
from datasets.frames import Batch, RenderedFrames
from datasets.stored_frames import MixedFrames, StoredFrames, StoredVariety
from drivesim.camera import Camera
from drivesim.errors import DrivesimError
from tests.datasets.laps import circle_lap

PLAIN = StoredVariety(mirror=False, side_correction=0.0)


class Slopes:
    """Pictures that tell their number by their grey, and left from right by a slope."""

    def __init__(self, numbers, size=(12, 20)):
        self.numbers, self.size = list(numbers), size

    def __len__(self):
        return len(self.numbers)

    def read(self, indices):
        height, width = self.size
        slope = np.arange(width) % 10
        return [
            np.broadcast_to((self.numbers[i] + slope)[:, None], (height, width, 3)).astype(np.uint8) for i in indices
        ]


def make_drive(steps=40, first=0, steering=None, pedal=None, speed=None, sides=False, size=(12, 20)):
    numbers = np.arange(first, first + steps)
    steering = numbers / 100 if steering is None else steering
    beside = {"left": 100, "right": 150}
    return StoredDrive(
        f"drive {first}",
        Slopes(numbers, size),
        size,
        np.asarray(steering, float),
        np.full(steps, np.nan) if pedal is None else pedal,
        np.full(steps, np.nan) if speed is None else speed,
        np.arange(steps) / 20,
        {side: Side(np.arange(0, steps, 2), Slopes(numbers[::2] + add, size)) for side, add in beside.items()}
        if sides
        else {},
    )


def batches(frames, samples=400, size=40, seed=0, **options):
    return [*frames.epoch(samples, size, np.random.default_rng(seed), **options)]


def test_items_are_those_of_rendered_frames():
    ours = batches(StoredFrames([make_drive()], 6, 10))[0]
    theirs = batches(RenderedFrames([circle_lap()], Camera(10, 6, span=20.0)))[0]
    assert isinstance(ours, Batch)
    assert [each.shape for each in ours.frames] == [each.shape for each in theirs.frames] == [(40, 6, 10, 3)]
    for mine, rendered in zip((*ours.frames, *ours[1:]), (*theirs.frames, *theirs[1:]), strict=True):
        assert (mine.shape, mine.dtype) == (rendered.shape, rendered.dtype)


def test_every_frame_comes_with_its_own_action_and_speed():
    frames = StoredFrames([make_drive(20), make_drive(20, 20, speed=np.arange(20.0))], 12, 20, variety=PLAIN, threads=2)
    assert len(frames) == 40
    seen = set()
    for batch in batches(frames):
        numbers = batch.frames[0][:, 0, 0, 0]
        seen |= {*numbers.tolist()}
        np.testing.assert_array_equal(batch.actions[:, 0], (numbers / 100).astype(np.float32))
        np.testing.assert_array_equal(batch.speeds, np.where(numbers < 20, np.nan, numbers - 20.0).astype(np.float32))
    assert seen == set(range(40))


def test_half_of_the_samples_are_mirrored_with_their_steering():
    drive = make_drive(40, steering=np.full(40, 0.5), pedal=np.full(40, 0.25))
    batch = batches(StoredFrames([drive], 12, 20, has_pedal=True), 1000, 1000)[0]
    is_mirrored = batch.frames[0][:, 0, 9, 0] < batch.frames[0][:, 0, 0, 0]
    is_mirrored |= batch.frames[0][:, 0, 0, 0] > batch.frames[0][:, 0, 1, 0]
    assert 400 < is_mirrored.sum() < 600
    np.testing.assert_array_equal(batch.actions[:, 0], np.where(is_mirrored, -0.5, 0.5).astype(np.float32))
    assert set(batch.actions[:, 1]) == {0.25}


def test_balance_draws_rare_bends_as_often_as_the_straight_road():
    steering = np.zeros(100)
    steering[:4] = 0.9
    drive = make_drive(100, steering=steering)
    shares = [
        np.mean(
            batches(StoredFrames([drive], 6, 10, variety=StoredVariety(False, balance)), 4000, 4000)[0].actions > 0.5
        )
        for balance in (0.0, 1.0)
    ]
    assert shares[0] < 0.08
    assert 0.45 < shares[1] < 0.55


def test_cameras_beside_are_steered_back_towards_the_line():
    drive = make_drive(20, steering=np.linspace(-0.95, 0.95, 20), sides=True)
    frames = StoredFrames([drive], 12, 20, variety=StoredVariety(mirror=False, side_correction=0.2))
    assert (len(frames), frames.views) == (20, 40)
    for batch in batches(frames):
        numbers = batch.frames[0][:, 0, 0, 0].astype(int)
        step = np.where(numbers >= 150, numbers - 150, np.where(numbers >= 100, numbers - 100, numbers))
        correction = np.where(numbers >= 150, -0.2, np.where(numbers >= 100, 0.2, 0.0))
        expected = np.clip(drive.steering[step] + correction, -1, 1)
        np.testing.assert_allclose(batch.actions[:, 0], expected, atol=1e-6)
    assert StoredFrames([drive], 12, 20, variety=PLAIN).views == 20


def test_pictures_of_any_size_are_fitted():
    drives = [make_drive(10), make_drive(10, 50, size=(31, 17))]
    batch = batches(StoredFrames(drives, 8, 16, FrameFit((0.5, 0, 0, 0)), PLAIN))[0]
    assert batch.frames[0].shape[1:] == (8, 16, 3)


def test_steps_without_what_is_to_be_learned_are_left_out():
    pedal = np.where(np.arange(40) % 2, 0.5, np.nan)
    speed = np.where(np.arange(40) < 30, 3.0, np.nan)
    frames = StoredFrames([make_drive(pedal=pedal, speed=speed)], 6, 10, has_pedal=True, needs_speed=True)
    assert len(frames) == 15
    assert all(np.isfinite(batch.actions).all() and np.isfinite(batch.speeds).all() for batch in batches(frames))
    with pytest.raises(DrivesimError, match="no step to learn from"):
        StoredFrames([make_drive()], 6, 10, has_pedal=True)


def same(ours, theirs):
    return len(ours) == len(theirs) and all(
        np.array_equal(a, b, equal_nan=True)
        for mine, other in zip(ours, theirs, strict=True)
        for a, b in zip((*mine.frames, *mine[1:]), (*other.frames, *other[1:]), strict=True)
    )


def test_batches_are_repeated_by_their_seed_skipped_and_shared():
    stored = StoredFrames([make_drive(sides=True)], 6, 10)
    rendered = RenderedFrames([circle_lap()], Camera(10, 6, span=20.0))
    for frames in (stored, MixedFrames([rendered, stored])):
        whole = batches(frames)
        assert len(whole) == 10
        assert same(batches(frames), whole)
        assert not same(batches(frames, seed=1), whole)
        assert same(batches(frames, skip=7), whole[7:])
        part = slice(10, 20)
        shared = [Batch((batch.frames[0][part],), batch.actions[part], batch.speeds[part]) for batch in whole]
        assert same(batches(frames, share=slice(10, 20)), shared)


def test_what_does_not_fit_into_memory_is_held_in_a_file(monkeypatch):
    drive = make_drive(sides=True)
    held = batches(StoredFrames([drive], 6, 10))
    monkeypatch.setattr("datasets.stored_frames._MOST_IN_MEMORY", 1000)
    assert same(batches(StoredFrames([drive], 6, 10, threads=3)), held)


def test_a_mixture_takes_from_each_source_by_its_steps():
    few, many = make_drive(20, steering=np.full(20, 0.1)), make_drive(60, steering=np.full(60, 0.7))
    mixed = MixedFrames([StoredFrames([drive], 6, 10, variety=PLAIN) for drive in (few, many)])
    assert len(mixed) == 80
    for batch in batches(mixed):
        assert np.count_nonzero(batch.actions < 0.5) == 10
        # A part of the batch holds both.
        assert 0 < np.count_nonzero(batch.actions[:20] < 0.5) < 20
