"""Cars for Stable-Baselines3: what it is given, and what it is told when an episode ends."""

import numpy as np
import pytest

pytest.importorskip("stable_baselines3")

from agents.models.policy_config import INPUTS
from agents.reinforcement.vec_env import REWARD_SCALE, DriveVecEnv, observation_space
from datasets.schema import ACTIONS
from drivesim.errors import DrivesimError
from drivesim.vector_env import DriveVectorEnv, SteerVectorEnv
from tests.agents.policies import CAMERA, WIDE, make_config


def make(config, cars=3, seed=5, kind=SteerVectorEnv, **scenario):
    cameras = list(config.cameras)
    scenario = {"camera": cameras, "track": range(2), "threads": 1} | scenario
    return DriveVecEnv(kind(cars, autoreset_mode="SameStep", **scenario), config, seed)


def plain(cars=3, seed=5, mode="SameStep", **scenario):
    scenario = {"camera": CAMERA, "track": range(2), "threads": 1} | scenario
    env = SteerVectorEnv(cars, autoreset_mode=mode, **scenario)
    return env, env.reset(seed=seed)


def test_it_drives_the_same_cars_as_the_environment_itself():
    ours, (env, (frames, _)) = make(make_config()), plain()
    seen = ours.reset()
    actions = np.random.default_rng(0).uniform(-0.3, 0.3, (40, 3, 1)).astype(np.float32)
    for action in actions:
        assert (seen["camera-0"] == frames.transpose(0, 3, 1, 2)).all()
        seen, rewards, ended, infos = ours.step(action)
        frames, expected, terminated, truncated, _ = env.step(action)
        assert rewards == pytest.approx(REWARD_SCALE * expected, rel=1e-5)
        assert (ended == (terminated | truncated)).all()
        assert len(infos) == 3


def test_the_spaces_hold_what_is_seen():
    config = make_config(cameras=(CAMERA, WIDE), past=2, stride=1, inputs=INPUTS)
    env = make(config)
    assert env.observation_space == observation_space(config)
    seen = env.reset()
    assert {name: values.shape for name, values in seen.items()} == {
        "camera-0": (3, 3, 3, 64, 64),
        "camera-1": (3, 3, 3, 62, 80),
        "speed": (3, 1),
    }
    for car in range(3):
        assert env.observation_space.contains({name: values[car] for name, values in seen.items()})
    assert seen["speed"] == pytest.approx(10.0)


def test_past_frames_are_those_of_the_steps_before_and_none_of_another_episode():
    env = make(make_config(past=1, stride=1), time_limit=0.25, start="random")
    before = env.reset()["camera-0"]
    assert (before[:, 0] == before[:, 1]).all()
    for step in range(1, 12):
        seen, _, ended, infos = env.step(np.zeros((3, 1)))
        seen = seen["camera-0"]
        assert ended.all() == (step % 5 == 0)
        last = [info.get("terminal_observation", {}).get("camera-0") for info in infos]
        if ended.all():
            assert (seen[:, 0] == seen[:, 1]).all()
            # What was seen last has the step before behind it, and is of the episode that ended.
            assert (np.stack(last)[:, 1] == before[:, 0]).all()
            assert (np.stack(last)[:, 0] != seen[:, 0]).any()
        else:
            assert last == [None] * 3
            assert (seen[:, 1] == before[:, 0]).all()
        before = seen


def test_an_end_by_the_clock_is_told_from_one_off_the_road():
    env = make(make_config(inputs=INPUTS), cars=1, time_limit=0.5)
    env.reset()
    for _ in range(10):
        _, _, ended, (info,) = env.step(np.zeros((1, 1)))
    assert ended.all()
    assert (info["TimeLimit.truncated"], info["end_reason"], info["episode"]["l"]) == (True, "time_limit", 10)
    assert info["terminal_observation"]["speed"] == pytest.approx([10.0], abs=0.5)
    env = make(make_config(), cars=1)
    env.reset()
    rewards = []
    for _ in range(200):
        _, reward, ended, (info,) = env.step(np.ones((1, 1)))
        rewards.append(float(reward[0]))
        if ended.all():
            break
    assert (info["TimeLimit.truncated"], info["end_reason"]) == (False, "off_road")
    assert info["episode"]["r"] == pytest.approx(sum(rewards) / REWARD_SCALE, rel=1e-4)
    assert env.episodes == [(info["episode"]["r"], len(rewards))]


def test_a_pedal_is_driven_too():
    config = make_config(outputs=ACTIONS, inputs=INPUTS)
    env = make(config, kind=DriveVectorEnv)
    env.reset()
    for _ in range(20):
        seen, *_ = env.step(np.tile([0.0, 1.0], (3, 1)))
    assert (seen["speed"] > 2).all()


def test_cars_that_share_an_environment_are_not_set_one_by_one():
    env = make(make_config())
    assert env.get_attr("num_envs") == [3, 3, 3]
    assert env.env_is_wrapped(object) == [False] * 3
    with pytest.raises(DrivesimError, match="the cars share one environment"):
        env.set_attr("rules", None)
    with pytest.raises(DrivesimError, match="can't be called for single cars"):
        env.env_method("render")
    wrong, _ = plain(mode="NextStep")
    with pytest.raises(DrivesimError, match="expected autoreset_mode SameStep, got NextStep"):
        DriveVecEnv(wrong, make_config(), 0)


@pytest.mark.parametrize("name", ["drivesim/Steer-v0"])
def test_stable_baselines3s_own_example_works_unchanged(name):
    from stable_baselines3 import PPO

    import drivesim  # noqa: F401

    model = PPO("CnnPolicy", name, n_steps=8, batch_size=8, n_epochs=1, device="cpu")
    model.learn(16)
    assert model.num_timesteps == 16
    observation = model.env.reset()
    action, _ = model.predict(observation)
    assert np.abs(action).max() <= 1


def test_so_does_its_policy_of_several_inputs_with_a_pedal():
    from stable_baselines3 import PPO

    import drivesim  # noqa: F401

    model = PPO("MultiInputPolicy", "drivesim/Drive-v0", n_steps=4, batch_size=4, n_epochs=1, device="cpu")
    assert model.learn(4).num_timesteps == 4
