"""Who has the wheel, and what is noted."""

import numpy as np
import pytest

from agents.aggregation.shared_wheel import SharedWheel, Sharing
from agents.aggregation.teacher import Advice, ExpertTeacher
from agents.rollout import Course, drive
from tests.agents.drives import Steady, ring_world


class Says:
    """A teacher who says the same all the time, and nothing from a step on."""

    def __init__(self, action=-0.13, error=0.0, until=10**9):
        self.action, self.error, self.until, self.calls = action, error, until, 0

    def advise(self, env, observation, cars):
        self.calls += 1
        knows = self.calls <= self.until
        action = self.action if knows else np.nan
        return Advice(np.full((len(cars), 1), action), np.full(len(cars), self.error if knows else np.inf))


def shared(teacher, sharing, cars=1, seconds=4.0, policy=None, **course):
    wheel = SharedWheel(policy or Steady(-0.1), teacher, sharing, np.random.default_rng(0))
    return wheel, drive(wheel, [ring_world()] * cars, Course(time_limit=seconds, **course))


def noted(wheel, name, car=0):
    return np.array([getattr(step, name)[car] for step in wheel.notes]).reshape(len(wheel.notes), -1)[:, 0]


def test_without_mixing_the_policy_drives_and_every_step_has_the_teachers_label():
    wheel, (driven,) = shared(Says(), Sharing())
    assert driven.columns["steering"] == pytest.approx(-0.1)
    assert noted(wheel, "labels") == pytest.approx(-0.13)
    assert noted(wheel, "asked") == pytest.approx(-0.1)
    assert not noted(wheel, "taught").any()


def test_the_teacher_acts_in_the_share_of_steps_that_mixing_says():
    wheel, drives = shared(Says(), Sharing(mixing=0.3), cars=4)
    taught = np.stack([noted(wheel, "taught", car) for car in range(4)])
    assert 0.2 < taught.mean() < 0.4
    for car, driven in enumerate(drives):
        assert driven.columns["steering"] == pytest.approx(np.where(taught[car], -0.13, -0.1))
    _, (driven,) = shared(Says(), Sharing(mixing=1.0))
    assert driven.columns["steering"] == pytest.approx(-0.13)


def test_the_same_seed_mixes_alike():
    first, again = (noted(shared(Says(), Sharing(mixing=0.5))[0], "taught") for _ in range(2))
    assert (first == again).all()


def test_where_the_teacher_knows_nothing_the_policy_drives_without_a_label():
    wheel, (driven,) = shared(Says(until=30), Sharing(mixing=1.0))
    assert driven.columns["steering"] == pytest.approx([-0.13] * 30 + [-0.1] * 50)
    assert np.isfinite(noted(wheel, "labels")).tolist() == [True] * 30 + [False] * 50


def test_a_safe_distance_lets_the_teacher_take_over_until_the_car_is_back_and_labels_that_alone():
    # Straight on, the car leaves the middle of the round road.
    wheel, (driven,) = shared(ExpertTeacher(), Sharing(safe=0.5), policy=Steady(0.0), seconds=12.0)
    taught, error = noted(wheel, "taught"), np.abs(driven.columns["lateral_error"])
    assert (np.isfinite(noted(wheel, "labels")) == taught).all()
    taken, given = (np.flatnonzero(np.diff(taught.astype(int)) == sign) + 1 for sign in (1, -1))
    assert len(taken) >= 2
    assert not taught[0]
    assert (error[taken] > 0.5).all()
    assert (error[taken - 1] <= 0.5).all()
    assert (error[given] < 0.25).all()
    # No stretch is shorter than two seconds.
    assert (given - taken[: len(given)]).min() >= 40
    assert error.max() < 1.5


def test_a_car_that_is_put_back_is_the_policys_again():
    wheel, (driven,) = shared(
        Says(action=0.0, error=9.0), Sharing(safe=0.5), policy=Steady(0.0), seconds=8.0, put_back_off_road=True
    )
    assert driven.put_back.any()
    assert noted(wheel, "taught").all()
    assert wheel._hold is not None
    wheel.forget(None, np.array([0]))
    assert np.isnan(wheel._hold).all()
