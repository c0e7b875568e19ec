"""Networks: image -> action. They take uint8 frames and normalise inside, so that no caller can get that wrong."""

import copy
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from agents.models.backbones import Backbone, build_backbone
from drivesim.errors import DrivesimError

PILOTNET = "pilotnet"


class PilotNet(nn.Module):
    """The network of Bojarski et al. 2016, "End to End Learning for Self-Driving Cars".

    Five convolutions (24, 36 and 48 channels of 5 x 5 with stride 2, twice 64 of 3 x 3) and three hidden layers (100,
    50, 10), here with batch normalisation, which trains in fewer epochs.

    Args:
        height: Of the frames, pixels.
        width: Of the frames, pixels.
        outputs: Number of action values.
        takes_speed: Whether it takes the car's speed too.
    """

    def __init__(self, height: int, width: int, outputs: int = 1, takes_speed: bool = False) -> None:
        super().__init__()

        def convolution(inputs: int, channels: int, size: int, stride: int) -> list[nn.Module]:
            layer = nn.Conv2d(inputs, channels, size, stride, bias=False)
            return [layer, nn.BatchNorm2d(channels), nn.ReLU(inplace=True)]

        self.features = nn.Sequential(
            *convolution(3, 24, 5, 2),
            *convolution(24, 36, 5, 2),
            *convolution(36, 48, 5, 2),
            *convolution(48, 64, 3, 1),
            *convolution(64, 64, 3, 1),
            nn.Flatten(),
        )
        try:
            with torch.no_grad():
                width_of_features = self.features.eval()(torch.zeros(1, 3, height, width)).shape[1]
        except RuntimeError as error:
            raise DrivesimError(
                f"camera: pilotnet needs frames of 61 x 61 pixels or more, got {height} x {width}."
            ) from error
        self.features.train()
        self.head = nn.Sequential(
            nn.Linear(width_of_features + takes_speed, 100),
            nn.ReLU(inplace=True),
            nn.Linear(100, 50),
            nn.ReLU(inplace=True),
            nn.Linear(50, 10),
            nn.ReLU(inplace=True),
            nn.Linear(10, outputs),
        )

    def forward(self, frames: Tensor, speeds: Tensor | None = None) -> Tensor:
        """Take frames (B, 3, H, W) uint8 RGB, and speeds (B,) m/s if it does, to actions (B, outputs), uncut."""
        return self.head(_with_speed(self.features(frames.float() / 127.5 - 1.0), speeds))


class BackboneNetwork(nn.Module):
    """A backbone's features, and a head.

    Args:
        backbone: The feature extractor.
        height: Of the frames, pixels.
        width: Of the frames, pixels.
        outputs: Number of action values.
        takes_speed: Whether it takes the car's speed too.
        hidden: Width of the head's hidden layer; 0 for none.
    """

    mean: Tensor
    std: Tensor

    def __init__(
        self,
        backbone: Backbone,
        height: int,
        width: int,
        outputs: int = 1,
        takes_speed: bool = False,
        hidden: int = 100,
    ) -> None:
        super().__init__()
        self.features = backbone.module
        # Not part of the weights: they belong to the backbone's name.
        self.register_buffer("mean", torch.tensor(backbone.mean).view(1, 3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(backbone.std).view(1, 3, 1, 1), persistent=False)
        with torch.no_grad():
            width_of_features = self.features.eval()(torch.zeros(1, 3, height, width)).shape[1]
        self.features.train()
        inputs = width_of_features + takes_speed
        if hidden:
            self.head = nn.Sequential(nn.Linear(inputs, hidden), nn.ReLU(inplace=True), nn.Linear(hidden, outputs))
        else:
            self.head = nn.Sequential(nn.Linear(inputs, outputs))

    def forward(self, frames: Tensor, speeds: Tensor | None = None) -> Tensor:
        """See `PilotNet.forward`."""
        return self.head(_with_speed(self.features((frames.float() / 255.0 - self.mean) / self.std), speeds))


def _with_speed(features: Tensor, speeds: Tensor | None) -> Tensor:
    """Put the speed beside the features (B, F), in units of a usual one."""
    if speeds is None:
        return features
    return torch.cat([features, speeds[:, None].to(features.dtype) / 10.0], dim=1)


def fold_batch_norm(network: nn.Module) -> nn.Module:
    """Return a copy for inference, in which a convolution does the batch normalisation that follows it."""
    folded = copy.deepcopy(network).eval()
    for block in [module for module in folded.modules() if isinstance(module, nn.Sequential)]:
        for i, (layer, after) in enumerate(pairwise(list(block))):
            if isinstance(layer, nn.Conv2d) and isinstance(after, nn.BatchNorm2d):
                block[i] = fuse_conv_bn_eval(layer, after)
                block[i + 1] = nn.Identity()
    return folded


def build_network(
    name: str, height: int, width: int, outputs: int = 1, takes_speed: bool = False, imagenet: bool = False
) -> nn.Module:
    """Build a network.

    Args:
        name: `pilotnet`, or a backbone's: see `agents.models.backbones`.
        height: Of the frames, pixels.
        width: Of the frames, pixels.
        outputs: Number of action values.
        takes_speed: Whether it takes the car's speed too.
        imagenet: Whether with the backbone's ImageNet weights.
    """
    if name == PILOTNET:
        return PilotNet(height, width, outputs, takes_speed)
    return BackboneNetwork(build_backbone(name, imagenet), height, width, outputs, takes_speed)
