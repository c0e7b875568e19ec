"""The held-out error: exact for drivers that are known."""

import numpy as np
import pytest

from agents.learning.held_out import HeldOut
from drivesim.camera import Camera
from drivesim.errors import DrivesimError
from tests.agents.policies import make_config
from tests.datasets.test_stored_frames import make_drive

CAMERA = Camera(width=10, height=6, span=20.0)


class Constant:
    """A driver that always steers alike."""

    def __init__(self, *action):
        self.action, self.given = action, []

    def predict(self, frames, speeds=None):
        self.given.append((frames.shape, speeds))
        return np.tile(self.action, (len(frames), 1))


def test_errors_are_of_every_step_but_the_first_of_each_stretch():
    drives = [make_drive(4, steering=[9, 0.1, 0.3, 0.5]), make_drive(3, steering=[9, -0.1, -0.2])]
    held_out = HeldOut(drives, make_config(camera=CAMERA))
    assert held_out.steps == 5
    driver = Constant(0.1)
    assert held_out.judge(driver) == {"steering_mae": pytest.approx((0.0 + 0.2 + 0.4 + 0.2 + 0.3) / 5)}
    assert driver.given[0] == ((7, 6, 10, 3), None)


def test_baselines_are_the_mean_of_what_is_learned_and_the_last_action():
    held_out = HeldOut([make_drive(4, steering=[0.2, 0.3, 0.5, 0.4])], make_config(camera=CAMERA))
    learned = [make_drive(3, steering=[0.0, 0.3, 0.3]), make_drive(1, steering=[0.6])]
    mean, last = held_out.baselines(learned).values()
    assert mean == {"steering_mae": pytest.approx((0.0 + 0.2 + 0.1) / 3)}
    assert last == {"steering_mae": pytest.approx((0.1 + 0.2 + 0.1) / 3)}


def test_pedals_and_speeds_are_judged_where_they_are_known():
    pedal = np.array([np.nan, 0.5, 0.5, 0.0, 1.0])
    drive = make_drive(5, steering=np.zeros(5), pedal=pedal, speed=np.array([1.0, 2.0, np.nan, 4.0, 5.0]))
    held_out = HeldOut([drive], make_config(camera=CAMERA, outputs=("steering", "pedal"), inputs=("camera", "speed")))
    assert held_out.steps == 2
    driver = Constant(0.0, 0.25)
    assert held_out.judge(driver) == {"steering_mae": 0.0, "pedal_mae": pytest.approx((0.25 + 0.75) / 2)}
    assert driver.given[0][1].tolist() == [2.0, 4.0, 5.0]
    mean, _ = held_out.baselines([drive]).values()
    assert mean["pedal_mae"] == pytest.approx(0.5)


def test_what_can_judge_nothing_is_refused():
    with pytest.raises(DrivesimError, match="no step that can judge"):
        HeldOut([make_drive(4)], make_config(camera=CAMERA, outputs=("steering", "pedal")))
