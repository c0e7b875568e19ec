"""Drawings of the report: what was driven is what is drawn, in few points, and names are only text."""

import re
from dataclasses import replace
from xml.etree import ElementTree

import numpy as np
import pytest

from agents.driver import StraightDriver
from agents.expert import ExpertDriver
from agents.report.drawings import ERROR_STEPS, autonomy_chart, bar_chart, error_chart, track_map
from agents.rollout import Course, drive
from tests.agents.drives import made_up_drive, ring_world

NASTY = '"><img src=x onerror=alert(1)>&'


@pytest.fixture(scope="module")
def driven():
    return drive(ExpertDriver(), [ring_world(40.0)], Course())[0]


@pytest.fixture(scope="module")
def left_road():
    return drive(StraightDriver(), [ring_world(40.0)], Course(put_back_off_road=True, time_limit=60.0))[0]


def paths(svg, kind):
    """The points (N, 2) in metres, y up, of each line of the paths of a class."""
    found = []
    for path in ElementTree.fromstring(svg).iter("path"):
        if path.get("class") != kind:
            continue
        for line in path.get("d").split("M")[1:]:
            numbers = [[float(n) for n in pair.split()] for pair in re.split("[lLzh]", line) if len(pair.split()) == 2]
            found.append(np.cumsum(numbers, axis=0) * (0.1, -0.1) if "l" in line else np.array(numbers) * (0.1, -0.1))
    return found


def test_a_drawn_road_is_the_road_in_few_points(driven):
    svg = str(track_map(driven, "ring"))
    edges = paths(svg, "road")
    assert len(edges) == 2
    for edge, radius in zip(edges, (36.0, 44.0), strict=True):
        np.testing.assert_allclose(np.hypot(*edge.T), radius, atol=0.25)
        assert len(edge) < 60
    assert len(svg) < 4000


def test_a_drawn_line_is_the_driven_one_coloured_by_its_distance(driven):
    columns = dict(driven.columns)
    angle = np.linspace(0, 1.9 * np.pi, 400)
    lateral = np.where(angle < np.pi, 0.05, 0.7)
    columns |= {"x": 40 * np.cos(angle), "y": 40 * np.sin(angle), "lateral_error": -lateral}
    none = np.zeros(400, bool)
    svg = str(track_map(replace(driven, columns=columns, put_back=none, departed=none), "ring"))
    (near,), (far,) = paths(svg, "line e0"), paths(svg, "line e4")
    assert near[:, 1].min() > -0.6
    assert far[:, 1].max() < 0.6
    np.testing.assert_allclose(near[-1], far[0], atol=1e-9)
    assert [len(paths(svg, f"line e{level}")) for level in range(len(ERROR_STEPS) + 1)] == [1, 0, 0, 0, 1, 0]


def test_a_car_that_was_put_back_leaves_a_gap_and_a_mark(left_road):
    svg = str(track_map(left_road, "ring"))
    marks = paths(svg, "departure")
    assert len(marks) == len(left_road.departure_steps) > 1
    xy = np.column_stack([left_road.columns["x"], left_road.columns["y"]])
    np.testing.assert_allclose(np.vstack(marks), xy[left_road.departure_steps], atol=0.06)
    lines = [line for level in range(6) for line in paths(svg, f"line e{level}")]
    starts, ends = np.array([line[0] for line in lines]), np.array([line[-1] for line in lines])
    for step in np.flatnonzero(left_road.put_back[:-1]):
        assert np.hypot(*(ends - xy[step]).T).min() < 0.1
        assert np.hypot(*(starts - xy[step + 1]).T).min() < 0.1


def test_a_road_without_a_departure_has_no_mark(driven):
    assert paths(str(track_map(driven, "ring")), "departure") == []


def test_everything_lies_in_the_picture(left_road):
    root = ElementTree.fromstring(str(track_map(left_road, "ring")))
    left, top, width, height = map(float, root.get("viewBox").split())
    assert width == height
    box = np.array(root.get("data-box").split(), float)
    assert box[0] >= left - 1 and box[2] <= width + 1
    for kind in ("road", "line e5", "departure", "start", "scale"):
        for line in paths(str(track_map(left_road, "ring")), kind):
            x, y = line[:, 0] * 10, -line[:, 1] * 10
            assert left <= x.min() and x.max() <= left + width, kind
            assert top <= y.min() and y.max() <= top + height, kind


def test_names_are_escaped(driven):
    root = ElementTree.fromstring(str(track_map(driven, NASTY)))
    assert root.get("aria-label") == NASTY
    chart = ElementTree.fromstring(str(bar_chart([NASTY], [1.0], [NASTY], NASTY, NASTY)))
    assert chart.get("aria-label") == NASTY
    assert [text.text for text in chart.iter("text")] == [NASTY] * 3


def heights(svg):
    return [float(bar.get("height")) for bar in ElementTree.fromstring(str(svg)).iter("rect")]


def test_bars_are_as_high_as_their_values():
    tall = heights(bar_chart(["a", "b", "c"], [1.0, 4.0, 0.0], ["", "", ""], "", ""))
    assert tall[1] == pytest.approx(4 * tall[0], abs=0.2)
    assert tall[2] == 0.0
    assert heights(bar_chart(["a"], [0.0], [""], "", "")) == [0.0]


def test_the_spread_of_errors_is_over_all_steps_whatever_their_side():
    chart = error_chart([made_up_drive([-0.05, 0.05, 0.15, -0.15]), made_up_drive([3.0, -0.05, 0.05, 0.05])])
    tall = heights(chart)
    assert len(tall) == 11
    assert [h > 0 for h in tall] == [True, True] + [False] * 8 + [True]
    texts = [text.text for text in ElementTree.fromstring(str(chart)).iter("text") if text.get("class") == "count"]
    assert texts == ["62%", "25%", "12%"]


def test_a_perfect_track_has_a_bar_of_its_own():
    texts = ElementTree.fromstring(str(autonomy_chart(np.array([1.0, 1.0, 0.99, 0.2])))).iter("text")
    assert [text.text for text in texts if text.get("class") == "count"] == ["1", "1", "2"]
