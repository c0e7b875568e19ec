"""Robustness: every cell is what driving under that stress measures, and an interruption keeps what there is."""

import json

import cv2
import numpy as np
import pytest

from agents.evaluation.evaluation import evaluate
from agents.expert import ExpertDriver
from agents.rollout import Course
from agents.stress import robustness
from agents.stress.heat_map import draw_heat_map
from agents.stress.robustness import measure_robustness
from agents.stress.stressed_driver import under_stress
from agents.stress.stresses import STRESSES, choose_stresses
from tests.agents.drives import ring_world

WORLDS = [ring_world(20.0), ring_world(35.0)]
COURSE = Course(time_limit=6.0)
CHOSEN = choose_stresses(["steering-bias", "slow", "fog"])


@pytest.fixture(scope="module")
def measured():
    told = []
    found = measure_robustness(ExpertDriver(), WORLDS, COURSE, CHOSEN, [1, 5], told.append)
    assert told == [0.25, 0.5, 0.75, 1.0]
    return found


def test_every_cell_is_the_evaluation_under_its_stress(measured):
    # An expert sees no fog.
    assert [stress.name for stress in measured.stresses] == ["steering-bias", "slow"]
    assert set(measured.summaries) == {("steering-bias", 1), ("steering-bias", 5), ("slow", 1), ("slow", 5)}
    for (name, severity), summary in measured.summaries.items():
        driver, course = under_stress(ExpertDriver(), COURSE, STRESSES[name], severity)
        expected = evaluate(driver, WORLDS, course).summary
        for metric in ("autonomy", "cross_track_error_mean", "mean_speed", "progress_against_expert"):
            assert summary[metric] == pytest.approx(expected[metric]), (name, severity, metric)
    assert measured.clean["cross_track_error_mean"] < measured.table("cross_track_error_mean")[0, 0]
    assert measured.complete


def test_a_bias_costs_more_with_severity_and_a_slow_car_is_slow(measured):
    bias, slow = measured.table("cross_track_error_mean")[0], measured.table("mean_speed")[1]
    assert bias[1] > 3 * bias[0]
    assert slow == pytest.approx([9.4, 7.0], rel=0.01)
    assert measured.means()["mean_speed"] == pytest.approx(np.mean([10.0, 10.0, 9.4, 7.0]), rel=0.01)


def test_the_results_are_plain_json(measured):
    plain = json.loads(json.dumps(measured.to_dict()))
    assert [row["stress"] for row in plain["stresses"]] == ["steering-bias", "slow"]
    cell = plain["stresses"][0]["severities"][1]
    assert (cell["severity"], cell["value"]) == (5, STRESSES["steering-bias"].values[4])
    assert cell["autonomy"] == measured.summaries["steering-bias", 5]["autonomy"]
    assert plain["tracks"] == 2
    rows = measured.rows(["autonomy"])
    assert [(row["stress"], row["severity"]) for row in rows][:3] == [("none", 1), ("none", 5), ("steering-bias", 1)]


def test_an_interruption_keeps_the_cells_that_were_driven(monkeypatch):
    calls = []
    real = robustness.evaluate

    def interrupted(*arguments, **named):
        calls.append(1)
        if len(calls) == 4:
            raise KeyboardInterrupt
        return real(*arguments, **named)

    monkeypatch.setattr(robustness, "evaluate", interrupted)
    found = measure_robustness(ExpertDriver(), WORLDS, Course(time_limit=1.0), CHOSEN, [1, 5])
    assert not found.complete
    assert set(found.summaries) == {("steering-bias", 1), ("steering-bias", 5)}
    assert np.isnan(found.table("autonomy")[1]).all()


def test_a_heat_map_is_red_where_a_stress_cost_much_and_has_a_panel_a_metric(measured, tmp_path):
    draw_heat_map(measured, ["autonomy", "cross_track_error_mean"], tmp_path / "two.png")
    draw_heat_map(measured, ["autonomy"], tmp_path / "one.png")
    two, one = (cv2.imread(str(tmp_path / name)).astype(int) for name in ("two.png", "one.png"))
    assert two.shape[1] > 1.4 * one.shape[1]
    blue, green, red = two[..., 0], two[..., 1], two[..., 2]
    # The largest error of a metric in metres ends its scale; nothing lost is nearly white.
    assert ((red > 100) & (green < 60) & (blue < 80)).sum() > 500
    assert ((red > 240) & (green > 230) & (blue > 215) & (blue < 250)).sum() > 500


def test_a_heat_map_of_an_interrupted_run_has_empty_cells(monkeypatch, tmp_path):
    found = measure_robustness(ExpertDriver(), WORLDS[:1], Course(time_limit=0.5), CHOSEN[:1], [1])
    part = robustness.Robustness(found.name, tuple(CHOSEN[:2]), (1, 2), 1, 0.5, found.clean, found.summaries, False)
    draw_heat_map(part, ["autonomy"], tmp_path / "part.png")
    assert (tmp_path / "part.png").stat().st_size > 1000
