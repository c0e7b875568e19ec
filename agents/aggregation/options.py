"""Options of a run of agents.dagger, and what of it can't be."""

import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from agents import train
from agents.models.backbones import check_backbone
from agents.models.networks import PILOTNET
from agents.models.policy_config import PolicyConfig
from agents.train import Args as TrainArgs
from datasets.schema import MARK_CORRECTION, Lap
from drivesim.camera import CAMERAS, get_camera
from drivesim.errors import DrivesimError, check_name, option_name
from drivesim.track_generation import DIFFICULTIES

EXPERT, RECORDED, PERSON = "expert", "recorded", "person"


@dataclass
class Args:
    """Options of the command."""

    data: list[Path]
    """Folders of laps to begin with, or lap files; with --labels person, the corrections among them."""
    out: Path
    """Folder for the rounds; made new."""
    rounds: int = 5
    """Rounds of driving and learning, after the first policy."""
    labels: str = EXPERT
    """Who says what should have been done: expert (scripted), recorded (pure pursuit of the recorded line, on the
    recorded roads: no expert is needed), or person (the corrections in --data, one round)."""
    policy: Path | None = None
    """A policy's folder to begin with; if left out one is cloned from --data first."""
    drives: int = 20
    """Drives in a round, each on a track of its own; with --labels recorded the recorded roads take turns."""
    seconds: float = 30.0
    """Of each drive."""
    mixing: list[float] = field(default_factory=lambda: [0.0])
    """Probability, at every step, that the teacher acts: in the first round, in the second, and so on. With 1 the
    rounds are further laps of the teacher's."""
    decay: float = 1.0
    """What the last of --mixing is multiplied by from round to round thereafter."""
    safe: float | None = None
    """Let the teacher take over where the car is farther than this from its line, metres, and label such stretches
    alone (SafeDAgger)."""
    noise: float = 0.0
    """Standard deviation of noise on the steering of the drives (DART); the labels stay clean."""
    difficulty: str = "mixed"
    """Of the drives' generated tracks: easy, medium, hard, or mixed."""
    first_seed: int = 1000
    """Seed of the drives' first track; each drive takes the next one."""
    tracks: int = 50
    """Validation tracks that judge every round; none of those that choose its epoch."""
    beside: list[Path] = field(default_factory=list)
    """Folders of other runs to draw beside this one."""
    backbone: str = PILOTNET
    """The network: see agents.train."""
    pretrained: str = TrainArgs.pretrained
    """Where a backbone's weights begin: see agents.train."""
    camera: list[str] = field(default_factory=list)
    """What it sees: topdown, front, left or right, or several of them; topdown if left out."""
    past: int = TrainArgs.past
    """Earlier frames that it sees beside the newest."""
    stride: int = TrainArgs.stride
    """Control steps from one of these to the next."""
    speed: bool = False
    """Let it know the car's speed too."""
    pedal: bool = False
    """Learn the pedal too."""
    epochs: int = TrainArgs.epochs
    """Epochs of the first policy."""
    learning_rate: float = TrainArgs.learning_rate
    """The highest, of the first policy."""
    round_epochs: int = 3
    """Epochs of each round after it, which begin with the weights of the round before."""
    round_learning_rate: float = 1e-3
    """The highest, of each round after it."""
    from_scratch: bool = False
    """Train every round anew, as long as the first policy, instead of going on with the last one's weights."""
    samples: int = TrainArgs.samples
    """Samples to an epoch."""
    batch_size: int | None = None
    """Samples to a step; 128 for pilotnet and 32 for backbones if left out."""
    looks: int = TrainArgs.looks
    """Fewest looks that an epoch shows the laps in; 0 for the recorded ones alone."""
    shift: float | None = TrainArgs.shift
    """Standard deviation of the views beside the line, metres; 0 for none, 0.4 car widths if left out."""
    turn: float = TrainArgs.turn
    """Standard deviation of their turn away from the line, radians; with both at 0 asking is all that leads back."""
    augment: float = TrainArgs.augment
    """Strength, from 0 to 1, of random light, colour, fog, blur, noise, JPEG and dirt."""
    validation_tracks: int = TrainArgs.validation_tracks
    """Unseen tracks driven after every epoch, which choose it."""
    validation_seconds: float = TrainArgs.validation_seconds
    """Seconds driven on each validation track."""
    seed: int = 0
    """Of everything random."""
    device: str = "auto"
    """auto, cpu or cuda."""
    threads: int = 2
    """Threads that draw frames."""
    resume: bool = False
    """Go on after the last finished round of the run in --out; with the same options, or more --rounds."""


# Fields of the policy's configuration that --policy brings, and agents.train's.
_OF_POLICY = ("backbone", "past", "stride", "speed", "pedal", "camera", "pretrained")

# What makes no difference to a run, or may differ where it goes on.
_FREE = ("data", "out", "policy", "rounds", "beside", "device", "threads", "resume")


def check(args: Args) -> None:
    """Refuse options that can't be, before the laps are read.

    Raises:
        DrivesimError: Naming the option.
    """
    check_name("--labels", args.labels, [EXPERT, RECORDED, PERSON])
    check_name("--difficulty", args.difficulty, [*DIFFICULTIES, "mixed"])
    for name in ("rounds", "drives", "tracks", "round_epochs"):
        if getattr(args, name) < 1:
            raise DrivesimError(f"{option_name(name)}: expected 1 or more, got {getattr(args, name)}.")
    if args.first_seed < 0:
        raise DrivesimError(f"--first-seed: expected 0 or more, got {args.first_seed}.")
    for name in ("seconds", "round_learning_rate"):
        if not 0 < getattr(args, name) < math.inf:
            raise DrivesimError(f"{option_name(name)}: expected more than 0, got {getattr(args, name)}.")
    if not args.mixing or not all(0 <= share <= 1 for share in args.mixing):
        given = " ".join(map(str, args.mixing)) or "none"
        raise DrivesimError(f"--mixing: expected probabilities from 0 to 1, one a round, got {given}.")
    for name in ("decay", "noise"):
        if not 0 <= getattr(args, name) <= 1:
            raise DrivesimError(f"--{name}: expected a number from 0 to 1, got {getattr(args, name)}.")
    if args.safe is not None and not 0 < args.safe < math.inf:
        raise DrivesimError(f"--safe: expected metres above 0, got {args.safe}.")
    if args.safe is not None and any(args.mixing):
        raise DrivesimError(
            "--safe: with it the teacher acts where the car is off its line, with --mixing by chance. Leave one out."
        )
    if args.labels == PERSON and args.policy is None:
        raise DrivesimError(
            "--labels person: name the policy that was corrected by --policy; its corrections come from "
            "play.py --policy DIR --out LAPS."
        )
    if args.policy is not None:
        usual = Args(data=[], out=Path())
        changed = [name for name in _OF_POLICY if getattr(args, name) != getattr(usual, name)]
        if changed:
            raise DrivesimError(f"--{changed[0]}: the policy of --policy brings its own. Leave one of them out.")
    if args.backbone != PILOTNET:
        check_backbone(args.backbone)
    for camera in args.camera:
        get_camera(camera)
    train.check(training_of(args, args.out / "round", args.data))


def check_laps(args: Args, laps: list[Lap], config: PolicyConfig | None) -> None:
    """Refuse laps that the run can't begin with.

    Raises:
        DrivesimError: Saying what differs.
    """
    if args.labels == PERSON and not any((lap.columns["mark"] & MARK_CORRECTION).any() for lap in laps):
        raise DrivesimError(
            "--labels person: no step of --data is a correction. Record some: python play.py --policy DIR --out LAPS, "
            "and take the wheel where it drives badly."
        )
    if config is None:
        return
    first = laps[0].info
    for name in ("vehicle", "control_hz"):
        if getattr(config, name) != getattr(first, name):
            raise DrivesimError(
                f"--policy: it was made for {name} {getattr(config, name)}, and the laps have {getattr(first, name)}: "
                "the same action means different things. Give laps of the policy's car."
            )
    unknown = [str(camera) for camera in config.cameras if camera not in CAMERAS.values()]
    if unknown or config.fit is not None:
        raise DrivesimError(
            f"--policy: it sees through {', '.join(unknown) or 'a real camera'}, which is none of "
            f"{', '.join(CAMERAS)}. Begin with a policy of one of these, or leave --policy out."
        )


def with_policy(args: Args, config: PolicyConfig) -> Args:
    """Return the options with those that a policy brings."""
    names = {camera: name for name, camera in CAMERAS.items()}
    fields: dict[str, Any] = {
        **vars(args),
        "backbone": config.backbone,
        "past": config.past,
        "stride": config.stride,
        "speed": config.takes_speed,
        "pedal": len(config.outputs) > 1,
        "camera": [names[camera] for camera in config.cameras],
        # Its weights are its own.
        "pretrained": "none",
    }
    return Args(**fields)


def training_of(args: Args, out: Path, data: list[Path], number: int = 0) -> TrainArgs:
    """Return the options of a round's training.

    Args:
        args: Of the run.
        out: Folder for the policy.
        data: Folders of laps.
        number: Of the round: 0 for the first policy.
    """
    goes_on = number > 0 and not args.from_scratch
    shared = {field: getattr(args, field) for field in vars(args) if field in vars(TrainArgs(data=[], out=out))}
    return TrainArgs(
        **{
            **shared,
            "data": data,
            "out": out,
            "resume": False,
            "epochs": args.round_epochs if goes_on else args.epochs,
            "learning_rate": args.round_learning_rate if goes_on else args.learning_rate,
            "warm_up": 0 if goes_on else TrainArgs.warm_up,
            # Each round in an order of its own; the first as agents.train does.
            "seed": args.seed + 1000 * number,
        }
    )


def mixing_of(args: Args, number: int) -> float:
    """Return the probability that the teacher acts in a round, counted from 1."""
    beyond = max(number - len(args.mixing), 0)
    return args.mixing[min(number, len(args.mixing)) - 1] * args.decay**beyond


def kept_options(args: Args, laps: list[Lap]) -> dict[str, Any]:
    """Return what a run must have in common with the one that it goes on with, plain JSON without paths."""
    kept = {name: value for name, value in vars(args).items() if name not in _FREE}
    return {"laps": len(laps), "steps": sum(map(len, laps)), "begins": args.policy is not None, **kept}
