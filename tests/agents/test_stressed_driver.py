"""A stressed driver: its actions and frames are disturbed as the stress says, from a seed."""

import numpy as np
import pytest

from agents.disturbances import DroppedFrames, Lag, SteeringBias, SteeringNoise
from agents.evaluation import evaluate
from agents.expert import ExpertDriver
from agents.rollout import Course, drive
from agents.stress import STRESSES
from agents.stressed_driver import under_stress
from drivesim.camera import Camera
from tests.agents.drives import ring_world
from tests.agents.policies import CAMERA, make_policy

NOBODY_NEW = np.zeros(2, bool)


def run(disturbance, steps=5):
    """Two cars ask for 1, 2, 3 ... tenths."""
    cars, said = np.arange(2), []
    for step in range(steps):
        is_new = np.ones(2, bool) if step == 0 else NOBODY_NEW
        said.append(disturbance(np.full((2, 1), (step + 1) / 10), cars, is_new)[:, 0])
    return np.array(said).T


def test_a_lag_gives_every_action_so_many_steps_late():
    said = run(Lag(2, 2, np.random.default_rng(0)))
    np.testing.assert_allclose(said[0], [0.1, 0.1, 0.1, 0.2, 0.3])


def test_a_car_that_was_put_back_has_nothing_on_its_way():
    lag = Lag(2, 2, np.random.default_rng(0))
    run(lag)
    late = lag(np.full((2, 1), 0.9), np.arange(2), np.array([True, False]))
    np.testing.assert_allclose(late[:, 0], [0.9, 0.4])


def test_a_bias_is_added_to_the_steering_of_every_car():
    said = run(SteeringBias(0.2, 2, np.random.default_rng(0)), 1)
    np.testing.assert_allclose(said[:, 0], [0.3, -0.1])


def test_noise_has_its_standard_deviation():
    said = run(SteeringNoise(0.2, 2, np.random.default_rng(0)), 3000)
    assert (said - np.arange(1, 3001) / 10).std() == pytest.approx(0.2, rel=0.05)


def test_a_dropped_frame_repeats_the_last_action():
    said = run(DroppedFrames(0.5, 2, np.random.default_rng(0)), 200)
    repeated = np.diff(said, axis=1) == 0
    assert 0.4 < repeated.mean() < 0.6
    assert run(DroppedFrames(0.0, 2, np.random.default_rng(0)))[0].tolist() == pytest.approx([0.1, 0.2, 0.3, 0.4, 0.5])


@pytest.mark.parametrize("name", sorted(STRESSES))
def test_every_stress_can_be_driven_and_the_same_seed_drives_alike(name):
    course = Course(camera=CAMERA, put_back_off_road=True, time_limit=1.0)
    worlds = [ring_world(30.0), ring_world(40.0)]
    first, second = (drive(*_under(name, course, worlds)) for _ in range(2))
    for one, other in zip(first, second, strict=True):
        np.testing.assert_array_equal(one.columns["steering"], other.columns["steering"])
    clean = drive(make_policy(), worlds, course)
    fields = ("steering", "lateral_error", "speed")
    assert any(not np.array_equal(first[0].columns[field], clean[0].columns[field]) for field in fields)


def _under(name, course, worlds):
    driver, changed = under_stress(make_policy(), course, STRESSES[name], 5)
    return driver, worlds, changed


def test_a_camera_that_is_moved_is_still_taken_for_the_policys_own():
    camera = Camera(width=64, height=64, span=38.4, mount=(9.6, 0.0, 0.0))
    _, changed = under_stress(make_policy(), Course(camera=camera), STRESSES["shift"], 5)
    assert changed.camera != camera
    assert changed.camera.mount[1] != 0.0


def test_starts_aside_begin_beside_the_centreline():
    course = Course(put_back_off_road=True, time_limit=0.5)
    names = [name for name, stress in STRESSES.items() if stress.part == "start"]
    assert len(names) >= 2
    offsets = {}
    for name in names:
        driver, changed = under_stress(ExpertDriver(), course, STRESSES[name], 5)
        (driven,) = drive(driver, [ring_world(40.0)], changed)
        offsets[name] = (abs(driven.columns["lateral_error"][0]), abs(driven.columns["heading_error"][0]))
    assert max(lateral for lateral, _ in offsets.values()) > 1.0
    assert max(turn for _, turn in offsets.values()) == pytest.approx(np.radians(20), abs=0.01)


def test_the_expert_without_a_stress_needs_no_help():
    evaluation = evaluate(ExpertDriver(), [ring_world(30.0)], Course())
    assert evaluation.summary["autonomy"] == 1.0
