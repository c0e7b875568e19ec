"""Named terms of the reward, on CarRacing's scale."""

import numpy as np
import pytest

from drivesim.namespaces import FLOATS, NUMPY
from drivesim.reward import reward_terms
from drivesim.simulation import EndReason


def test_a_lap_is_worth_1000_however_long_the_road():
    for length in (300.0, 4000.0):
        steps = [reward_terms(length / 500, length, 0.0, FLOATS)["progress"] for _ in range(500)]
        assert sum(steps) == pytest.approx(1000.0)


def test_every_step_costs_a_tenth():
    assert reward_terms(0.0, 500.0, 0.0, FLOATS) == {"progress": 0.0, "step": -0.1, "off_road": 0.0, "collision": 0.0}


@pytest.mark.parametrize("reason", EndReason)
def test_only_leaving_the_road_and_hitting_something_are_punished(reason):
    expected = -100.0 if reason == EndReason.OFF_ROAD else 0.0
    assert reward_terms(1.0, 500.0, float(reason), FLOATS)["off_road"] == expected
    expected = -100.0 if reason == EndReason.COLLISION else 0.0
    assert reward_terms(1.0, 500.0, float(reason), FLOATS)["collision"] == expected


def test_many_cars_are_paid_as_one_is():
    gained, length = np.array([0.0, 0.5, 2.0, 0.3, 0.1, 0.2]), np.linspace(400.0, 900.0, 6)
    reasons = np.array([float(reason) for reason in EndReason])
    many = reward_terms(gained, length, reasons, NUMPY)
    for car, values in enumerate(zip(gained.tolist(), length.tolist(), reasons.tolist(), strict=True)):
        assert {name: term[car] for name, term in many.items()} == pytest.approx(reward_terms(*values, FLOATS))
