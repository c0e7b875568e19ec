"""Colours are turned, shapes stay; what is drawn for a sample does not hang on who else is drawn."""

import numpy as np
import pytest

from datasets.recolor import Turns, recolor


@pytest.fixture
def frames():
    """A road on the right half of each frame, somewhat lighter than the ground."""
    rng = np.random.default_rng(0)
    frames = rng.integers(60, 80, (64, 32, 32, 3))
    frames[:, :, 16:] += 50
    return frames.astype(np.uint8)


def test_the_share_that_is_wanted_is_turned_and_the_rest_is_left(frames):
    turns = Turns.random(64, 0.5, np.random.default_rng(1))
    changed = frames.copy()
    recolor(changed, turns)
    same = (changed == frames).all(axis=(1, 2, 3))
    np.testing.assert_array_equal(same, ~turns.chosen)
    assert 20 < turns.chosen.sum() < 44


def test_road_and_ground_differ_in_any_direction_and_are_still_told_apart(frames):
    changed = frames.copy()
    recolor(changed, Turns.random(64, 1.0, np.random.default_rng(1)))
    difference = changed[:, :, 16:].astype(float).mean(axis=(1, 2)) - changed[:, :, :16].astype(float).mean(axis=(1, 2))
    assert 20 < (difference.mean(axis=1) > 0).sum() < 44, "lighter as often as darker"
    assert (np.abs(difference).max(axis=1) > 10).all()
    assert (np.abs(difference.mean(axis=1)) < 5).sum() >= 3, "some differ in hue alone"


def test_a_sample_is_turned_alike_in_a_part_of_the_batch(frames):
    turns = Turns.random(64, 0.7, np.random.default_rng(2))
    whole, part = frames.copy(), frames[16:32].copy()
    recolor(whole, turns)
    recolor(part, turns.of(slice(16, 32)))
    np.testing.assert_array_equal(part, whole[16:32])


def test_a_frame_of_one_colour_stays_one(frames):
    flat = np.full((4, 32, 32, 3), 90, np.uint8)
    recolor(flat, Turns.random(4, 1.0, np.random.default_rng(0)))
    assert (np.ptp(flat, axis=(1, 2)) == 0).all()
