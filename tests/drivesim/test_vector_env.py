"""Many cars in one process: equal to as many environments of one car, whatever the autoreset mode."""

import warnings

import gymnasium
import numpy as np
import pytest
from gymnasium.vector import AutoresetMode, SyncVectorEnv

import drivesim  # noqa: F401  (registers the environments)
from drivesim.camera import CAMERAS
from drivesim.env import SteerEnv
from drivesim.errors import DrivesimError
from drivesim.vector_env import DriveVectorEnv, SteerVectorEnv
from drivesim.world import WorldSource
from tests.drivesim.snapshots import digest, same

IDS = ("drivesim/Steer-v0", "drivesim/Drive-v0")
MODES = list(AutoresetMode)
CARS = 5

# Episodes that end soon, in every way: cars turn at random, brake to a stop or run out of time.
SHORT = {
    "track": range(6),
    "difficulty": "mixed",
    "start": "random",
    "vehicle": "car-dynamic",
    "time_limit": 2.0,
    "stall_time": 1.0,
}


def make(name: str = IDS[0], cars: int = CARS, **arguments):
    return gymnasium.make_vec(name, cars, "vector_entry_point", **{"track": [0, 1], "camera": None} | arguments)


def make_singles(name: str, mode: AutoresetMode, **arguments) -> SyncVectorEnv:
    def single():
        return gymnasium.make(name, disable_env_checker=True, **arguments)

    return SyncVectorEnv([single] * CARS, autoreset_mode=mode)


def random_actions(env, steps: int, seed: int = 0) -> np.ndarray:
    """Return actions (steps, cars, size) that leave the road now and then, and the range of actions too."""
    rng = np.random.default_rng(seed)
    shape = env.action_space.shape
    held = rng.uniform(-0.5, 0.5, (steps // 10 + 1, *shape)).repeat(10, axis=0)[:steps]
    actions = held + rng.uniform(-0.8, 0.8, (steps, *shape))
    if shape[1] == 2:
        # From rest, not all would come to an end before their time.
        actions[:, 0, 1], actions[:, 1] = -1.0, (0.7, 1.0)
    return actions


def run(env, actions: np.ndarray, seed: int | None = None) -> list[str]:
    """Drive; return a hash for each step and start. Under `DISABLED` cars that ended start anew."""
    hashes = [] if seed is None else [digest(*env.reset(seed=seed))]
    for action in actions:
        result = env.step(action)
        hashes.append(digest(*result))
        ended = result[2] | result[3]
        if env.autoreset_mode == AutoresetMode.DISABLED and ended.any():
            hashes.append(digest(*env.reset(options={"reset_mask": ended})))
    return hashes


def assert_observations_agree(ours, theirs) -> None:
    """Compare frames to one grey level, all else to 1e-6 (it is float32)."""
    if isinstance(theirs, dict):
        assert set(ours) == set(theirs)
        for key in theirs:
            assert_observations_agree(ours[key], theirs[key])
        return
    assert ours.dtype == theirs.dtype
    assert ours.shape == theirs.shape
    if theirs.dtype == np.uint8:
        assert np.abs(ours.astype(int) - theirs).max() <= 1
    else:
        np.testing.assert_allclose(ours, theirs, rtol=1e-6, atol=1e-6)


def assert_infos_agree(ours: dict, theirs: dict) -> None:
    """Compare the masks, and every entry for the cars that its mask names."""
    assert {key for key in ours if np.any(ours.get(f"_{key}", True))} == set(theirs)
    for key, value in theirs.items():
        if key.startswith("_"):
            np.testing.assert_array_equal(ours[key], value, err_msg=key)
            continue
        mask = theirs[f"_{key}"]
        if isinstance(value, dict):
            assert_infos_agree(ours[key], value)
        elif key == "final_obs":
            for car in range(CARS):
                assert (ours[key][car] is None) == (not mask[car])
                if mask[car]:
                    assert_observations_agree(ours[key][car], value[car])
        elif value.dtype == object:
            assert ours[key].tolist() == value.tolist()
        else:
            assert ours[key].dtype == value.dtype, key
            np.testing.assert_allclose(ours[key][mask].astype(float), value[mask].astype(float), atol=1e-9, err_msg=key)


def assert_states_agree(ours, singles: SyncVectorEnv) -> None:
    for car, env in enumerate(singles.envs):
        state = env.unwrapped.state
        np.testing.assert_allclose([column[car] for column in ours.state.vehicle], state.vehicle, atol=1e-9)
        np.testing.assert_allclose([column[car] for column in ours.state[1:]], state[1:], atol=1e-9)


# Equal to single environments


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("camera", ["topdown", None])
@pytest.mark.parametrize("name", IDS)
def test_many_cars_are_as_many_environments(name, camera, mode):
    arguments = {**SHORT, "camera": camera}
    ours, singles = make(name, autoreset_mode=mode, **arguments), make_singles(name, mode, **arguments)
    observation, info = ours.reset(seed=20)
    expected, expected_info = singles.reset(seed=20)
    assert_observations_agree(observation, expected)
    assert_infos_agree(info, expected_info)
    reasons = set()
    for action in random_actions(ours, 130):
        results, expected = ours.step(action), singles.step(action)
        assert_observations_agree(results[0], expected[0])
        for value, wanted in zip(results[1:4], expected[1:4], strict=True):
            assert value.dtype == wanted.dtype
            np.testing.assert_allclose(value, wanted, atol=1e-9)
        assert_infos_agree(results[4], expected[4])
        ended = results[2] | results[3]
        if ended.any():
            told = results[4]["final_info"] if mode == AutoresetMode.SAME_STEP else results[4]
            reasons |= {*told["end_reason"][ended]}
            if mode == AutoresetMode.DISABLED:
                observation, info = ours.reset(options={"reset_mask": ended})
                expected, expected_info = singles.reset(options={"reset_mask": ended})
                assert_observations_agree(observation, expected)
                assert_infos_agree(info, expected_info)
        assert_states_agree(ours, singles)
    assert len(reasons) >= 2
    ours.close()
    singles.close()


def test_the_front_camera_sees_the_same_from_many_cars():
    arguments = {**SHORT, "camera": "front"}
    ours, singles = make(**arguments), make_singles(IDS[0], AutoresetMode.NEXT_STEP, **arguments)
    assert_observations_agree(ours.reset(seed=1)[0], singles.reset(seed=1)[0])
    for action in random_actions(ours, 50):
        assert_observations_agree(ours.step(action)[0], singles.step(action)[0])


def test_seeds_count_up_from_the_first_or_are_given_one_by_one():
    env = make(track=None)
    counted = digest(*env.reset(seed=3))
    assert digest(*make(track=None).reset(seed=[3, 4, 5, 6, 7])) == counted
    assert digest(*env.reset(seed=4)) != counted
    before = env.reset(seed=[3, None, None, None, None])[1]["track"]
    assert before[0] == make(track=None).reset(seed=3)[1]["track"][0]
    with pytest.raises(DrivesimError, match=r"seed.*5.*got 2"):
        env.reset(seed=[1, 2])


# Determinism


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("name", IDS)
def test_one_seed_gives_the_same_bytes(name, mode):
    arguments = {**SHORT, "track": None, "camera": "topdown", "autoreset_mode": mode, "cars": 3}
    first, second = make(name, **arguments), make(name, threads=2, **arguments)
    actions = random_actions(first, 200)
    hashes = run(first, actions, seed=5)
    assert run(second, actions, seed=5) == hashes
    again, other = run(first, actions[:20], seed=5), run(first, actions[:20], seed=6)
    assert again == hashes[: len(again)]
    assert other != again
    second.close()


def test_the_camera_changes_nothing_in_what_happens():
    states = []
    for camera in ("topdown", "front", None):
        env = make(**SHORT, camera=camera)
        env.reset(seed=2)
        rest = [digest(*env.step(action)[1:]) for action in random_actions(env, 60)]
        states.append((rest, digest(env.state)))
    assert states[0] == states[1] == states[2]


def test_no_random_number_is_shared_between_cars():
    env = make(track=None, start="random", cars=12)
    info = env.reset(seed=0)[1]
    assert len(set(info["track"])) == 12
    assert len(set(info["s"])) == 12


# Snapshots and putting cars back


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("name", IDS)
def test_going_back_to_a_snapshot_repeats_what_came_after_it(name, mode):
    env = make(name, **SHORT, camera="topdown", autoreset_mode=mode)
    run(env, random_actions(env, 53), seed=4)
    snapshot, actions = env.get_state(), random_actions(env, 60, seed=1)
    after = run(env, actions)
    first = digest(env.set_state(snapshot))
    assert same(env.get_state(), snapshot)
    assert run(env, actions) == after
    assert digest(env.set_state(snapshot)) == first
    other = make(name, **SHORT, camera="topdown", autoreset_mode=mode)
    other.set_state(snapshot)
    assert run(other, actions) == after


def test_a_snapshot_is_not_changed_by_what_comes_after():
    env = make(**SHORT)
    run(env, random_actions(env, 30), seed=4)
    snapshot = env.get_state()
    before = digest(snapshot.state, snapshot.random_states, snapshot.reasons)
    run(env, random_actions(env, 80))
    env.place(np.array([0, 1]), np.array([5.0, 6.0]), np.array([1.0, 1.0]))
    assert digest(snapshot.state, snapshot.random_states, snapshot.reasons) == before


def test_place_puts_cars_back_on_the_line_and_leaves_the_others():
    env = make(camera="topdown", off_road_margin=5.0)
    env.reset(seed=0)
    for _ in range(25):
        before = env.step(np.full((CARS, 1), 0.3))[0].copy()
    state, cars = env.state, np.array([3, 1])
    s, speed = np.array([30.0, 45.0]), np.array([2.0, 3.0])
    observation = env.place(cars, s, speed)
    assert np.abs(state.lateral[cars]).min() > 0.5
    np.testing.assert_array_equal(env.state.s[cars], s)
    np.testing.assert_array_equal(env.state.lateral[cars], 0.0)
    np.testing.assert_array_equal(env.state.heading_error[cars], 0.0)
    np.testing.assert_array_equal(env.state.vehicle.speed[cars], speed)
    for car, at in zip(cars, s, strict=True):
        np.testing.assert_allclose(env.poses[car], env.worlds[car].track.pose(at), atol=1e-4)
    # Laps and progress go on, the clock too.
    for name in ("progress", "travelled", "time", "lap"):
        np.testing.assert_array_equal(getattr(env.state, name), getattr(state, name))
    others = [0, 2, 4]
    np.testing.assert_array_equal(observation[others], before[others])
    np.testing.assert_array_equal(env.state.vehicle.x[others], state.vehicle.x[others])
    fresh = make(camera="topdown")
    for car, at in zip(cars, s, strict=True):
        seen = fresh.reset(options={"worlds": list(env.worlds), "s": at})[0]
        np.testing.assert_array_equal(observation[car], seen[car])
    gained = env.step(np.zeros((CARS, 1)))[4]["s"][cars] - s
    np.testing.assert_allclose(gained, 0.05 * speed, rtol=0.3)


# Autoreset


@pytest.mark.parametrize("name", IDS)
def test_a_car_that_has_ended_stands_still_where_nothing_is_reset(name):
    env = make(name, camera="topdown", time_limit=1.0, autoreset_mode=AutoresetMode.DISABLED)
    env.reset(seed=0)
    for _ in range(5):
        env.step(env.action_space.sample())
    env.reset(options={"reset_mask": np.array([True, False, False, True, False])})
    for action in random_actions(env, 15):
        last = env.step(np.clip(action, -0.02, 0.02))
    still = np.array([False, True, True, False, True])
    np.testing.assert_array_equal(last[3], still)
    state = env.state
    observation, rewards, terminated, truncated, info = env.step(np.ones(env.action_space.shape))
    np.testing.assert_array_equal(truncated, still)
    assert not terminated.any()
    np.testing.assert_array_equal(rewards == 0.0, still)
    for column, before in zip((*env.state.vehicle, *env.state[1:]), (*state.vehicle, *state[1:]), strict=True):
        np.testing.assert_array_equal(column[still], before[still])
    assert np.all(env.state.time[~still] > state.time[~still])
    frames, frames_before = (value if name == IDS[0] else value["camera"] for value in (observation, last[0]))
    np.testing.assert_array_equal(frames[still], frames_before[still])
    assert not np.array_equal(frames[~still], frames_before[~still])
    assert info["end_reason"][still].tolist() == ["time_limit"] * 3
    np.testing.assert_array_equal(info["steering"], np.where(still, 0.0, 1.0))


def test_a_reset_of_some_leaves_the_others_alone():
    env = make(track=None, camera="topdown", autoreset_mode="Disabled")
    env.reset(seed=0)
    for _ in range(5):
        last = env.step(np.full((CARS, 1), 0.1))[0].copy()
    state, worlds = env.state, env.worlds
    mask = np.array([False, True, False, False, True])
    observation, info = env.reset(options={"reset_mask": mask})
    np.testing.assert_array_equal(observation[~mask], last[~mask])
    np.testing.assert_array_equal(env.state.time, np.where(mask, 0.0, state.time))
    np.testing.assert_array_equal([a is b for a, b in zip(env.worlds, worlds, strict=True)], ~mask)
    np.testing.assert_array_equal(info["_s"], mask)


@pytest.mark.parametrize(
    "mask",
    [[True] * CARS, np.ones(CARS), np.ones(CARS - 1, bool), np.zeros(CARS, bool)],
    ids=["list", "float", "short", "none"],
)
def test_a_bad_reset_mask_is_refused(mask):
    env = make()
    env.reset(seed=0)
    with pytest.raises(DrivesimError, match="reset_mask"):
        env.reset(options={"reset_mask": mask})


def test_the_first_reset_starts_every_car():
    with pytest.raises(DrivesimError, match="first reset"):
        make().reset(options={"reset_mask": np.array([True, False, False, False, False])})


# Actions


@pytest.mark.parametrize(
    "spoil",
    [
        pytest.param(lambda action: np.where(np.arange(len(action))[:, None] == 3, np.nan, action), id="nan"),
        pytest.param(lambda action: action[:-1], id="short"),
        pytest.param(lambda action: action[:, 0], id="flat"),
        pytest.param(lambda action: action[..., None], id="deep"),
        pytest.param(lambda action: action.astype(str), id="strings"),
        pytest.param(lambda action: None, id="none"),
        pytest.param(lambda action: [[0.0], "left"], id="ragged"),
    ],
)
@pytest.mark.parametrize("name", IDS)
def test_bad_actions_are_refused_and_nothing_has_moved(name, spoil):
    env = make(name, **SHORT)
    actions = random_actions(env, 60)
    run(env, actions[:37], seed=0)
    before = env.get_state()
    with pytest.raises(DrivesimError, match="action"):
        env.step(spoil(actions[0]))
    assert same(env.get_state(), before)
    other = make(name, **SHORT)
    run(other, actions[:37], seed=0)
    assert run(env, actions[37:]) == run(other, actions[37:])


def test_actions_out_of_range_are_cut_and_info_says_whose():
    env, other = make(IDS[1]), make(IDS[1])
    for each in (env, other):
        each.reset(seed=0)
    action = np.zeros((CARS, 2))
    action[1], action[4] = (-7.0, 0.5), (0.0, 1.01)
    given = action.copy()
    info = env.step(action)[4]
    np.testing.assert_array_equal(action, given)
    np.testing.assert_array_equal(info["action_clipped"], [False, True, False, False, True])
    np.testing.assert_array_equal(info["steering"], np.clip(action[:, 0], -1, 1))
    other.step(np.clip(action, -1, 1))
    assert digest(env.state) == digest(other.state)


def test_writing_into_what_step_gave_leaves_the_cars_alone():
    env, other = (make(autoreset_mode="Disabled", time_limit=0.5) for _ in range(2))
    for each in (env, other):
        each.reset(seed=0)
    for action in random_actions(env, 15):
        results = env.step(action)
        for value in (*results[1:4], *results[4].values()):
            value[:] = 1
        other.step(action)
        assert digest(env.state, env.get_state().reasons) == digest(other.state, other.get_state().reasons)


# Making, rendering, closing


@pytest.mark.parametrize(("name", "kind"), list(zip(IDS, (SteerVectorEnv, DriveVectorEnv), strict=True)))
def test_the_registered_environments_come_as_vectors(name, kind):
    env = make(name, 3, camera="topdown")
    assert type(env.unwrapped) is kind
    assert env.num_envs == 3
    assert env.metadata["autoreset_mode"] == AutoresetMode.NEXT_STEP
    assert env.observation_space.contains(env.reset(seed=0)[0])
    for _ in range(3):
        results = env.step(env.action_space.sample())
        assert env.observation_space.contains(results[0])
        assert [value.dtype for value in results[1:4]] == [np.float64, bool, bool]
    single = gymnasium.make(name, track=0)
    assert env.single_observation_space == single.observation_space
    assert env.single_action_space == single.action_space
    again = gymnasium.make_vec(env.spec)
    assert digest(*again.reset(seed=3)) == digest(*env.reset(seed=3))


def test_gymnasiums_own_vectors_may_be_made_of_them_too():
    env = gymnasium.make_vec(IDS[0], 2, "sync", track=0, camera=None)
    env.reset(seed=0)
    env.step(env.action_space.sample())


def test_gymnasiums_vector_wrappers_fit():
    env = gymnasium.wrappers.vector.RecordEpisodeStatistics(make(**SHORT))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        env.reset(seed=0)
        lengths = []
        for action in random_actions(env, 100):
            info = env.step(action)[4]
            if "episode" in info:
                lengths += info["episode"]["l"][info["_episode"]].tolist()
    assert lengths
    assert max(lengths) == 40


def test_the_worlds_may_be_chosen_at_reset():
    env = make(camera="topdown")
    worlds = WorldSource(range(10, 15), "easy").all()
    _, info = env.reset(seed=0, options={"worlds": worlds, "s": 12.0, "lateral": -1.0, "speed": 4.0})
    assert all(one is other for one, other in zip(env.worlds, worlds, strict=True))
    assert info["track"].tolist() == [world.track.name for world in worlds]
    np.testing.assert_array_equal(info["s"], 12.0)
    np.testing.assert_array_equal(info["lateral_error"], -1.0)
    np.testing.assert_array_equal(info["speed"], 4.0)
    with pytest.raises(DrivesimError, match=r"worlds.*5.*got 4"):
        env.reset(options={"worlds": worlds[:4]})
    with pytest.raises(DrivesimError, match=r"'world'.*worlds"):
        env.reset(options={"world": worlds[0]})


def test_cars_change_tracks_for_as_long_as_it_goes_on():
    # The table of roads has to drop those that nobody drives on.
    env = make(track=None, difficulty="mixed", time_limit=0.1, cars=7)
    env.reset(seed=0)
    for _ in range(60):
        env.step(np.zeros((7, 1)))
        for car, world in enumerate(env.worlds):
            road = env.road
            rows = road.table[road.first[car] : road.first[car] + road.count[car], :2]
            np.testing.assert_array_equal(rows, world.track.centerline)
    used = sum(len(world.track.centerline) for world in env.worlds)
    assert len(env.road.table) < 8 * used


def test_render_shows_every_car():
    env = make(camera=None, render_mode="rgb_array")
    with pytest.raises(DrivesimError, match=r"reset\(\)"):
        env.render()
    env.reset(seed=0)
    frames = env.render()
    assert len(frames) == CARS
    assert {(frame.shape, frame.dtype.name) for frame in frames} == {((480, 480, 3), "uint8")}
    single = gymnasium.make(IDS[0], track=[0, 1], camera=None, render_mode="rgb_array")
    single.reset(seed=2)
    np.testing.assert_array_equal(frames[2], single.render())
    with pytest.raises(DrivesimError, match="rgb_array"):
        make().render()


def test_a_step_needs_a_reset():
    for call in (lambda: make().step(np.zeros((CARS, 1))), make().get_state):
        with pytest.raises(DrivesimError, match=r"reset\(\)"):
            call()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"cars": 0}, "num_envs"),
        ({"autoreset_mode": "Sometimes"}, "'Sometimes'.*NextStep, SameStep, Disabled"),
        ({"colour": "red"}, "'colour'.*track, difficulty"),
        ({"camera": "rear"}, "'rear'.*topdown"),
        ({"camera": "topdown", "threads": 0}, "threads"),
    ],
)
def test_bad_arguments_are_told_the_known_ones(arguments, said):
    with pytest.raises(DrivesimError, match=said):
        make(**arguments)


def test_every_preset_camera_draws_every_car():
    for name, camera in CAMERAS.items():
        frames = make(camera=name, cars=3).reset(seed=0)[0]
        assert frames.shape == (3, camera.height, camera.width, 3)


@pytest.mark.parametrize("name", IDS)
@pytest.mark.parametrize("mode", MODES)
def test_with_several_cameras_many_cars_see_what_as_many_single_ones_do(name, mode):
    arguments = SHORT | {"camera": ["front", "topdown"]}
    ours = make(name, autoreset_mode=mode, **arguments)
    theirs = make_singles(name, mode, **arguments)
    assert ours.observation_space == theirs.observation_space
    assert digest(ours.reset(seed=5)[0]) == digest(theirs.reset(seed=5)[0])
    for actions in random_actions(ours, 60).astype(np.float32):
        seen, *_, ended, cut, _ = ours.step(actions)
        expected = theirs.step(actions)[0]
        assert digest(seen) == digest(expected)
        if mode == AutoresetMode.DISABLED and (ended | cut).any():
            mask = {"reset_mask": ended | cut}
            assert digest(ours.reset(options=dict(mask))[0]) == digest(theirs.reset(options=dict(mask))[0])


def test_randomised_worlds_are_the_same_from_the_same_seed_alone_and_among_many():
    arguments = {"randomize": "all", "difficulty": "easy"}
    many = SteerVectorEnv(3, **arguments)
    frames, _ = many.reset(seed=5)
    again, _ = SteerVectorEnv(3, **arguments).reset(seed=5)
    np.testing.assert_array_equal(frames, again)
    for car in range(3):
        alone = SteerEnv(**arguments)
        frame, _ = alone.reset(seed=5 + car)
        np.testing.assert_array_equal(frame, frames[car])
        assert alone.world.weather == many.worlds[car].weather
    first = many.worlds
    many.reset()
    assert not {world.appearance for world in first} & {world.appearance for world in many.worlds}
