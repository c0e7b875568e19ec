"""One car as a Gymnasium environment."""

import copy
import os
import pickle
import subprocess
import sys
import warnings
from pathlib import Path

import gymnasium
import numpy as np
import pytest
from gymnasium.envs.registration import EnvSpec
from gymnasium.utils.env_checker import check_env

import drivesim  # noqa: F401  (registers the environments)
from drivesim.camera import CAMERAS, Camera
from drivesim.env import DriveEnv, SteerEnv
from drivesim.errors import DrivesimError
from drivesim.track import Track
from drivesim.track_files import write_track
from drivesim.track_generation import generate_track
from drivesim.vehicle import VehicleParams
from drivesim.world import WorldSource
from tests.drivesim.snapshots import digest, same

IDS = ("drivesim/Steer-v0", "drivesim/Drive-v0")
ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(autouse=True)
def no_window(monkeypatch):
    monkeypatch.setenv("SDL_VIDEODRIVER", "dummy")


def make(name: str = IDS[0], **arguments):
    """Make an environment without Gymnasium's wrappers."""
    return gymnasium.make(name, **{"track": [0, 1], "camera": None} | arguments).unwrapped


def run(env, steps: int, seed: int | None = None, actions: int = 0) -> list[str]:
    """Drive at random, starting anew where an episode ends; return a hash for each step and start."""
    rng = np.random.default_rng(actions)
    hashes = [] if seed is None else [digest(*env.reset(seed=seed))]
    for _ in range(steps):
        result = env.step(rng.uniform(-0.6, 1.0, env.action_space.shape))
        hashes.append(digest(*result))
        if result[2] or result[3]:
            hashes.append(digest(*env.reset()))
    return hashes


# Gymnasium's contract


@pytest.mark.parametrize("camera", ["topdown", "front", None])
@pytest.mark.parametrize("name", IDS)
def test_gymnasiums_checker_finds_nothing_to_warn_of(name, camera):
    env = gymnasium.make(name, camera=camera, track=0)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        check_env(env.unwrapped)
    env.close()


@pytest.mark.parametrize("camera", ["topdown", "front", None])
@pytest.mark.parametrize("name", IDS)
def test_stable_baselines_checker_finds_nothing_to_warn_of(name, camera):
    checker = pytest.importorskip("stable_baselines3.common.env_checker")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        checker.check_env(make(name, camera=camera))


@pytest.mark.parametrize("name", IDS)
def test_gymnasiums_own_wrappers_find_nothing_to_warn_of(name):
    env = gymnasium.make(name, track=0, render_mode="rgb_array")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        env.reset(seed=0)
        for _ in range(5):
            env.step(env.action_space.sample())
            env.render()
        env.close()


def test_observations_are_what_the_spaces_say():
    frame = make(camera="topdown").reset(seed=0)[0]
    assert (frame.shape, frame.dtype) == ((96, 96, 3), np.uint8)
    assert make(camera="front").reset(seed=0)[0].shape == (66, 200, 3)
    assert make(camera=Camera(width=30, height=20, span=15.0)).reset(seed=0)[0].shape == (20, 30, 3)
    both = make(IDS[1], camera="topdown").reset(seed=0, options={"speed": 7.5})[0]
    assert set(both) == {"camera", "speed"}
    assert both["speed"].tolist() == [7.5]
    assert make(IDS[0]).action_space.shape == (1,)
    assert make(IDS[1]).action_space.shape == (2,)


def test_without_a_camera_the_road_ahead_is_told():
    env = make(track=0)
    observation, info = env.reset(seed=0, options={"s": 40.0, "lateral": 0.5, "heading_error": -0.1, "speed": 6.0})
    track = env.world.track
    expected = [6.0, 0.5, -0.1, 0.0, *track.curvature_at(40.0 + np.array([0.0, 5.0, 10.0, 20.0, 40.0]))]
    np.testing.assert_allclose(observation, expected, atol=2e-3)
    assert info["lateral_error"] == 0.5


@pytest.mark.parametrize("name", IDS)
def test_an_environment_is_made_again_from_its_spec(name):
    env = gymnasium.make(name, track=[3, 4], camera="front", difficulty="easy")
    for spec in (env.spec, EnvSpec.from_json(env.spec.to_json()), pickle.loads(pickle.dumps(env.spec))):
        assert run(gymnasium.make(spec).unwrapped, 10, seed=3) == run(env.unwrapped, 10, seed=3)


@pytest.mark.parametrize("convert", [copy.deepcopy, lambda env: pickle.loads(pickle.dumps(env))])
def test_a_copied_environment_goes_on_as_the_first_would(convert):
    env = make(IDS[1], camera="topdown", time_limit=1.0)
    run(env, 25, seed=5)
    assert run(convert(env), 30) == run(env, 30)


# Determinism


@pytest.mark.parametrize("camera", ["topdown", None])
@pytest.mark.parametrize("name", IDS)
def test_one_seed_gives_the_same_bytes(name, camera):
    arguments = {"track": None, "camera": camera, "start": "random", "time_limit": 2.0}
    first, second = (run(make(name, **arguments), 200, seed=11) for _ in range(2))
    assert first == second
    assert len(first) > 203
    assert run(make(name, **arguments), 20, seed=12) != first[:21]


def test_nothing_is_left_over_after_a_reset():
    env = make(camera="topdown", start="random")
    first = run(env, 30, seed=7)
    run(env, 50, seed=8)
    assert run(env, 30, seed=7) == first


def test_environments_in_one_process_do_not_meddle():
    envs = [make(camera="topdown", track=seed % 2) for seed in range(64)]
    together = [[digest(*env.reset(seed=i))] for i, env in enumerate(envs)]
    for _ in range(3):
        for i, env in enumerate(envs):
            together[i].append(digest(*env.step([0.1])))
    for i in (0, 1, 63):
        alone = make(camera="topdown", track=i % 2)
        assert together[i] == [digest(*alone.reset(seed=i)), *(digest(*alone.step([0.1])) for _ in range(3))]


def test_a_frame_that_was_handed_out_stays_as_it_is():
    env = make(camera="topdown")
    frames = [env.reset(seed=0)[0]]
    frames += [env.step([0.0])[0] for _ in range(10)]
    kept = [frame.copy() for frame in frames]
    env.step([1.0])
    for frame, copy_of_it in zip(frames, kept, strict=True):
        np.testing.assert_array_equal(frame, copy_of_it)
    assert len({frame.tobytes() for frame in frames}) == len(frames)


# Snapshots


@pytest.mark.parametrize("name", IDS)
def test_going_back_to_a_snapshot_repeats_what_came_after_it(name):
    env = make(name, track=None, camera="topdown", time_limit=1.0)
    run(env, 30, seed=4)
    snapshot = env.get_state()
    after = run(env, 60, actions=9)
    observation = env.set_state(snapshot)
    assert same(env.get_state(), snapshot)
    assert run(env, 60, actions=9) == after
    env.set_state(snapshot)
    assert digest(env.set_state(snapshot)) == digest(observation)


def test_another_environment_goes_on_from_a_snapshot():
    env, other = (make(camera="topdown", time_limit=1.0) for _ in range(2))
    run(env, 30, seed=4)
    other.set_state(env.get_state())
    assert run(other, 40) == run(env, 40)


# Actions


BAD_ACTIONS = [
    pytest.param(lambda size: np.full(size, np.nan), id="nan"),
    pytest.param(lambda size: np.full(size, np.inf), id="inf"),
    pytest.param(lambda size: np.zeros(size + 1), id="long"),
    pytest.param(lambda size: np.zeros((1, size)), id="nested"),
    pytest.param(lambda size: 0.5, id="scalar"),
    pytest.param(lambda size: "left", id="string"),
    pytest.param(lambda size: ["0.5"] * size, id="strings"),
    pytest.param(lambda size: [None] * size, id="none"),
    pytest.param(lambda size: [1j] * size, id="complex"),
    pytest.param(lambda size: [[0.1], [0.1, 0.2]], id="ragged"),
    pytest.param(lambda size: {"steering": 0.0}, id="dict"),
]


@pytest.mark.parametrize("bad", BAD_ACTIONS)
@pytest.mark.parametrize("name", IDS)
def test_a_bad_action_is_refused_and_nothing_has_moved(name, bad):
    env = make(name)
    env.reset(seed=0)
    env.step(np.full(env.action_space.shape, 0.2))
    before = env.get_state()
    with pytest.raises(DrivesimError, match="action"):
        env.step(bad(env.action_space.shape[0]))
    assert same(env.get_state(), before)
    assert env.step(np.full(env.action_space.shape, 0.2))[4]["time"] == pytest.approx(0.1)


def test_an_action_out_of_range_is_cut_and_info_says_so():
    env, other = make(IDS[1]), make(IDS[1])
    for each in (env, other):
        each.reset(seed=0)
    cut, plain = env.step([-3.0, 1.5]), other.step([-1.0, 1.0])
    assert cut[4].pop("action_clipped") is True
    assert plain[4].pop("action_clipped") is False
    assert digest(*cut) == digest(*plain)
    assert (cut[4]["steering"], cut[4]["pedal"]) == (-1.0, 1.0)
    env = make()
    env.reset(seed=0)
    assert [env.step([value])[4]["action_clipped"] for value in (-1.01, -1.0, 0.0, 1.0, 2.0)] == [
        True,
        *[False] * 3,
        True,
    ]


@pytest.mark.parametrize("action", [[0.25], (0.25,), np.array([0.25], np.float32), np.array([0.25])])
def test_actions_may_come_in_any_kind_of_sequence(action):
    env = make()
    env.reset(seed=0)
    assert env.step(action)[4]["steering"] == 0.25


def test_steering_right_leads_to_the_right():
    env = make()
    env.reset(seed=0)
    for _ in range(10):
        info = env.step([0.5])[4]
    assert info["heading_error"] < -0.05
    assert info["lateral_error"] < 0


def test_throttle_and_brake_change_the_speed_as_the_vehicle_does():
    env = make(IDS[1])
    env.reset(seed=0)
    speeds = [env.step([0.0, 1.0])[4]["speed"] for _ in range(20)]
    assert speeds[-1] == pytest.approx(40 * np.tanh(0.1), abs=0.05)
    assert env.step([0.0, -1.0])[4]["speed"] == pytest.approx(speeds[-1] - 0.4, abs=0.01)


def test_the_cruise_speed_and_the_vehicle_are_the_callers():
    env = make(cruise_speed=4.0, vehicle=VehicleParams(max_acceleration=2.0))
    env.reset(seed=0, options={"speed": 0.0})
    speeds = [env.step([0.0])[4]["speed"] for _ in range(80)]
    assert speeds[9] == pytest.approx(1.0, abs=0.02)
    assert speeds[-1] == pytest.approx(4.0, abs=0.3)


# Episodes


def test_driving_without_steering_ends_off_the_road_with_its_punishment():
    env = make(track=0)
    env.reset(seed=0, options={"heading_error": 0.4})
    while True:
        _, reward, terminated, truncated, info = env.step([0.0])
        if terminated or truncated:
            break
    assert (terminated, truncated, info["end_reason"]) == (True, False, "off_road")
    assert reward < -99
    assert info["clearance"] < 0


def test_a_time_limit_truncates():
    env = make(time_limit=0.5)
    env.reset(seed=0)
    results = [env.step([0.0]) for _ in range(10)]
    assert [result[3] for result in results] == [False] * 9 + [True]
    assert not results[-1][2]
    assert results[-1][4]["end_reason"] == "time_limit"
    assert "end_reason" not in results[-2][4]


def test_standing_still_terminates_as_stalled():
    env = make(IDS[1], stall_time=1.0)
    env.reset(seed=0)
    results = [env.step([0.0, 0.0]) for _ in range(20)]
    assert results[-1][2]
    assert results[-1][4]["end_reason"] == "stalled"


def test_a_lap_earns_a_thousand_less_a_tenth_a_step():
    angle = np.linspace(0, 2 * np.pi, 120, endpoint=False)
    ring = np.column_stack([40 * np.cos(angle), 40 * np.sin(angle), np.full((120, 2), 6.0)])
    env = make(track=Track.from_points(ring, "ring"))
    env.reset(seed=0)
    total, steps = 0.0, 0
    while True:
        error = env.state.lateral + 2.0 * env.state.heading_error
        _, reward, terminated, truncated, info = env.step([0.2 * error - np.arctan(2.7 / 40) / 0.6])
        total, steps = total + reward, steps + 1
        if terminated or truncated:
            break
    assert info["end_reason"] == "lap_completed"
    assert (info["lap"], info["lap_time"]) == (1, pytest.approx(steps * 0.05, abs=0.05))
    assert info["progress"] == pytest.approx(1.0, abs=0.01)
    assert total == pytest.approx(1000.0 * info["progress"] - 0.1 * steps)


def test_a_step_needs_a_running_episode():
    env = make(time_limit=0.1)
    for call in (lambda: env.step([0.0]), env.get_state):
        with pytest.raises(DrivesimError, match=r"reset\(\)"):
            call()
    env.reset(seed=0)
    env.step([0.0])
    assert env.step([0.0])[3]
    with pytest.raises(DrivesimError, match=r"reset\(\)"):
        env.step([0.0])
    env.reset()
    env.step([0.0])


def test_reset_options_choose_world_place_and_speed():
    env = make(camera="topdown")
    world = WorldSource(5, "easy").all()[0]
    _, info = env.reset(
        seed=0, options={"world": world, "s": -10.0, "lateral": 1.0, "heading_error": 0.2, "speed": 3.0}
    )
    assert env.world is world
    assert info["track"] == world.track.name
    assert info["s"] == pytest.approx(world.track.length - 10.0)
    assert (info["lateral_error"], info["heading_error"], info["speed"]) == (1.0, 0.2, 3.0)
    assert info["progress"] == info["lap"] == info["time"] == 0.0


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"place": 1.0}, "'place'.*s, lateral, heading_error, speed, world"),
        ({"s": float("nan")}, "s: .*finite"),
        ({"lateral": "left"}, "lateral: .*'left'"),
        ({"speed": float("inf")}, "speed: .*finite"),
        ({"speed": -1.0}, "speed: .*0 m/s or more"),
    ],
)
def test_bad_reset_options_are_named(options, said):
    with pytest.raises(DrivesimError, match=said):
        make().reset(seed=0, options=options)


def test_a_random_start_is_anywhere_on_the_lap_a_little_beside_the_line():
    env = make(track=0, start="random")
    starts = np.array(
        [
            [info[name] for name in ("s", "lateral_error", "heading_error")]
            for _, info in (env.reset() for _ in range(60))
        ]
    )
    length = env.world.track.length
    assert np.histogram(starts[:, 0], 4, (0, length))[0].min() > 3
    assert np.abs(starts[:, 1]).max() <= 1
    assert np.abs(starts[:, 2]).max() <= 0.1
    assert make(track=0).reset(seed=0)[1]["s"] == 0.0


# Arguments


def test_the_track_may_be_a_seed_a_range_a_list_a_track_or_a_file(tmp_path):
    track = generate_track(6, "easy")
    write_track(track, tmp_path / "road.csv")
    for choice in (6, range(6, 7), [6], track, tmp_path / "road.csv", str(tmp_path / "road.csv")):
        env = make(track=choice, difficulty="easy")
        env.reset(seed=0)
        assert env.world.track.length == pytest.approx(track.length, rel=1e-4)


def test_train_and_test_episodes_share_no_track():
    drawn = {}
    for split in ("train", "test"):
        env = make(track=range(20), split=split)
        drawn[split] = {(env.reset(seed=seed)[1]["track"], env.world.track.points.tobytes()) for seed in range(40)}
    assert not {points for _, points in drawn["train"]} & {points for _, points in drawn["test"]}
    assert all(name.startswith("test") for name, _ in drawn["test"])


@pytest.mark.parametrize(
    ("argument", "value", "said"),
    [
        ("colour", "red", "'colour'.*track, difficulty.*render_mode"),
        ("difficulty", "brutal", "'brutal'.*easy, medium, hard"),
        ("split", "all", "'all'.*train, test"),
        ("camera", "rear", "'rear'.*topdown, front"),
        ("vehicle", "tank", "'tank'.*car"),
        ("appearance", "mars", "'mars'.*random, meadow"),
        ("start", "pit", "'pit'.*line, random"),
        ("control_hz", 0.0, "control_hz=0.0"),
    ],
)
@pytest.mark.parametrize("kind", [SteerEnv, DriveEnv])
def test_an_unknown_argument_or_name_is_told_the_known_ones(kind, argument, value, said):
    with pytest.raises(DrivesimError, match=said):
        kind(**{argument: value})


def test_a_cruise_speed_beyond_the_vehicle_is_refused():
    with pytest.raises(DrivesimError, match="cruise_speed=400"):
        SteerEnv(cruise_speed=400)


def test_an_unknown_render_mode_is_refused():
    with pytest.raises(DrivesimError, match=r"'ascii'.*rgb_array, human"):
        SteerEnv(render_mode="ascii")


def test_control_steps_last_as_long_as_their_rate_says():
    for control_hz in (5.0, 20.0, 50.0):
        env = make(control_hz=control_hz)
        env.reset(seed=0)
        info = env.step([0.0])[4]
        assert info["time"] == pytest.approx(1 / control_hz)
        assert info["progress"] * env.world.track.length == pytest.approx(10 / control_hz, rel=1e-2)
        assert env.metadata["render_fps"] == control_hz


# Pictures


def test_rgb_array_shows_the_car_from_above():
    env = make(render_mode="rgb_array", appearance="plain")
    env.reset(seed=0)
    frame = env.render()
    assert (frame.shape, frame.dtype) == ((480, 480, 3), np.uint8)
    assert (frame == (200, 30, 40)).all(axis=-1).sum() > 200
    env.step([0.0])
    assert not np.array_equal(env.render(), frame)


def test_rendering_changes_nothing_in_the_episode():
    plain, watched = make(camera="topdown"), make(camera="topdown", render_mode="rgb_array")
    plain.reset(seed=0)
    watched.reset(seed=0)
    for _ in range(10):
        watched.render()
        assert digest(*watched.step([0.1])) == digest(*plain.step([0.1]))


def test_render_needs_a_mode_and_an_episode():
    with pytest.raises(DrivesimError, match="rgb_array"):
        make().render()
    with pytest.raises(DrivesimError, match=r"reset\(\)"):
        make(render_mode="rgb_array").render()


def test_human_mode_shows_every_step_in_a_window():
    pytest.importorskip("pygame")
    env = make(render_mode="human", control_hz=50.0)
    env.reset(seed=0)
    env.step([0.0])
    assert env.render() is None
    env.close()
    env.close()


@pytest.mark.parametrize("name", IDS)
def test_pictures_need_no_display_and_load_neither_pygame_nor_torch(name):
    code = f"""
import sys
import gymnasium
import drivesim
env = gymnasium.make({name!r}, track=0, render_mode="rgb_array")
env.reset(seed=0)
env.step(env.action_space.sample())
assert env.render().max() > 0
env.close()
cars = gymnasium.make_vec({name!r}, 2, "vector_entry_point", track=0, threads=2, render_mode="rgb_array")
cars.reset(seed=0)
cars.step(cars.action_space.sample())
assert len(cars.render()) == 2
cars.close()
print(*sorted({{"pygame", "torch", "matplotlib"}} & {{*sys.modules}}))
"""
    hidden = ("DISPLAY", "WAYLAND_DISPLAY", "SDL_VIDEODRIVER", "XDG_RUNTIME_DIR")
    bare = {key: value for key, value in os.environ.items() if key not in hidden}
    ran = subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=bare, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    assert not ran.stdout.strip()
    assert not ran.stderr.strip()


def test_the_presets_of_cameras_are_all_usable():
    for camera in CAMERAS:
        env = make(camera=camera)
        assert env.observation_space.contains(env.reset(seed=0)[0])


# Several cameras


@pytest.mark.parametrize("kind", [SteerEnv, DriveEnv])
def test_several_cameras_each_see_what_they_would_alone(kind):
    env = kind(track=3, camera=["topdown", "front"])
    check_env(env, skip_render_check=True)
    observation, _ = env.reset(seed=0)
    assert env.observation_space.contains(observation)
    assert env.cameras == (CAMERAS["topdown"], CAMERAS["front"])
    alone = [kind(track=3, camera=camera) for camera in env.cameras]
    for single in alone:
        single.reset(seed=0)
    for _ in range(5):
        action = np.full(env.action_space.shape, 0.3)
        seen = env.step(action)[0]
        for number, single in enumerate(alone):
            expected = single.step(action)[0]
            if kind is DriveEnv:
                np.testing.assert_array_equal(seen["speed"], expected["speed"])
                np.testing.assert_array_equal(seen["camera"][number], expected["camera"])
            else:
                np.testing.assert_array_equal(seen[number], expected)


def test_no_camera_at_all_is_said_with_none_and_not_with_an_empty_list():
    with pytest.raises(DrivesimError, match="camera: expected a camera, or several, got an empty list"):
        SteerEnv(camera=[])
