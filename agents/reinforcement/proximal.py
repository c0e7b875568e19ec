"""Proximal: the policy that Stable-Baselines3's PPO learns, around a driving network."""

import math
from typing import Any

from stable_baselines3 import PPO
from stable_baselines3.common.policies import MultiInputActorCriticPolicy
from stable_baselines3.common.torch_layers import create_mlp
from torch import Tensor, nn

from agents.models.networks import DrivingNetwork
from agents.reinforcement.actor import BothFeatures, CloningPenalty, set_rates, sizes_of

_CRITIC = [64, 64]


class Proximal(PPO):
    """PPO whose actor and critic have learning rates of their own: see `set_rates`."""

    def _update_learning_rate(self, optimizers: Any) -> None:
        super()._update_learning_rate(optimizers)
        set_rates(optimizers)


class ProximalPolicy(MultiInputActorCriticPolicy):
    """A driving network as the mean of a Gaussian, and a critic on its features.

    What Stable-Baselines3 takes for the entropy of the actions, of which it rewards `ent_coef` times, is all that
    regularises here: the entropy by its own weight, less the cloning penalty. So PPO is made with an `ent_coef` of 1.

    Attributes:
        penalty: None where there is no clone.
        entropy_weight: Of the entropy.
        divergence: From the clone, the mean of the last batch; 0 where there is none.

    Args:
        *given: See `MultiInputActorCriticPolicy`.
        network: The actor.
        std: Standard deviation of the actions, to begin with.
        penalty: Keeps the actor near a clone.
        entropy_weight: Of the entropy.
        critic_rate: Learning rate of the critic, of the actor's.
        **options: See `MultiInputActorCriticPolicy`.
    """

    def __init__(
        self,
        *given: Any,
        network: DrivingNetwork,
        std: float,
        penalty: CloningPenalty | None,
        entropy_weight: float,
        critic_rate: float,
        **options: Any,
    ) -> None:
        options |= {
            "features_extractor_class": BothFeatures,
            "features_extractor_kwargs": {"network": network, "is_learned": penalty is None},
            "log_std_init": math.log(std),
            # What was learned stays.
            "ortho_init": False,
            "normalize_images": False,
        }
        super().__init__(*given, **options)
        self.penalty, self.entropy_weight, self.divergence = penalty, entropy_weight, 0.0
        self.optimizer.param_groups[1]["rate"] = critic_rate

    @property
    def network(self) -> DrivingNetwork:
        """The actor."""
        return self.features_extractor_kwargs["network"]

    def _build_mlp_extractor(self) -> None:
        self.mlp_extractor = _Split(*sizes_of(self.network))  # type: ignore[assignment]

    def _build(self, lr_schedule: Any) -> None:
        super()._build(lr_schedule)
        last = self.network.head[-1]
        assert isinstance(last, nn.Linear)
        self.action_net = last
        actor = [*self.network.parameters(), self.log_std]
        known = {id(value) for value in actor}
        groups = [
            {"params": actor, "rate": 1.0},
            {"params": [value for value in self.parameters() if id(value) not in known], "rate": 1.0},
        ]
        self.optimizer = self.optimizer_class(groups, lr=lr_schedule(1), **self.optimizer_kwargs)  # type: ignore[call-arg]

    def evaluate_actions(self, obs: Any, actions: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return values, the log likelihood of actions, and what regularises; see the class."""
        hidden, seen = self.mlp_extractor(self.extract_features(obs))
        distribution = self._get_action_dist_from_latent(hidden)
        bonus = distribution.entropy()
        assert bonus is not None
        bonus = self.entropy_weight * bonus
        if self.penalty is not None and self.penalty.weight > 0:
            gone = self.penalty.divergence(self.action_net(hidden), self.log_std, obs)
            self.divergence = float(gone.detach().mean())
            bonus = bonus - self.penalty.weight * gone
        return self.value_net(seen), distribution.log_prob(actions), bonus

    @property
    def spread(self) -> float:
        """Standard deviation of the actions."""
        return float(self.log_std.detach().exp().mean())

    def hold_actor(self, is_held: bool) -> None:
        """Let the critic learn alone, or both."""
        self.network.requires_grad_(not is_held)
        self.log_std.requires_grad_(not is_held)


class _Split(nn.Module):
    """Takes the actor's hidden layer as it is, and the rest through the critic's layers."""

    def __init__(self, hidden: int, features: int) -> None:
        super().__init__()
        self._hidden = hidden
        self.critic = nn.Sequential(*create_mlp(features, -1, _CRITIC, nn.Tanh))
        self.latent_dim_pi, self.latent_dim_vf = hidden, _CRITIC[-1]

    def forward(self, features: Tensor) -> tuple[Tensor, Tensor]:
        return self.forward_actor(features), self.forward_critic(features)

    def forward_actor(self, features: Tensor) -> Tensor:
        return features[:, : self._hidden]

    def forward_critic(self, features: Tensor) -> Tensor:
        return self.critic(features[:, self._hidden :])
