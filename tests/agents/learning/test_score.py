"""What chooses an epoch, and a trial."""

import pytest

from agents.learning.score import score


def driven(interventions, error):
    return score({"autonomy": 1 - interventions * 6 / (20 * 40), "cross_track_error": error})


def test_an_intervention_weighs_as_much_as_seven_and_a_half_centimetres():
    assert driven(0, 0.08) > driven(1, 0.08)
    assert driven(0, 0.08) > driven(1, 0.02)
    assert driven(1, 0.07) > driven(0, 0.16), "a network that wavers everywhere is not the better one"
    assert driven(1, 0.10) > driven(2, 0.10)
    assert driven(0, 0.1) > driven(0, 0.2)


def test_where_nothing_was_driven_the_held_out_errors_decide():
    assert score({"steering_mae": 0.1, "pedal_mae": 0.2}) == pytest.approx(-0.3)
    assert score({"steering_mae": 0.1}) > score({"steering_mae": 0.2})
