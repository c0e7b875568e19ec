"""The driver that steers as people do: it keeps the road, wanders as a person does, and reacts late."""

from dataclasses import replace

import numpy as np
import pytest

from agents.human_like import Habits, HumanLikeDriver, distances, look
from agents.rollout import Course, drive, make_env
from drivesim.namespaces import NUMPY
from drivesim.simulation import start_state
from drivesim.vehicle import VEHICLES
from drivesim.world import WorldSource
from tests.agents.drives import ring_world

STEER = Course(scenario={"vehicle": "car"})

# Nothing in it is left to chance.
STEADY = Habits(unsteadiness=0.0, dead_zone_spread=0.0, reaction_time=(0.15, 0.15))


def lateral(drives):
    return np.concatenate([driven.columns["lateral_error"] for driven in drives])


def rms(drives):
    return np.sqrt(np.mean(lateral(drives) ** 2))


def on_ring(course=STEER, **start):
    """An environment with one car on a round road, one step after its start."""
    env = make_env(1, course)
    env.reset(seed=0, options={"worlds": [ring_world(40.0)], **start})
    return env


def circling(lateral=0.0):
    """An environment with one car that has been going round evenly, so far to the left of the middle."""
    env = on_ring(lateral=lateral)
    params, snapshot, radius = env.rules.vehicle, env.get_state(), 40.0 - lateral
    rear_radius = np.sqrt(radius**2 - params.cg_to_rear**2)
    turned = np.array([-np.arcsin(params.cg_to_rear / radius)])
    before = snapshot.state
    state = start_state(env.road, before.s, before.lateral, turned, before.vehicle.speed, NUMPY)
    yaw_rate = state.vehicle.speed / rear_radius
    vehicle = state.vehicle._replace(
        yaw_rate=yaw_rate,
        lateral_velocity=yaw_rate * params.cg_to_rear,
        steering_angle=np.arctan([params.wheelbase / rear_radius]),
    )
    env.set_state(replace(snapshot, state=state._replace(vehicle=vehicle, time=np.array([1.0]))))
    return env


def act(driver, env):
    return driver.act(env, None, np.arange(env.num_envs))


# How it drives


def assert_drives_like_a_person(drives):
    for driven in drives:
        assert driven.end_reason == "lap_completed", driven.world.track.name
        assert not driven.departed.any(), driven.world.track.name
        assert np.abs(driven.columns["lateral_error"]).max() < 1.5, driven.world.track.name
    assert 0.15 < rms(drives) < 0.5
    assert abs(lateral(drives).mean()) < 0.05


def test_it_keeps_every_road_and_wanders_about_the_centerline_as_a_person_does():
    assert_drives_like_a_person(drive(HumanLikeDriver(), WorldSource(range(30), "mixed", "test").all(), STEER))


@pytest.mark.slow
def test_it_keeps_the_roads_of_two_hundred_test_tracks():
    assert_drives_like_a_person(drive(HumanLikeDriver(1), WorldSource(range(200), "mixed", "test").all(), STEER))


@pytest.mark.parametrize("vehicle", VEHICLES)
def test_it_works_the_pedal_and_drives_every_car(vehicle):
    course = Course(has_pedal=True, scenario={"vehicle": vehicle})
    drives = drive(HumanLikeDriver(), WorldSource(range(9), "mixed", "test").all(), course)
    for driven in drives:
        assert driven.end_reason == "lap_completed", driven.world.track.name
        assert not driven.departed.any(), driven.world.track.name
        assert driven.progress / driven.elapsed > 8
    assert rms(drives) < 0.6


@pytest.mark.parametrize("control_hz", [10.0, 50.0])
def test_it_drives_at_other_control_rates(control_hz):
    course = Course(scenario={"vehicle": "car", "control_hz": control_hz})
    assert_drives_like_a_person(drive(HumanLikeDriver(), WorldSource(range(6), "mixed", "test").all(), course))


def test_it_does_not_cut_corners_more_than_a_little():
    drives = drive(HumanLikeDriver(), WorldSource(range(12), "hard", "test").all(), STEER)
    curvature = np.concatenate([d.world.track.curvature_at(d.columns["s"]) for d in drives])
    in_bends = np.abs(curvature) > 1 / 20
    assert in_bends.sum() > 100
    assert abs((lateral(drives) * np.sign(curvature))[in_bends].mean()) < 0.25


# Seeds and state


def test_a_seed_names_a_person():
    worlds = WorldSource(range(3), "mixed").all()
    course = Course(time_limit=5.0)

    def poses(seed):
        return [d.columns["x"].tobytes() for d in drive(HumanLikeDriver(seed), worlds, course)]

    assert poses(4) == poses(4)
    assert all(one != other for one, other in zip(poses(4), poses(5), strict=True))
    # Two cars of one drive are two moods of the person.
    same = drive(HumanLikeDriver(), [ring_world(), ring_world()], course)
    assert not np.array_equal(same[0].columns["x"], same[1].columns["x"])


def test_an_episode_knows_nothing_of_the_one_before():
    driver = HumanLikeDriver(habits=STEADY)
    env = on_ring(lateral=0.9)
    alone = [act(HumanLikeDriver(habits=STEADY), env)]
    for _ in range(30):
        env.step(act(driver, env))
    env.reset(options={"worlds": [ring_world(40.0)], "lateral": 0.9})
    assert env.state.time == 0.0
    np.testing.assert_array_equal(act(driver, env), alone[0])


def test_a_car_that_is_put_back_starts_afresh():
    driver = HumanLikeDriver(habits=STEADY)
    env = on_ring(lateral=1.4, heading_error=0.1)
    for _ in range(8):
        env.step(act(driver, env))
    env.place(np.array([0]), env.state.s, env.state.vehicle.speed)
    assert env.state.time > 0
    np.testing.assert_array_equal(act(driver, env), act(HumanLikeDriver(habits=STEADY), env))


def test_only_the_cars_that_are_asked_for_are_steered():
    env = make_env(3, STEER)
    env.reset(seed=0, options={"worlds": [ring_world(radius) for radius in (30.0, 40.0, 50.0)]})
    everyone, some = HumanLikeDriver(), HumanLikeDriver()
    np.testing.assert_array_equal(act(everyone, env)[[0, 2]], some.act(env, None, np.array([0, 2])))


# The model


def test_what_is_seen_is_acted_on_after_the_reaction_time():
    def actions(displaced):
        env, driver, done = on_ring(), HumanLikeDriver(habits=STEADY), []
        for step in range(20):
            if displaced and step == 10:
                snapshot = env.get_state()
                vehicle = snapshot.state.vehicle
                moved = vehicle._replace(x=vehicle.x + 0.2)
                env.set_state(
                    type(snapshot)(snapshot.state._replace(vehicle=moved), *list(vars(snapshot).values())[1:])
                )
            done.append(act(driver, env)[0, 0])
            env.step([[done[-1]]])
        return np.array(done)

    differ = np.flatnonzero(actions(True) != actions(False))
    assert differ[0] == 10 + 3


def test_a_small_error_of_position_is_let_be_and_a_large_one_steered_away_from():
    def drift(lateral):
        """How the wheel moves while the eyes see the same, with the car beside the line."""
        env, driver = circling(lateral), HumanLikeDriver(habits=STEADY)
        actions = [act(driver, env)[0, 0] for _ in range(15)]
        return np.diff(actions)

    np.testing.assert_allclose(drift(0.05), 0, atol=1e-12)
    assert (drift(0.6) >= 0).all() and drift(0.6)[-1] > 1e-4  # left of the line: to the right
    assert (drift(-0.6) <= 0).all() and drift(-0.6)[-1] < -1e-4
    np.testing.assert_allclose(drift(1.5)[-1], drift(3.0)[-1], rtol=0.2)  # theta_max


def test_on_the_line_of_a_round_road_both_points_ask_for_its_curvature_and_nothing_is_missed():
    sight = look(circling(), STEADY)
    np.testing.assert_allclose([sight.near[0], sight.far[0]], 1 / 40, rtol=0.05)
    assert abs(sight.miss[0]) < 0.05


def test_the_points_lie_farther_ahead_at_speed():
    near, far = distances(np.array([0.0, 10.0, 30.0]), Habits())
    assert (np.diff(near) >= 0).all() and (np.diff(far) >= 0).all()
    assert (far > near).all()
    assert near[0] == Habits().near_distance


def test_an_unsteady_hand_and_a_wider_dead_zone_make_a_wider_wander():
    worlds, course = [ring_world(radius) for radius in (30.0, 50.0, 80.0)], Course(time_limit=25.0)

    def wander(**habits):
        return rms(drive(HumanLikeDriver(habits=Habits(**habits)), worlds, course))

    assert wander(unsteadiness=0.0) < 0.5 * wander()
    assert wander(unsteadiness=0.008) > 1.3 * wander()
