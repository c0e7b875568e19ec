"""Schedule: which parameters learn, and how fast, at every step of a training."""

import math
from dataclasses import dataclass

import torch
from torch import nn

from agents.models.networks import BackboneNetwork

# The one-cycle schedule (Smith & Topin 2018): the rate rises over this share of the steps, then falls to nearly
# nothing; the momentum does the opposite.
_RISE = 0.15
_FIRST, _LAST = 1 / 25, 1 / 250_000
_MOMENTUM_HIGH, _MOMENTUM_LOW = 0.95, 0.85


@dataclass(frozen=True)
class Plan:
    """How a training goes.

    Attributes:
        epochs: Rounds, each followed by a drive on the validation tracks.
        samples: To an epoch.
        batch_size: Samples to a step.
        learning_rate: The highest.
        weight_decay: Of AdamW.
        backbone_rate: The backbone's learning rate, of the head's.
        warm_up: Epochs in which the head learns alone, before the backbone does too.
        freeze: Whether the backbone never learns.
        averaging: Decay of the weights' moving average, which is what drives; 0 for none.
        patience: Epochs without better driving after which the training ends; 0 for never.
    """

    epochs: int
    samples: int
    batch_size: int
    learning_rate: float
    weight_decay: float
    backbone_rate: float = 1.0
    warm_up: int = 0
    freeze: bool = False
    averaging: float = 0.0
    patience: int = 0

    @property
    def steps(self) -> int:
        """Steps to an epoch."""
        return max(self.samples // self.batch_size, 1)

    def optimizer(self, network: nn.Module) -> torch.optim.AdamW:
        """Make the optimizer: with the backbone and the head apart where there are two."""
        groups = [{"params": list(network.parameters()), "rate": 1.0}]
        if isinstance(network, BackboneNetwork):
            groups = [
                {"params": list(network.features.parameters()), "rate": self.backbone_rate},
                {"params": list(network.head.parameters()), "rate": 1.0},
            ]
        return torch.optim.AdamW(groups, lr=self.learning_rate, weight_decay=self.weight_decay)

    def set_rates(self, optimizer: torch.optim.Optimizer, step: int) -> None:
        """Set learning rates and momentum for the step, counted from the training's first."""
        rate, momentum = one_cycle(step, self.steps * self.epochs)
        for group in optimizer.param_groups:
            group["lr"] = self.learning_rate * group["rate"] * rate
            group["betas"] = (momentum, group["betas"][1])

    def backbone_learns(self, epoch: int) -> bool:
        """Whether the backbone learns in an epoch, counted from 0."""
        return not self.freeze and epoch >= self.warm_up


def one_cycle(step: int, steps: int) -> tuple[float, float]:
    """Return the learning rate, of its highest, and the momentum at a step of `steps`; both go along a cosine."""
    peak = max(_RISE * steps - 1, 1e-9)
    if step <= peak:
        return _cosine(_FIRST, 1.0, step / peak), _cosine(_MOMENTUM_HIGH, _MOMENTUM_LOW, step / peak)
    past = min((step - peak) / max(steps - 1 - peak, 1e-9), 1.0)
    return _cosine(1.0, _LAST, past), _cosine(_MOMENTUM_LOW, _MOMENTUM_HIGH, past)


def _cosine(start: float, end: float, share: float) -> float:
    return end + (start - end) * (1 + math.cos(math.pi * share)) / 2


def set_training(network: nn.Module, backbone_learns: bool) -> None:
    """Put a network into training mode.

    Where the backbone does not learn its batch normalisation keeps ImageNet's statistics, and no gradient is computed
    for it; where it does, the statistics follow the frames of the road.
    """
    network.train()
    if isinstance(network, BackboneNetwork):
        network.features.train(backbone_learns)
        network.features.requires_grad_(backbone_learns)
