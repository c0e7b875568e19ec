"""The picture of a search, looked at."""

import cv2
import numpy as np
import pytest

from agents.learning.study import Trial
from agents.learning.study_picture import draw_study

RED = np.array([40, 39, 214])  # the best so far; blue green red


def trial(number, score, complete=True, **options):
    tried = {"learning_rate": 10.0 ** -(1 + number % 4), "augment": 0.1 * (number % 7), "backbone": "pilotnet"}
    return Trial(number, tried | options, score, complete, {})


def heights_of_red(path):
    """Return how high the line of the best so far stands, left to right."""
    picture = cv2.imread(str(path)).astype(int)
    red = (np.abs(picture - RED).max(axis=2) < 30)[: picture.shape[0] // 2]
    columns = np.flatnonzero(red.sum(axis=0))
    return np.array([-np.flatnonzero(red[:, column]).mean() for column in columns])


def test_the_best_so_far_never_falls(tmp_path):
    rising, falling = tmp_path / "rising.png", tmp_path / "falling.png"
    scores = np.linspace(0.1, 0.9, 9)
    draw_study([trial(i, score) for i, score in enumerate(scores)], rising)
    draw_study([trial(i, score) for i, score in enumerate(scores[::-1])], falling)
    assert np.ptp(heights_of_red(rising)) > 100
    assert [path.name for path in sorted(tmp_path.iterdir())] == ["falling.png", "rising.png"]
    # The key of the colours holds a little red as well: the middle of the picture does not.
    middle = heights_of_red(falling)
    assert np.ptp(middle[len(middle) // 4 : -len(middle) // 4]) < 5


@pytest.mark.parametrize(
    "trials",
    [
        [],
        [trial(0, None, complete=False)],
        [trial(0, 0.5)],
        [trial(0, 0.5, complete=False), trial(1, None, complete=False)],
        [trial(0, 0.5), trial(1, 0.5)],
        [trial(0, 0.5), trial(3, 0.7, backbone="resnet18"), trial(7, 0.2, complete=False)],
    ],
)
def test_a_study_of_few_trials_is_drawn_too(tmp_path, trials):
    draw_study(trials, tmp_path / "study.png")
    assert cv2.imread(str(tmp_path / "study.png")).std() > 5
