"""What is kept of a round's drives."""

import numpy as np
import pytest

from agents.aggregation.gathering import gather
from agents.aggregation.shared_wheel import Sharing
from agents.aggregation.teacher import ExpertTeacher
from agents.rollout import Course
from datasets.lap_files import read_laps
from datasets.schema import MARK_BAD, MARK_POLICY
from datasets.views import line_of
from tests.agents.drives import Steady, ring_world


def gathered(folder, sharing, policy, seconds=8.0, cars=2):
    worlds = [ring_world()] * cars
    course = Course(time_limit=seconds, put_back_off_road=True)
    rng = np.random.default_rng(0)
    return gather(policy, ExpertTeacher(), sharing, worlds, course, rng, folder, round=3, label="expert")


def test_a_lap_holds_what_was_done_and_what_each_would_have_done(tmp_path):
    found = gathered(tmp_path, Sharing(), Steady(0.0))
    laps, _ = read_laps(tmp_path)
    assert len(laps) == 2
    lap = laps[0]
    assert (lap.info.driver, lap.info.notes) == ("dagger", {"round": 3, "label": "expert"})
    assert lap.columns["steering"] == pytest.approx(0.0)
    assert lap.columns["policy_steering"] == pytest.approx(0.0)
    # The road turns left, and the expert would have steered there.
    assert lap.columns["steering_label"][20:60].max() < 0
    assert found.steps == sum(map(len, laps)) == 320
    assert found.labels == sum(np.count_nonzero(lap.good) for lap in laps)
    assert found.departures >= 2
    assert found.taught == 0


def test_nothing_is_learned_across_the_jump_of_a_car_that_was_put_back(tmp_path):
    gathered(tmp_path, Sharing(), Steady(0.0))
    lap = read_laps(tmp_path)[0][0]
    jumps = np.flatnonzero(np.hypot(*np.diff(lap.poses[:, :2], axis=0).T) > 1.0)
    assert len(jumps)
    assert (lap.columns["mark"][jumps] & MARK_BAD).all()
    line = line_of(lap, 0.8)
    assert len(line) > 50
    assert np.hypot(*(line.targets - line.poses[:, :2]).T).max() < 10


def test_with_a_safe_distance_the_rest_is_marked_as_the_policys(tmp_path):
    found = gathered(tmp_path, Sharing(safe=0.5), Steady(0.0))
    laps, _ = read_laps(tmp_path)
    for lap in laps:
        unlabelled = np.isnan(lap.columns["steering_label"])
        assert (((lap.columns["mark"] & MARK_POLICY) > 0) == unlabelled).all()
        assert (lap.good == ~unlabelled).all()
    assert found.labels == found.taught == sum(np.count_nonzero(lap.good) for lap in laps)
    assert 0 < found.labels < found.steps
    assert found.departures == 0


def test_drives_without_a_label_leave_no_lap(tmp_path):
    found = gathered(tmp_path / "laps", Sharing(safe=50.0), Steady(0.0), seconds=1.0)
    assert (found.labels, found.steps) == (0, 40)
    assert not (tmp_path / "laps").exists()
