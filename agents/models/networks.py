"""Networks: images -> action. They take uint8 frames and normalise inside, so that no caller can get that wrong.

Every camera has a tower of features of its own, all of one design; their features, and the speed, go into one head.
PilotNet sees past frames as further colours of the newest. A backbone sees each frame by itself, and the head sees the
features of all: its first convolution, and with it what it learned from ImageNet, stays what it was.
"""

import copy
from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from agents.models.backbones import Backbone, build_backbone
from agents.models.policy_config import BY_FRAME, PolicyConfig
from drivesim.errors import DrivesimError

PILOTNET = "pilotnet"

# Grey levels below which a frame's contrast is lost in the steps of its eight bits.
_FAINT = 2.0

# Height and width of a camera's frames, pixels.
Size = tuple[int, int]


class DrivingNetwork(nn.Module):
    """Towers, one a camera, and a head.

    Attributes:
        features: The only camera's tower, or a list of all.
        head: Features, and the speed, to actions.
    """

    features: nn.Module
    head: nn.Sequential

    @property
    def towers(self) -> list[nn.Module]:
        """Each camera's."""
        return [*self.features] if isinstance(self.features, nn.ModuleList) else [self.features]

    def forward(self, *inputs: Tensor) -> Tensor:
        """Take what is seen to actions (B, outputs), uncut.

        Args:
            *inputs: Of every camera, frames (B, 3, H, W) uint8 RGB, or with past ones (B, 1 + past, 3, H, W), newest
                first; then, if it takes the speed, (B,) m/s.
        """
        towers = self.towers
        seen = [self.see(tower, frames) for tower, frames in zip(towers, inputs, strict=False)]
        # The speed in units of a usual one.
        speeds = [speed[:, None].to(seen[0].dtype) / 10.0 for speed in inputs[len(towers) :]]
        return self.head(torch.cat([*seen, *speeds], dim=1) if len(inputs) > 1 else seen[0])

    def see(self, tower: nn.Module, frames: Tensor) -> Tensor:
        """Take a camera's frames to its tower's features (B, F)."""
        raise NotImplementedError

    def _set_towers(self, towers: list[nn.Module], sizes: Sequence[Size], frames: int) -> int:
        """Take these towers; returns how many features they give."""
        self.features = towers[0] if len(towers) == 1 else nn.ModuleList(towers)
        count = 0
        with torch.no_grad():
            for tower, (height, width) in zip(towers, sizes, strict=True):
                count += self.see(tower.eval(), torch.zeros(1, frames, 3, height, width)).shape[1]
                tower.train()
        return count


class PilotNet(DrivingNetwork):
    """The network of Bojarski et al. 2016, "End to End Learning for Self-Driving Cars".

    Five convolutions (24, 36 and 48 channels of 5 x 5 with stride 2, twice 64 of 3 x 3) and three hidden layers (100,
    50, 10), here with batch normalisation, which trains in fewer epochs.

    Args:
        sizes: Of each camera's frames.
        outputs: Number of action values.
        takes_speed: Whether it takes the car's speed too.
        frames: Of each camera, the newest and past ones.
        normalization: See `PolicyConfig`.
    """

    def __init__(
        self,
        sizes: Sequence[Size],
        outputs: int = 1,
        takes_speed: bool = False,
        frames: int = 1,
        normalization: str = BY_FRAME,
    ) -> None:
        super().__init__()
        self._by_frame = normalization == BY_FRAME
        small = [f"{height} x {width}" for height, width in sizes if min(height, width) < 61]
        if small:
            raise DrivesimError(f"camera: pilotnet needs frames of 61 x 61 pixels or more, got {' and '.join(small)}.")
        width_of_features = self._set_towers([_pilotnet_tower(3 * frames) for _ in sizes], sizes, frames)
        self.head = nn.Sequential(
            nn.Linear(width_of_features + takes_speed, 100),
            nn.ReLU(inplace=True),
            nn.Linear(100, 50),
            nn.ReLU(inplace=True),
            nn.Linear(50, 10),
            nn.ReLU(inplace=True),
            nn.Linear(10, outputs),
        )

    def see(self, tower: nn.Module, frames: Tensor) -> Tensor:
        """See `DrivingNetwork.see`."""
        colors = frames.flatten(1, -3)
        return tower(_by_frame(colors) if self._by_frame else colors.float() / 127.5 - 1.0)


class BackboneNetwork(DrivingNetwork):
    """A backbone's features, and a head.

    Args:
        backbone: The feature extractor; each further camera begins with a copy of it.
        sizes: Of each camera's frames.
        outputs: Number of action values.
        takes_speed: Whether it takes the car's speed too.
        frames: Of each camera, the newest and past ones.
        hidden: Width of the head's hidden layer; 0 for none.
    """

    mean: Tensor
    std: Tensor

    def __init__(
        self,
        backbone: Backbone,
        sizes: Sequence[Size],
        outputs: int = 1,
        takes_speed: bool = False,
        frames: int = 1,
        hidden: int = 100,
    ) -> None:
        super().__init__()
        # Not part of the weights: they belong to the backbone's name.
        self.register_buffer("mean", torch.tensor(backbone.mean).view(1, 3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(backbone.std).view(1, 3, 1, 1), persistent=False)
        towers = [backbone.module, *(copy.deepcopy(backbone.module) for _ in sizes[1:])]
        inputs = self._set_towers(towers, sizes, frames) + takes_speed
        if hidden:
            self.head = nn.Sequential(nn.Linear(inputs, hidden), nn.ReLU(inplace=True), nn.Linear(hidden, outputs))
        else:
            self.head = nn.Sequential(nn.Linear(inputs, outputs))

    def see(self, tower: nn.Module, frames: Tensor) -> Tensor:
        """See `DrivingNetwork.see`."""
        features = tower((frames.flatten(0, -4).float() / 255.0 - self.mean) / self.std)
        return features if frames.ndim == 4 else features.unflatten(0, (-1, frames.shape[1])).flatten(1)


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
    name: str,
    sizes: Sequence[Size],
    outputs: int = 1,
    takes_speed: bool = False,
    frames: int = 1,
    imagenet: bool = False,
    normalization: str = BY_FRAME,
) -> DrivingNetwork:
    """Build a network.

    Args:
        name: `pilotnet`, or a backbone's: see `agents.models.backbones`.
        sizes: Of each camera's frames.
        outputs: Number of action values.
        takes_speed: Whether it takes the car's speed too.
        frames: Of each camera, the newest and past ones.
        imagenet: Whether with the backbone's ImageNet weights.
        normalization: Of pilotnet's frames: see `PolicyConfig`. A backbone's are those of its checkpoint.
    """
    if name == PILOTNET:
        return PilotNet(sizes, outputs, takes_speed, frames, normalization)
    return BackboneNetwork(build_backbone(name, imagenet), sizes, outputs, takes_speed, frames)


def network_of(config: PolicyConfig, imagenet: bool = False) -> DrivingNetwork:
    """Build the network that a policy's configuration describes. See `build_network`."""
    sizes = [(camera.height, camera.width) for camera in config.cameras]
    frames = 1 + config.past
    return build_network(
        config.backbone, sizes, len(config.outputs), config.takes_speed, frames, imagenet, config.normalization
    )


def _by_frame(colors: Tensor) -> Tensor:
    """Take each frame's mean colours away and divide by its contrast (B, C, H, W), uint8 to float."""
    # Every other pixel tells them as well, in a quarter of the time.
    some = colors[..., ::2, ::2].float()
    mean = some.mean(dim=(2, 3), keepdim=True)
    contrast = (some - mean).square().mean(dim=(1, 2, 3), keepdim=True).sqrt()
    return (colors.float() - mean) / (contrast + _FAINT)


def _pilotnet_tower(colors: int) -> nn.Sequential:
    def convolution(inputs: int, channels: int, size: int, stride: int) -> list[nn.Module]:
        layer = nn.Conv2d(inputs, channels, size, stride, bias=False)
        return [layer, nn.BatchNorm2d(channels), nn.ReLU(inplace=True)]

    return nn.Sequential(
        *convolution(colors, 24, 5, 2),
        *convolution(24, 36, 5, 2),
        *convolution(36, 48, 5, 2),
        *convolution(48, 64, 3, 1),
        *convolution(64, 64, 3, 1),
        nn.Flatten(),
    )
