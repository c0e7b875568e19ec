"""Laps, driven again."""

import dataclasses

import numpy as np
import pytest

from agents.ride.replay import RATES, Replay
from datasets.schema import MARK_BAD, MARK_CORRECTION, MARK_POLICY
from drivesim.appearance import Appearance
from drivesim.camera import get_camera
from drivesim.cockpit.controls import Demand
from drivesim.errors import DrivesimError
from tests.datasets.laps import circle_lap

INFO = {"appearance": Appearance.preset("desert").to_dict()}


def make_replay(*laps):
    return Replay(laps or [circle_lap(info=INFO)], get_camera("topdown"))


def test_a_step_goes_on_by_the_rate_and_stops_at_the_end():
    replay = make_replay()
    replay.step(Demand(1.0))
    np.testing.assert_array_equal(replay.pose(0.0), replay.lap.poses[1])
    replay.press("up")
    replay.step(Demand())
    assert replay.at == 3.0
    for _ in range(200):
        replay.step(Demand())
    assert replay.at == len(replay.lap) - 1
    np.testing.assert_array_equal(replay.pose(1.0), replay.lap.poses[-1])
    assert replay.readings(0.0).progress == 1.0
    replay.press("home")
    assert replay.at == 0


def test_between_two_steps_the_car_is_between_two_poses():
    replay = make_replay()
    start, end = replay.lap.poses[:2]
    np.testing.assert_allclose(replay.pose(0.25)[:2], 0.75 * start[:2] + 0.25 * end[:2])
    replay.press("down")
    assert replay.rate == 0.5
    np.testing.assert_allclose(replay.pose(1.0)[:2], (start[:2] + end[:2]) / 2)


def test_a_car_that_was_put_elsewhere_is_not_seen_flying_there():
    lap = circle_lap(info=INFO)
    x = lap.columns["x"].copy()
    x[100:] += 30
    replay = make_replay(dataclasses.replace(lap, columns=lap.columns | {"x": x}))
    replay.skip(99)
    np.testing.assert_array_equal(replay.pose(0.9), replay.lap.poses[99])


def test_keys_step_when_it_stands_and_skip_a_second_when_it_runs():
    replay = make_replay()
    replay.press("right")
    assert replay.at == 20
    replay.press("space")
    replay.press("right")
    assert replay.at == 21
    replay.press("left")
    replay.press("left")
    assert replay.at == 19


def test_the_rate_stays_within_its_bounds():
    replay = make_replay()
    for key, rate in (("up", RATES[-1]), ("down", RATES[0])):
        for _ in range(20):
            replay.press(key)
        assert replay.rate == rate


def test_marks_are_told_and_the_line_is_coloured_by_them():
    mark = np.zeros(200, np.uint8)
    mark[50:100], mark[100:150] = MARK_BAD | MARK_CORRECTION, MARK_POLICY
    replay = make_replay(circle_lap(info=INFO, mark=mark))
    said = []
    for step in (10, 60, 120):
        replay.at = float(step)
        said.append(replay.readings(0.0).driver.partition(" · ")[2])
    assert said == ["", "marked bad · correction", "policy drove"]
    assert [kind for kind in dict.fromkeys(place.kind for place in replay.readings(0.0).line)] == [
        "recorded",
        "bad",
        "policy",
    ]


def test_the_frame_is_what_the_camera_saw_in_the_lap_s_own_look():
    replay = make_replay()
    assert replay.frame.shape == (96, 96, 3)
    first = replay.frame.copy()
    replay.skip(50)
    assert (replay.frame != first).any()
    assert replay.world.appearance == Appearance.preset("desert")


def test_n_plays_the_next_lap_and_after_the_last_the_first():
    laps = [circle_lap(info=INFO), circle_lap(100, info=INFO)]
    replay = make_replay(*laps)
    replay.skip(10)
    lengths = []
    for _ in range(3):
        lengths.append(len(replay.lap))
        replay.press("n")
        assert replay.at == 0
    assert lengths == [200, 100, 200]


def test_no_laps_are_refused():
    with pytest.raises(DrivesimError, match="--replay: expected at least one lap"):
        Replay([], get_camera("topdown"))
