"""Learner: an algorithm of Stable-Baselines3 around a driving network, and what of it is kept in a checkpoint."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from stable_baselines3.common.logger import Logger, configure

from agents.learning.checkpoint import Checkpoint, optimizer_tensors, restore_optimizer
from agents.models.networks import DrivingNetwork
from agents.policy import Policy
from agents.reinforcement.actor import CloningPenalty
from agents.reinforcement.options import PROXIMAL, Args
from agents.reinforcement.proximal import Proximal, ProximalPolicy
from agents.reinforcement.soft import Soft, SoftPolicy
from agents.reinforcement.vec_env import DriveVecEnv
from drivesim.errors import DrivesimError

Algorithm = Proximal | Soft

_STD_FROM_CLONE, _STD_FROM_SCRATCH = 0.1, 0.5
_RATE_FROM_CLONE, _RATE_FROM_SCRATCH = 3e-5, 3e-4


def make_learner(args: Args, start: Policy, env: DriveVecEnv) -> Algorithm:
    """Make an algorithm whose actor is a policy's network, which learns in place.

    Args:
        args: Of the command.
        start: The policy to begin with; a clone, or one from scratch.
        env: To learn in.
    """
    is_clone = args.policy is not None
    std = args.std or (_STD_FROM_CLONE if is_clone else _STD_FROM_SCRATCH)
    rate = args.learning_rate or (_RATE_FROM_CLONE if is_clone else _RATE_FROM_SCRATCH)
    network = start.network
    assert isinstance(network, DrivingNetwork)
    penalty = CloningPenalty(network, std) if is_clone else None
    common: dict[str, Any] = {
        "learning_rate": rate,
        "batch_size": args.batch_size,
        "gamma": args.discount,
        "seed": args.seed,
        "device": start.device,
    }
    made_of: dict[str, Any] = {
        "network": network,
        "std": std,
        "penalty": penalty,
        "critic_rate": args.critic_rate / rate,
    }
    if args.algorithm == PROXIMAL:
        learner: Algorithm = Proximal(
            ProximalPolicy,
            env,
            n_steps=args.rollout,
            n_epochs=args.passes,
            target_kl=args.most_divergence,
            # See `ProximalPolicy`.
            ent_coef=1.0,
            policy_kwargs={**made_of, "entropy_weight": args.entropy},
            **common,
        )
    else:
        learner = Soft(
            SoftPolicy,
            env,
            buffer_size=args.buffer,
            # A clone knows better than chance from the first step on.
            learning_starts=0 if is_clone else min(1_000, args.buffer),
            ent_coef="auto_0.01" if is_clone else "auto_0.1",
            policy_kwargs=made_of,
            **common,
        )
    logger = configure(str(args.out / "tensorboard"), ["tensorboard"]) if args.tensorboard else Logger(None, [])
    learner.set_logger(logger)
    # For whoever saves it with Stable-Baselines3's own `save`.
    learner.drivesim_config = start.config  # type: ignore[union-attr]
    return learner


def driving_policy(learner: Algorithm) -> ProximalPolicy | SoftPolicy:
    """Return a learner's policy, which is one of ours."""
    policy = learner.policy
    assert isinstance(policy, ProximalPolicy | SoftPolicy)
    return policy


def write_checkpoint(folder: Path, learner: Algorithm, values: dict[str, Any]) -> None:
    """Write all of a learner but the steps that SAC remembers."""
    tensors = {f"policy.{name}": value for name, value in _weights(learner).items()}
    for name, optimizer in _optimizers(learner).items():
        tensors |= {f"{name}.{key}": value for key, value in optimizer_tensors(optimizer).items()}
    if isinstance(learner, Soft) and learner.log_ent_coef is not None:
        tensors["log_ent_coef"] = learner.log_ent_coef
    steps = {"steps": learner.num_timesteps, "updates": learner._n_updates}
    Checkpoint(tensors, {**values, **steps}).write(folder)


def restore(learner: Algorithm, checkpoint: Checkpoint) -> None:
    """Put back what `write_checkpoint` wrote.

    Raises:
        DrivesimError: If it is of another learner.
    """
    weights, kept = _weights(learner), checkpoint.part("policy.")
    if {name: value.shape for name, value in weights.items()} != {name: value.shape for name, value in kept.items()}:
        raise DrivesimError("--resume: the checkpoint is of another network or algorithm. Choose another --out.")
    with torch.no_grad():
        for name, value in weights.items():
            value.copy_(kept[name])
        if isinstance(learner, Soft) and learner.log_ent_coef is not None:
            learner.log_ent_coef.copy_(checkpoint.tensors["log_ent_coef"])
    for name, optimizer in _optimizers(learner).items():
        restore_optimizer(optimizer, checkpoint.part(f"{name}."))
    learner.num_timesteps, learner._n_updates = checkpoint.values["steps"], checkpoint.values["updates"]


def go_on(learner: Algorithm, steps: int, callback: Any) -> None:
    """Learn until so many control steps are driven.

    Raises:
        DrivesimError: If the weights have become infinite or undefined.
    """
    try:
        learner.learn(steps - learner.num_timesteps, callback, reset_num_timesteps=False)
    except ValueError as error:
        # Of torch.distributions, which checks what it is given; and the environment's, which checks actions.
        if isinstance(error, DrivesimError) and "expected finite" not in str(error):
            raise
        if not isinstance(error, DrivesimError) and "Expected parameter" not in str(error):
            raise
        raise DivergedError(f"after {learner.num_timesteps} steps the actions were no numbers any more") from error


class DivergedError(Exception):
    """A learner whose actor is lost; the message says what happened to it."""


def check_sound(learner: Algorithm, least_std: float) -> None:
    """Notice an actor that is lost.

    Args:
        learner: With the actor.
        least_std: Smaller standard deviations try nothing any more.

    Raises:
        DivergedError: Saying why.
    """
    policy = driving_policy(learner)
    if not all(bool(torch.isfinite(value).all()) for value in _weights(learner).values()):
        raise DivergedError(f"after {learner.num_timesteps} steps weights were no numbers any more")
    if policy.spread < least_std:
        raise DivergedError(
            f"after {learner.num_timesteps} steps the entropy had collapsed: the actions' standard deviation was "
            f"{policy.spread:.2g}"
        )


def actor_weights(learner: Algorithm) -> Callable[[], None]:
    """Return what brings a learner's actor back to what it is now."""
    policy = driving_policy(learner)
    kept = {name: value.detach().clone() for name, value in policy.network.state_dict().items()}

    def take_back() -> None:
        policy.network.load_state_dict(kept)
        for optimizer in _optimizers(learner).values():
            # Momentum leads where the actor has just come from.
            optimizer.state.clear()

    return take_back


def seed_of(args: Args, steps: int) -> int:
    """Return the seed of the cars' episodes from a step on: a run that goes on drives other ones than it did before."""
    return int(np.random.SeedSequence([args.seed, steps]).generate_state(1)[0] // 2)


def _weights(learner: Algorithm) -> dict[str, torch.Tensor]:
    """Every weight and buffer once: modules of Stable-Baselines3's policies go by several names."""
    return {**dict(learner.policy.named_parameters()), **dict(learner.policy.named_buffers())}


def _optimizers(learner: Algorithm) -> dict[str, torch.optim.Optimizer]:
    if isinstance(learner, Proximal):
        return {"optimizer": learner.policy.optimizer}
    found: dict[str, torch.optim.Optimizer] = {
        "actor_optimizer": learner.actor.optimizer,
        "critic_optimizer": learner.critic.optimizer,
    }
    if learner.ent_coef_optimizer is not None:
        found["entropy_optimizer"] = learner.ent_coef_optimizer
    return found
