"""python -m benchmarks.deployment --policy policy

Time a policy as it is deployed, on one core: by torch, as ONNX, and as ONNX with 8-bit integers.

Without --policy a PilotNet that has learned nothing is timed: it takes as long as one that has.
"""

import json
import os
import platform
import time
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import gymnasium
import numpy as np
import torch
from rich.console import Console
from rich.table import Table

import drivesim
from agents.deployment.exported_file import EXPORT_VERSION
from agents.deployment.onnx_driver import OnnxDriver
from agents.deployment.onnx_files import write_int8_onnx, write_onnx
from agents.frame_driver import FrameDriver
from agents.frame_history import Views
from agents.models.networks import network_of
from agents.models.policy_config import BY_FRAME, PolicyConfig
from agents.policy import Policy
from agents.provenance import commit
from agents.road_frames import validation_frames
from drivesim.camera import get_camera
from drivesim.command import run_command
from drivesim.errors import DrivesimError
from drivesim.observation import frames_in
from drivesim.vehicle import VEHICLES

_FRAMES = 500
_BATCH = 128


@dataclass
class Args:
    """Options of the command."""

    policy: Path | None = None
    """A policy's folder; a PilotNet that has learned nothing if left out."""
    seconds: float = 2.0
    """Of each timing; each is taken in `rounds` turns with the others, and the median counts."""
    rounds: int = 5
    """Turns."""
    json: Path | None = None
    """Write the figures here."""


def main(args: Args) -> None:
    """Measure and print."""
    if args.rounds < 1 or not args.seconds > 0:
        raise DrivesimError(f"--rounds, --seconds: expected more than 0, got {args.rounds} and {args.seconds}.")
    torch.set_num_threads(1)
    policy = _untrained() if args.policy is None else Policy.load(args.policy, "cpu")
    views, speeds = validation_frames(policy.config, _FRAMES)
    given = speeds if policy.config.takes_speed else None
    console = Console()
    with TemporaryDirectory(prefix="drivesim-") as folder:
        drivers = _drivers(policy, Path(folder), views, speeds)
        turns: dict[str, list[dict[str, float]]] = {name: [] for name in drivers}
        for turn in range(args.rounds):
            for name, driver in drivers.items():
                turns[name].append(_timings(driver, views, given, args.seconds))
                console.print(f"turn {turn + 1}: {name}: {turns[name][-1]}", highlight=False, soft_wrap=True)
    medians = {
        name: {what: float(np.median([turn[what] for turn in all_turns])) for what in all_turns[0]}
        for name, all_turns in turns.items()
    }
    console.print(_table(medians, policy.config.backbone))
    if args.json is not None:
        report = {
            "machine": f"{platform.machine()}, 1 of {os.cpu_count()} cores, Python {platform.python_version()}",
            "versions": {"drivesim": drivesim.__version__, **{n: version(n) for n in ("torch", "onnxruntime")}},
            "commit": commit(),
            "backbone": policy.config.backbone,
            "turns": turns,
            "medians": medians,
        }
        args.json.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")


def _untrained() -> Policy:
    vehicle = dict(vars(VEHICLES["car"]))
    config = PolicyConfig("pilotnet", (get_camera("topdown"),), ("steering",), vehicle, 20.0, normalization=BY_FRAME)
    return Policy(config, network_of(config), "cpu")


def _drivers(policy: Policy, folder: Path, views: Views, speeds: np.ndarray) -> dict[str, FrameDriver]:
    """The policy in each of its forms, to be computed by one thread."""
    metadata = {"config": asdict(policy.config), "exported": {"version": EXPORT_VERSION}}
    write_onnx(folder / "whole.onnx", policy, metadata)
    write_int8_onnx(folder / "int8.onnx", policy, metadata, views, speeds)
    return {
        "torch": policy,
        "onnx": OnnxDriver(folder / "whole.onnx", threads=1),
        "onnx-int8": OnnxDriver(folder / "int8.onnx", threads=1),
    }


def _timings(driver: FrameDriver, views: Views, speeds: np.ndarray | None, seconds: float) -> dict[str, float]:
    """One turn of a driver: milliseconds for a frame, frames a second in batches, and steps a second closed loop."""

    def some(count: int, start: int) -> tuple[Views, np.ndarray | None]:
        first = start % (len(views[0]) - count)
        chosen = slice(first, first + count)
        return tuple(frames[chosen] for frames in views), None if speeds is None else speeds[chosen]

    single = _times(lambda i: driver.predict(*some(1, i)), seconds)
    batches = _times(lambda i: driver.predict(*some(_BATCH, i)), seconds)
    return {
        "p50_ms": float(np.median(single)) * 1000,
        "p99_ms": float(np.quantile(single, 0.99)) * 1000,
        "batch_frames_per_second": _BATCH / float(np.median(batches)),
        "closed_loop_steps_per_second": _closed_loop(driver, seconds),
    }


def _times(call: Any, seconds: float) -> list[float]:
    """Seconds of each of the calls that fit, without the first three."""
    for i in range(3):
        call(i)
    times: list[float] = []
    started = before = time.perf_counter()
    while before - started < seconds:
        call(len(times))
        now = time.perf_counter()
        times.append(now - before)
        before = now
    return times


def _closed_loop(driver: FrameDriver, seconds: float) -> float:
    """Control steps a second of one car: the network, the simulation and the camera's frame; resets as they come."""
    has_pedal = "pedal" in driver.config.outputs
    env: Any = gymnasium.make(
        "drivesim/Drive-v0" if has_pedal else "drivesim/Steer-v0",
        track=range(4),
        camera=driver.config.cameras,
        vehicle=driver.vehicle,
        control_hz=driver.config.control_hz,
    )
    observation, _ = env.reset(seed=0)
    history = driver.new_history()

    def step(_: int) -> None:
        nonlocal observation
        views = history.push([frame[None] for frame in frames_in(observation, has_pedal)])
        speeds = np.array([env.unwrapped.state.vehicle.speed]) if driver.config.takes_speed else None
        action = driver.predict(views, speeds)[0].astype(np.float32)
        observation, _, terminated, truncated, _ = env.step(action)
        if terminated or truncated:
            observation, _ = env.reset()
            history.forget()

    # As many as all of them took, not the median: a reset is part of driving.
    times = _times(step, seconds)
    env.close()
    return len(times) / sum(times)


def _table(medians: dict[str, dict[str, float]], backbone: str) -> Table:
    table = Table(title=f"{backbone} on one core (medians), one run on one machine")
    table.add_column("")
    for name in ("a frame, p50 (ms)", "p99 (ms)", f"frames/s, batches of {_BATCH}", "closed loop, steps/s"):
        table.add_column(name, justify="right")
    for name, of in medians.items():
        table.add_row(
            name,
            f"{of['p50_ms']:.2f}",
            f"{of['p99_ms']:.2f}",
            f"{of['batch_frames_per_second']:,.0f}",
            f"{of['closed_loop_steps_per_second']:,.0f}",
        )
    return table


if __name__ == "__main__":
    run_command(main, Args, __doc__)
