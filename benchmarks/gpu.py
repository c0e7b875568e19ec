"""python -m benchmarks.gpu --json gpu.json

Time cars on a torch device: simulation, with frames, with a network that drives, and with one that learns from every
frame; by number of cars, beside the memory that it takes and what bandwidth and arithmetic allow. Without a GPU it runs
on torch's CPU device, small.
"""

import json
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from rich.console import Console
from rich.table import Table
from torch.utils.flop_counter import FlopCounterMode

from agents.models.devices import autocast
from agents.models.networks import PILOTNET, build_network
from agents.models.policy_config import BY_FRAME, FIXED, PolicyConfig
from agents.policy import Policy
from benchmarks.machine import about_this_run
from drivesim.camera import Camera, get_camera
from drivesim.command import check_writable, run_command
from drivesim.device.memory import total_memory
from drivesim.device.torch_env import SteerTorchEnv
from drivesim.errors import DrivesimError
from drivesim.render_torch import torch_device

NETWORKS = (PILOTNET, "resnet18", "tf_efficientnet_lite0")

_TRACKS = 16
_USUAL_ENVS = {"cuda": [1024, 4096, 16384, 65536], "cpu": [16, 64]}

# Frames to a step of learning.
_BATCH = 128

# A step reads and writes some 90 doubles of a car at least: its state, its road, three rows of the road, what it tells.
_STATE_BYTES = 8 * 90


@dataclass
class Args:
    """Options of the command."""

    device: str = "auto"
    """auto, cpu, cuda or cuda:N."""
    envs: list[int] = field(default_factory=list)
    """Numbers of cars; if left out 1024 to 65536 on a GPU, 16 and 64 on a CPU."""
    camera: str = "topdown"
    """Of the frames."""
    networks: list[str] = field(default_factory=lambda: [*NETWORKS])
    """Backbones that drive and learn."""
    compiled: bool = False
    """Fuse physics and sampling first, by torch.compile."""
    seconds: float = 2.0
    """Of each timing."""
    rounds: int = 3
    """Turns that the timings are taken in; the median counts."""
    json: Path | None = None
    """Write the figures here."""


@dataclass(frozen=True)
class Row:
    """What was measured of one thing.

    Attributes:
        what: Is done in every step.
        envs: Cars.
        rates: Steps a second, all cars together, of every turn.
        memory: The most that was held at a time, MB; of a CPU nothing is known.
        bandwidth_limit: Steps a second that moving the bytes of a step allows.
        flop_limit: Steps a second that the network's arithmetic allows; None without a network.
        failed: Why nothing was measured.
    """

    what: str
    envs: int
    rates: list[float]
    memory: float | None
    bandwidth_limit: float
    flop_limit: float | None = None
    failed: str = ""

    @property
    def rate(self) -> float:
        """The median."""
        return float(np.median(self.rates)) if self.rates else float("nan")


def main(args: Args) -> None:
    """Measure and print."""
    for name in ("seconds", "rounds"):
        if not getattr(args, name) > 0:
            raise DrivesimError(f"--{name}: expected more than 0, got {getattr(args, name)}.")
    if any(count < 1 for count in args.envs):
        raise DrivesimError(f"--envs: expected numbers from 1, got {' '.join(map(str, args.envs))}.")
    check_writable(args.json)
    name = ("cuda" if torch.cuda.is_available() else "cpu") if args.device == "auto" else args.device
    device, camera = torch_device(name), get_camera(args.camera)
    console = Console()
    console.print(f"On {card(device)}", highlight=False)
    bandwidth, flops = copy_bandwidth(device), matmul_flops(device)
    console.print(f"It copies {bandwidth / 1e9:,.1f} GB/s and multiplies matrices at {flops / 1e12:,.3f} TFLOP/s.")
    rows: list[Row] = []
    for count in args.envs or _USUAL_ENVS[device.type]:
        rows += _measure(args, device, camera, count, bandwidth, flops)
    console.print(_table(rows))
    for row in rows:
        if row.failed:
            console.print(f"[yellow]{row.envs} cars, {row.what}: {row.failed}[/yellow]", soft_wrap=True)
    if args.json is not None:
        about = about_this_run("torch", "numpy") | {"device": card(device)}
        figures = {"bandwidth": bandwidth, "flops": flops, "rows": [asdict(row) | {"rate": row.rate} for row in rows]}
        options = {key: value for key, value in asdict(args).items() if key != "json"}
        args.json.write_text(json.dumps({**about, "options": options, **figures}, indent=1) + "\n", encoding="utf-8")


def card(device: torch.device) -> str:
    """Return what a device is, in words."""
    memory = total_memory(device) / 2**30
    if device.type != "cuda":
        return f"torch's CPU device, {torch.get_num_threads()} threads, {memory:.0f} GiB, torch {torch.__version__}"
    about = torch.cuda.get_device_properties(device)
    version = f"compute capability {about.major}.{about.minor}, CUDA {torch.version.cuda}, torch {torch.__version__}"
    return f"{about.name}, {memory:.0f} GiB, {about.multi_processor_count} multiprocessors, {version}"


def _measure(
    args: Args, device: torch.device, camera: Camera, count: int, bandwidth: float, flops: float
) -> Iterator[Row]:
    """Time every thing with so many cars, in turns."""
    frame = camera.height * camera.width
    # A texel is read once at best, as its neighbours share it; three bytes are written, and read by a network.
    seen = _STATE_BYTES + 7 * frame
    things: dict[str, tuple[Callable[[], Any], float, float | None]] = {}
    try:
        blind, seeing = (_make(count, device, each, args.compiled) for each in (None, camera))
        things["simulation"] = _stepper(blind, _still(blind)), bandwidth / _STATE_BYTES, None
        things["+ frames"] = _stepper(seeing, _still(seeing)), bandwidth / seen, None
        for name in args.networks:
            policy = _policy(name, camera, device)
            work = flops_of(policy, camera)
            limit = bandwidth / (seen + 3 * frame)
            things[f"+ {name} drives"] = _stepper(seeing, _driver(policy, seeing)), limit, flops / work
            # Backwards is twice the work.
            things[f"+ {name} learns"] = _stepper(seeing, _learner(policy, seeing)), limit, flops / (3 * work)
    except DrivesimError as error:
        if "fit" not in str(error):
            raise
        yield Row("simulation and frames", count, [], None, bandwidth / seen, failed=str(error))
        return
    rates: dict[str, list[float]] = {what: [] for what in things}
    memory: dict[str, float] = {}
    failed: dict[str, str] = {}
    for _ in range(args.rounds):
        for what, (run, _, _) in things.items():
            if what in failed:
                continue
            try:
                if device.type == "cuda":
                    torch.cuda.reset_peak_memory_stats(device)
                rates[what].append(count * _rate(run, device, args.seconds))
                if device.type == "cuda":
                    memory[what] = max(memory.get(what, 0.0), torch.cuda.max_memory_allocated(device) / 2**20)
            except (DrivesimError, torch.OutOfMemoryError) as error:
                failed[what] = str(error).splitlines()[0]
    for what, (_, by_bandwidth, by_flops) in things.items():
        yield Row(what, count, rates[what], memory.get(what), by_bandwidth, by_flops, failed.get(what, ""))


def _make(count: int, device: torch.device, camera: Camera | None, compiled: bool) -> SteerTorchEnv:
    env = SteerTorchEnv(count, device=device, compiled=compiled, track=range(_TRACKS), start="random", camera=camera)
    env.reset(seed=0)
    return env


def _policy(name: str, camera: Camera, device: torch.device) -> Policy:
    normalization = BY_FRAME if name == PILOTNET else FIXED
    config = PolicyConfig(name, (camera,), ("steering",), {}, 20.0, normalization=normalization)
    return Policy(config, build_network(name, [(camera.height, camera.width)]), device.type)


def _still(env: SteerTorchEnv) -> Callable[[Any], torch.Tensor]:
    still = torch.zeros(env.num_envs, 1, device=env.device)
    return lambda _: still


def _driver(policy: Policy, env: SteerTorchEnv) -> Callable[[Any], torch.Tensor]:
    cars = torch.arange(env.num_envs, device=env.device)
    return lambda observation: policy.act_on_device(env, observation, cars)


def _learner(policy: Policy, env: SteerTorchEnv) -> Callable[[Any], torch.Tensor]:
    """Learns from all frames of a step."""
    optimizer = torch.optim.AdamW(policy.network.parameters(), lr=1e-4)
    still = torch.zeros(env.num_envs, 1, device=env.device)

    def act(observation: torch.Tensor) -> torch.Tensor:
        network = policy.network.train()
        for chunk in observation.split(_BATCH):
            # Statistics of a batch need more than one frame.
            if len(chunk) == 1:
                continue
            with autocast(policy.device, network):
                loss = network(chunk.movedim(-1, -3)).float().square().mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        return still

    return act


def _stepper(env: SteerTorchEnv, act: Callable[[Any], torch.Tensor]) -> Callable[[], None]:
    """Return what does one step; the observation is kept between them."""
    seen = [env.step(torch.zeros(env.num_envs, 1, device=env.device))[0]]

    def run() -> None:
        seen[0] = env.step(act(seen[0]))[0]

    return run


def _rate(run: Callable[[], Any], device: torch.device, seconds: float) -> float:
    """Calls a second."""
    for _ in range(2):
        run()
    _wait(device)
    calls, started = 0, time.perf_counter()
    while time.perf_counter() - started < seconds:
        run()
        _wait(device)
        calls += 1
    return calls / (time.perf_counter() - started)


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def copy_bandwidth(device: torch.device) -> float:
    """Return bytes a second that a copy within a device's memory reads and writes."""
    size = 2**30 if device.type == "cuda" else 2**26
    source = torch.zeros(size, dtype=torch.uint8, device=device)
    target = torch.empty_like(source)
    return 2 * size * _rate(lambda: target.copy_(source), device, 0.2)


def matmul_flops(device: torch.device) -> float:
    """Return floating-point operations a second of a large matrix product, in the precision that networks take."""
    size = 8192 if device.type == "cuda" else 512
    matrix = torch.ones(size, size, device=device)

    def multiply() -> None:
        with autocast(device), torch.no_grad():
            matrix @ matrix

    return 2 * size**3 * _rate(multiply, device, 0.2)


def flops_of(policy: Policy, camera: Camera) -> int:
    """Return the floating-point operations of a policy's answer to one frame."""
    frame = torch.zeros(1, 3, camera.height, camera.width, dtype=torch.uint8, device=policy.device)
    counter = FlopCounterMode(display=False)
    with torch.no_grad(), counter:
        policy.network.eval()(frame)
    return counter.get_total_flops()


def _table(rows: list[Row]) -> Table:
    table = Table(title="Steps a second (median)")
    for title in ("cars", "what", "steps/s", "memory", "bandwidth allows", "of it", "arithmetic allows", "of it"):
        table.add_column(title, justify="left" if title == "what" else "right")
    for row in rows:
        memory = "" if row.memory is None else f"{row.memory:,.0f} MB"
        flops = ("", "") if row.flop_limit is None else (f"{row.flop_limit:,.0f}", f"{row.rate / row.flop_limit:.1%}")
        of_bandwidth = f"{row.rate / row.bandwidth_limit:.1%}"
        table.add_row(
            str(row.envs), row.what, f"{row.rate:,.0f}", memory, f"{row.bandwidth_limit:,.0f}", of_bandwidth, *flops
        )
    return table


if __name__ == "__main__":
    run_command(main, Args, __doc__)
