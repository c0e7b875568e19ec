"""Environments with traffic: what an episode is, how it ends, and that all of it can be repeated and gone back to."""

import pickle

import gymnasium
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env
from gymnasium.vector import AutoresetMode

import drivesim  # noqa: F401  (registers the environments)
from agents.expert import ExpertDriver
from drivesim.env import DriveEnv
from drivesim.errors import DrivesimError
from drivesim.traffic import Thing, Traffic
from drivesim.traffic_table import TrafficTable
from drivesim.world import World, WorldSource
from tests.drivesim.snapshots import digest
from tests.drivesim.test_vector_env import (
    CARS,
    SHORT,
    assert_infos_agree,
    assert_observations_agree,
    assert_states_agree,
    make_singles,
    random_actions,
    run,
)

ID = "drivesim/Traffic-v0"
SMALL = {"track": [0, 1], "difficulty": "easy"}


def make(cars: int = CARS, **arguments):
    return gymnasium.make_vec(ID, cars, "vector_entry_point", **{**SMALL, "camera": None, **arguments})


def test_its_observation_is_a_frame_and_a_speed_and_its_road_has_others():
    env = gymnasium.make(ID, **SMALL)
    observation, _ = env.reset(seed=0)
    assert set(observation) == {"camera", "speed"}
    world = env.unwrapped.world
    assert world.track.name.endswith("-right")
    assert sum(thing.speed > 0 for thing in world.traffic.things) == 8
    assert world.traffic.standing
    check_env(env.unwrapped, skip_render_check=True)


def test_numbers_can_be_said_and_other_environments_take_them():
    env = gymnasium.make(ID, **SMALL, traffic=2, obstacles=0, lane="center")
    env.reset(seed=0)
    assert len(env.unwrapped.world.traffic) == 2
    for name in ("drivesim/Steer-v0", "drivesim/Drive-v0"):
        env = gymnasium.make(name, **SMALL, camera=None, traffic=3)
        env.reset(seed=0)
        assert len(env.unwrapped.world.traffic) == 3
        env = gymnasium.make(name, **SMALL, camera=None)
        env.reset(seed=0)
        assert env.unwrapped.others is None
    with pytest.raises(DrivesimError, match="obstacles: expected a whole number from 0 to 64, got 65"):
        gymnasium.make(ID, obstacles=65)


def test_hitting_something_ends_the_episode_and_costs_a_hundred():
    world = WorldSource([0], "easy").all()[0]
    wall = World(world.track, world.appearance, world.weather, Traffic((Thing("barrier", 40.0, 0.0, width=6.0),)))
    env = DriveEnv(camera=None)
    env.reset(seed=0, options={"world": wall, "lateral": 0.0})
    for _ in range(200):
        _, reward, terminated, truncated, info = env.step([0.0, 0.6])
        if terminated or truncated:
            break
    assert info["end_reason"] == "collision"
    assert terminated
    assert not truncated
    assert reward == pytest.approx(-100, abs=3)
    assert info["s"] == pytest.approx(40 - 4.5 + 0.15, abs=1.5)
    with pytest.raises(DrivesimError, match="call reset"):
        env.step([0.0, 0.0])


@pytest.mark.parametrize("mode", [*AutoresetMode])
def test_many_cars_among_others_are_as_many_environments(mode):
    arguments = {**SHORT, "difficulty": "easy", "lane": "right", "traffic": 40, "obstacles": 12, "time_limit": 9.0}
    ours = gymnasium.make_vec(ID, CARS, "vector_entry_point", autoreset_mode=mode, **arguments)
    singles = make_singles(ID, mode, **arguments)
    assert_observations_agree(ours.reset(seed=3)[0], singles.reset(seed=3)[0])
    ends: list[str] = []
    driver, rng = ExpertDriver(), np.random.default_rng(0)
    for _ in range(200):
        # Well steered, with no foot on the brake: most run into whoever is ahead.
        action = driver.act(ours, None, np.arange(CARS)) + rng.uniform(-0.02, 0.02, (CARS, 2))
        action[:, 1] = [-1.0, 0.3, 1.0, 1.0, 1.0]
        results = ours.step(action), singles.step(action)
        assert_observations_agree(results[0][0], results[1][0])
        for mine, theirs in zip(results[0][1:4], results[1][1:4], strict=True):
            np.testing.assert_allclose(mine, theirs, atol=1e-9)
        assert_infos_agree(results[0][4], results[1][4])
        ended = results[0][2] | results[0][3]
        info = results[0][4].get("final_info", results[0][4])
        ends += [str(reason) for reason in info.get("end_reason", []) if reason]
        if mode == AutoresetMode.DISABLED and ended.any():
            options = {"reset_mask": ended}
            assert_observations_agree(ours.reset(options=options)[0], singles.reset(options=dict(options))[0])
        assert_states_agree(ours, singles)
        for car, env in enumerate(singles.envs):
            count = len(env.unwrapped.world.traffic)
            np.testing.assert_allclose(ours.others.poses[car, :count], env.unwrapped.others.poses[0, :count], atol=1e-4)
    assert "collision" in ends


def test_the_same_seed_gives_the_same_bytes():
    arguments = {**SHORT, "camera": "topdown", "randomize": "all"}
    first, second = make(**arguments), make(**arguments)
    actions = random_actions(first, 60)
    assert run(first, actions, seed=4) == run(second, actions, seed=4)
    assert run(make(**arguments), actions[:3], seed=5) != run(make(**arguments), actions[:3], seed=6)


def test_every_episode_has_traffic_of_its_own_on_the_same_ground():
    env = DriveEnv(track=[0], difficulty="easy", traffic=4, camera="topdown")
    env.reset(seed=0)
    first = env.world
    env.reset()
    assert env.world.traffic != first.traffic
    assert env.world.track is first.track
    assert env.world.texture(env._renderers[0]) is first.texture(env._renderers[0])


def placed(others) -> str:
    """Return a hash of where everything is; places that nothing takes do not matter."""
    return digest(*(column[others.present] for column in others[:4]))


@pytest.mark.parametrize("kind", ["one", "many"])
def test_a_snapshot_is_gone_back_to_with_the_traffic_where_it_was(kind):
    env = gymnasium.make(ID, **SMALL).unwrapped if kind == "one" else make(camera="topdown")
    env.reset(seed=0)
    action = np.array([0.0, 0.4]) if kind == "one" else np.tile([0.0, 0.4], (CARS, 1))
    for _ in range(30):
        env.step(action)
    snapshot = env.get_state()
    seen = [env.step(action)[0] for _ in range(20)]
    there = placed(env.others)
    env.reset(seed=9)
    env.set_state(snapshot)
    assert placed(env.others) == placed(snapshot.others)
    again = [env.step(action)[0] for _ in range(20)]
    assert digest(*again) == digest(*seen)
    assert placed(env.others) == there
    kept = pickle.loads(pickle.dumps(snapshot.others))
    assert digest(*kept) == digest(*snapshot.others)


def test_cars_start_and_are_put_back_where_what_stands_is_passed():
    world = WorldSource([0], "easy", lane="right").all()[0]
    parked = World(world.track, world.appearance, world.weather, Traffic((Thing("car", 50.0, -1.6),)))
    env = make(2)
    env.reset(seed=0, options={"worlds": [parked, world], "s": 50.0})
    assert env.state.lateral[0] == pytest.approx(0.7, abs=0.05)
    assert env.state.lateral[1] == 0.0
    env.place(np.array([0, 1]), np.array([48.0, 48.0]), np.zeros(2))
    assert env.state.lateral[0] == pytest.approx(0.7, abs=0.05)
    assert env.state.lateral[1] == 0.0
    env.reset(seed=0, options={"worlds": [parked, world], "s": 50.0, "lateral": -0.2})
    assert env.state.lateral[0] == -0.2


def test_the_traffic_of_one_road_is_none_of_anothers_business():
    worlds = WorldSource(range(3), "easy", lane="right", traffic=5, obstacles=3).all()
    worlds[1] = World(worlds[1].track, worlds[1].appearance)
    together = make(3)
    together.reset(seed=0, options={"worlds": worlds})
    apart = [make(1) for _ in worlds]
    for env, world in zip(apart, worlds, strict=True):
        env.reset(seed=0, options={"worlds": [world]})
    for _ in range(40):
        together.step(np.zeros((3, 2)))
        for env in apart:
            env.step(np.zeros((1, 2)))
    assert apart[1].others is None
    for car in (0, 2):
        np.testing.assert_array_equal(
            apart[car].others.poses[0], together.others.poses[car, : len(worlds[car].traffic)]
        )


def test_a_table_without_traffic_is_nothing():
    assert TrafficTable(3).others is None


def test_the_expert_brakes_behind_others_and_passes_what_stands():
    worlds = WorldSource(range(4), "mixed", "validation", lane="right", traffic=10, obstacles=8).all()
    env, driver, cars = make(4, autoreset_mode="Disabled"), ExpertDriver(), np.arange(4)
    env.reset(seed=0, options={"worlds": worlds})
    asides = []
    for _ in range(600):
        _, _, terminated, truncated, info = env.step(driver.act(env, None, cars))
        assert "collision" not in info.get("end_reason", [])
        assert (info["clearance"] > 0).all()
        asides.append(np.abs(env.state.lateral).max())
        if (terminated | truncated).all():
            break
    assert max(asides) > 0.3
