"""Returns in other Gymnasium environments: right sums, fixed seeds, and misfits refused."""

import json
from itertools import pairwise
from typing import ClassVar

import gymnasium
import numpy as np
import pytest
from gymnasium import spaces

from agents import evaluate
from agents.carracing.expert import CarRacingExpert
from agents.carracing.physics import leave_undrawn
from agents.evaluation import gym_evaluation
from agents.evaluation.gym_evaluation import evaluate_in_gym, evaluate_in_processes
from agents.evaluation.gym_players import PolicyPlayer, RandomPlayer, StraightPlayer, make_frame_env
from drivesim.errors import DrivesimError
from tests.agents.policies import CAMERA, make_policy

PEDALS = spaces.Box(np.array([-1, 0, 0], np.float32), np.ones(3, np.float32))


class Corridor(gymnasium.Env):
    """Ten steps of frames; pays its first action value, and 100 for every tenth seed."""

    actions: ClassVar = spaces.Box(-1, 1, (1,), np.float32)
    frames: ClassVar = spaces.Box(0, 255, (64, 64, 3), np.uint8)

    def __init__(self):
        self.observation_space, self.action_space = self.frames, self.actions
        self.taken = []

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.steps, self.bonus = 0, 10.0 if seed % 10 == 0 else 0.0
        return self.frame(), {}

    def frame(self):
        return self.np_random.integers(0, 256, self.frames.shape).astype(np.uint8)

    def step(self, action):
        assert self.action_space.contains(action), action
        self.taken.append(action)
        self.steps += 1
        return self.frame(), self.bonus + float(action[0]), self.steps == 10, False, {}


class Pedals(Corridor):
    actions = PEDALS


class Wide(Corridor):
    frames = spaces.Box(0, 255, (96, 96, 3), np.uint8)


class Many(Corridor):
    actions = spaces.Box(-1, 1, (4,), np.float32)


@pytest.fixture(scope="module", autouse=True)
def registered():
    kinds = {"Corridor": Corridor, "Pedals": Pedals, "Wide": Wide, "Many": Many}
    for name, kind in kinds.items():
        gymnasium.register(f"Tests/{name}-v0", kind, max_episode_steps=50)
    yield
    for name in kinds:
        del gymnasium.registry[f"Tests/{name}-v0"]


def test_the_returns_are_those_of_the_seeds_and_their_statistics():
    env = make_frame_env("Tests/Corridor-v0")
    found = evaluate_in_gym(StraightPlayer(env), env, range(5, 15))
    assert found.returns == [100.0 if seed == 10 else 0.0 for seed in range(5, 15)]
    assert found.lengths == [10] * 10
    assert found.seeds == [*range(5, 15)]
    assert found.summary["return_mean"] == 10.0
    assert found.summary["return_min"] == found.summary["return_p10"] == 0.0
    assert found.interval[0] <= 10.0 <= found.interval[1]
    assert found.complete


def test_the_same_policy_returns_the_same_and_another_not(one_torch_thread):
    def returns(seed):
        env = make_frame_env("Tests/Corridor-v0")
        return evaluate_in_gym(PolicyPlayer(make_policy(seed), env), env, range(1, 4)).returns

    assert returns(0) == returns(0)
    assert returns(0) != returns(1)


def test_a_policy_with_past_frames_is_given_those_of_the_episode(one_torch_thread, monkeypatch):
    env = make_frame_env("Tests/Corridor-v0")
    policy = make_policy(past=2)
    given = []
    monkeypatch.setattr(policy, "predict", lambda views: given.append(views[0][0]) or np.zeros((1, 1)))
    evaluate_in_gym(PolicyPlayer(policy, env), env, range(2))
    begun = [at for at, frames in enumerate(given) if (frames == frames[0]).all()]
    assert len(begun) == 2, "each episode begins with its first frame repeated, and no other step does"
    for before, frames in pairwise(given[: begun[1]]):
        np.testing.assert_array_equal(frames[1:], before[:2])


def test_a_pedal_becomes_gas_and_brake(one_torch_thread, monkeypatch):
    env = make_frame_env("Tests/Pedals-v0")
    policy = make_policy(outputs=("steering", "pedal"))
    player = PolicyPlayer(policy, env)
    frame = np.zeros((64, 64, 3), np.uint8)
    for pedal, expected in ((0.5, [0.25, 0.5, 0.0]), (-0.75, [0.25, 0.0, 0.75])):
        monkeypatch.setattr(policy, "predict", lambda frames, pedal=pedal: np.array([[0.25, pedal]]))
        np.testing.assert_array_equal(player.act(frame), np.float32(expected))
    np.testing.assert_array_equal(StraightPlayer(env).act(frame), np.float32([0, 0.3, 0]))


def test_random_actions_are_the_same_every_time_and_fill_the_box():
    env = make_frame_env("Tests/Pedals-v0")
    first, second = RandomPlayer(env), RandomPlayer(env)
    frame = np.zeros((64, 64, 3), np.uint8)
    actions = np.array([first.act(frame) for _ in range(200)])
    np.testing.assert_array_equal(actions[0], second.act(frame))
    assert (actions.min(axis=0) < [-0.9, 0.1, 0.1]).all()
    assert all(env.action_space.contains(action) for action in actions)


@pytest.mark.parametrize(
    ("name", "policy", "words"),
    [
        ("Tests/Wide-v0", {}, r"takes frames of \(64, 64, 3\); the environment gives \(96, 96, 3\)"),
        ("Tests/Many-v0", {}, "gives steering; the environment takes 4 values"),
        ("Tests/Pedals-v0", {}, "gives steering; the environment takes 3 values"),
        ("Tests/Corridor-v0", {"inputs": ("camera", "speed")}, "takes the car's speed too"),
        ("Tests/Corridor-v0", {"cameras": (CAMERA, CAMERA)}, "takes frames of 2 cameras; the environment gives one"),
    ],
)
def test_a_policy_that_does_not_fit_is_refused(name, policy, words):
    with pytest.raises(DrivesimError, match=words):
        PolicyPlayer(make_policy(**{"camera": CAMERA} | policy), make_frame_env(name))


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("CartPole-v1", "expected frames"),
        ("Nowhere-v0", "'Nowhere-v0' can't be made"),
        ("drivesim/Drive-v0", "expected frames"),
    ],
)
def test_an_environment_without_frames_is_refused(name, words):
    with pytest.raises(DrivesimError, match=f"--env: .*{words}"):
        make_frame_env(name)


def test_an_interruption_keeps_the_episodes_that_have_ended():
    class Impatient(Corridor):
        episodes = 0

        def reset(self, **options):
            self.episodes += 1
            if self.episodes == 3:
                raise KeyboardInterrupt
            return super().reset(**options)

    found = evaluate_in_gym(StraightPlayer(Corridor()), Impatient(), range(1, 9))
    assert (len(found.returns), found.seeds, found.complete) == (2, [1, 2], False)
    with pytest.raises(KeyboardInterrupt):
        impatient = Impatient()
        impatient.episodes = 2
        evaluate_in_gym(StraightPlayer(Corridor()), impatient, range(1, 9))


@pytest.mark.slow
def test_several_processes_return_what_one_does():
    pytest.importorskip("Box2D")
    both = evaluate_in_processes("expert", "CarRacing-v3", range(1000, 1002), 2)
    assert (both.name, both.env, both.seeds, both.complete) == ("expert", "CarRacing-v3", [1000, 1001], True)
    env = make_frame_env("CarRacing-v3")
    leave_undrawn(env)
    alone = evaluate_in_gym(CarRacingExpert(env), env, range(1000, 1002))
    assert (both.returns, both.lengths) == (alone.returns, alone.lengths)


def test_a_missing_box2d_is_told_with_the_way_out(monkeypatch):
    def missing(name):
        raise gymnasium.error.DependencyNotInstalled("Box2D is not installed")

    monkeypatch.setattr(gymnasium, "make", missing)
    with pytest.raises(DrivesimError, match=r"CarRacing-v3 needs Box2D.*pip install 'gymnasium\[box2d\]>=1.3'"):
        make_frame_env("CarRacing-v3")


def test_the_command_prints_and_writes_returns_and_gates_on_them(tmp_path, run):
    options = ("--policy", "straight", "random", "--env", "Tests/Corridor-v0", "--tracks", 4, "--first-seed", 8)
    code, said, _ = run(evaluate, *options, "--json", tmp_path / "e.json", "--require", "return_mean>=-100")
    assert code == 0
    assert "Tests/Corridor-v0, 4 episodes" in said
    assert "25.0" in said
    first, second = json.loads((tmp_path / "e.json").read_text())["policies"]
    assert (first["name"], first["seeds"], first["returns"]) == ("straight", [8, 9, 10, 11], [0.0, 0.0, 100.0, 0.0])
    assert second["returns"] != first["returns"]
    code, said, _ = run(evaluate, *options, "--require", "return_min>=1")
    assert code == 1
    assert "straight: return_min is 0, return_min>=1 is required" in said


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--require", "autonomy>=1"), "unknown metric 'autonomy'. Known: return_mean, return_p10"),
        (("--policy", "expert"), "there is an expert for CarRacing-v3 alone. With --env Tests/Corridor-v0: straight"),
        (("--processes", 0), "--processes: expected 1 or more, got 0"),
        (("--policy", "nobody"), "'nobody' is neither a policy's folder"),
        (("--tracks", 0), "expected 1 episode or more, got 0"),
        (("--stress", "all"), "--stress: can't be used with --env"),
    ],
)
def test_wrong_use_is_refused(run, monkeypatch, options, words):
    monkeypatch.setattr(gym_evaluation, "evaluate_in_gym", None)
    code, _, said = run(evaluate, "--policy", "straight", "--env", "Tests/Corridor-v0", *options)
    assert code == 2
    assert words in said
