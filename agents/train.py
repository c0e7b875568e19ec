"""python -m agents.train --data laps --backbone pilotnet --out policy

Clone driving from recorded laps, and keep the network that drives unseen roads best.

The laps are rendered again: from beside the line with labels that lead back to it, on mirrored roads, in many looks.
After every epoch the network drives validation tracks, closed loop; that chooses it, not its loss. Recordings of other
programs, and of real cars (Donkeycar tubs, Udacity logs and more; see datasets.convert), are learned from as they are;
there the error on drives that were held out chooses. A training that was interrupted goes on with --resume, and ends as
if nothing had happened. On several processes or machines:

    torchrun --nproc-per-node 2 -m agents.train --data laps --out policy
"""

import time
from collections.abc import Callable
from contextlib import nullcontext
from copy import deepcopy
from dataclasses import asdict, replace
from typing import Any

import numpy as np
import torch
from rich.console import Console
from rich.markup import escape

from agents.deployment.reference import keep_reference
from agents.evaluation.evaluation import quick_check
from agents.learning.batch_picture import draw_batch
from agents.learning.distributed import first_decides, join_group, leave_group, rank
from agents.learning.held_out import HeldOut
from agents.learning.material import Material
from agents.learning.options import Args, check, is_new, pretrained_folder
from agents.learning.schedule import Plan
from agents.learning.training import Driving, Logger, Training, in_words, overfit, to_tensors
from agents.models.backbone_files import load_features, summary_of
from agents.models.device_names import loop_device
from agents.models.devices import choose_device
from agents.models.networks import PILOTNET, network_of
from agents.models.policy_config import BY_FRAME, FIXED, INPUTS, PolicyConfig
from agents.policy import Policy
from agents.progress import progress_bar
from agents.provenance import commit
from agents.rollout import Course
from datasets.augment import Augment
from datasets.frame_fit import FrameFit
from datasets.frames import RenderedFrames, Variety
from datasets.schema import ACTIONS
from datasets.stored_frames import Frames, MixedFrames, StoredFrames, StoredVariety
from datasets.views import Spread
from drivesim.camera import CAMERAS, Camera, get_camera
from drivesim.command import run_command
from drivesim.errors import DrivesimError
from drivesim.folder_lock import only_writer
from drivesim.scenario import TRAFFIC
from drivesim.world import WorldSource


def main(args: Args) -> None:
    """Train."""
    join_group(choose_device(args.device))  # A missing GPU is told before the laps are read.
    check(args)
    console = Console(quiet=rank() > 0)
    material, lost = Material.read(args.data, args.strict, args.held_out, args.seed)
    for sentence in [*lost, *material.remarks()]:
        console.print(f"[yellow]{escape(sentence)}[/yellow]", soft_wrap=True)
    if args.show_batch is not None or args.overfit_batch:
        return _look(args, make_frames(args, material, console), make_policy(args, material), console)
    training = make_training(args, material, console)
    steps = len(training.frames)
    console.print(
        f"Learning from {material.in_words()}, {steps} recorded steps, "
        f"{steps / training.policy.config.control_hz / 60:.1f} minutes of driving"
    )
    started = time.perf_counter()
    with only_writer(args.out) if rank() == 0 else nullcontext():
        if args.resume:
            console.print(f"Going on at {training.resume()}")
        best = training.run(console)
        if material.split is not None and rank() == 0:
            keep_reference(args.out, Policy.load(args.out, args.device), material.split.learned)
    leave_group()
    minutes, seconds = divmod(round(time.perf_counter() - started), 60)
    console.print(
        f"Took {minutes} min {seconds} s. Best on {material.judges}: {in_words(best)}. Saved to {args.out}",
        soft_wrap=True,
    )
    if material.readings:
        console.print(
            f"Take it to its car: python -m agents.export --policy {args.out} --to onnx --out policy.onnx",
            soft_wrap=True,
        )
    else:
        console.print(f"Evaluate it: python -m agents.evaluate --policy {args.out} --tracks 100", soft_wrap=True)


def make_training(
    args: Args, material: Material, console: Console | None = None, begin: Policy | None = None
) -> Training:
    """Make the training that the options ask for, and its folder.

    Args:
        args: The options.
        material: To learn from.
        console: Told what there is to say.
        begin: A policy to begin with, a copy of which is trained; but for the weights the options say the same.
    """
    console = console or Console(quiet=True)
    material.check(args.pedal, args.speed, len(args.camera), args.past)
    frames, policy = make_frames(args, material, console), make_policy(args, material)
    if begin is not None:
        config = replace(begin.config, training=policy.config.training, driving={})
        policy = Policy(config, deepcopy(begin.network), args.device)
    first_decides(lambda: args.out.mkdir(parents=True, exist_ok=True))
    return Training(
        policy,
        frames,
        _plan(args),
        _validation(args, material, policy, console),
        args.out,
        args.seed,
        {**_options(args, material), "laps": len(material.laps), "steps": len(frames)},
        Augment(args.augment) if args.augment else None,
        args.compile,
        _logger(args),
    )


def make_frames(args: Args, material: Material, console: Console) -> Frames:
    """Make the source of batches that the options ask for."""
    cameras = _cameras(args, material)
    sources: list[Frames] = []
    if material.laps:
        shift = 0.4 * material.vehicle["width"] if args.shift is None else args.shift
        spread = Spread(lateral=shift, heading=args.turn)
        variety = Variety(
            spread=spread,
            mirror=args.mirror,
            looks=args.looks,
            sizes=args.sizes,
            widths=args.widths,
            recolor=args.recolor,
            balance=args.balance,
            randomize=args.randomize,
            palette=args.palette,
        )
        options = (variety, args.threads, args.pedal, args.past, args.stride, loop_device(args.device))
        sources.append(RenderedFrames(material.laps, cameras, *options))
    if material.split is not None:
        with progress_bar(console, "reading pictures") as on_step:
            sources.append(
                StoredFrames(
                    material.split.learned,
                    cameras[0].height,
                    cameras[0].width,
                    FrameFit(args.crop),
                    StoredVariety(args.mirror, args.balance, args.side_correction),
                    args.threads,
                    args.pedal,
                    args.speed,
                    on_step,
                )
            )
    return sources[0] if len(sources) == 1 else MixedFrames(sources)


def make_policy(args: Args, material: Material) -> Policy:
    """Make the policy that the options ask for, with the weights that it begins with."""
    config = PolicyConfig(
        backbone=args.backbone,
        cameras=_cameras(args, material),
        fit=FrameFit(args.crop) if material.readings else None,
        inputs=INPUTS if args.speed else INPUTS[:1],
        normalization=BY_FRAME if args.backbone == PILOTNET else FIXED,
        past=args.past,
        stride=args.stride,
        outputs=ACTIONS if args.pedal else ACTIONS[:1],
        vehicle=material.vehicle,
        control_hz=material.control_hz,
        training={**material.provenance(), "commit": commit(), **_options(args, material)},
    )
    torch.manual_seed(args.seed)
    # A training that goes on brings its weights along.
    begins = not is_new(args) and not args.resume
    folder = pretrained_folder(args)
    network = network_of(config, imagenet=begins and folder is None)
    if begins and folder is not None:
        for tower in network.towers:
            load_features(folder, tower)
    return Policy(config, network, args.device)


def _plan(args: Args) -> Plan:
    from_scratch = is_new(args)
    return Plan(
        epochs=args.epochs,
        samples=args.samples,
        batch_size=_batch_size(args),
        learning_rate=args.learning_rate,
        weight_decay=args.weight_decay,
        backbone_rate=1.0 if from_scratch else args.backbone_rate,
        warm_up=0 if from_scratch else args.warm_up,
        freeze=args.freeze,
        averaging=args.averaging,
        patience=args.patience,
    )


def _batch_size(args: Args) -> int:
    # Larger batches of a deep backbone overflow a CPU's caches: EfficientNet-Lite0 trains half as fast on 128 as on 32.
    return args.batch_size or (128 if args.backbone == PILOTNET else 32)


def _options(args: Args, material: Material) -> dict[str, Any]:
    # Absolute paths tell on the machine and its user.
    left_out = ["data", "out", "threads", "resume", "compile", "tensorboard", "show_batch", "overfit_batch", "strict"]
    if args.backbone == PILOTNET:
        left_out += ["pretrained", "freeze", "warm_up", "backbone_rate"]
    if not material.readings:
        left_out += ["crop", "side_correction", "held_out"]
    options = {name: value for name, value in asdict(args).items() if name not in left_out}
    options["camera"] = args.camera or [_usual_camera(material)]
    folder = pretrained_folder(args)
    return options if folder is None else options | {"pretrained": summary_of(folder, args.backbone)}


def _cameras(args: Args, material: Material) -> tuple[Camera, ...]:
    return tuple(get_camera(name) for name in args.camera or [_usual_camera(material)])


def _usual_camera(material: Material) -> str:
    if not material.readings:
        return "topdown"
    # CarRacing's frames, seen from above, are as large as those of topdown: they stay what they are.
    down = CAMERAS["topdown"]
    sizes = {drive.size for reading in material.readings for drive in reading.drives}
    return "topdown" if sizes == {(down.height, down.width)} else "front"


def _validation(args: Args, material: Material, policy: Policy, console: Console) -> Callable[[Policy], Driving]:
    """What judges a policy: driving the validation tracks, or the pictures that were held out."""
    if material.split is not None:
        held_out = HeldOut(material.split.held_out, policy.config, args.threads)
        console.print(f"Held out: {held_out.steps} steps. Without eyes their mean absolute error is")
        for name, errors in held_out.baselines(material.split.learned).items():
            console.print(f"  {in_words(errors).removeprefix('mean absolute error of ')}: {name}")
        return held_out.judge
    tracks = range(args.validation_tracks)
    course = Course.made_for(policy.config, time_limit=args.validation_seconds, threads=args.threads)
    looks: dict[str, Any] = {"randomize": args.randomize, "palette": args.palette}
    if material.has_traffic and course.has_pedal:
        console.print("The validation roads are those of drivesim/Traffic-v0, as the laps' were")
        looks |= {**TRAFFIC, "rules": course.rules}
    worlds = WorldSource(tracks, "mixed", "validation", **looks).all()
    course = replace(course, device=loop_device(args.device))

    def drive(candidate: Policy) -> Driving:
        return quick_check(candidate, worlds, course)

    return drive


def _look(args: Args, frames: Frames, policy: Policy, console: Console) -> None:
    """Draw a batch, or learn it by heart."""
    rng = np.random.default_rng(args.seed)
    batch = next(iter(frames.epoch(64, 64, rng)))
    augment = Augment(args.augment) if args.augment else None
    if args.show_batch is not None:
        inputs, wanted = to_tensors(batch, policy, augment, args.seed)
        draw_batch(inputs[: len(policy.config.cameras)], wanted, args.show_batch)
        console.print(f"Drew 64 samples into {args.show_batch}", soft_wrap=True)
    if args.overfit_batch:
        first, last = overfit(policy, batch, args.learning_rate)
        console.print(f"One batch of 64, 200 steps: the loss went from {first:.5f} to {last:.5f}")


def _logger(args: Args) -> Logger | None:
    if not args.tensorboard:
        return None
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError as error:
        raise DrivesimError("--tensorboard: it is not installed: pip install tensorboard") from error
    return SummaryWriter(str(args.out / "tensorboard"))


if __name__ == "__main__":
    run_command(main, Args, __doc__)
