"""Departures: computed from a lap, they are those of the drive that made it."""

import numpy as np
import pytest

from agents.expert import ExpertDriver
from agents.provenance import lap_info
from agents.rollout import Course, drive, lap_columns, make_env
from datasets.departures import clearance, leading_to, off_road
from datasets.schema import Lap
from tests.agents.drives import Steady, ring_world
from tests.datasets.laps import circle_lap


@pytest.mark.parametrize("driver", [ExpertDriver(), Steady(steering=-0.05), Steady(steering=-0.14)])
def test_a_laps_clearance_is_that_of_the_drive_that_made_it(driver):
    course = Course(time_limit=8.0)
    driven = drive(driver, [ring_world(40.0)], course)[0]
    lap = Lap(lap_info(driven.world, make_env(1, course).rules, "x"), lap_columns(driven), True, "lap")
    np.testing.assert_allclose(clearance(lap), driven.columns["clearance"], atol=1e-6)
    # A drive says of each step whether a wheel is off after it, a lap whether one is off before it.
    np.testing.assert_array_equal(off_road(lap)[1:-1], driven.departed[:-2])
    assert off_road(lap)[-1] == driven.departed[-1]


def test_a_departure_in_the_last_step_is_seen():
    # The road's half is 4 m, the car's 0.9 m, and its nose sticks out in the bend: a wheel is off from 3.071 m on.
    lateral = np.linspace(0, 3.06, 100)
    lap = circle_lap(100, lateral_error=lateral)
    assert clearance(lap)[-1] > 0
    assert np.flatnonzero(off_road(lap)).tolist() == [99]
    assert not off_road(circle_lap(100, lateral_error=lateral[::-1])).any()
    assert not off_road(circle_lap(1, lateral_error=[3.0])).any()


def test_what_leads_to_a_departure_are_the_steps_before_it_and_itself():
    departed = np.zeros(20, bool)
    assert not leading_to(departed, 5).any()
    departed[[2, 10, 11, 19]] = True
    assert np.flatnonzero(leading_to(departed, 3)).tolist() == [0, 1, 2, *range(7, 12), 16, 17, 18, 19]
    np.testing.assert_array_equal(leading_to(departed, 0), departed)
    assert leading_to(departed, 100).all()
