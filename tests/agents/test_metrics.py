"""Metrics of made-up drives, worked out by hand."""

from dataclasses import replace

import numpy as np
import pytest

from agents.metrics import (
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
    supervised = made_up_drive(np.zeros(120), put_back=[10, 50], progress=500.0)
    expert = made_up_drive(np.zeros(8), progress=64.0)
    measured = track_metrics(free, supervised, expert)
    expected = {
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
        "without_departure": 0.0,
        "cross_track_error_rms": np.sqrt((4 * 0.25 - 0.25 + 2.25) / 10),
    }
    assert {name: measured[name] for name in expected} == pytest.approx(expected)


def test_turning_and_comfort_are_those_worked_out_by_hand():
    driven = made_up_drive(np.zeros(5))
    columns = driven.columns | {
        "heading_error": np.radians([0.0, -2.0, 4.0, 0.0, 4.0]),
        "speed": np.full(5, 10.0),
        "yaw_rate": np.array([0.0, 0.1, 0.1, -0.3, -0.3]),
    }
    driven = replace(driven, columns=columns)
    metrics = track_metrics(driven, driven, driven)
    assert metrics["heading_error_mean"] == pytest.approx(2.0)
    assert metrics["heading_error_max"] == pytest.approx(4.0)
    assert metrics["lateral_acceleration_max"] == pytest.approx(3.0)
    assert metrics["lateral_acceleration_rms"] == pytest.approx(np.sqrt((1 + 1 + 9 + 9) / 5))
    assert metrics["jerk_rms"] == pytest.approx(np.sqrt((1 + 16) / 4) / driven.dt)


def test_reversals_are_turns_of_the_wheel_larger_than_the_gap_and_no_tremble():
    time = np.arange(0, 40, 0.05)
    assert steering_reversals(0.1 * np.sin(2 * np.pi * time / 8), 0.05) == pytest.approx(10, abs=1)
    assert steering_reversals(0.002 * np.sin(2 * np.pi * time / 8), 0.05) == 0
    assert steering_reversals(0.02 * np.sin(2 * np.pi * 5 * time), 0.05) <= 1
    assert steering_reversals(np.zeros(4), 0.05) == 0


def test_what_was_not_driven_with_interventions_has_no_autonomy():
    driven = made_up_drive(np.zeros(4))
    assert np.isnan(track_metrics(driven, None, driven)["autonomy"])


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
        without_departure=1.0,
        cross_track_error_mean=0.1,
        cross_track_error_rms=0.12,
        heading_error_mean=1.0,
        heading_error_max=3.0,
        steering_reversals=5.0,
        lateral_acceleration_rms=1.0,
        lateral_acceleration_max=2.0,
        jerk_rms=1.0,
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
        without_departure=0.0,
        cross_track_error_mean=0.5,
        cross_track_error_p95=1.0,
        cross_track_error_max=2.5,
        steering_change=1.5,
        distance=4000.0,
        mean_speed=6.0,
        progress_against_expert=0.6,
    )
    found = summary([good, bad])
    expected = {
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
        "distance_between_departures": 2500.0,
    }
    assert {name: found[name] for name in expected} == pytest.approx(expected)
    assert set(found) == set(METRICS_OF_TRACKS)


def test_statistics_tell_the_spread_over_tracks():
    tracks = [make_track(autonomy=value, cross_track_error_max=1 - value) for value in np.linspace(0, 1, 21)]
    found = statistics(tracks)
    assert found["autonomy"].value == pytest.approx(0.5)
    assert found["autonomy"].low < 0.45 and found["autonomy"].high > 0.55
    assert found["autonomy"].worst == 0.0
    assert found["autonomy"].worst_tenth == pytest.approx(0.1)
    assert found["cross_track_error_max"].low is None
    assert found["cross_track_error_max"].worst == 1.0
    assert statistics(tracks[:1])["autonomy"].low is None
