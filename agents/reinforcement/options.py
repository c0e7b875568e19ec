"""Options of agents.reinforce, and what of them can't be."""

import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from agents.models.backbones import check_backbone
from agents.models.networks import PILOTNET
from agents.models.policy_config import BY_FRAME, FIXED, INPUTS, PolicyConfig
from datasets.schema import ACTIONS
from drivesim.camera import get_camera
from drivesim.command import is_taken
from drivesim.errors import DrivesimError, check_name, option_name
from drivesim.track_generation import DIFFICULTIES
from drivesim.vehicle import VEHICLES

STEER, DRIVE = "steer", "drive"
PROXIMAL, SOFT = "ppo", "sac"


@dataclass
class Args:
    """Options of the command."""

    out: Path
    """Folder for the policy, which is the best so far at any time; made new."""
    policy: Path | None = None
    """A policy's folder to begin with; left out it begins from scratch. An archive of Stable-Baselines3's (.zip) needs
    --trust."""
    env: str = STEER
    """steer (a cruise controller holds the speed) or drive (the policy works the pedal too)."""
    algorithm: str = PROXIMAL
    """ppo or sac."""
    steps: int = 200_000
    """Control steps to learn from, of all cars together."""
    cars: int = 16
    """Cars that drive at once."""
    tracks: int = 64
    """Generated tracks to learn on, of the train split."""
    difficulty: str = "mixed"
    """Of generated tracks: easy, medium, hard, or mixed."""
    track_files: list[Path] = field(default_factory=list)
    """Track files, or folders of them, to learn on and be judged on instead."""
    warm_up: int = 8_192
    """Control steps in which the critic learns alone, where there is a policy to begin with."""
    penalty: float = 1.0
    """Weight of the divergence from the policy that it began with."""
    half_life: int = 50_000
    """Control steps after which --penalty is half of what it was."""
    keep: float = 0.95
    """Where autonomy falls below this share of what it began with, the actor goes back to the last that was better, and
    the penalty is doubled; 0 for never."""
    learning_rate: float | None = None
    """Of the actor; if left out 3e-5, and 3e-4 from scratch."""
    critic_rate: float = 3e-4
    """Learning rate of the critic."""
    std: float | None = None
    """Standard deviation of the actions to begin with; if left out 0.1, and 0.5 from scratch."""
    entropy: float = 0.0
    """Weight of the entropy of the actions (PPO; SAC finds its own)."""
    discount: float = 0.99
    """What a reward is worth a step later."""
    rollout: int = 128
    """Steps of each car between two updates (PPO)."""
    passes: int = 4
    """Times that an update goes through what was driven (PPO)."""
    batch_size: int = 256
    """Samples to a gradient step."""
    most_divergence: float = 0.03
    """An update ends where it has gone farther than this from the policy that drove (PPO's target divergence)."""
    buffer: int = 20_000
    """Steps that are remembered (SAC); each takes twice a frame."""
    evaluate_every: int = 20_000
    """Control steps between two drives on the validation tracks, which choose what is kept."""
    validation_tracks: int = 20
    """Unseen tracks that are driven then."""
    validation_seconds: float = 40.0
    """Seconds driven on each."""
    vehicle: str = "car"
    """From scratch: car, car-dynamic or rc; a policy brings its own."""
    backbone: str = PILOTNET
    """From scratch: the network, with new weights."""
    camera: list[str] = field(default_factory=list)
    """From scratch: what it sees: topdown, front, left or right, or several; topdown if left out."""
    speed: bool = False
    """From scratch: let it know the car's speed."""
    trust: bool = False
    """Read an archive of Stable-Baselines3's though that runs code that it holds."""
    tensorboard: bool = False
    """Write losses and driving for TensorBoard too, into the policy's folder."""
    seed: int = 0
    """Of everything random."""
    device: str = "auto"
    """auto, cpu or cuda."""
    threads: int = 2
    """Threads that draw frames."""
    resume: bool = False
    """Go on with the run that was interrupted in --out; with the same options, or other --steps."""


_FROM_SCRATCH = ("vehicle", "backbone", "camera", "speed")
_FREE = ("out", "policy", "steps", "trust", "tensorboard", "device", "threads", "resume", "track_files")


def check(args: Args) -> None:
    """Refuse options that can't be, before anything is made.

    Raises:
        DrivesimError: Naming the option.
    """
    check_name("--env", args.env, [STEER, DRIVE])
    check_name("--algorithm", args.algorithm, [PROXIMAL, SOFT])
    check_name("--difficulty", args.difficulty, [*DIFFICULTIES, "mixed"])
    check_name("--vehicle", args.vehicle, VEHICLES)
    for camera in args.camera:
        get_camera(camera)
    if args.backbone != PILOTNET:
        check_backbone(args.backbone)
    whole = ("steps", "cars", "tracks", "rollout", "passes", "buffer", "evaluate_every", "validation_tracks", "threads")
    for name in (*whole, "half_life"):
        if getattr(args, name) < 1:
            raise DrivesimError(f"{option_name(name)}: expected 1 or more, got {getattr(args, name)}.")
    if args.batch_size < 2:
        raise DrivesimError(f"--batch-size: expected 2 or more, got {args.batch_size}.")
    for name in ("warm_up", "penalty", "entropy", "seed"):
        if not 0 <= getattr(args, name) < math.inf:
            raise DrivesimError(f"{option_name(name)}: expected 0 or more, got {getattr(args, name)}.")
    for name in ("learning_rate", "critic_rate", "validation_seconds", "most_divergence"):
        value = getattr(args, name)
        if value is not None and not 0 < value < math.inf:
            raise DrivesimError(f"{option_name(name)}: expected more than 0, got {value}.")
    if args.std is not None and not 0.01 <= args.std <= 2:
        raise DrivesimError(f"--std: expected a number from 0.01 to 2, got {args.std}.")
    if not 0 <= args.keep < 1:
        raise DrivesimError(f"--keep: expected a share from 0 to less than 1, got {args.keep}.")
    if not 0 < args.discount < 1:
        raise DrivesimError(f"--discount: expected a number between 0 and 1, got {args.discount}.")
    if args.policy is not None:
        usual = Args(out=Path())
        changed = [name for name in _FROM_SCRATCH if getattr(args, name) != getattr(usual, name)]
        if changed:
            raise DrivesimError(f"--{changed[0]}: the policy of --policy brings its own. Leave one of them out.")
    if is_taken(args.out) and not args.resume:
        raise DrivesimError(
            f"--out: {args.out} exists and is not empty. Choose another folder or remove it, or go on with --resume "
            "where a run was interrupted."
        )


def check_fit(args: Args, config: PolicyConfig) -> None:
    """Refuse a policy that the environment does not fit.

    Raises:
        DrivesimError: Saying what each has.
    """
    wanted = ACTIONS if args.env == DRIVE else ACTIONS[:1]
    if config.outputs != wanted:
        other = STEER if args.env == DRIVE else DRIVE
        raise DrivesimError(
            f"--policy: it gives {' and '.join(config.outputs)}, and --env {args.env} takes {' and '.join(wanted)}. "
            f"Take --env {other}, or a policy that was trained {'with' if args.env == DRIVE else 'without'} --pedal."
        )
    if config.fit is not None:
        raise DrivesimError(
            "--policy: it learned from a real camera's pictures, and the environment draws others. Begin with a policy "
            "that learned from laps."
        )


def config_from_scratch(args: Args) -> PolicyConfig:
    """Return what a policy is that begins from scratch."""
    return PolicyConfig(
        backbone=args.backbone,
        cameras=tuple(get_camera(name) for name in args.camera or ["topdown"]),
        outputs=ACTIONS if args.env == DRIVE else ACTIONS[:1],
        vehicle=dict(vars(VEHICLES[args.vehicle])),
        control_hz=20.0,
        inputs=INPUTS if args.speed else INPUTS[:1],
        normalization=BY_FRAME if args.backbone == PILOTNET else FIXED,
    )


def kept_options(args: Args) -> dict[str, Any]:
    """Return what a run must have in common with the one that it goes on with, plain JSON without paths."""
    kept = {name: value for name, value in vars(args).items() if name not in _FREE}
    return {**kept, "begins": args.policy is not None, "files": len(args.track_files)}
