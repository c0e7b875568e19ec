"""Requirements: what is one, what is none, and when it is met."""

import math

import pytest

from agents.evaluation.metric_table import METRICS
from agents.evaluation.requirement import check, read_requirement
from drivesim.errors import DrivesimError


def test_every_metric_can_be_required():
    for name in METRICS:
        assert read_requirement(f"{name}<1", METRICS).metric == name


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
    found = read_requirement(text, METRICS)
    assert (found.metric, found.operator, found.number) == expected


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
        ("autonomy>=nan", "expected a number after >=, got 'nan'"),
        ("autonomy>=0.9>=0.8", "expected a number after >=, got '0.9>=0.8'"),
    ],
)
def test_what_is_no_requirement_is_refused_with_the_way_out(text, words):
    with pytest.raises(DrivesimError) as caught:
        read_requirement(text, METRICS)
    assert str(caught.value).startswith(f"--require {text!r}: {words}")


def test_an_unknown_metric_is_answered_with_all_known_ones():
    with pytest.raises(DrivesimError) as caught:
        read_requirement("precision>1", METRICS)
    assert all(name in str(caught.value) for name in METRICS)


@pytest.mark.parametrize(
    ("operator", "below", "equal", "above"),
    [(">=", False, True, True), (">", False, False, True), ("<=", True, True, False), ("<", True, False, False)],
)
def test_a_requirement_is_met_as_its_operator_says(operator, below, equal, above):
    requirement = read_requirement(f"autonomy{operator}0.5", METRICS)
    assert [requirement.is_met({"autonomy": value}) for value in (0.4, 0.5, 0.6)] == [below, equal, above]


@pytest.mark.parametrize("operator", [">=", ">", "<=", "<"])
def test_no_requirement_is_met_by_a_value_that_is_no_number(operator):
    assert not read_requirement(f"autonomy{operator}0.5", METRICS).is_met({"autonomy": math.nan})


def test_an_outcome_says_whose_metric_was_what_and_what_it_should_have_been():
    (outcome,) = check([read_requirement("autonomy>=0.99", METRICS)], "mine", {"autonomy": 0.5})
    assert not outcome.is_met
    assert str(outcome) == "mine: autonomy is 0.5, autonomy>=0.99 is required"
