"""Failures become laps: the seconds before a departure, labelled by the expert."""

import numpy as np
import pytest

from agents.driver import StraightDriver
from agents.evaluation import evaluate
from agents.failures import SECONDS_AFTER, SECONDS_BEFORE, save_failures
from agents.rollout import Course
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
    assert batch.frames.shape == (16, 32, 32, 3)
