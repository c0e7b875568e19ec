"""Actor: a policy's network inside Stable-Baselines3's policies.

The mean of the action distribution is what the network says, so that a clone drives as it did before the first step.
Its batch normalisation keeps its statistics: by those of a batch, the actions that were taken would be likely no more.
"""

from collections.abc import Mapping
from copy import deepcopy

import torch
from stable_baselines3.common.torch_layers import BaseFeaturesExtractor
from torch import Tensor, nn

from agents.models.networks import DrivingNetwork
from drivesim.errors import DrivesimError


def inputs_of(seen: Mapping[str, Tensor]) -> list[Tensor]:
    """Return what a `DrivingNetwork` takes, in its order, of an observation of `DriveVecEnv`."""
    frames = [seen[name] for name in sorted(name for name in seen if name.startswith("camera-"))]
    return [*frames, *([seen["speed"][:, 0]] if "speed" in seen else [])]


class SteadyFeatures(BaseFeaturesExtractor):
    """A network's features, or its last hidden layer, with batch normalisation that stays as it is."""

    network: DrivingNetwork

    def train(self, mode: bool = True) -> "SteadyFeatures":
        """See `torch.nn.Module.train`."""
        super().train(mode)
        for module in self.modules():
            if isinstance(module, nn.modules.batchnorm._BatchNorm):
                module.eval()
        return self


class BothFeatures(SteadyFeatures):
    """The last hidden layer of a network, then what goes into its head.

    Args:
        space: Of the observations.
        network: The actor.
        is_learned: Whether what is made of the latter teaches the network too.
    """

    def __init__(self, space: object, network: DrivingNetwork, is_learned: bool) -> None:
        self._sizes = sizes_of(network)
        super().__init__(space, sum(self._sizes))  # type: ignore[arg-type]
        self.network, self._is_learned = network, is_learned

    def forward(self, seen: dict[str, Tensor]) -> Tensor:
        """Take observations to features (B, hidden + F)."""
        features = self.network.features_of(*inputs_of(seen))
        hidden = self.network.head[:-1](features)
        return torch.cat([hidden, features if self._is_learned else features.detach()], dim=1)


class HiddenFeatures(SteadyFeatures):
    """The last hidden layer of a network."""

    def __init__(self, space: object, network: DrivingNetwork) -> None:
        super().__init__(space, sizes_of(network)[0])  # type: ignore[arg-type]
        self.network = network

    def forward(self, seen: dict[str, Tensor]) -> Tensor:
        """Take observations to features (B, hidden)."""
        return self.network.head[:-1](self.network.features_of(*inputs_of(seen)))


class OwnFeatures(SteadyFeatures):
    """What goes into the head of a copy of a network, which learns by itself."""

    def __init__(self, space: object, network: DrivingNetwork) -> None:
        super().__init__(space, sizes_of(network)[1])  # type: ignore[arg-type]
        self.network = deepcopy(network)
        self.network.head = nn.Sequential()

    def forward(self, seen: dict[str, Tensor]) -> Tensor:
        """Take observations to features (B, F)."""
        return self.network.features_of(*inputs_of(seen))


def sizes_of(network: DrivingNetwork) -> tuple[int, int]:
    """Return how wide a network's last hidden layer is, and what goes into its head.

    Raises:
        DrivesimError: If its head has no hidden layer.
    """
    layers = [layer for layer in network.head if isinstance(layer, nn.Linear)]
    if len(layers) < 2:
        raise DrivesimError("policy: its head has no hidden layer to make a distribution of. Train another.")
    return layers[-1].in_features, layers[0].in_features


def set_rates(optimizers: list[torch.optim.Optimizer] | torch.optim.Optimizer) -> None:
    """Multiply the learning rate of groups of parameters by their `rate`, where they have one.

    Stable-Baselines3 gives all groups the same before every update.
    """
    for optimizer in optimizers if isinstance(optimizers, list) else [optimizers]:
        for group in optimizer.param_groups:
            group["lr"] *= group.get("rate", 1.0)


class CloningPenalty:
    """How far an actor has gone from the clone that it was, made small at first.

    Attributes:
        weight: Of the divergence in the loss; falls while the actor learns.

    Args:
        network: The clone; a copy of it is kept.
        std: Of the actions of the clone, which by itself has none.
    """

    def __init__(self, network: DrivingNetwork, std: float) -> None:
        self._clone, self._std, self.weight = deepcopy(network).eval().requires_grad_(False), std, 0.0

    def divergence(self, mean: Tensor, log_std: Tensor, seen: dict[str, Tensor]) -> Tensor:
        """Return the Kullback-Leibler divergence of Gaussians (B, A) from the clone's: (B,).

        Args:
            mean: Of the actor.
            log_std: Of the actor.
            seen: Of `DriveVecEnv`.
        """
        with torch.no_grad():
            clone = self._clone(*inputs_of(seen))
        ratio = (log_std.exp() / self._std) ** 2
        return 0.5 * (((mean - clone) / self._std) ** 2 + ratio - 1 - ratio.log()).sum(dim=1)
