"""A stressed driver: its actions and frames are disturbed as the stress says, from a seed."""

import numpy as np
import pytest

from agents.evaluation.evaluation import evaluate
from agents.expert import ExpertDriver
from agents.rollout import Course, drive
from agents.stress.stressed_driver import under_stress
from agents.stress.stresses import STRESSES
from drivesim.camera import CAMERAS, Camera
from tests.agents.drives import Steady, ring_world
from tests.agents.policies import CAMERA, make_policy


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


class Looking(Steady):
    """Keeps the frames that it is shown, and the camera that it believes in."""

    def act(self, env, observation, cars):
        self.seen.append((observation[cars].copy(), env.camera))
        self.asked.append(cars.tolist())
        return np.zeros((len(cars), 1))


def look(name, severity, cars=2, seconds=0.5, camera=CAMERA):
    driver = Looking(needs_frames=True)
    stressed, course = under_stress(driver, Course(camera=camera, time_limit=seconds), STRESSES[name], severity)
    drive(stressed, [ring_world(30.0) for _ in range(cars)], course)
    return driver.seen


def test_a_driver_is_shown_corrupted_frames():
    clean, dirty = look("slow", 1), look("contrast", 5)
    assert len(clean) == len(dirty)
    assert dirty[0][0][..., 0].std() < 0.2 * clean[0][0][..., 0].std()


def test_a_moved_camera_shows_the_road_from_where_it_is_and_the_driver_does_not_know():
    believed = {camera for _, camera in look("shift", 5)}
    assert believed == {CAMERA}
    frames, shifted = look("slow", 1)[0][0][0], look("shift", 5)[0][0][0]
    # A metre to the left at 0.6 m a pixel: the road moves right, under a car that stays in its place.
    strip = np.s_[:20, 12:-12]
    moved = {
        by: np.abs(np.roll(frames, by, axis=1)[strip].astype(float) - shifted[strip]).mean() for by in range(-5, 6)
    }
    assert min(moved, key=moved.get) in (1, 2)


def test_a_camera_ahead_that_is_rolled_has_its_frames_turned():
    ahead = CAMERAS["front"]
    _, course = under_stress(Looking(), Course(camera=ahead), STRESSES["roll"], 5)
    assert course.camera == ahead
    straight, turned = look("slow", 1, camera=ahead)[0][0], look("roll", 5, camera=ahead)[0][0]
    assert np.abs(straight.astype(float) - turned).mean() > 2


def test_a_drive_with_interventions_starts_what_is_random_anew():
    driver, course = under_stress(Steady(), Course(time_limit=1.0), STRESSES["steering-noise"], 3)
    first, second = (drive(driver, [ring_world(60.0)], course)[0] for _ in range(2))
    assert first.columns["steering"].tobytes() == second.columns["steering"].tobytes()
    assert first.columns["steering"].std() > 0.1


def test_a_lag_is_forgotten_by_a_car_that_is_put_back():
    class Counting(Steady):
        def act(self, env, observation, cars):
            self.asked.append(env.state.time[0])
            return np.full((len(cars), 1), env.state.time[0] / 100)

    driver, course = under_stress(Counting(), Course(time_limit=8.0, put_back_beyond=1.0), STRESSES["lag"], 5)
    driven = drive(driver, [ring_world(20.0)], course)[0]
    wanted = driven.columns["time"] / 100
    at = np.flatnonzero(driven.put_back)
    assert len(at) > 2
    np.testing.assert_allclose(driven.columns["steering"][at + 1], wanted[at + 1], atol=1e-7)
    np.testing.assert_allclose(driven.columns["steering"][at], wanted[at - 5], atol=1e-7)
