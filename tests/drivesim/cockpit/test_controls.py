"""Keys, sticks and wheels become steering and pedal."""

import numpy as np
import pytest

from drivesim.cockpit.controls import (
    Axis,
    Calibration,
    Settings,
    beyond_dead_zone,
    press_pedal,
    stick_demand,
    turn_wheel,
    wheel_demand,
)

SETTINGS = Settings()
DT = 0.05


def test_a_held_key_turns_the_wheel_at_an_even_rate_up_to_its_end():
    wheel, way = 0.0, []
    for _ in range(20):
        wheel = turn_wheel(wheel, 1.0, 5.0, DT, SETTINGS)
        way.append(wheel)
    np.testing.assert_allclose(np.diff(way[:10]), SETTINGS.turn_rate * DT)
    assert way[-1] == 1.0


def test_at_speed_the_same_key_turns_more_gently():
    slow, fast = (turn_wheel(0.0, -1.0, speed, DT, SETTINGS) for speed in (10.0, 30.0))
    assert slow == pytest.approx(3 * fast)
    assert fast < 0


def test_a_wheel_that_is_let_go_centres_and_stays_there():
    wheel, way = -0.3, []
    for _ in range(5):
        wheel = turn_wheel(wheel, 0.0, 20.0, DT, SETTINGS)
        way.append(wheel)
    np.testing.assert_allclose(way, [-0.175, -0.05, 0, 0, 0], atol=1e-12)


def test_steering_the_other_way_is_faster_than_steering_on():
    there, on = turn_wheel(0.5, -1.0, 10.0, DT, SETTINGS), turn_wheel(0.0, -1.0, 10.0, DT, SETTINGS)
    assert 0.5 - there == pytest.approx(-on + SETTINGS.return_rate * DT)
    # And does not overshoot the middle by it.
    assert turn_wheel(0.01, -1.0, 10.0, DT, SETTINGS) == pytest.approx(0.01 - 0.01 + on)


def test_pedals_are_pressed_in_time_and_changed_at_once():
    assert press_pedal(0.0, 1.0, DT) == pytest.approx(0.2)
    assert press_pedal(0.95, 1.0, DT) == 1.0
    assert press_pedal(0.8, -1.0, DT) == pytest.approx(-0.2)
    assert press_pedal(0.8, 0.0, DT) == pytest.approx(0.5)
    assert press_pedal(-0.1, 0.0, DT) == 0.0


def test_nothing_comes_out_of_a_dead_zone_and_all_of_it_at_the_end():
    values = np.linspace(-1, 1, 201)
    out = [beyond_dead_zone(value, 0.2) for value in values]
    assert [value for value, result in zip(values, out, strict=True) if result] == [
        value for value in values if abs(value) > 0.2 + 1e-9
    ]
    assert (out[0], out[-1]) == (-1.0, 1.0)
    assert (np.diff(out) >= 0).all()


def test_a_gamepad_s_stick_steers_and_its_triggers_are_pedals():
    rest = stick_demand(0.05, 0.0, 0.02, 0.1)
    assert (rest.steering, rest.pedal, rest.steers, rest.presses) == (0, 0, False, False)
    full = stick_demand(-1.0, 0.0, 1.0, 0.1)
    assert (full.steering, full.pedal, full.steers, full.presses) == (-1, 1, True, True)
    assert stick_demand(0.0, 1.0, 0.0, 0.1).pedal == -1
    half = stick_demand(0.55, 0.0, 0.0, 0.1).steering
    assert 0.2 < half < 0.5, "finer in the middle"


def test_a_wheel_is_read_by_its_calibration():
    calibration = Calibration("wheel", Axis(1, -0.8, 0.6), throttle=Axis(2, 1.0, -1.0), brake=Axis(0, -1.0, 0.5))

    def read(wheel, throttle, brake):
        demand = wheel_demand([brake, wheel, throttle], calibration, 0.1)
        return demand.steering, demand.pedal

    assert read(-0.1, 1.0, -1.0) == pytest.approx((0.0, 0.0))
    assert read(-0.8, -1.0, -1.0) == pytest.approx((-1.0, 1.0))
    assert read(0.9, 1.0, 0.5) == pytest.approx((1.0, -1.0))
    # A pedal whose axis is gone is up.
    assert wheel_demand([0.0], Calibration("wheel", Axis(0, -1, 1), Axis(4, 0, 1)), 0.1).pedal == 0


def test_a_hand_on_a_wheel_is_told_from_a_wheel_that_rests():
    calibration = Calibration("wheel", Axis(0, -1.0, 1.0))
    assert not wheel_demand([0.05], calibration, 0.1).steers
    assert wheel_demand([0.2], calibration, 0.1).steers
    assert wheel_demand([0.05], calibration, 0.1).steering > 0, "it steers in proportion all the same"
