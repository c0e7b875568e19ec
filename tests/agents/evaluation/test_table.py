"""Tables of evaluations: every metric, side by side, with intervals, on a terminal and in Markdown."""

from dataclasses import replace

import pytest
from rich.console import Console

from agents.evaluation.evaluation import evaluate
from agents.evaluation.metric_table import METRICS
from agents.evaluation.table import evaluation_markdown, evaluation_table, stress_markdown, stress_table
from agents.expert import ExpertDriver
from agents.rollout import Course
from agents.stress.robustness import measure_robustness
from agents.stress.stresses import choose_stresses
from tests.agents.drives import Steady, ring_world

WORLDS = [ring_world(20.0), ring_world(35.0)]


@pytest.fixture(scope="module")
def expert():
    return evaluate(ExpertDriver(), WORLDS, Course(time_limit=4.0))


@pytest.fixture(scope="module")
def steady():
    return evaluate(Steady(), WORLDS, Course(time_limit=4.0))


def text_of(table):
    console = Console(width=200)
    with console.capture() as capture:
        console.print(table)
    return capture.get()


def test_one_policy_is_told_with_intervals_and_its_worst_track(expert):
    said = text_of(evaluation_table([expert]))
    assert "expert on 2 tracks" in said
    assert all(metric.title in said for metric in METRICS.values())
    known = expert.statistics["mean_speed"]
    line = next(line for line in said.splitlines() if "mean speed" in line)
    for value in (known.value, known.low, known.high, known.worst_tenth, known.worst):
        assert METRICS["mean_speed"].text(value) in line
    assert "control steps a second" in said


def test_several_policies_are_told_side_by_side(expert, steady):
    lines = evaluation_markdown([expert, steady]).splitlines()
    assert lines[0] == "### expert, steady on 2 tracks"
    assert lines[2] == "| metric | expert | steady |"
    autonomy = next(line for line in lines if line.startswith("| autonomy"))
    cells = [cell.strip() for cell in autonomy.strip("|").split("|")]
    for cell, evaluation in zip(cells[1:], (expert, steady), strict=True):
        known = evaluation.statistics["autonomy"]
        assert cell == f"{known.value:.4f} ({known.low:.4f} to {known.high:.4f})"


def test_markdown_has_as_many_cells_in_every_row(expert):
    rows = [line for line in evaluation_markdown([expert]).splitlines() if line.startswith("|")]
    assert len(rows) == len(METRICS) + 2
    assert {row.count("|") for row in rows} == {6}


def test_what_was_stopped_says_so(expert):
    assert "(incomplete: stopped by the user)" in evaluation_markdown([replace(expert, complete=False)])


def test_stresses_are_told_by_severity_below_what_holds_without():
    found = measure_robustness(
        ExpertDriver(), WORLDS, Course(time_limit=2.0), choose_stresses(["lag", "steering-bias"]), [1, 4]
    )
    said = text_of(stress_table(found, "cross_track_error_mean"))
    assert "expert under stress: cross-track error, mean (m), by severity" in " ".join(said.split())
    rows = [line for line in stress_markdown(found, "cross_track_error_mean").splitlines() if line.startswith("|")]
    assert rows[0] == "| stress | 1 | 4 |"
    clean = f"{found.clean['cross_track_error_mean']:.3f}"
    assert rows[2] == f"| none | {clean} | {clean} |"
    assert [row.split("|")[1].strip() for row in rows[3:]] == ["steering-bias", "lag"]
    assert f"{found.summaries['lag', 4]['cross_track_error_mean']:.3f}" in rows[4]
