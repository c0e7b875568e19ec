"""python -m agents.pretrain --dataset cifar10 --root downloads --backbone cifar-cnn --out backbone

Train a backbone to tell pictures apart, so that a network that drives can begin with its weights.

The pictures are CIFAR-10's (the binary version, cifar-10-binary.tar.gz of https://www.cs.toronto.edu/~kriz/cifar.html,
unpacked below --root) or your own: FOLDER/train/CLASS/1.png, with FOLDER/val and FOLDER/test where there are such.
Nothing is downloaded. What comes of it begins a policy:

    python -m agents.train --data laps --backbone cifar-cnn --pretrained backbone --out policy
"""

import json
import math
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from rich.console import Console
from torch import nn

from agents.learning.confusion import accuracy, confusion_matrix, draw_confusion, recall
from agents.learning.schedule import Plan, set_training
from agents.models.backbone_files import BackboneConfig, classifier, write_backbone
from agents.models.backbones import CIFAR_CNN
from agents.models.devices import autocast, choose_device
from agents.models.networks import PILOTNET, BackboneNetwork
from agents.progress import progress_bar
from agents.provenance import commit
from datasets.cifar10 import read_cifar10
from datasets.image_augment import ImageAugment
from datasets.image_folder import read_image_folder
from datasets.labelled_images import ImageSets, LabelledImages
from drivesim.command import is_taken, run_command
from drivesim.errors import DrivesimError, check_name, option_name
from drivesim.folder_lock import only_writer

_CIFAR10 = "cifar10"
_CHUNK = 256


@dataclass
class Args:
    """Options of the command."""

    dataset: str
    """cifar10, or a folder of pictures, one folder a class: see above."""
    out: Path
    """Folder for the backbone; made new."""
    root: Path = Path(".")
    """Where the data set lies: the folder that holds cifar-10-batches-bin, or that --dataset is in."""
    backbone: str = CIFAR_CNN
    """cifar-cnn, resnet18, mobilenet_v3_small, mobilenet_v3_large, or a name of timm's."""
    pretrained: str = "none"
    """Where its weights begin: none or imagenet."""
    size: int | None = None
    """Height and width of the pictures, pixels; 32 for cifar-cnn and 96 for others if left out."""
    epochs: int = 20
    """Rounds of training."""
    batch_size: int = 64
    """Pictures to a step."""
    learning_rate: float = 2e-3
    """The highest of the one-cycle schedule."""
    backbone_rate: float = 0.2
    """The learning rate of a backbone that begins with ImageNet's weights, of its classifier's."""
    weight_decay: float = 1e-3
    """Of AdamW."""
    augment: float = 0.5
    """Strength, from 0 to 1, of random crops and colours."""
    flip: bool = True
    """Mirror half of the pictures; --no-flip for letters and digits."""
    seed: int = 0
    """Of everything random."""
    device: str = "auto"
    """auto, cpu or cuda."""
    threads: int = 2
    """Threads that read pictures."""


def main(args: Args) -> None:
    """Train, and measure."""
    console = Console()
    device = choose_device(args.device)
    _check(args)
    # A backbone that can't be built is told before the pictures are read; how many classes there are is known after.
    classifier(args.backbone, _size(args), 2, args.pretrained == "imagenet")
    sets = _read(args)
    for sentence in sets.lost:
        console.print(f"[yellow]{sentence}[/yellow]", soft_wrap=True)
    console.print(
        f"Learning {len(sets.train.classes)} classes from {len(sets.train)} pictures; {len(sets.val)} choose the epoch"
        f"{f', {len(sets.test)} measure it' if sets.test is not None else ''}"
    )
    torch.manual_seed(args.seed)
    network = classifier(args.backbone, _size(args), len(sets.train.classes), args.pretrained == "imagenet")
    network = network.to(device).to(memory_format=torch.channels_last)
    args.out.mkdir(parents=True, exist_ok=True)
    started = time.perf_counter()
    with only_writer(args.out):
        config, weights = _train(args, network, sets, console)
        network.load_state_dict(weights)
        measured = sets.val if sets.test is None else sets.test
        confusion = confusion_matrix(measured.labels, tell(network, measured.images), len(measured.classes))
        config = replace(config, accuracy=accuracy(confusion), measured_on="val" if sets.test is None else "test")
        write_backbone(args.out, config, network)
        _write_metrics(args.out, config, confusion)
    minutes, seconds = divmod(time.perf_counter() - started, 60)
    console.print(
        f"Took {minutes:.0f} min {seconds:.0f} s. Accuracy {config.accuracy:.4f} on {len(measured)} pictures of "
        f"{config.measured_on}. Saved to {args.out}",
        soft_wrap=True,
    )
    console.print(
        f"Drive with it: python -m agents.train --data laps --backbone {args.backbone} --pretrained {args.out} "
        "--out policy",
        soft_wrap=True,
    )


def tell(network: BackboneNetwork, images: NDArray[np.uint8]) -> NDArray[np.int64]:
    """Return the class (N,) that a classifier takes each picture (N, S, S, 3) for."""
    network.eval()
    device = network.mean.device
    told = []
    with torch.inference_mode(), autocast(device):
        for first in range(0, len(images), _CHUNK):
            chunk = torch.from_numpy(images[first : first + _CHUNK]).permute(0, 3, 1, 2)
            told.append(network(chunk.to(device)).argmax(dim=1).cpu())
    return torch.cat(told).numpy()


def _train(
    args: Args, network: BackboneNetwork, sets: ImageSets, console: Console
) -> tuple[BackboneConfig, dict[str, torch.Tensor]]:
    """Train; returns the epoch that told the most pictures of the validation part right, and its weights."""
    plan = _plan(args, len(sets.train))
    optimizer = plan.optimizer(network)
    best: BackboneConfig | None = None
    weights: dict[str, torch.Tensor] = {}
    for epoch in range(plan.epochs):
        with progress_bar(console, f"epoch {epoch + 1} of {plan.epochs}") as on_step:
            loss = _fit(args, plan, optimizer, network, sets.train, epoch, on_step)
        right = float((tell(network, sets.val.images) == sets.val.labels).mean())
        # Of equals the later: its rates were lower.
        better = best is None or right >= best.accuracy
        if better:
            best = _config(args, network, sets, right, epoch)
            weights = {name: value.clone() for name, value in network.state_dict().items()}
            write_backbone(args.out, best, network)
        console.print(f"epoch {epoch + 1:2d}  loss {loss:.4f}  accuracy {right:.4f}{'  saved' if better else ''}")
        with (args.out / "metrics.jsonl").open("a", encoding="utf-8") as file:
            file.write(json.dumps({"epoch": epoch + 1, "loss": loss, "val_accuracy": right}) + "\n")
    assert best is not None
    return best, weights


def _fit(
    args: Args,
    plan: Plan,
    optimizer: torch.optim.Optimizer,
    network: BackboneNetwork,
    train: LabelledImages,
    epoch: int,
    on_step: Callable[[float], None],
) -> float:
    """Go through an epoch; returns its mean loss."""
    order = np.random.default_rng([args.seed, epoch]).permutation(len(train))
    augment, device = ImageAugment(args.augment, args.flip), network.mean.device
    set_training(network, plan.backbone_learns(epoch))
    losses = []
    for step in range(plan.steps):
        plan.set_rates(optimizer, epoch * plan.steps + step)
        batch = train.take(order[step * plan.batch_size : (step + 1) * plan.batch_size])
        seed = int(np.random.SeedSequence([args.seed, epoch, step]).generate_state(1)[0])
        images = augment(torch.from_numpy(batch.images).permute(0, 3, 1, 2), seed).to(device)
        with autocast(device, network):
            scores = network(images)
        loss = nn.functional.cross_entropy(scores.float(), torch.from_numpy(batch.labels).to(device))
        losses.append(loss.item())
        if not math.isfinite(losses[-1]):
            raise DrivesimError(
                f"training: the loss became {losses[-1]} in epoch {epoch + 1}, batch {step + 1}. Lower --learning-rate."
            )
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimizer.step()
        on_step((step + 1) / plan.steps)
    return float(np.mean(losses))


def _check(args: Args) -> None:
    if is_taken(args.out):
        raise DrivesimError(f"--out: {args.out} exists and is not empty. Choose another folder or remove it.")
    check_name("--pretrained", args.pretrained, ["none", "imagenet"])
    if args.backbone == PILOTNET:
        raise DrivesimError(f"--backbone: {PILOTNET} is made for one size of frames. Take {CIFAR_CNN} or another.")
    if not 16 <= _size(args) <= 1024:
        raise DrivesimError(f"--size: expected 16 to 1024 pixels, got {args.size}.")
    for name in ("epochs", "threads"):
        if getattr(args, name) < 1:
            raise DrivesimError(f"--{name}: expected 1 or more, got {getattr(args, name)}.")
    if args.batch_size < 2:  # Batch normalisation needs two.
        raise DrivesimError(f"--batch-size: expected 2 or more, got {args.batch_size}.")
    if not 0 < args.learning_rate < math.inf:
        raise DrivesimError(f"--learning-rate: expected more than 0, got {args.learning_rate}.")
    for name in ("seed", "weight_decay"):
        if not 0 <= getattr(args, name) < math.inf:
            raise DrivesimError(f"{option_name(name)}: expected 0 or more, got {getattr(args, name)}.")
    if not 0 <= args.backbone_rate <= 1:
        raise DrivesimError(f"--backbone-rate: expected a number from 0 to 1, got {args.backbone_rate}.")
    ImageAugment(args.augment, args.flip)


def _size(args: Args) -> int:
    return args.size if args.size is not None else 32 if args.backbone == CIFAR_CNN else 96


def _read(args: Args) -> ImageSets:
    if args.dataset == _CIFAR10:
        return read_cifar10(args.root, _size(args), args.seed)
    return read_image_folder(args.root / args.dataset, _size(args), args.seed, threads=args.threads)


def _plan(args: Args, pictures: int) -> Plan:
    return Plan(
        epochs=args.epochs,
        samples=pictures,
        batch_size=min(args.batch_size, pictures),
        learning_rate=args.learning_rate,
        weight_decay=args.weight_decay,
        backbone_rate=args.backbone_rate if args.pretrained == "imagenet" else 1.0,
    )


def _config(args: Args, network: BackboneNetwork, sets: ImageSets, right: float, epoch: int) -> BackboneConfig:
    # Absolute paths tell on the machine and its user.
    left_out = ("dataset", "root", "out", "threads", "size", "backbone")
    options: dict[str, Any] = {name: value for name, value in asdict(args).items() if name not in left_out}
    counts = {"train_pictures": len(sets.train), "val_pictures": len(sets.val)}
    if sets.test is not None:
        counts["test_pictures"] = len(sets.test)
    return BackboneConfig(
        name=args.backbone,
        mean=tuple(round(value, 6) for value in network.mean.flatten().tolist()),
        std=tuple(round(value, 6) for value in network.std.flatten().tolist()),
        size=_size(args),
        classes=sets.train.classes,
        dataset=sets.name,
        accuracy=right,
        measured_on="val",
        training={**counts, "epoch": epoch + 1, "val_accuracy": right, "commit": commit(), **options},
    )


def _write_metrics(folder: Path, config: BackboneConfig, confusion: NDArray[np.int64]) -> None:
    values = {
        "accuracy": config.accuracy,
        "measured_on": config.measured_on,
        "pictures": int(confusion.sum()),
        "classes": config.classes,
        "recall": recall(confusion),
        "confusion": confusion.tolist(),
    }
    (folder / "metrics.json").write_text(json.dumps(values, indent=1) + "\n", encoding="utf-8")
    draw_confusion(confusion, config.classes, folder / "confusion.png")


if __name__ == "__main__":
    run_command(main, Args, __doc__)
