"""Evaluation JSON: types as JSON has them, null for the unknown, and no path of anybody's machine."""

import json
from pathlib import Path

import pytest

from agents.evaluation.evaluation import evaluate
from agents.evaluation.json_file import plain, write_json
from agents.evaluation.metric_table import METRICS
from agents.expert import ExpertDriver
from agents.rollout import Course
from tests.agents.drives import ring_world


@pytest.fixture(scope="module")
def evaluation():
    return evaluate(ExpertDriver(), [ring_world(20.0), ring_world(30.0)], Course(time_limit=2.0))


def written(folder, evaluations, **options):
    write_json(folder / "e.json", options, evaluations, None)
    return json.loads((folder / "e.json").read_text(encoding="utf-8"))


def test_options_keep_their_types_and_absolute_paths_only_their_names(tmp_path, evaluation):
    report = written(
        tmp_path,
        [evaluation],
        tracks=100,
        both_directions=False,
        json=None,
        policy=["runs/mine", "/home/somebody/policy"],
        track_files=[Path("/home/somebody/a.csv"), Path("b.csv")],
    )
    assert report["command"] == {
        "tracks": 100,
        "both_directions": False,
        "json": None,
        "policy": ["runs/mine", "policy"],
        "track_files": ["a.csv", "b.csv"],
    }
    assert "somebody" not in (tmp_path / "e.json").read_text()


def test_an_evaluation_holds_every_metric_its_spread_and_its_tracks(tmp_path, evaluation):
    report = written(tmp_path, [evaluation])
    assert set(report["summary"]) == set(report["statistics"]) == set(METRICS)
    assert report["statistics"]["mean_speed"]["low"] <= report["summary"]["mean_speed"]
    assert [track["track"] for track in report["tracks"]] == ["ring-20", "ring-30"]
    assert report["complete"] is True
    assert report["policy"] == "expert"


def test_several_evaluations_are_a_list(tmp_path, evaluation):
    report = written(tmp_path, [evaluation, evaluation])
    assert [part["policy"] for part in report["policies"]] == ["expert", "expert"]
    assert "summary" not in report


def test_what_is_not_known_is_null():
    assert plain({"a": [float("nan"), float("inf"), 1.5], "b": (True, None, "x")}) == {
        "a": [None, None, 1.5],
        "b": [True, None, "x"],
    }
