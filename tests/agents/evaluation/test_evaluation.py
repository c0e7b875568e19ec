"""Evaluation: baselines measure as they must, and help is given only where it is needed."""

import numpy as np
import pytest

from agents.driver import StraightDriver
from agents.evaluation import evaluation
from agents.evaluation.evaluation import evaluate, quick_check
from agents.evaluation.metrics import METRICS
from agents.expert import ExpertDriver
from agents.rollout import Course
from drivesim.world import WorldSource
from tests.agents.drives import Steady, ring_world

WORLDS = WorldSource(range(2), "easy", "test").all()


@pytest.mark.parametrize("course", [Course(), Course(has_pedal=True, scenario={"vehicle": "car"})])
def test_the_expert_drives_every_road_alone_and_as_fast_as_itself(course):
    result = evaluate(ExpertDriver(), WORLDS, course)
    assert set(result.summary) == set(METRICS)
    assert result.summary["autonomy"] == 1.0
    assert result.summary["interventions_per_km"] == 0.0
    assert result.summary["departures_per_km"] == 0.0
    assert result.summary["tracks_without_departure"] == 1.0
    assert result.summary["laps_completed"] == 1.0
    assert result.summary["progress_against_expert"] == pytest.approx(1.0, abs=1e-12)
    assert result.summary["cross_track_error_max"] < 0.5
    assert [driven.world for driven in result.drives] == WORLDS
    assert len(result.tracks) == 2
    assert result.frames_per_second > 0


def test_a_driver_that_never_steers_measures_far_below_the_expert():
    result = evaluate(StraightDriver(), WORLDS, Course())
    assert result.summary["autonomy"] < 0.2
    assert result.summary["tracks_without_departure"] == 0.0
    assert result.summary["laps_completed"] == 0.0
    assert result.summary["departures_per_km"] > 5
    # It is put back nearer to the centreline than the road's edge, so more often.
    assert result.summary["interventions_per_km"] > result.summary["departures_per_km"]
    assert result.summary["cross_track_error_mean"] > 0.5
    for track, driven in zip(result.tracks, result.drives, strict=True):
        assert track["distance"] >= driven.world.track.length
        assert track["departures"] == driven.put_back.sum() > 0


def test_help_is_tried_only_on_roads_where_the_car_came_too_far_from_the_centerline(monkeypatch):
    driven_with_help = []
    real = evaluation.drive

    def spy(driver, worlds, course, *rest, **named):
        if course.put_back_beyond is not None:
            assert course.put_back_beyond == 1.0
            driven_with_help.append(list(worlds))
        return real(driver, worlds, course, *rest, **named)

    monkeypatch.setattr(evaluation, "drive", spy)
    # The wheel at the angle of the large circle: the small one it leaves.
    rear_radius = np.sqrt(60.0**2 - 1.5**2)
    wheel = Steady(steering=-float(np.arctan(2.7 / rear_radius)) / 0.6)
    worlds = [ring_world(20.0), ring_world(60.0)]
    result = evaluate(wheel, worlds, Course())
    assert driven_with_help == [worlds[:1]]
    assert result.tracks[0]["autonomy"] < result.tracks[1]["autonomy"] == 1.0
    assert result.tracks[0]["interventions"] > 0
    assert result.tracks[1]["supervised_distance"] == result.tracks[1]["distance"]
    assert result.summary["autonomy"] == pytest.approx((result.tracks[0]["autonomy"] + 1.0) / 2)


def test_whoever_waits_for_an_evaluation_is_told_how_far_it_is():
    told = []
    evaluate(ExpertDriver(), [ring_world(20.0)], Course(), told.append)
    assert told[-1] == 1.0


def test_a_quick_check_tells_the_expert_from_a_driver_that_never_steers():
    course = Course(time_limit=6.0)
    worlds = [ring_world(20.0), ring_world(40.0)]
    expert = quick_check(ExpertDriver(), worlds, course)
    straight = quick_check(StraightDriver(), worlds, course)
    assert expert["autonomy"] == 1.0
    assert straight["autonomy"] == 0.0
    assert expert["cross_track_error"] < 0.1 < straight["cross_track_error"] < 1.0
