"""Soft: the policy that Stable-Baselines3's SAC learns, around a driving network."""

import math
from typing import Any

import torch
from stable_baselines3 import SAC
from stable_baselines3.common.policies import ContinuousCritic
from stable_baselines3.sac.policies import LOG_STD_MAX, LOG_STD_MIN, Actor, SACPolicy
from torch import Tensor, nn

from agents.models.networks import DrivingNetwork
from agents.reinforcement.actor import CloningPenalty, HiddenFeatures, OwnFeatures, SteadyFeatures, set_rates

# SAC takes the hyperbolic tangent of a Gaussian, whose inverse ends at 1.
_MOST = 0.995

_CRITIC = [64, 64]


class Soft(SAC):
    """SAC whose actor and critics have learning rates of their own: see `set_rates`."""

    def _update_learning_rate(self, optimizers: Any) -> None:
        super()._update_learning_rate(optimizers)
        set_rates(optimizers)


class SoftPolicy(SACPolicy):
    """A driving network as the mean of a squashed Gaussian, and critics with a network of their own.

    The network's actions go through the inverse of the squashing first, so that without chance SAC's action is the
    network's.

    Attributes:
        penalty: None where there is no clone.
        divergence: From the clone, the mean of the last batch; 0 where there is none.

    Args:
        *given: See `SACPolicy`.
        network: The actor.
        std: Standard deviation of the actions near 0, to begin with.
        penalty: Keeps the actor near a clone.
        critic_rate: Learning rate of the critics, of the actor's.
        **options: See `SACPolicy`.
    """

    actor: "_DrivingActor"

    def __init__(
        self,
        *given: Any,
        network: DrivingNetwork,
        std: float,
        penalty: CloningPenalty | None,
        critic_rate: float,
        **options: Any,
    ) -> None:
        options |= {
            "features_extractor_kwargs": {"network": network},
            "log_std_init": math.log(std),
            "normalize_images": False,
            "net_arch": {"pi": [], "qf": _CRITIC},
        }
        super().__init__(*given, **options)
        self.penalty, self.divergence = penalty, 0.0
        self.critic.optimizer.param_groups[0]["rate"] = critic_rate
        self.actor.optimizer.register_step_pre_hook(self._pull_back)

    @property
    def network(self) -> DrivingNetwork:
        """The actor."""
        return self.features_extractor_kwargs["network"]

    def make_actor(self, features_extractor: Any = None) -> "_DrivingActor":
        """See `SACPolicy.make_actor`."""
        extractor = HiddenFeatures(self.observation_space, self.network)
        return _DrivingActor(**{**self.actor_kwargs, **_extracting(extractor)}).to(self.device)

    def make_critic(self, features_extractor: Any = None) -> ContinuousCritic:
        """See `SACPolicy.make_critic`."""
        extractor = OwnFeatures(self.observation_space, self.network)
        made: dict[str, Any] = {**self.critic_kwargs, **_extracting(extractor)}
        return ContinuousCritic(**made).to(self.device)

    def _pull_back(self, optimizer: torch.optim.Optimizer, *_: Any) -> None:
        """Add the cloning penalty's gradient to that of the actor's loss, which Stable-Baselines3 has just computed."""
        seen = self.actor.seen
        if self.penalty is None or self.penalty.weight <= 0 or seen is None or not self.actor.is_learning:
            return
        action, log_std = self.actor.unsquashed(seen)
        gone = self.penalty.divergence(action, log_std, seen).mean()
        self.divergence = float(gone.detach())
        (self.penalty.weight * gone).backward()

    @property
    def spread(self) -> float:
        """Standard deviation of the actions of the last batch, before squashing."""
        return self.actor.spread

    def hold_actor(self, is_held: bool) -> None:
        """Let the critics learn alone, or all."""
        self.actor.requires_grad_(not is_held)


def _extracting(extractor: SteadyFeatures) -> dict[str, Any]:
    return {"features_extractor": extractor, "features_dim": extractor.features_dim}


class _DrivingActor(Actor):
    """An actor whose mean is a network's action.

    Attributes:
        seen: The last batch that it learned from.
        spread: Standard deviation of the actions of the last batch, before squashing.
    """

    def __init__(self, *given: Any, **options: Any) -> None:
        super().__init__(*given, **options)
        assert isinstance(self.features_extractor, HiddenFeatures)
        last = self.features_extractor.network.head[-1]
        assert isinstance(last, nn.Linear)
        self.mu = last
        self.seen: dict[str, Tensor] | None = None
        self.spread = math.exp(self.log_std_init)
        spread: Any = self.log_std
        nn.init.zeros_(spread.weight)
        nn.init.constant_(spread.bias, self.log_std_init)

    @property
    def is_learning(self) -> bool:
        """Whether it learns now."""
        return bool(next(self.parameters()).requires_grad)

    def unsquashed(self, obs: Any) -> tuple[Tensor, Tensor]:
        """Return the network's actions, and the log standard deviations before squashing: (B, A) both."""
        hidden = self.extract_features(obs, self.features_extractor)
        spread: Any = self.log_std
        return self.mu(hidden), torch.clamp(spread(hidden), LOG_STD_MIN, LOG_STD_MAX)

    def get_action_dist_params(self, obs: Any) -> tuple[Tensor, Tensor, dict[str, Tensor]]:
        """See `Actor.get_action_dist_params`."""
        if torch.is_grad_enabled():
            self.seen = obs
        action, log_std = self.unsquashed(obs)
        self.spread = float(log_std.detach().exp().mean())
        return torch.atanh(_MOST * action.clamp(-1.0, 1.0)), log_std, {}
