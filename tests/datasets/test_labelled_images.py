"""Labelled images: every picture is on one side of a division."""

import numpy as np
import pytest

from datasets.labelled_images import LabelledImages


def numbered(labels, classes="abc"):
    images = np.zeros((len(labels), 1, 1, 3), np.uint8)
    images[:, 0, 0, 0] = np.arange(len(labels))
    return LabelledImages(images, np.array(labels, np.int64), tuple(classes))


def numbers(part):
    return part.images[:, 0, 0, 0].tolist()


def test_a_division_keeps_every_picture_once_with_its_label():
    whole = numbered([0] * 20 + [1] * 10 + [2] * 3)
    first, second = whole.split(0.2, np.random.default_rng(0))
    assert sorted(numbers(first) + numbers(second)) == list(range(33))
    for part in (first, second):
        assert part.labels.tolist() == whole.labels[numbers(part)].tolist()
    assert np.bincount(second.labels).tolist() == [4, 2, 1]


@pytest.mark.parametrize("share", [0.0, 0.01, 0.5, 1.0])
def test_a_class_of_two_is_on_both_sides_and_a_class_of_one_is_learned(share):
    first, second = numbered([0, 0, 1, 1, 2]).split(share, np.random.default_rng(1))
    assert first.labels.tolist() == [0, 1, 2]
    assert second.labels.tolist() == [0, 1]


def test_the_same_seed_divides_alike_and_another_differs():
    whole = numbered([0, 1] * 50, "ab")

    def chosen(seed):
        return numbers(whole.split(0.3, np.random.default_rng(seed))[1])

    assert chosen(0) == chosen(0)
    assert chosen(0) != chosen(1)
