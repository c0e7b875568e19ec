"""Other environments at the same wheel."""

import csv

import gymnasium
import numpy as np
import pytest
from gymnasium import spaces

from agents.ride.gym_drive import GymDrive, box_action, make_environment
from drivesim.cockpit.controls import Demand
from drivesim.errors import DrivesimError


class Counting(gymnasium.Env):
    """Counts its steps in the frame; ten are an episode."""

    metadata = {"render_modes": ["rgb_array"], "render_fps": 25}  # noqa: RUF012
    observation_space = spaces.Box(0, 255, (8, 10, 3), np.uint8)
    action_space = spaces.Box(np.array([-1, 0, 0], np.float32), np.array([1, 1, 1], np.float32))

    def __init__(self, render_mode=None):
        self.render_mode = render_mode

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.count = 0
        return self._frame(), {}

    def step(self, action):
        self.action, self.count = action, self.count + 1
        return self._frame(), 0.5, self.count == 10, False, {}

    def render(self):
        return np.full((80, 100, 3), 7, np.uint8)

    def _frame(self):
        return np.full((8, 10, 3), self.count, np.uint8)


class NotSteered(Counting):
    action_space = spaces.Discrete(3)


@pytest.fixture
def counting():
    for name, entry in (("Counting-v0", Counting), ("NotSteered-v0", NotSteered)):
        if name not in gymnasium.registry:
            gymnasium.register(name, entry_point=entry)
    return "Counting-v0"


def rows(path):
    with open(path / "frames.csv", newline="") as file:
        return [*csv.DictReader(file)]


def test_an_episode_is_a_folder_and_recording_goes_on_in_the_next(tmp_path, counting):
    ride = GymDrive(counting, tmp_path, 0)
    assert ride.dt == 1 / 25
    ride.step(Demand())
    ride.press("r")
    for _ in range(12):
        ride.step(Demand(0.5, -0.25))
    ride.press("r")
    ride.step(Demand())
    assert (ride.laps, ride.steps) == (2, 12)
    first, second = rows(tmp_path / "episode-000001"), rows(tmp_path / "episode-000002")
    assert (len(first), len(second)) == (9, 3)
    assert [row["terminated"] for row in first] == ["0"] * 8 + ["1"]
    assert [float(first[0][f"action_{i}"]) for i in range(3)] == [0.5, 0.0, 0.25]
    assert any("reward 5.0" in message for message in ride.messages)


def test_a_row_s_frame_is_the_one_that_was_seen_before_its_action(tmp_path, counting):
    import cv2

    ride = GymDrive(counting, tmp_path, 0)
    ride.press("r")
    for _ in range(3):
        ride.step(Demand())
    ride.close()
    for at, row in enumerate(rows(tmp_path / "episode-000001")):
        assert (cv2.imread(str(tmp_path / "episode-000001" / row["frame"])) == at).all()


def test_a_person_sees_the_larger_picture_and_the_frame_is_recorded(tmp_path, counting):
    ride = GymDrive(counting, tmp_path, 0)
    assert ride.picture().shape == (80, 100, 3)
    assert ride.frame.shape == ride.inset.shape == (8, 10, 3)
    ride.press("backspace")
    assert "cannot go back" in ride.messages[-1]


@pytest.mark.parametrize(
    ("low", "high", "demand", "action"),
    [
        ([-1], [1], Demand(0.5, 1.0), [0.5]),
        ([-2], [2], Demand(-1.0), [-2.0]),
        ([-1, -1], [1, 1], Demand(0.0, -0.5), [0.0, -0.5]),
        ([-1, 0], [1, 1], Demand(0.0, -0.5), [0.0, 0.0]),
        ([-1, 0, 0], [1, 1, 1], Demand(0.2, 0.7), [0.2, 0.7, 0.0]),
        ([-1, 0, 0, -3], [1, 1, 1, 5], Demand(0.2, -0.7), [0.2, 0.0, 0.7, 1.0]),
    ],
)
def test_steering_comes_first_then_pedal_or_throttle_then_brake(low, high, demand, action):
    space = spaces.Box(np.array(low, np.float32), np.array(high, np.float32))
    got = box_action(demand, space)
    assert got.dtype == np.float32
    assert space.contains(got)
    np.testing.assert_allclose(got, action, atol=1e-6)


def test_what_cannot_be_driven_is_refused(counting):
    with pytest.raises(DrivesimError, match="--env NotSteered-v0: expected a bounded Box action"):
        make_environment("NotSteered-v0")
    with pytest.raises(DrivesimError, match="--env Nothing-v3: it cannot be made"):
        make_environment("Nothing-v3")


def test_carracing_is_driven(tmp_path):
    pytest.importorskip("Box2D")
    ride = GymDrive("CarRacing-v3", tmp_path, 0)
    ride.press("r")
    for _ in range(5):
        ride.step(Demand(0.0, 1.0))
    ride.close()
    assert ride.picture().shape == (400, 600, 3)
    assert len(rows(tmp_path / "episode-000001")) == 5
