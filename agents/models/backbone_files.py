"""Backbone files: the folder of a backbone that learned to tell pictures apart, and the way from it into a policy."""

from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from torch import nn

import drivesim
from agents.models.backbones import build_backbone, check_backbone
from agents.models.model_files import CONFIG, UNREADABLE, load_network, missing_files, read_values, write_model
from agents.models.networks import BackboneNetwork
from drivesim.errors import DrivesimError

FORMAT_VERSION = 1
KIND = "backbone"

_TRAIN_ONE = "Train one: python -m agents.pretrain --dataset cifar10 --out DIR"


@dataclass(frozen=True)
class BackboneConfig:
    """What a backbone learned.

    Attributes:
        name: Of the backbone: see `agents.models.backbones`.
        mean: (3,) of the pictures in 0..1 that its weights were made with.
        std: (3,) likewise.
        size: Height and width of the pictures, pixels.
        classes: Their names, in the order of the classifier's outputs.
        dataset: Name of the data set.
        accuracy: Share of pictures told right.
        measured_on: Which pictures: `test`, or `val` where there was no test set.
        drivesim_version: Of the program that trained it.
        training: Options, number of pictures and commit, plain JSON.
    """

    name: str
    mean: tuple[float, ...]
    std: tuple[float, ...]
    size: int
    classes: tuple[str, ...]
    dataset: str
    accuracy: float
    measured_on: str
    drivesim_version: str = drivesim.__version__
    training: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Refuse what no backbone can be."""
        if not (isinstance(self.size, int) and 1 <= self.size <= 1024):
            raise DrivesimError(f"backbone: size: expected 1 to 1024 pixels, got {self.size!r}.")
        if not 2 <= len(self.classes) <= 100_000:
            raise DrivesimError(f"backbone: classes: expected two or more, got {len(self.classes)}.")

    def build(self) -> BackboneNetwork:
        """Build the classifier, with new weights."""
        return classifier(self.name, self.size, len(self.classes))


def classifier(name: str, size: int, classes: int, imagenet: bool = False) -> BackboneNetwork:
    """Build a backbone with a single layer behind it that tells pictures apart.

    Args:
        name: Of the backbone.
        size: Height and width of the pictures, pixels.
        classes: How many.
        imagenet: Whether with the backbone's ImageNet weights.
    """
    return BackboneNetwork(build_backbone(name, imagenet), [(size, size)], classes, hidden=0)


def write_backbone(folder: Path, config: BackboneConfig, network: BackboneNetwork) -> None:
    """Write a backbone's folder: see `agents.models.model_files.write_model`."""
    values = {"format_version": FORMAT_VERSION, "kind": KIND, **asdict(config)}
    write_model(folder, values, network, _card(config))


def read_backbone(folder: Path) -> tuple[BackboneConfig, str]:
    """Read what a backbone learned, and the SHA-256 of its weights.

    Raises:
        DrivesimError: If the folder is missing, cut off, of a newer format or of something else.
    """
    missing = missing_files(folder)
    if missing:
        raise DrivesimError(f"--pretrained: {folder} is no backbone's folder, it lacks {missing}. {_TRAIN_ONE}")
    path = folder / CONFIG
    try:
        values = read_values(folder)
        version, checksum, kind = values.pop("format_version"), values.pop("weights_sha256"), values.pop("kind", None)
        if kind != KIND:
            raise DrivesimError(
                f"--pretrained: {folder} holds {f'a {kind}' if kind else 'a policy'}, expected a backbone. {_TRAIN_ONE}"
            )
        if version > FORMAT_VERSION:
            raise DrivesimError(
                f"--pretrained: {path} is of format {version}; this drivesim reads up to {FORMAT_VERSION}."
            )
        check_backbone(values["name"])
        for name in ("mean", "std", "classes"):
            values[name] = tuple(values[name])
        return BackboneConfig(**values), checksum
    except UNREADABLE as error:
        raise DrivesimError(
            f"--pretrained: {path} is not a backbone's configuration ({error}). Copy it anew."
        ) from error


def summary_of(folder: Path, name: str) -> dict[str, Any]:
    """Return what a policy says of the folder that its backbone came from: no path, since that tells on its user.

    Args:
        folder: Of the backbone.
        name: Of the backbone that is wanted.

    Raises:
        DrivesimError: If it is another backbone's, or none.
    """
    config, checksum = read_backbone(folder)
    if config.name != name:
        raise DrivesimError(
            f"--pretrained: {folder} holds the backbone {config.name}, and --backbone is {name}. "
            f"Give --backbone {config.name}, or another folder."
        )
    return {"dataset": config.dataset, "accuracy": config.accuracy, "weights_sha256": checksum}


def load_features(folder: Path, features: nn.Module) -> None:
    """Read a backbone's weights, without its classifier, into a feature extractor of the same name.

    Raises:
        DrivesimError: If they are of another network, cut off or changed.
    """
    config, checksum = read_backbone(folder)
    what = f"a {config.name} that tells {len(config.classes)} classes apart"
    network = load_network(folder, checksum, config.build, what, "--pretrained")
    expected = [tuple(network.mean.flatten().tolist()), tuple(network.std.flatten().tolist())]
    for ours, theirs in zip(expected, (config.mean, config.std), strict=True):
        if max(abs(a - b) for a, b in zip(ours, theirs, strict=True)) > 1e-6:
            raise DrivesimError(
                f"--pretrained: {folder} was made with frames normalised by {theirs}; {config.name} normalises by "
                f"{ours} here. Train it again with this version."
            )
    features.load_state_dict(network.features.state_dict())


def _card(config: BackboneConfig) -> str:
    lines = [
        f"# A drivesim backbone: {config.name}",
        "",
        f"Tells {len(config.classes)} classes of RGB pictures of {config.size} x {config.size} pixels apart. Learned "
        f"from {config.dataset}; accuracy {config.accuracy:.4f} on its {config.measured_on} pictures.",
        "",
        "## Use",
        "",
        f"    python -m agents.train --data laps --backbone {config.name} --pretrained DIR --out policy",
        "",
        "## Classes",
        "",
        ", ".join(config.classes),
        "",
        "## How it was trained",
        "",
        *[f"- {name}: {value}" for name, value in config.training.items()],
        f"- drivesim {config.drivesim_version}",
        "",
        "## Limits",
        "",
        "It is a beginning for a network that is trained further. It knows the pictures of its data set, and gives "
        "every other picture one of these classes too.",
    ]
    return "\n".join(lines) + "\n"
