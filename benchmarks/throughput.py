"""python -m benchmarks.throughput --peers

Time our environments, and with --peers Gymnasium's and EnvPool's CarRacing-v3 in turns with them, at 96 x 96 RGB.
"""

import json
import os
import platform
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import torch
from rich.console import Console
from rich.table import Table

import drivesim
from agents.models.devices import autocast
from agents.models.networks import build_network
from agents.models.policy_config import BY_FRAME, PolicyConfig
from agents.policy import Policy
from drivesim.camera import get_camera
from drivesim.command import run_command
from drivesim.errors import DrivesimError

_TRACKS = 16
_RESETS = 20


@dataclass
class Args:
    """Options of the command."""

    peers: bool = False
    """Time CarRacing-v3 of Gymnasium and of EnvPool too: pip install -e .[bench]"""
    envs: int = 512
    """Cars of our vector environment."""
    threads: int = os.cpu_count() or 1
    """Threads that draw, ours and EnvPool's."""
    seconds: float = 3.0
    """Of each timing; each is taken in `rounds` turns with the others, and the median counts."""
    rounds: int = 5
    """Turns."""
    json: Path | None = None
    """Write the figures here."""


def main(args: Args) -> None:
    """Measure and print."""
    torch.set_num_threads(args.threads)
    timings: dict[str, Callable[[float], float]] = {**_ours(args), **(_peers(args) if args.peers else {})}
    rates: dict[str, list[float]] = {name: [] for name in timings}
    console = Console()
    for turn in range(args.rounds):
        for name, measure in timings.items():
            rates[name].append(measure(args.seconds))
            console.print(f"turn {turn + 1}: {name}: {rates[name][-1]:,.1f}", highlight=False)
    medians = {name: float(np.median(values)) for name, values in rates.items()}
    ratios = _ratios(medians) if args.peers else {}
    console.print(_table(medians, ratios))
    # In a process of its own, whose memory nothing else has grown.
    with ProcessPoolExecutor(1, get_context("spawn")) as pool:
        memory = pool.submit(_memory_of_64_on_16).result()
    console.print(f"64 cars on 16 tracks, frames and textures: {memory:.0f} MB more resident memory", highlight=False)
    if args.json is not None:
        report = {
            "machine": f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}",
            "drivesim": drivesim.__version__,
            "envs": args.envs,
            "threads": args.threads,
            "rates": rates,
            "medians": medians,
            "ratios": ratios,
            "memory_of_64_on_16_mb": memory,
        }
        args.json.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")


def _vector(cars: int, camera: str | None, threads: int, tracks: int = _TRACKS) -> Any:
    return gymnasium.make_vec(
        "drivesim/Steer-v0",
        num_envs=cars,
        vectorization_mode="vector_entry_point",
        track=range(tracks),
        start="random",
        camera=camera,
        threads=threads,
    )


def _ours(args: Args) -> dict[str, Callable[[float], float]]:
    single = gymnasium.make("drivesim/Steer-v0", track=range(_TRACKS))
    blind = _vector(args.envs, None, args.threads)
    seeing = _vector(args.envs, "topdown", args.threads)
    policy = Policy(
        PolicyConfig("pilotnet", (get_camera("topdown"),), ("steering",), {}, 20.0, normalization=BY_FRAME),
        build_network("pilotnet", [(96, 96)]),
        "cpu",
    )
    driven = seeing.unwrapped
    cars = np.arange(args.envs)
    still = np.zeros((args.envs, 1))
    fresh = gymnasium.make("drivesim/Steer-v0")
    seeds = iter(range(10**9))
    optimizer = torch.optim.AdamW(policy.network.parameters(), lr=1e-4)

    def with_policy(observation: Any) -> Any:
        return policy.act(driven, observation, cars)

    def with_training(observation: Any) -> Any:
        policy.network.train()
        for chunk in torch.from_numpy(observation).split(128):
            with autocast(policy.device):
                steering = policy.network(chunk.permute(0, 3, 1, 2))
            loss = steering.float().square().mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        return still

    return {
        "drivesim vector: simulation": lambda s: _rate(blind, args.envs, lambda _: still, s),
        "drivesim vector: + frames": lambda s: _rate(seeing, args.envs, lambda _: still, s),
        "drivesim vector: + policy": lambda s: _rate(seeing, args.envs, with_policy, s),
        "drivesim vector: + training": lambda s: _rate(seeing, args.envs, with_training, s),
        "drivesim single: + frames": lambda s: _rate(single, 1, lambda _: np.zeros(1, np.float32), s),
        "drivesim reset (ms)": lambda _: _reset_time(lambda: fresh.reset(seed=next(seeds))),
    }


def _peers(args: Args) -> dict[str, Callable[[float], float]]:
    try:
        import envpool

        car_racing = gymnasium.make("CarRacing-v3")
    except (ImportError, gymnasium.error.DependencyNotInstalled) as error:
        raise DrivesimError(f"--peers: {error}. Install the peers: pip install -e .[bench]") from error
    pools = {
        cars: envpool.make_gymnasium("CarRacing-v3", num_envs=cars, num_threads=args.threads if cars > 1 else 1)
        for cars in (1, 64, 128)
    }
    action = np.array([0.0, 0.1, 0.0], np.float32)

    def pool(cars: int) -> Callable[[float], float]:
        dtype = pools[cars].action_space.dtype
        actions = np.tile(action, (cars, 1)).astype(dtype)
        return lambda s: _rate(pools[cars], cars, lambda _: actions, s)

    return {
        "EnvPool CarRacing-v3, 1 env": pool(1),
        "EnvPool CarRacing-v3, 64 envs": pool(64),
        "EnvPool CarRacing-v3, 128 envs": pool(128),
        "Gymnasium CarRacing-v3": lambda s: _rate(car_racing, 1, lambda _: action, s),
        "Gymnasium CarRacing-v3 reset (ms)": lambda _: _reset_time(car_racing.reset),
    }


def _rate(env: Any, cars: int, act: Callable[[Any], Any], seconds: float) -> float:
    """Steps a second, resets included as they come."""
    observation, _ = env.reset()
    for _ in range(3):
        observation = env.step(act(observation))[0]
    steps, started = 0, time.perf_counter()
    while (elapsed := time.perf_counter() - started) < seconds:
        observation, _, terminated, truncated, _ = env.step(act(observation))
        if cars == 1 and np.any(terminated | truncated):
            observation, _ = env.reset()
        steps += cars
    return steps / elapsed


def _reset_time(reset: Callable[[], Any]) -> float:
    """Milliseconds to a reset with a new track."""
    reset()
    started = time.perf_counter()
    for _ in range(_RESETS):
        reset()
    return (time.perf_counter() - started) / _RESETS * 1000


def _memory_of_64_on_16() -> float:
    """Megabytes of resident memory that 64 cars on 16 tracks add, after a lap's worth of steps."""
    _vector(1, "topdown", 1).reset(seed=0)
    before = _resident()
    env = _vector(64, "topdown", 1)
    env.reset(seed=0)
    for _ in range(50):
        env.step(np.zeros((64, 1)))
    return _resident() - before


def _resident() -> float:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def _ratios(medians: dict[str, float]) -> dict[str, float]:
    pool = max(medians["EnvPool CarRacing-v3, 64 envs"], medians["EnvPool CarRacing-v3, 128 envs"])
    vector, single = medians["drivesim vector: + frames"], medians["drivesim single: + frames"]
    return {
        "vector with frames / EnvPool's better vector": vector / pool,
        "vector with frames / CarRacing-v3": vector / medians["Gymnasium CarRacing-v3"],
        "single with frames / EnvPool's single": single / medians["EnvPool CarRacing-v3, 1 env"],
        "single with frames / CarRacing-v3": single / medians["Gymnasium CarRacing-v3"],
        "reset / CarRacing-v3's reset": medians["drivesim reset (ms)"] / medians["Gymnasium CarRacing-v3 reset (ms)"],
    }


def _table(medians: dict[str, float], ratios: dict[str, float]) -> Table:
    table = Table(title="Steps a second (median), one run on one machine")
    table.add_column("what")
    table.add_column("rate", justify="right")
    for name, value in medians.items():
        table.add_row(name, f"{value:,.1f}" if "(ms)" in name else f"{value:,.0f}")
    table.add_section()
    for name, value in ratios.items():
        table.add_row(name, f"{value:.1f} x")
    return table


if __name__ == "__main__":
    run_command(main, Args, __doc__)
