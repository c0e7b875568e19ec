"""Networks: image -> action. They take uint8 frames and normalise inside, so that no caller can get that wrong."""

import copy
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from drivesim.errors import DrivesimError, check_name

BACKBONES = ("pilotnet",)


class PilotNet(nn.Module):
    """The network of Bojarski et al. 2016, "End to End Learning for Self-Driving Cars".

    Five convolutions (24, 36 and 48 channels of 5 x 5 with stride 2, twice 64 of 3 x 3) and three hidden layers (100,
    50, 10), here with batch normalisation, which trains in fewer epochs.

    Args:
        height: Of the frames, pixels.
        width: Of the frames, pixels.
        outputs: Number of action values.
    """

    def __init__(self, height: int, width: int, outputs: int = 1) -> None:
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
            nn.Linear(width_of_features, 100),
            nn.ReLU(inplace=True),
            nn.Linear(100, 50),
            nn.ReLU(inplace=True),
            nn.Linear(50, 10),
            nn.ReLU(inplace=True),
            nn.Linear(10, outputs),
        )

    def forward(self, frames: Tensor) -> Tensor:
        """Take frames (B, 3, H, W) uint8 RGB to actions (B, outputs), not yet cut to [-1, 1]."""
        return self.head(self.features(frames.float() / 127.5 - 1.0))


def fold_batch_norm(network: nn.Module) -> nn.Module:
    """Return a copy for inference, in which a convolution does the batch normalisation that follows it."""
    folded = copy.deepcopy(network).eval()
    for block in [module for module in folded.modules() if isinstance(module, nn.Sequential)]:
        for i, (layer, after) in enumerate(pairwise(list(block))):
            if isinstance(layer, nn.Conv2d) and isinstance(after, nn.BatchNorm2d):
                block[i] = fuse_conv_bn_eval(layer, after)
                block[i + 1] = nn.Identity()
    return folded


def build_network(backbone: str, height: int, width: int, outputs: int = 1) -> nn.Module:
    """Build a network by its name: see `BACKBONES`."""
    check_name("backbone", backbone, BACKBONES)
    return PilotNet(height, width, outputs)
