"""Disturbances: what of a driver's wish reaches the car."""

import numpy as np
import pytest

from agents.stress.disturbances import DroppedFrames, Lag, SteeringBias, SteeringNoise

EVERYONE = np.arange(4)
OLD, NEW = np.zeros(4, bool), np.ones(4, bool)


def rng():
    return np.random.default_rng(0)


def wishes(step, width=1):
    """Actions (4, width) that tell the step and the car."""
    return np.full((4, width), step / 100) + 0.001 * np.arange(4)[:, None]


def run(disturbance, steps, width=1):
    return [disturbance(wishes(i, width), EVERYONE, NEW if i == 0 else OLD) for i in range(steps)]


@pytest.mark.parametrize("width", [1, 2])
@pytest.mark.parametrize("late", [1, 3])
def test_a_lag_delays_every_action_by_its_steps(late, width):
    got = run(Lag(late, 4, rng()), 8, width)
    for i in range(late, 8):
        np.testing.assert_array_equal(got[i], wishes(i - late, width))
    # At the start nothing is on its way but the first wish.
    np.testing.assert_array_equal(got[0], wishes(0, width))


def test_a_car_that_was_put_back_does_not_get_what_was_on_its_way():
    lag = Lag(2, 4, rng())
    run(lag, 5)
    got = lag(wishes(50), EVERYONE, np.array([False, True, False, False]))
    np.testing.assert_array_equal(got[1], wishes(50)[1])
    np.testing.assert_array_equal(got[[0, 2, 3]], wishes(3)[[0, 2, 3]])


def test_a_lag_follows_the_cars_that_still_drive():
    lag = Lag(1, 4, rng())
    run(lag, 3)
    some = np.array([1, 3])
    np.testing.assert_array_equal(lag(wishes(3)[some], some, OLD[some]), wishes(2)[some])
    np.testing.assert_array_equal(lag(wishes(4)[some], some, OLD[some]), wishes(3)[some])


def test_a_lost_frame_leaves_the_last_answer():
    got = run(DroppedFrames(0.4, 4, rng()), 2000)
    kept = np.array([(action == wishes(i)).ravel() for i, action in enumerate(got)])
    assert kept[1:].mean() == pytest.approx(0.6, abs=0.02)
    np.testing.assert_array_equal(got[0], wishes(0))
    for i in range(1, 50):
        np.testing.assert_array_equal(got[i][~kept[i]], got[i - 1][~kept[i]])


def test_all_frames_lost_leave_the_first_answer_until_the_car_is_put_back():
    dropped = DroppedFrames(1.0, 4, rng())
    got = run(dropped, 5)
    np.testing.assert_array_equal(got[4], wishes(0))
    np.testing.assert_array_equal(dropped(wishes(9), EVERYONE, NEW), wishes(9))


def test_a_bias_pulls_to_either_side_by_car_and_leaves_the_pedal():
    got = SteeringBias(0.1, 4, rng())(np.zeros((4, 2)), EVERYONE, OLD)
    np.testing.assert_allclose(got, [[0.1, 0], [-0.1, 0], [0.1, 0], [-0.1, 0]])
    some = np.array([3])
    np.testing.assert_allclose(SteeringBias(0.1, 4, rng())(np.zeros((1, 1)), some, OLD[some]), [[-0.1]])


def test_noise_has_its_deviation_on_the_steering_alone_and_every_car_its_own():
    noise = SteeringNoise(0.2, 4, rng())
    got = np.array([noise(np.zeros((4, 2)), EVERYONE, OLD) for _ in range(5000)])
    assert got[..., 0].std() == pytest.approx(0.2, rel=0.03)
    assert not got[..., 1].any()
    assert abs(np.corrcoef(got[:, 0, 0], got[:, 1, 0])[0, 1]) < 0.05
    again = SteeringNoise(0.2, 4, rng())
    some = np.array([2])
    alone = np.array([again(np.zeros((1, 2)), some, OLD[some]) for _ in range(100)])
    np.testing.assert_array_equal(alone[:, 0], got[:100, 2])


def test_a_drivers_own_actions_are_left_alone():
    for kind in (SteeringBias, SteeringNoise, Lag, DroppedFrames):
        actions = wishes(3)
        kind(1.0, 4, rng())(actions, EVERYONE, NEW)
        np.testing.assert_array_equal(actions, wishes(3), err_msg=kind.__name__)
