"""Metrics of made-up drives, worked out by hand, and requirements on them."""

import math

import numpy as np
import pytest

from agents.metrics import (
    METRICS,
    autonomy,
    check_requirement,
    is_met,
    needs_no_intervention,
    summary,
    track_metrics,
)
from drivesim.errors import DrivesimError
from tests.agents.drives import made_up_drive


@pytest.mark.parametrize(
    ("interventions", "elapsed", "expected"),
    [(0, 1.0, 1.0), (1, 60.0, 0.9), (10, 600.0, 0.9), (1, 6.0, 0.0), (5, 6.0, 0.0)],
)
def test_an_intervention_counts_for_six_seconds_of_driving(interventions, elapsed, expected):
    assert autonomy(interventions, elapsed) == pytest.approx(expected)


def test_a_drive_needs_no_intervention_up_to_a_metre_from_the_centerline():
    assert needs_no_intervention(made_up_drive([0.0, -1.0, 1.0]))
    assert not needs_no_intervention(made_up_drive([0.0, -1.001, 0.0]))
    assert not needs_no_intervention(made_up_drive([0.0, 0.0, 0.0], put_back=[1]))


def test_a_tracks_metrics_are_those_worked_out_by_hand():
    # Ten steps of half a second: 5 s.
    free = made_up_drive(
        [0.0, 0.5, -1.5, 0.0, 0.5, -0.5, 0.0, 0.0, 0.0, 0.0],
        [0.0, 0.5, 0.5, -0.5, 0.0, 0.0, 0.0, 0.0, 0.0, 0.25],
        put_back=[2],
        departed=[2],
        progress=40.0,
    )
    supervised = made_up_drive(np.zeros(120), put_back=[10, 50], progress=500.0)
    expert = made_up_drive(np.zeros(8), progress=64.0)
    assert track_metrics(free, supervised, expert) == pytest.approx(
        {
            "autonomy": 1 - 6 * 2 / 60,
            "interventions": 2.0,
            "supervised_distance": 500.0,
            "departures": 1.0,
            "lap_completed": 0.0,
            "cross_track_error_mean": 0.3,
            # Of ten values the ninth and tenth are 0.5 and 1.5; rank 0.95 x 9 = 8.55 lies between them.
            "cross_track_error_p95": 0.5 + 0.55 * 1.0,
            "cross_track_error_max": 1.5,
            "steering_change": (0.5 + 0.0 + 1.0 + 0.5 + 0.25) / 5,
            "distance": 40.0,
            "elapsed": 5.0,
            "mean_speed": 8.0,
            "progress_against_expert": 8.0 / 16.0,
        }
    )


@pytest.mark.parametrize(
    ("departed", "put_back", "expected"),
    [
        ([], [], 0),
        ([0], [], 1),
        ([3, 4, 5], [], 1),
        ([3, 4, 5, 8], [], 2),
        # Put back, and off the road again at once: that is another one.
        ([3, 4], [3, 4], 2),
        ([3, 4, 5], [4], 2),
        ([9], [], 1),
    ],
)
def test_departures_are_counted_and_not_the_steps_that_they_last(departed, put_back, expected):
    driven = made_up_drive(np.zeros(10), departed=departed, put_back=put_back)
    metrics = track_metrics(driven, driven, driven)
    assert metrics["departures"] == expected
    assert metrics["lap_completed"] == (expected == 0)


def test_a_lap_counts_only_when_it_was_completed_on_the_road():
    whole = made_up_drive(np.zeros(4))
    late = made_up_drive(np.zeros(4), end_reason="time_limit")
    assert track_metrics(whole, whole, whole)["lap_completed"] == 1.0
    assert track_metrics(late, whole, whole)["lap_completed"] == 0.0


def make_track(**changes):
    fields = dict(
        autonomy=1.0,
        interventions=0.0,
        supervised_distance=1000.0,
        departures=0.0,
        lap_completed=1.0,
        cross_track_error_mean=0.1,
        cross_track_error_p95=0.2,
        cross_track_error_max=0.3,
        steering_change=0.5,
        distance=1000.0,
        elapsed=100.0,
        mean_speed=10.0,
        progress_against_expert=1.0,
    )
    return fields | changes


def test_a_summary_takes_means_over_tracks_rates_over_kilometres_and_the_worst_maximum():
    good = make_track()
    bad = make_track(
        autonomy=0.5,
        interventions=4.0,
        supervised_distance=3000.0,
        departures=2.0,
        lap_completed=0.0,
        cross_track_error_mean=0.5,
        cross_track_error_p95=1.0,
        cross_track_error_max=2.5,
        steering_change=1.5,
        distance=4000.0,
        mean_speed=6.0,
        progress_against_expert=0.6,
    )
    assert summary([good, bad]) == pytest.approx(
        {
            "autonomy": 0.75,
            "interventions_per_km": 4 / 4,
            "departures_per_km": 2 / 5,
            "tracks_without_departure": 0.5,
            "laps_completed": 0.5,
            "cross_track_error_mean": 0.3,
            "cross_track_error_p95": 0.6,
            "cross_track_error_max": 2.5,
            "steering_change": 1.0,
            "mean_speed": 8.0,
            "progress_against_expert": 0.8,
        }
    )


def test_every_metric_of_a_summary_can_be_required_and_no_other():
    assert set(summary([make_track()])) == set(METRICS)
    for name in METRICS:
        assert check_requirement(f"{name}<1") == (name, "<", 1.0)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("autonomy>=0.99", ("autonomy", ">=", 0.99)),
        (" mean_speed  > 7 ", ("mean_speed", ">", 7.0)),
        ("cross_track_error_max<=1e-1", ("cross_track_error_max", "<=", 0.1)),
        ("departures_per_km<0.5", ("departures_per_km", "<", 0.5)),
    ],
)
def test_a_requirement_is_a_metric_an_operator_and_a_number(text, expected):
    assert check_requirement(text) == expected


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("autonomy", "expected METRIC>=NUMBER"),
        ("autonomy=0.9", "expected METRIC>=NUMBER"),
        ("", "expected METRIC>=NUMBER"),
        ("speed>=3", "unknown metric 'speed'. Known: autonomy, interventions_per_km, "),
        (">=3", "unknown metric ''"),
        ("autonomy>=", "expected a number after >=, got ''"),
        ("autonomy>=most", "expected a number after >=, got 'most'"),
        ("autonomy>=0.9>=0.8", "expected a number after >=, got '0.9>=0.8'"),
    ],
)
def test_what_is_no_requirement_is_refused_with_the_way_out(text, words):
    with pytest.raises(DrivesimError) as caught:
        check_requirement(text)
    assert str(caught.value).startswith(f"--require {text!r}: {words}")


def test_an_unknown_metric_is_answered_with_all_known_ones():
    with pytest.raises(DrivesimError) as caught:
        check_requirement("precision>1")
    assert all(name in str(caught.value) for name in METRICS)


@pytest.mark.parametrize(
    ("operator", "below", "equal", "above"),
    [(">=", False, True, True), (">", False, False, True), ("<=", True, True, False), ("<", True, False, False)],
)
def test_a_requirement_is_met_as_its_operator_says(operator, below, equal, above):
    requirement = ("autonomy", operator, 0.5)
    assert [is_met(requirement, {"autonomy": value}) for value in (0.4, 0.5, 0.6)] == [below, equal, above]


@pytest.mark.parametrize("operator", [">=", ">", "<=", "<"])
def test_no_requirement_is_met_by_a_value_that_is_no_number(operator):
    assert not is_met(("autonomy", operator, 0.5), {"autonomy": math.nan})
