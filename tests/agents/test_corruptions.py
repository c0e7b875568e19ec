"""Corruptions: each changes frames, more with its severity, the same way from the same seed, and nothing else."""

import numpy as np
import pytest

from agents.corruptions import Lenses
from agents.stress import CAMERA, SEVERITIES, STRESSES

CORRUPTIONS = [stress for stress in STRESSES.values() if stress.frames is not None]


def lenses(seed=0):
    return Lenses(4, 48, 64, np.random.default_rng(seed))


@pytest.fixture(scope="module")
def frames():
    rng = np.random.default_rng(0)
    smooth = np.add.outer(np.linspace(40, 150, 48), np.linspace(0, 60, 64))[None, :, :, None]
    return (smooth + rng.integers(-20, 21, (4, 48, 64, 3))).clip(0, 255).astype(np.uint8)


def change(stress, severity, frames, seed=0, cars=None):
    cars = np.arange(4) if cars is None else cars
    return stress.frames(stress.values[severity - 1], lenses(seed))(frames[cars], cars)


@pytest.mark.parametrize("stress", CORRUPTIONS, ids=lambda stress: stress.name)
def test_a_corruption_changes_frames_and_leaves_the_given_ones(frames, stress):
    before = frames.copy()
    changed = change(stress, 3, frames)
    assert changed.shape == frames.shape
    assert changed.dtype == np.uint8
    assert (changed != frames).any(axis=(1, 2, 3)).all()
    np.testing.assert_array_equal(frames, before)


@pytest.mark.parametrize("stress", CORRUPTIONS, ids=lambda stress: stress.name)
def test_the_same_seed_corrupts_alike(frames, stress):
    np.testing.assert_array_equal(change(stress, 4, frames), change(stress, 4, frames))


@pytest.mark.parametrize("stress", CORRUPTIONS, ids=lambda stress: stress.name)
def test_severity_five_is_worse_than_severity_one(frames, stress):
    def harm(severity):
        return np.mean(
            [np.abs(change(stress, severity, frames, seed).astype(int) - frames).mean() for seed in range(4)]
        )

    assert harm(5) > harm(1)


def test_every_stress_of_the_camera_has_a_corruption_or_a_mount():
    of_camera = [stress for stress in STRESSES.values() if stress.part == CAMERA]
    assert len(of_camera) >= 15
    assert all(stress.frames is not None or stress.mount is not None for stress in of_camera)
    assert all(len(stress.values) == len(SEVERITIES) for stress in STRESSES.values())


def test_what_is_on_a_lens_stays_there(frames):
    dirt = STRESSES["dirt"]
    corrupt = dirt.frames(dirt.values[4], lenses())
    grey = np.full_like(frames, 128)
    np.testing.assert_array_equal(corrupt(grey, np.arange(4)), corrupt(grey, np.arange(4)))
    np.testing.assert_array_equal(corrupt(grey, np.arange(4))[[1, 3]], corrupt(grey[[1, 3]], np.array([1, 3])))
