"""The moments that can be gone back to."""

import numpy as np

from agents.ride.history import History, Moment
from drivesim.env import SteerEnv


def make_history(count, on_course=lambda at: True):
    env = SteerEnv(track=3, camera=None)
    env.reset(seed=0)
    history = History(0.05)
    for at in range(count):
        history.remember(Moment(env.get_state(), (0, at), at, on_course(at)))
        env.step([0.0])
    return history


def test_as_many_steps_are_taken_out_as_the_seconds_have():
    history = make_history(50)
    moment, states = history.go_back(1.0)
    assert (moment.recorded, len(states), len(history)) == ((0, 30), 20, 30)
    np.testing.assert_allclose([state.time for state in states], np.arange(49, 29, -1) / 20)


def test_of_fewer_than_that_the_first_is_gone_back_to():
    moment, states = make_history(5).go_back(1.0)
    assert (moment.recorded, len(states)) == ((0, 0), 5)


def test_the_road_is_looked_for_farther_back_but_not_for_ever():
    moment, _ = make_history(50, lambda at: at < 10).go_back(1.0, to_course=True)
    assert moment.recorded == (0, 9)
    moment, states = make_history(60, lambda at: at < 45).go_back(1.0, to_course=True)
    assert (moment.recorded, len(states)) == ((0, 40), 20)
