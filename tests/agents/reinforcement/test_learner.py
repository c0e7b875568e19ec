"""Driving networks inside Stable-Baselines3: they drive as they did, learn, and are kept whole."""

from pathlib import Path

import numpy as np
import pytest
import torch

pytest.importorskip("stable_baselines3")

from agents.learning.checkpoint import Checkpoint
from agents.models.policy_config import INPUTS
from agents.reinforcement.actor import CloningPenalty, inputs_of
from agents.reinforcement.learner import (
    DivergedError,
    actor_weights,
    check_sound,
    driving_policy,
    go_on,
    make_learner,
    restore,
    write_checkpoint,
)
from agents.reinforcement.options import Args
from agents.reinforcement.vec_env import DriveVecEnv
from drivesim.errors import DrivesimError
from drivesim.vector_env import SteerVectorEnv
from tests.agents.policies import CAMERA, make_policy

pytestmark = pytest.mark.usefixtures("one_torch_thread")

ALGORITHMS = ("ppo", "sac")


def learner_of(algorithm, policy=None, out=Path("nowhere"), **options):
    policy = policy or make_policy()
    args = Args(
        **{
            **{"out": out, "policy": Path("clone"), "algorithm": algorithm, "rollout": 8, "batch_size": 8},
            **{"buffer": 64, "passes": 1},
            **options,
        }
    )
    cameras = list(policy.config.cameras)
    env = SteerVectorEnv(2, autoreset_mode="SameStep", camera=cameras, track=range(1), threads=1)
    return make_learner(args, policy, DriveVecEnv(env, policy.config, 0))


def seen_by(learner):
    return learner.get_env().reset()


def weights(learner):
    return {name: value.detach().clone() for name, value in driving_policy(learner).network.state_dict().items()}


def moved(before, after):
    return max(float((before[name].float() - after[name].float()).abs().max()) for name in before)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
@pytest.mark.parametrize("past", [0, 2])
def test_before_it_learns_an_actor_does_what_the_policy_did(algorithm, past):
    policy = make_policy(past=past, stride=2 if past else 1, inputs=INPUTS)
    learner = learner_of(algorithm, policy)
    seen = seen_by(learner)
    frames = np.moveaxis(seen["camera-0"], -3, -1)
    wanted = policy.predict(np.ascontiguousarray(frames), seen["speed"][:, 0])
    done, _ = learner.predict(seen, deterministic=True)
    assert np.abs(done).max() > 0.01
    assert done == pytest.approx(wanted, abs=0.02)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_an_actor_learns_in_the_policys_own_network_and_its_statistics_stay(algorithm):
    policy = make_policy()
    learner = learner_of(algorithm, policy)
    before = weights(learner)
    go_on(learner, 32, None)
    after = {name: value.detach().clone() for name, value in policy.network.state_dict().items()}
    assert 0 < moved(before, after) < 0.1
    statistics = [name for name in before if "running" in name]
    assert statistics
    assert all(torch.equal(before[name], after[name]) for name in statistics)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_while_an_actor_is_held_its_critic_learns_alone(algorithm):
    learner = learner_of(algorithm)
    driving_policy(learner).hold_actor(True)
    before, all_before = weights(learner), [value.detach().clone() for value in learner.policy.parameters()]
    go_on(learner, 32, None)
    assert moved(before, weights(learner)) == 0
    assert any(not torch.equal(old, new) for old, new in zip(all_before, learner.policy.parameters(), strict=True))
    driving_policy(learner).hold_actor(False)
    go_on(learner, 64, None)
    assert moved(before, weights(learner)) > 0


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_heavy_penalty_keeps_an_actor_near_its_clone(algorithm):
    def gone(weight):
        torch.manual_seed(0)
        learner = learner_of(algorithm, learning_rate=1e-3, passes=4)
        driving_policy(learner).penalty.weight = weight
        first = seen_by(learner)
        wanted, _ = learner.predict(first, deterministic=True)
        go_on(learner, 96 if algorithm == "ppo" else 40, None)
        done, _ = learner.predict(first, deterministic=True)
        return float(np.abs(done - wanted).mean())

    assert gone(1000.0) < 0.5 * gone(0.0)


def test_the_divergence_is_that_of_gaussians():
    policy = make_policy()
    penalty = CloningPenalty(policy.network, 0.1)
    seen = {"camera-0": torch.randint(0, 255, (5, 3, 64, 64), dtype=torch.uint8)}
    mean = policy.network(*inputs_of(seen)).detach()
    assert penalty.divergence(mean, torch.tensor([0.1]).log(), seen).numpy() == pytest.approx(0, abs=1e-6)
    ours = torch.distributions.Normal(mean + 0.3, 0.2)
    theirs = torch.distributions.Normal(mean, 0.1)
    expected = torch.distributions.kl_divergence(ours, theirs)[:, 0]
    found = penalty.divergence(mean + 0.3, torch.tensor([0.2]).log(), seen)
    assert found.numpy() == pytest.approx(expected.numpy(), rel=1e-4)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_checkpoint_brings_back_every_weight_and_the_optimizers(tmp_path, algorithm):
    learner = learner_of(algorithm)
    go_on(learner, 32, None)
    write_checkpoint(tmp_path, learner, {"options": {}})
    other = learner_of(algorithm, make_policy(seed=3))
    restore(other, Checkpoint.read(tmp_path))
    assert other.num_timesteps == learner.num_timesteps == 32
    assert all(
        torch.equal(old, new) for old, new in zip(learner.policy.parameters(), other.policy.parameters(), strict=True)
    )
    write_checkpoint(tmp_path, other, {"options": {}})
    kept = Checkpoint.read(tmp_path)
    assert any("optimizer" in name for name in kept.tensors)
    assert other.predict(seen_by(other), deterministic=True)[0] == pytest.approx(
        learner.predict(seen_by(other), deterministic=True)[0], abs=1e-6
    )
    wrong = learner_of("sac" if algorithm == "ppo" else "ppo")
    with pytest.raises(DrivesimError, match="of another network or algorithm"):
        restore(wrong, kept)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_weights_that_are_no_numbers_are_noticed_before_and_while_driving(algorithm):
    learner = learner_of(algorithm)
    check_sound(learner, 0.003)
    take_back = actor_weights(learner)
    with torch.no_grad():
        driving_policy(learner).network.head[-1].weight.fill_(float("nan"))
    with pytest.raises(DivergedError, match="weights were no numbers any more"):
        check_sound(learner, 0.003)
    with pytest.raises(DivergedError, match="no numbers any more"):
        go_on(learner, 32, None)
    take_back()
    check_sound(learner, 0.003)


def test_an_entropy_that_has_collapsed_is_noticed():
    learner = learner_of("ppo")
    with torch.no_grad():
        learner.policy.log_std.fill_(-9.0)
    with pytest.raises(DivergedError, match=r"the entropy had collapsed: the actions' standard deviation was 0\.00012"):
        check_sound(learner, 0.003)


def test_actor_and_critic_learn_at_rates_of_their_own():
    learner = learner_of("ppo", learning_rate=1e-5, critic_rate=1e-3)
    go_on(learner, 16, None)
    assert [group["lr"] for group in learner.policy.optimizer.param_groups] == pytest.approx([1e-5, 1e-3])
    learner = learner_of("sac", learning_rate=1e-5, critic_rate=1e-3)
    go_on(learner, 16, None)
    rates = [learner.actor.optimizer.param_groups[0]["lr"], learner.critic.optimizer.param_groups[0]["lr"]]
    assert rates == pytest.approx([1e-5, 1e-3])


def test_a_head_without_a_hidden_layer_has_no_distribution():
    policy = make_policy()
    policy.network.head = torch.nn.Sequential(policy.network.head[0])
    with pytest.raises(DrivesimError, match="its head has no hidden layer"):
        learner_of("ppo", policy)
    assert policy.config.camera == CAMERA
