"""Drivers: the baseline that does nothing, and where frames are found in an observation."""

import numpy as np
import pytest

from agents.driver import StraightDriver, frames_of
from agents.expert import ExpertDriver
from agents.policy import Policy
from agents.rollout import Course, make_env
from drivesim.camera import CAMERAS
from drivesim.errors import DrivesimError

COURSES = {
    (pedal, camera): Course(has_pedal=pedal, camera=CAMERAS.get(camera))
    for pedal in (False, True)
    for camera in ("topdown", "none")
}


@pytest.mark.parametrize("has_pedal", [False, True])
def test_the_straight_driver_keeps_the_wheel_straight_and_the_pedal_a_little_down(has_pedal):
    env = make_env(4, COURSES[has_pedal, "none"])
    actions = StraightDriver().act(env, None, np.array([0, 2, 3]))
    np.testing.assert_array_equal(actions, [[0.0, 0.3][: 1 + has_pedal]] * 3)


@pytest.mark.parametrize("has_pedal", [False, True])
def test_frames_are_found_in_the_observation_of_either_environment(has_pedal):
    env = make_env(2, COURSES[has_pedal, "topdown"])
    observation, _ = env.reset(seed=0)
    frames = frames_of(observation, env)
    assert frames.shape == (2, 96, 96, 3)
    assert frames.dtype == np.uint8


@pytest.mark.parametrize("has_pedal", [False, True])
def test_an_environment_without_a_camera_is_refused_by_whoever_needs_frames(has_pedal):
    env = make_env(2, COURSES[has_pedal, "none"])
    observation, _ = env.reset(seed=0)
    with pytest.raises(DrivesimError, match="camera: this driver sees frames; make the environment with a camera"):
        frames_of(observation, env)


def test_drivers_say_whether_they_need_frames():
    assert [driver.needs_frames for driver in (StraightDriver, ExpertDriver, Policy)] == [False, False, True]
    assert [driver.name for driver in (StraightDriver, ExpertDriver, Policy)] == ["straight", "expert", "policy"]
