"""Actions of other environments: steering and a pedal, or steering, gas and brake."""

import numpy as np
import pytest
from gymnasium import spaces

from datasets.box_action import has_gas_and_brake, pedal_of, to_box

GAS_AND_BRAKE = spaces.Box(np.array([-1, 0, 0], np.float32), np.ones(3, np.float32))


@pytest.mark.parametrize("pedal", [-1.0, -0.25, 0.0, 0.5, 1.0])
def test_a_pedal_is_gas_or_brake_and_comes_back(pedal):
    action = to_box(np.array([0.5, pedal]), GAS_AND_BRAKE)
    assert GAS_AND_BRAKE.contains(action)
    assert action[0] == 0.5
    assert min(action[1:]) == 0.0
    assert pedal_of(action[1], action[2]) == pedal


def test_an_action_is_cut_to_the_box():
    np.testing.assert_array_equal(to_box(np.array([-3.0, 2.0]), GAS_AND_BRAKE), np.float32([-1, 1, 0]))
    np.testing.assert_array_equal(to_box(np.array([0.7]), spaces.Box(-0.5, 0.5, (1,), np.float32)), np.float32([0.5]))


def test_three_values_of_another_kind_are_no_gas_and_brake():
    assert has_gas_and_brake(GAS_AND_BRAKE)
    assert not has_gas_and_brake(spaces.Box(-1, 1, (3,), np.float32))
    assert not has_gas_and_brake(spaces.Box(-1, 1, (2,), np.float32))
