"""python -m agents.train --data laps --backbone pilotnet --out policy

Clone driving from recorded laps, and keep the network that drives unseen roads best.

The laps are rendered again: from beside the line with labels that lead back to it, on mirrored roads, in many looks.
After every epoch the network drives validation tracks, closed loop; that chooses it, not its loss.
"""

import json
import math
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from rich.console import Console
from torch import nn

from agents.devices import autocast, choose_device
from agents.evaluation import quick_check
from agents.networks import build_network
from agents.policy import Policy
from agents.policy_config import PolicyConfig
from agents.progress import progress_bar
from agents.provenance import commit
from agents.rollout import Course
from datasets.frames import Batch, RenderedFrames, Variety
from datasets.lap_files import read_laps
from datasets.schema import Lap
from datasets.views import Spread
from drivesim.camera import get_camera
from drivesim.command import run_command
from drivesim.errors import DrivesimError
from drivesim.world import WorldSource


@dataclass
class Args:
    """Options of the command."""

    data: list[Path]
    """Folders of laps, or lap files."""
    out: Path
    """Folder for the policy; made new."""
    backbone: str = "pilotnet"
    """The network."""
    camera: str = "topdown"
    """What it sees: topdown, front, left or right."""
    epochs: int = 8
    """Rounds of training, each followed by a drive on the validation tracks."""
    samples: int = 12_800
    """Samples to an epoch."""
    batch_size: int = 128
    """Samples to a step."""
    learning_rate: float = 2e-3
    """The highest of the one-cycle schedule."""
    weight_decay: float = 1e-3
    """Of AdamW."""
    shift: float | None = None
    """Standard deviation of the views beside the line, metres; 0 for none, 0.4 car widths if left out."""
    turn: float = Spread.heading
    """Standard deviation of their turn away from the line, radians."""
    mirror: bool = True
    """Show half of the samples on mirrored roads."""
    looks: int = Variety.looks
    """Fewest looks that an epoch shows the laps in; 0 for the recorded ones alone."""
    sizes: float = Variety.sizes
    """Show the roads up to this many times larger or smaller; 1 for as they are."""
    widths: float = Variety.widths
    """Show the roads up to this many times wider besides, and somewhat narrower; 1 for as they are."""
    validation_tracks: int = 20
    """Unseen tracks driven after every epoch."""
    validation_seconds: float = 40.0
    """Seconds driven on each."""
    seed: int = 0
    """Of everything random."""
    device: str = "auto"
    """auto, cpu or cuda."""
    threads: int = 2
    """Threads that draw frames."""


def main(args: Args) -> None:
    """Train."""
    console = Console()
    choose_device(args.device)  # A missing GPU is told before the laps are read.
    _check(args)
    laps, lost = read_laps(args.data)
    for sentence in lost:
        console.print(f"[yellow]{sentence}[/yellow]")
    camera = get_camera(args.camera)
    torch.manual_seed(args.seed)
    network = build_network(args.backbone, camera.height, camera.width)
    shift = 0.4 * laps[0].info.vehicle["width"] if args.shift is None else args.shift
    spread = Spread(lateral=shift, heading=args.turn)
    frames = RenderedFrames(
        laps, camera, Variety(spread, args.mirror, args.looks, args.sizes, args.widths), args.threads
    )
    config = PolicyConfig(
        backbone=args.backbone,
        camera=camera,
        outputs=("steering",),
        vehicle=laps[0].info.vehicle,
        control_hz=laps[0].info.control_hz,
        training=_provenance(args, laps, len(frames)),
    )
    console.print(
        f"Learning from {len(laps)} laps, {len(frames)} recorded steps, "
        f"{len(frames) / config.control_hz / 60:.1f} minutes of driving"
    )
    policy = Policy(config, network, args.device)
    started = time.perf_counter()
    best = _fit(policy, frames, args, console)
    minutes, seconds = divmod(time.perf_counter() - started, 60)
    console.print(
        f"Took {minutes:.0f} min {seconds:.0f} s. Best on the validation tracks: autonomy {best['autonomy']:.3f}, "
        f"cross-track error {best['cross_track_error']:.2f} m. Saved to {args.out}"
    )
    console.print(f"Evaluate it: python -m agents.evaluate --policy {args.out} --tracks 100", soft_wrap=True)


def _check(args: Args) -> None:
    if args.out.exists() and (not args.out.is_dir() or any(args.out.iterdir())):
        raise DrivesimError(f"--out: {args.out} exists and is not empty. Choose another folder or remove it.")
    for name in ("sizes", "widths"):
        if not 1 <= getattr(args, name) <= 4:
            raise DrivesimError(f"--{name}: expected a number from 1 to 4, got {getattr(args, name)}.")
    for name in ("epochs", "samples", "batch_size", "validation_tracks", "threads"):
        if getattr(args, name) < 1:
            raise DrivesimError(f"--{name.replace('_', '-')}: expected 1 or more, got {getattr(args, name)}.")
    for name in ("learning_rate", "validation_seconds"):
        if not 0 < getattr(args, name) < math.inf:
            raise DrivesimError(f"--{name.replace('_', '-')}: expected more than 0, got {getattr(args, name)}.")
    for name in ("seed", "weight_decay", "turn", "looks", "shift"):
        value = getattr(args, name)
        if value is not None and not 0 <= value < math.inf:
            raise DrivesimError(f"--{name.replace('_', '-')}: expected 0 or more, got {value}.")


def _provenance(args: Args, laps: list[Lap], steps: int) -> dict[str, object]:
    # Absolute paths tell on the machine and its user.
    options = {name: value for name, value in asdict(args).items() if name not in ("data", "out", "threads")}
    drivers = sorted({lap.info.driver for lap in laps})
    return {"laps": len(laps), "steps": steps, "drivers": drivers, "commit": commit(), **options}


def _fit(policy: Policy, frames: RenderedFrames, args: Args, console: Console) -> dict[str, float]:
    """Train the policy's network, saving it whenever it drives better; returns the best driving."""
    rng = np.random.default_rng(args.seed)
    network = policy.network
    steps = max(args.samples // args.batch_size, 1)
    optimizer = torch.optim.AdamW(network.parameters(), lr=args.learning_rate, weight_decay=args.weight_decay)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, args.learning_rate, total_steps=steps * args.epochs, pct_start=0.15
    )
    worlds = WorldSource(range(args.validation_tracks), "mixed", "validation").all()
    course = Course(
        camera=policy.camera,
        time_limit=args.validation_seconds,
        threads=args.threads,
        scenario={"vehicle": policy.vehicle, "control_hz": policy.config.control_hz},
    )
    best: dict[str, float] = {}
    for epoch in range(args.epochs):
        with progress_bar(console, f"epoch {epoch + 1} of {args.epochs}") as on_step:
            losses = []
            for step, batch in enumerate(frames.epoch(args.samples, args.batch_size, rng)):
                losses.append(_learn(network, batch, optimizer, policy.device))
                schedule.step()
                on_step((step + 1) / steps)
        loss = float(np.mean(losses))
        if not math.isfinite(loss):
            raise DrivesimError(f"training: the loss became {loss} in epoch {epoch + 1}. Lower --learning-rate.")
        driving = quick_check(policy, worlds, course)
        better = not best or _rank(driving) > _rank(best)
        if better:
            best = driving
            policy.with_driving(driving, epoch + 1).save(args.out)
        console.print(
            f"epoch {epoch + 1:2d}  loss {loss:.5f}  autonomy {driving['autonomy']:.3f}  "
            f"cross-track error {driving['cross_track_error']:.3f} m{'  saved' if better else ''}"
        )
        _log(args.out, {"epoch": epoch + 1, "loss": loss, **driving})
    return best


def _rank(driving: dict[str, float]) -> tuple[float, float]:
    """Autonomy decides; among equals, staying near the line."""
    return driving["autonomy"], -driving["cross_track_error"]


def _learn(network: nn.Module, batch: Batch, optimizer: torch.optim.Optimizer, device: torch.device) -> float:
    network.train()
    # NHWC memory seen as NCHW: channels_last without a copy.
    frames = torch.from_numpy(batch.frames).to(device).permute(0, 3, 1, 2)
    wanted = torch.from_numpy(batch.steering).to(device)
    with autocast(device):
        steering = network(frames)[:, 0]
    # Errors beyond 0.1 of the steering range count linearly: the far-off views are the least certain.
    loss = nn.functional.smooth_l1_loss(steering.float(), wanted, beta=0.1)
    optimizer.zero_grad(set_to_none=True)
    loss.backward()
    nn.utils.clip_grad_norm_(network.parameters(), 1.0)
    optimizer.step()
    return loss.item()


def _log(folder: Path, row: dict[str, float]) -> None:
    with (folder / "metrics.jsonl").open("a", encoding="utf-8") as file:
        file.write(json.dumps(row) + "\n")


if __name__ == "__main__":
    run_command(main, Args, __doc__)
