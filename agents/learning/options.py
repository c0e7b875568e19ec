"""Options of a training: what agents.train is told, and what of it can't be."""

import math
from dataclasses import dataclass, field
from pathlib import Path

from agents.learning.distributed import rank
from agents.models.backbone_files import summary_of
from agents.models.backbones import CIFAR_CNN
from agents.models.networks import PILOTNET
from agents.models.policy_config import LONGEST_STRIDE, MOST_PAST
from datasets.frame_fit import FrameFit
from datasets.frames import Variety
from datasets.stored_frames import StoredVariety
from datasets.views import Spread
from drivesim.command import is_taken
from drivesim.errors import DrivesimError, check_name, option_name


@dataclass
class Args:
    """Options of the command."""

    data: list[Path]
    """Folders of laps, lap files, or folders of other programs' recordings: what they are is found out."""
    out: Path
    """Folder for the policy; made new."""
    backbone: str = PILOTNET
    """The network: pilotnet, cifar-cnn, resnet18, mobilenet_v3_small, mobilenet_v3_large, or a name of timm's."""
    pretrained: str = "imagenet"
    """Where a backbone's weights begin: imagenet, none, or a folder made by agents.pretrain; pilotnet's are always new,
    and cifar-cnn's are without such a folder."""
    freeze: bool = False
    """Leave the backbone as it is and train the head alone."""
    camera: list[str] = field(default_factory=list)
    """What it sees: topdown, front, left or right, or several of them at once; topdown if left out, and front for other
    programs' recordings."""
    past: int = 0
    """Earlier frames that it sees beside the newest."""
    stride: int = 1
    """Control steps from one of these to the next."""
    speed: bool = False
    """Let it know the car's speed too."""
    pedal: bool = False
    """Learn the pedal too: the policy drives drivesim/Drive-v0."""
    pedal_weight: float = 1.0
    """What an error of the pedal counts, of one of the steering."""
    epochs: int = 4
    """Rounds of training, each followed by a drive on the validation tracks."""
    samples: int = 12_800
    """Samples to an epoch."""
    batch_size: int | None = None
    """Samples to a step; 128 for pilotnet and 32 for backbones if left out."""
    learning_rate: float = 2e-3
    """The highest of the one-cycle schedule."""
    backbone_rate: float = 0.2
    """The learning rate of a pretrained backbone, of its head's."""
    warm_up: int = 1
    """Epochs in which the head of a pretrained backbone learns alone."""
    weight_decay: float = 1e-3
    """Of AdamW."""
    averaging: float = 0.99
    """Decay of a moving average of the weights, which is what drives; 0 for none."""
    patience: int = 0
    """Stop after so many epochs without better driving; 0 for never."""
    balance: float = 0.0
    """0 takes steps as they were driven, 1 all degrees of steering equally often."""
    augment: float = 0.0
    """Strength, from 0 to 1, of random light, colour, fog, blur, noise, JPEG and dirt."""
    shift: float | None = None
    """Standard deviation of the views beside the line, metres; 0 for none, 0.4 car widths if left out."""
    turn: float = Spread.heading
    """Standard deviation of their turn away from the line, radians."""
    mirror: bool = True
    """Show half of the samples on mirrored roads."""
    looks: int = Variety.looks
    """Fewest looks that an epoch shows the laps in; 0 for the recorded ones alone."""
    randomize: str = Variety.randomize
    """What these looks are: none (colours and lines), looks (all that looks can have) or all (weather besides); the
    validation tracks are driven in such looks too."""
    palette: str = Variety.palette
    """Of these looks: any, or train, which has no colour of ground or road in common with test."""
    sizes: float = Variety.sizes
    """Show the roads up to this many times larger or smaller; 1 for as they are."""
    widths: float = Variety.widths
    """Show the roads up to this many times wider besides, and somewhat narrower; 1 for as they are."""
    recolor: float = Variety.recolor
    """Share of the samples whose colours are turned at random."""
    crop: tuple[float, float, float, float] = FrameFit.crop
    """Of other programs' pictures: shares to cut away at the top, right, bottom and left, before they are resized."""
    side_correction: float = StoredVariety.side_correction
    """Steering that leads back from what a log's left and right cameras see; 0 leaves them out."""
    held_out: float = 0.2
    """Share of other programs' drives to be judged by."""
    strict: bool = False
    """Stop at the first record that can't be used, instead of counting, naming and skipping it."""
    validation_tracks: int = 20
    """Unseen tracks driven after every epoch."""
    validation_seconds: float = 40.0
    """Seconds driven on each."""
    seed: int = 0
    """Of everything random."""
    device: str = "auto"
    """auto, cpu or cuda for the network; with cuda frames are drawn there too, with torch-cpu by the same code on the
    CPU."""
    threads: int = 2
    """Threads that draw frames."""
    resume: bool = False
    """Go on with the training that was interrupted in --out; with the same options."""
    compile: bool = False
    """Compile the network first: torch.compile."""
    tensorboard: bool = False
    """Write losses and driving for TensorBoard too, into the policy's folder."""
    show_batch: Path | None = None
    """Draw the tensors that enter the network, with their labels, into this PNG; and end."""
    overfit_batch: bool = False
    """Train on a single batch, to see that the network can learn it; and end."""


def check(args: Args) -> None:
    """Refuse options that can't be, before the laps are read.

    Raises:
        DrivesimError: Naming the option.
    """
    if is_taken(args.out) and rank() == 0 and not args.resume:
        raise DrivesimError(
            f"--out: {args.out} exists and is not empty. Choose another folder or remove it, or go on with --resume "
            "where a training was interrupted."
        )
    folder = pretrained_folder(args)
    if folder is None:
        check_name("--pretrained", args.pretrained, ["imagenet", "none", "a folder made by agents.pretrain"])
    else:
        summary_of(folder, args.backbone)
    for name, least, most in (("past", 0, MOST_PAST), ("stride", 1, LONGEST_STRIDE)):
        if not least <= getattr(args, name) <= most:
            raise DrivesimError(f"{option_name(name)}: expected {least} to {most}, got {getattr(args, name)}.")
    if len(set(args.camera)) < len(args.camera):
        raise DrivesimError(f"--camera: expected cameras, each once, got {' '.join(args.camera)}.")
    # The dataclass refuses its own values: its arguments are named as the options are.
    Variety(looks=args.looks, randomize=args.randomize, palette=args.palette)
    for name in ("sizes", "widths"):
        if not 1 <= getattr(args, name) <= 4:
            raise DrivesimError(f"{option_name(name)}: expected a number from 1 to 4, got {getattr(args, name)}.")
    for name in ("epochs", "samples", "batch_size", "validation_tracks", "threads"):
        value = getattr(args, name)
        if value is not None and value < 1:
            raise DrivesimError(f"{option_name(name)}: expected 1 or more, got {value}.")
    for name in ("learning_rate", "validation_seconds"):
        if not 0 < getattr(args, name) < math.inf:
            raise DrivesimError(f"{option_name(name)}: expected more than 0, got {getattr(args, name)}.")
    for name in ("seed", "weight_decay", "turn", "looks", "shift", "warm_up", "patience"):
        value = getattr(args, name)
        if value is not None and not 0 <= value < math.inf:
            raise DrivesimError(f"{option_name(name)}: expected 0 or more, got {value}.")
    if not 0 < args.held_out <= 0.5:
        raise DrivesimError(f"--held-out: expected a share above 0 and at most 0.5, got {args.held_out}.")
    FrameFit(args.crop)
    for name in ("side_correction", "balance", "recolor", "augment", "averaging", "backbone_rate", "pedal_weight"):
        if not 0 <= getattr(args, name) <= 1:
            raise DrivesimError(f"{option_name(name)}: expected a number from 0 to 1, got {getattr(args, name)}.")
    if args.freeze and is_new(args):
        raise DrivesimError("--freeze: only a pretrained backbone has anything worth keeping. Leave --freeze out.")


def pretrained_folder(args: Args) -> Path | None:
    """Return the folder that the backbone's weights come from; None where they come from none."""
    folder = Path(args.pretrained)
    return folder if args.pretrained not in ("imagenet", "none") and folder.is_dir() else None


def is_new(args: Args) -> bool:
    """Whether a network begins with new weights."""
    if args.pretrained == "imagenet":
        return args.backbone in (PILOTNET, CIFAR_CNN)
    return args.pretrained == "none"
