"""Confusion: counted by hand, and drawn."""

import cv2
import numpy as np
import pytest

from agents.learning.confusion import accuracy, confusion_matrix, draw_confusion, recall


def test_a_row_is_what_was_shown_and_a_column_what_was_told():
    confusion = confusion_matrix(np.array([0, 0, 0, 2]), np.array([0, 1, 1, 2]), 4)
    expected = np.zeros((4, 4), int)
    expected[0, 0], expected[0, 1], expected[2, 2] = 1, 2, 1
    np.testing.assert_array_equal(confusion, expected)
    assert accuracy(confusion) == 0.5
    assert recall(confusion) == [pytest.approx(1 / 3), None, 1.0, None]


@pytest.mark.parametrize("count", [5, 25, 100])
def test_what_is_told_right_is_dark_along_the_diagonal(tmp_path, count):
    names = [f"a class with a rather long name {i}" for i in range(count)]
    for confusion, sign in ((np.eye(count, dtype=int), 1), (np.eye(count, dtype=int)[::-1], -1)):
        draw_confusion(7 * confusion, names, tmp_path / "confusion.png")
        picture = cv2.imread(str(tmp_path / "confusion.png")).astype(int)
        dark = np.abs(picture - (107, 48, 8)).max(axis=2) < 20  # the end of the scale, blue green red
        rows, columns = np.nonzero(dark[:, : int(0.8 * dark.shape[1])])  # the scale itself stands on the right
        assert sign * np.corrcoef(rows, columns)[0, 1] > 0.9
