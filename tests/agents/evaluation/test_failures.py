"""Failures become laps: the seconds before a departure, labelled by the expert."""

import numpy as np
import pytest

from agents.driver import StraightDriver
from agents.evaluation.evaluation import evaluate
from agents.evaluation.failures import SECONDS_AFTER, SECONDS_BEFORE, expert_actions, save_failures
from agents.expert import ExpertDriver
from agents.rollout import Course, drive
from datasets.frames import RenderedFrames
from datasets.lap_files import read_laps
from drivesim.camera import Camera
from tests.agents.drives import ring_world


@pytest.fixture(scope="module")
def failures(tmp_path_factory):
    folder = tmp_path_factory.mktemp("failures") / "laps"
    evaluation = evaluate(StraightDriver(), [ring_world(40.0)], Course(time_limit=12.0))
    count = save_failures(folder, "straight", evaluation.drives, Course())
    laps, lost = read_laps([folder])
    assert not lost
    return evaluation, count, laps


def test_every_departure_is_a_lap_of_the_seconds_before_it(failures):
    evaluation, count, laps = failures
    assert count == len(laps) == evaluation.tracks[0]["departures"] >= 2
    for lap in laps:
        assert lap.info.driver == "straight"
        assert lap.duration <= SECONDS_BEFORE + SECONDS_AFTER + 0.1
        assert lap.columns["time"][0] == 0.0


def test_the_label_is_what_the_expert_would_have_done(failures):
    _, _, laps = failures
    assert all((lap.columns["steering"] == 0).all() for lap in laps)
    # On a road that bends to the left the expert steers left.
    assert all((lap.columns["steering_label"][:-20] < 0).mean() > 0.9 for lap in laps if len(lap) > 30)


def test_failures_are_trained_on(failures):
    _, _, laps = failures
    frames = RenderedFrames(laps, Camera(width=32, height=32, span=38.4, mount=(9.6, 0.0, 0.0)))
    batch = next(iter(frames.epoch(16, 16, np.random.default_rng(0))))
    assert batch.frames[0].shape == (16, 32, 32, 3)


def test_stretches_do_not_overlap_and_each_ends_after_its_departure(failures):
    evaluation, _, laps = failures
    (driven,) = evaluation.drives
    for lap, departure in zip(laps, driven.departure_steps.tolist(), strict=True):
        after = round(lap.info.notes["departure_after"] * 20)
        np.testing.assert_array_equal(
            lap.columns["x"][:after], driven.columns["x"][departure + 1 - after : departure + 1]
        )
    # The road is left every second or two, so that no step is saved twice.
    assert sum(len(lap) for lap in laps) <= len(driven.put_back)
    places = [tuple(row) for lap in laps for row in lap.poses.tolist()]
    assert len(places) == len(set(places))


def test_the_experts_actions_at_its_own_drive_are_its_own_with_a_pedal_too():
    for course in (Course(time_limit=3.0), Course(time_limit=3.0, has_pedal=True, scenario={"vehicle": "car-dynamic"})):
        (driven,) = drive(ExpertDriver(), [ring_world(30.0)], course)
        actions = expert_actions(driven, course)
        np.testing.assert_allclose(actions[:, 0], driven.columns["steering_label"], atol=1e-6)
        if course.has_pedal:
            np.testing.assert_allclose(actions[:, 1], driven.columns["pedal_label"], atol=1e-6)


def test_no_departure_leaves_no_lap(tmp_path):
    evaluation = evaluate(ExpertDriver(), [ring_world(30.0)], Course(time_limit=2.0))
    assert save_failures(tmp_path / "none", "expert", evaluation.drives, Course()) == 0
    assert not (tmp_path / "none").exists()
