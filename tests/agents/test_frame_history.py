"""Frame history: every car's own past, newest first, which begins with the first frame repeated."""

import numpy as np
import pytest

from agents.frame_history import FrameHistory


def numbered(*numbers, shape=(2, 3, 3)):
    """Frames that each show a number."""
    return np.stack([np.full(shape, number, np.uint8) for number in numbers])


def shown(stacks):
    """The numbers that stacked frames show: (K, 1 + past)."""
    assert (stacks == stacks[:, :, :1, :1, :1]).all()
    return stacks[:, :, 0, 0, 0].tolist()


@pytest.mark.parametrize(("past", "stride"), [(1, 1), (2, 1), (3, 2), (1, 4)])
def test_frames_lie_a_stride_apart_and_the_first_stands_for_what_was_before(past, stride):
    history = FrameHistory(past, stride)
    for step in range(20):
        (stack,) = history.push([numbered(10 + step)])
        assert shown(stack) == [[10 + max(step - stride * back, 0) for back in range(past + 1)]]


def test_every_car_has_its_own_past_whenever_it_is_asked_for():
    history, rng = FrameHistory(2, 2, cars=4), np.random.default_rng(0)
    seen = [[] for _ in range(4)]
    for step in range(60):
        cars = np.flatnonzero(rng.random(4) < 0.7)
        gone = np.flatnonzero(rng.random(4) < 0.1)
        history.forget(gone)
        for car in gone:
            seen[car].clear()
        if not len(cars):
            continue
        numbers = 4 * step + cars
        for car, number in zip(cars, numbers, strict=True):
            seen[car].append(int(number))
        (stack,) = history.push([numbered(*numbers)], cars)
        assert shown(stack) == [[seen[car][max(len(seen[car]) - 1 - 2 * back, 0)] for back in range(3)] for car in cars]


def test_looking_at_the_past_leaves_it_as_it_was():
    history = FrameHistory(1, 1)
    assert shown(history.stacked([numbered(5)])[0]) == [[5, 5]]
    history.push([numbered(6)])
    for _ in range(2):
        assert shown(history.stacked([numbered(7)])[0]) == [[7, 6]]
    assert shown(history.push([numbered(8)])[0]) == [[8, 6]]


def test_the_frames_of_several_cameras_are_remembered_together_and_not_written_to():
    history = FrameHistory(1, 1)
    small, large = numbered(1), numbered(2, shape=(4, 5, 3))
    first = history.push([small, large])
    second = history.push([numbered(3), numbered(4, shape=(4, 5, 3))])
    assert [shown(stack) for stack in second] == [[[3, 1]], [[4, 2]]]
    assert [shown(stack) for stack in first] == [[[1, 1]], [[2, 2]]]
    small[:] = 9
    history.forget()
    assert [shown(stack) for stack in history.push([numbered(5), numbered(6, shape=(4, 5, 3))])] == [[[5, 5]], [[6, 6]]]


def test_without_a_past_frames_are_passed_on_as_they_are():
    frames = numbered(1, 2)
    assert FrameHistory(0, 1, cars=2).push([frames])[0] is frames
