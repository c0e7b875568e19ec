"""Who says what should have been done: the expert, or recorded lines."""

import numpy as np
import pytest

from agents.aggregation.teacher import ExpertTeacher, LineTeacher
from agents.expert import ExpertDriver
from agents.provenance import lap_info
from agents.rollout import Course, drive, lap_columns, make_env
from datasets.schema import MARK_BAD, Lap
from drivesim.errors import DrivesimError
from drivesim.simulation import Rules
from drivesim.world import World
from tests.agents.drives import PLAIN, ring_world


class Beside:
    """The expert of a driver who keeps to the left of the centreline."""

    name, needs_frames = "beside", False

    def __init__(self, offset):
        self.offset = offset

    def act(self, env, observation, cars):
        curve = 1 / (40 - self.offset)
        return np.clip(-2.0 * (curve * 2.7 / 0.6) / 2 + self.gain(env, cars), -1, 1)[:, None]

    def gain(self, env, cars):
        return 0.3 * (env.state.lateral[cars] - self.offset) + 1.5 * env.state.heading_error[cars]


def recorded(driver, seconds=12.0, bad=slice(0, 0)):
    world = ring_world()
    (driven,) = drive(driver, [world], Course(time_limit=seconds))
    columns = lap_columns(driven)
    columns["mark"][bad] |= MARK_BAD
    return Lap(lap_info(world, Rules(cruise_speed=10.0), driver.name), columns, True, "lap-000001")


@pytest.fixture(scope="module")
def lap():
    return recorded(Beside(1.0))


class Advised:
    """Does what a teacher says, and notes how far it was off that one's line; straight on where it says nothing."""

    name, needs_frames = "advised", False

    def __init__(self, teacher):
        self.teacher, self.said, self.errors = teacher, [], []

    def act(self, env, observation, cars):
        advice = self.teacher.advise(env, observation, cars)
        self.said.append(advice.actions[0, 0])
        self.errors.append(advice.error[0])
        return np.nan_to_num(advice.actions)


def test_the_expert_teaches_what_it_would_do():
    env = make_env(2, Course())
    observation, _ = env.reset(seed=0, options={"worlds": [ring_world()] * 2, "lateral": 1.5})
    advice = ExpertTeacher().advise(env, observation, np.array([1]))
    assert advice.actions == pytest.approx(ExpertDriver().act(env, observation, np.array([1])))
    assert advice.error == pytest.approx([1.5])


def test_a_recorded_line_is_come_back_to_and_followed_though_it_is_not_the_middle_of_the_road(lap):
    assert lap.columns["lateral_error"][-40:] == pytest.approx(1.0, abs=0.2)
    teacher = LineTeacher([lap])
    driver = Advised(teacher)
    world = World(teacher.tracks[0], PLAIN)
    (driven,) = drive(driver, [world], Course(time_limit=8.0, starts=((30.0, -1.0, 0.0),)))
    assert driver.errors[0] == pytest.approx(2.0, abs=0.4)
    assert max(driver.errors[-60:]) < 0.15
    assert driven.columns["lateral_error"][-60:] == pytest.approx(1.0, abs=0.3)


def test_beyond_the_end_of_a_line_nothing_is_said(lap):
    teacher = LineTeacher([lap])
    driver = Advised(teacher)
    drive(driver, [World(teacher.tracks[0], PLAIN)], Course(time_limit=14.0, starts=((60.0, 1.0, 0.0),)))
    known = np.isfinite(driver.said)
    # 120 m were driven, the last lookahead of which is no line: it ends about 50 m after the start here.
    assert 80 < np.count_nonzero(known[:140]) < 130
    assert not known[140:].any()
    assert np.isinf(np.array(driver.errors)[~known]).all()


def test_nothing_is_said_where_the_recording_was_bad_nor_far_beside_it_nor_turned_away():
    teacher = LineTeacher([recorded(Beside(0.0), bad=slice(100, 160))])
    env = make_env(4, Course())
    worlds = [World(teacher.tracks[0], PLAIN)] * 4
    observation, _ = env.reset(seed=0, options={"worlds": worlds})

    def advice(*start):
        started = env.get_state()
        from dataclasses import replace

        from drivesim.namespaces import NUMPY
        from drivesim.simulation import start_state

        s, lateral, turn = (np.full(4, value) for value in start)
        env.set_state(replace(started, state=start_state(env.road, s, lateral, turn, np.full(4, 10.0), NUMPY)))
        return teacher.advise(env, observation, np.arange(4)).actions[0, 0]

    assert np.isfinite(advice(20.0, 0.0, 0.0))
    assert np.isnan(advice(65.0, 0.0, 0.0))
    assert np.isfinite(advice(90.0, 0.0, 0.0))
    assert np.isnan(advice(20.0, -8.0, 0.0))
    assert np.isnan(advice(20.0, 0.0, 1.5))


def test_a_pedal_is_taught_that_holds_the_recorded_speed(lap):
    teacher = LineTeacher([lap])
    env = make_env(1, Course(has_pedal=True))
    worlds = [World(teacher.tracks[0], PLAIN)]
    pedals = []
    for speed in (5.0, 10.0, 15.0):
        observation, _ = env.reset(seed=0, options={"worlds": worlds, "s": 20.0, "speed": speed})
        pedals.append(teacher.advise(env, observation, np.array([0])).actions[0, 1])
    assert pedals[0] > 0.5
    assert 0 < pedals[1] < 0.3
    assert pedals[2] < 0


def test_drives_start_somewhere_on_the_line_with_enough_of_it_ahead(lap):
    teacher = LineTeacher([lap])
    rng = np.random.default_rng(0)
    starts = np.array([teacher.start(teacher.tracks[0], 100, rng) for _ in range(30)])
    assert 0 <= starts[:, 0].min() < 20
    assert 40 < starts[:, 0].max() < 75
    assert np.abs(starts[:, 1]).max() < 1.5
    assert np.abs(starts[:, 2]).max() < 0.3


def test_laps_without_a_line_are_refused():
    with pytest.raises(DrivesimError, match="--labels: recorded lines are followed, and the laps given have none"):
        LineTeacher([recorded(Beside(0.0), bad=slice(0, None))])
