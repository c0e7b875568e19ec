"""A frame in four numbers: each moves with what it is named after."""

import numpy as np
import pytest

from agents.deployment.frame_statistics import STATISTICS, frame_statistics
from agents.deployment.frame_weather import fog, night
from drivesim.errors import DrivesimError
from tests.agents.policies import make_frames


def of(frame):
    return dict(zip(STATISTICS, frame_statistics(frame[None])[0], strict=True))


def test_an_even_grey_frame_has_brightness_alone():
    found = of(np.full((20, 30, 3), 51, np.uint8))
    assert found == pytest.approx({"brightness": 0.2, "contrast": 0.0, "colourfulness": 0.0, "edges": 0.0}, abs=1e-6)


def test_halves_in_black_and_white_have_the_greatest_contrast_and_one_edge():
    frame = np.zeros((20, 40, 3), np.uint8)
    frame[:, 20:] = 255
    found = of(frame)
    assert (found["brightness"], found["contrast"]) == pytest.approx((0.5, 0.5))
    # The slope of the step is seen from both of its sides: 2 of 40 columns.
    assert found["edges"] == pytest.approx(2 / 40)
    frame[:, 25:30] = 0
    assert of(frame)["edges"] == pytest.approx(6 / 40)


def test_an_even_red_frame_is_colourful_by_the_papers_formula():
    frame = np.zeros((8, 8, 3), np.uint8)
    frame[..., 0] = 200
    assert of(frame)["colourfulness"] == pytest.approx(0.3 * np.hypot(200, 100) / 255)


def test_frames_are_taken_one_by_one():
    frames = make_frames(5)
    together = frame_statistics(frames)
    assert together.shape == (5, 4)
    np.testing.assert_array_equal(together[3], frame_statistics(frames[3:4])[0])
    assert frame_statistics(frames[:0]).shape == (0, 4)


def test_fog_takes_contrast_colour_and_edges_and_night_takes_light():
    frame = make_frames(1, seed=2)[0]
    clear, foggy, dark = of(frame), of(fog(frame, 0.8)), of(night(frame, 0.8))
    for name in ("contrast", "colourfulness", "edges"):
        assert foggy[name] == pytest.approx(0.2 * clear[name], rel=0.25)
    assert dark["brightness"] == pytest.approx(0.2 * clear["brightness"], rel=0.05)


def test_weather_of_no_strength_is_none_and_of_full_strength_leaves_nothing():
    frame = make_frames(1)[0]
    assert fog(frame, 0.0).tobytes() == night(frame, 0.0).tobytes() == frame.tobytes()
    assert (fog(frame, 1.0) == 200).all()
    assert not night(frame, 1.0).any()


@pytest.mark.parametrize(("weather", "name"), [(fog, "fog"), (night, "night")])
def test_weather_stronger_than_full_is_refused(weather, name):
    with pytest.raises(DrivesimError, match=f"--{name}: expected a strength from 0 to 1, got 1.5"):
        weather(make_frames(1)[0], 1.5)
