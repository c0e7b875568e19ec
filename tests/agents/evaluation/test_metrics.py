"""Metrics of made-up drives, worked out by hand, and requirements on them."""

import math

import numpy as np
import pytest

from agents.evaluation.metric_table import METRICS
from agents.evaluation.metrics import (
    METRICS_OF_TRACKS,
    autonomy,
    needs_no_intervention,
    statistics,
    steering_reversals,
    summary,
    track_metrics,
)
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
    free.columns["heading_error"] = np.radians([0, 3, -7, 0, 0, 0, 0, 0, 0, 0])
    free.columns["speed"] = np.full(10, 8.0)
    free.columns["yaw_rate"] = np.array([0.0, 0.25, 0.5, 0, 0, 0, 0, 0, -0.25, -0.25])
    supervised = made_up_drive(np.zeros(120), put_back=[10, 50], progress=500.0)
    expert = made_up_drive(np.zeros(8), progress=64.0)
    metrics = track_metrics(free, supervised, expert)
    assert metrics.pop("steering_reversals") == 60 * steering_reversals(free.columns["steering"], 0.5) / 5
    assert metrics == pytest.approx(
        {
            "autonomy": 1 - 6 * 2 / 60,
            "interventions": 2.0,
            "supervised_distance": 500.0,
            "departures": 1.0,
            "collisions": 0.0,
            "without_departure": 0.0,
            "lap_completed": 0.0,
            "cross_track_error_mean": 0.3,
            "cross_track_error_rms": math.sqrt((3 * 0.25 + 2.25) / 10),
            # Of ten values the ninth and tenth are 0.5 and 1.5; rank 0.95 x 9 = 8.55 lies between them.
            "cross_track_error_p95": 0.5 + 0.55 * 1.0,
            "cross_track_error_max": 1.5,
            "heading_error_mean": 1.0,
            "heading_error_max": 7.0,
            "steering_change": (0.5 + 0.0 + 1.0 + 0.5 + 0.25) / 5,
            # 0, 2, 4, 0, 0, 0, 0, 0, -2, -2 m/s^2.
            "lateral_acceleration_rms": math.sqrt((4 + 16 + 4 + 4) / 10),
            "lateral_acceleration_max": 4.0,
            # 4, 4, [-8: put back], 0, 0, 0, 0, -4, 0 m/s^3.
            "jerk_rms": math.sqrt(3 * 16 / 8),
            "distance": 40.0,
            "elapsed": 5.0,
            "mean_speed": 8.0,
            "progress_against_expert": 8.0 / 16.0,
        }
    )


def test_what_was_not_driven_with_interventions_is_not_known():
    free = made_up_drive(np.full(20, 2.0))
    metrics = track_metrics(free, None, free)
    unknown = {name for name, value in metrics.items() if math.isnan(value)}
    assert unknown == {"autonomy", "interventions", "supervised_distance"}
    assert math.isnan(summary([metrics])["autonomy"])
    assert summary([metrics])["cross_track_error_mean"] == 2.0


@pytest.mark.parametrize(
    ("hertz", "size", "expected"),
    [
        # A sine turns back twice a period: 20 s of 0.2 Hz are 4 periods.
        (0.2, 0.1, 8),
        (0.1, 0.1, 4),
        # Too small to count, and too fast to be steering.
        (0.2, 0.002, 0),
        (6.0, 0.1, 0),
    ],
)
def test_steering_reversals_are_the_turns_back_of_the_smoothed_steering(hertz, size, expected):
    at = np.arange(400) * 0.05
    assert steering_reversals(size * np.sin(2 * np.pi * hertz * at), 0.05) == pytest.approx(expected, abs=1)


def test_steering_that_only_goes_one_way_turns_back_once_at_most():
    assert steering_reversals(np.linspace(0, 1, 200), 0.05) <= 1
    assert steering_reversals(np.zeros(200), 0.05) == 0


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
        collisions=0.0,
        without_departure=1.0,
        lap_completed=1.0,
        cross_track_error_mean=0.1,
        cross_track_error_rms=0.15,
        cross_track_error_p95=0.2,
        cross_track_error_max=0.3,
        heading_error_mean=1.0,
        heading_error_max=4.0,
        steering_reversals=10.0,
        steering_change=0.5,
        lateral_acceleration_rms=1.0,
        lateral_acceleration_max=3.0,
        jerk_rms=2.0,
        distance=1000.0,
        elapsed=100.0,
        mean_speed=10.0,
        progress_against_expert=1.0,
    )
    return fields | changes


BAD = make_track(
    autonomy=0.5,
    interventions=4.0,
    supervised_distance=3000.0,
    departures=2.0,
    collisions=1.0,
    without_departure=0.0,
    lap_completed=0.0,
    cross_track_error_mean=0.5,
    cross_track_error_p95=1.0,
    cross_track_error_max=2.5,
    heading_error_max=30.0,
    steering_reversals=30.0,
    steering_change=1.5,
    distance=4000.0,
    mean_speed=6.0,
    progress_against_expert=0.6,
)


def test_a_summary_takes_means_over_tracks_rates_over_kilometres_and_the_worst_maximum():
    assert summary([make_track(), BAD]) == pytest.approx(
        {
            "autonomy": 0.75,
            "interventions_per_km": 4 / 4,
            "departures_per_km": 2 / 5,
            "collisions_per_100km": 20.0,
            "distance_between_departures": 5000 / 2,
            "tracks_without_departure": 0.5,
            "laps_completed": 0.5,
            "cross_track_error_mean": 0.3,
            "cross_track_error_rms": 0.15,
            "cross_track_error_p95": 0.6,
            "cross_track_error_max": 2.5,
            "heading_error_mean": 1.0,
            "heading_error_max": 30.0,
            "steering_reversals": 20.0,
            "steering_change": 1.0,
            "lateral_acceleration_rms": 1.0,
            "lateral_acceleration_max": 3.0,
            "jerk_rms": 2.0,
            "mean_speed": 8.0,
            "progress_against_expert": 0.8,
        }
    )


def test_without_a_departure_the_distance_between_them_is_all_that_was_driven():
    assert summary([make_track(), make_track()])["distance_between_departures"] == 2000.0


def test_a_summary_holds_every_metric_that_is_made_of_tracks():
    assert tuple(summary([make_track()])) == METRICS_OF_TRACKS
    assert set(METRICS_OF_TRACKS) < set(METRICS)


def test_statistics_tell_the_worst_track_and_the_worst_tenth_from_the_bad_end():
    tracks = [make_track(autonomy=value / 10, cross_track_error_mean=value) for value in range(11)]
    known = statistics(tracks)
    assert (known["autonomy"].worst, known["autonomy"].worst_tenth) == pytest.approx((0.0, 0.1))
    assert (known["cross_track_error_mean"].worst, known["cross_track_error_mean"].worst_tenth) == (10.0, 9.0)
    assert {name: statistic.value for name, statistic in known.items()} == summary(tracks)


def test_an_interval_lies_about_the_mean_and_narrows_as_the_root_of_the_tracks():
    rng = np.random.default_rng(0)

    def width(count):
        tracks = [make_track(mean_speed=value) for value in rng.normal(10.0, 1.0, count)]
        known = statistics(tracks)["mean_speed"]
        assert known.low < known.value < known.high
        return known.high - known.low

    # Of a normal mean it is 2 x 1.96 / sqrt(n).
    assert width(100) == pytest.approx(2 * 1.96 / 10, rel=0.25)
    assert width(400) == pytest.approx(2 * 1.96 / 20, rel=0.25)


def test_the_interval_of_a_rate_is_that_of_the_quotient_of_sums():
    # One long track with a departure, many short ones without: the rate is 1 in 2 km, whatever each track's own is.
    tracks = [make_track(departures=1.0, distance=1000.0), *[make_track(distance=100.0)] * 10]
    known = statistics(tracks)["departures_per_km"]
    assert known.value == pytest.approx(0.5)
    assert known.low == 0.0
    assert known.high < 1.0


def test_neither_a_maximum_nor_a_single_track_has_an_interval():
    assert statistics([make_track(), BAD])["cross_track_error_max"].low is None
    assert {statistic.low for statistic in statistics([BAD]).values()} == {None}
