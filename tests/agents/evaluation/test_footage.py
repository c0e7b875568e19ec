"""Footage: what is seen again of a drive is what its driver saw."""

import numpy as np
import pytest

from agents.evaluation.footage import views_again
from agents.frame_driver import FrameDriver
from agents.rollout import Course, drive
from agents.stress.stressed_driver import under_stress
from agents.stress.stresses import STRESSES
from tests.agents.drives import ring_world
from tests.agents.policies import CAMERA, WIDE, make_config


class Swerving(FrameDriver):
    """Leaves the road again and again, and keeps what it is given: of each step, each camera's frames of all cars."""

    name = "swerving"

    def __init__(self, **changes):
        self.config = make_config(**changes)
        self.given = []

    def _compute(self, views, speeds):
        self.given.append(views)
        return np.full((len(views[0]), 1), 0.7)


def driven(driver, seconds=4.0, **how):
    course = Course.made_for(driver.config, time_limit=seconds, put_back_off_road=True, **how)
    return drive(driver, [ring_world(30.0), ring_world(40.0)], course)


@pytest.mark.parametrize("changes", [{"past": 2, "stride": 3}, {"past": 1, "cameras": (CAMERA, WIDE)}, {}])
def test_what_is_seen_again_is_what_a_driver_was_given_put_back_or_not(changes):
    driver = Swerving(**changes)
    drives = driven(driver)
    assert all(each.put_back.sum() >= 2 for each in drives)
    for car, each in enumerate(drives):
        steps = range(len(each.put_back))
        again = views_again(each, driver.config, steps)
        for camera, frames in enumerate(again):
            given = np.stack([driver.given[step][camera][car] for step in steps])
            np.testing.assert_array_equal(frames, given)


def test_a_second_drive_begins_without_the_first_ones_past():
    driver = Swerving(past=2)
    driven(driver, 1.0)
    driver.given.clear()
    driven(driver, 1.0)
    first = driver.given[0][0]
    np.testing.assert_array_equal(first[:, 1:], np.repeat(first[:, :1], 2, axis=1))


@pytest.mark.parametrize("name", ["darkness", "roll", "shift"])
def test_every_camera_is_stressed_and_so_is_what_is_remembered(name):
    clean, stressed = Swerving(cameras=(CAMERA, WIDE), past=1), Swerving(cameras=(CAMERA, WIDE), past=1)
    driven(clean, 0.5)
    course = Course.made_for(stressed.config, time_limit=0.5, put_back_off_road=True)
    under, changed = under_stress(stressed, course, STRESSES[name], 5)
    drive(under, [ring_world(30.0), ring_world(40.0)], changed)
    assert len(stressed.given) == len(clean.given)
    for ours, theirs in zip(stressed.given, clean.given, strict=True):
        for camera in (0, 1):
            for at in (0, 1):
                assert np.abs(ours[camera][:, at].astype(float) - theirs[camera][:, at]).mean() > 0.3
    np.testing.assert_array_equal(stressed.given[5][0][:, 1], stressed.given[4][0][:, 0])
