"""python -m benchmarks.soak --steps 10_000_000 --resets 2000

Drive for as long as a night: the expert in many cars, each in a world of its own that is drawn anew at every reset,
with looks, weather and frames. Memory has to stay flat within 2%, no number may stop being one, and the speed may not
fall. Exits with 1 where one of these did not hold; --hours drives for so long instead.
"""

import gc
import json
import os
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console

from agents.expert import ExpertDriver
from agents.progress import progress_bar
from benchmarks.machine import about_this_run
from drivesim.camera import Camera
from drivesim.command import check_writable, run_command
from drivesim.errors import DrivesimError
from drivesim.vector_env import SteerVectorEnv
from drivesim.whole_file import whole_file

# Small frames: what is looked for is a leak, and whether a step is as fast as the first ones.
CAMERA = Camera(width=32, height=32, span=38.4, mount=(9.6, 0.0, 0.0))

# Parts of a run that are compared, without the first one, in which memory and caches fill.
PARTS = 10
MOST_GROWTH, LEAST_SPEED = 0.02, 0.9

_STATUS = Path("/proc/self/statm")


@dataclass
class Args:
    """Options of the command."""

    steps: int = 10_000_000
    """Of all cars together."""
    resets: int = 2000
    """At least; spread over the run."""
    envs: int = 256
    """Cars at once."""
    hours: float | None = None
    """Drive for so long, whatever --steps says."""
    threads: int = 1
    """Threads that draw."""
    seed: int = 0
    """Of the worlds."""
    json: Path | None = None
    """Write the figures here."""


@dataclass(frozen=True)
class Soak:
    """What came of a run, in `PARTS` parts of equal length.

    Attributes:
        steps: Of all cars.
        resets: Episodes that were begun.
        memory: Resident, bytes: the median of each part.
        rates: Steps a second of each part, resets not counted.
        not_finite: Steps with an observation, reward or action that is no number.
    """

    steps: int
    resets: int
    memory: list[float]
    rates: list[float]
    not_finite: int

    @property
    def growth(self) -> float:
        """By what share memory has grown, from the second part to the last."""
        return self.memory[-1] / self.memory[1] - 1

    @property
    def drift(self) -> float:
        """Speed of the last third of the parts against that of the first, the very first part left out."""
        third = (len(self.rates) - 1) // 3
        return float(np.median(self.rates[-third:]) / np.median(self.rates[1 : 1 + third]))

    def faults(self) -> list[str]:
        """Say what did not hold."""
        said = []
        if self.growth > MOST_GROWTH:
            said.append(f"memory grew by {self.growth:.1%}")
        if self.drift < LEAST_SPEED:
            said.append(f"the speed fell to {self.drift:.0%}")
        if self.not_finite:
            said.append(f"{self.not_finite} steps had numbers that are none")
        return said


def main(args: Args) -> int:
    """Soak."""
    for name in ("steps", "resets", "envs", "threads"):
        if getattr(args, name) < 1:
            raise DrivesimError(f"--{name}: expected 1 or more, got {getattr(args, name)}.")
    if args.hours is not None and not 0 < args.hours < 1000:
        raise DrivesimError(f"--hours: expected more than 0, got {args.hours}.")
    if args.steps < PARTS * args.envs:
        raise DrivesimError(f"--steps: expected {PARTS * args.envs} at least for {args.envs} cars, got {args.steps}.")
    check_writable(args.json)
    console = Console(highlight=False)
    with progress_bar(console, "soaking") as on_step:
        soak = drive_long(args, on_step)
    console.print(
        f"{soak.steps:,} steps, {soak.resets:,} resets: memory {soak.memory[1] / 2**20:.0f} MB, {soak.growth:+.2%} at "
        f"the end; {np.median(soak.rates):,.0f} steps a second, at the end {soak.drift:.0%} of the beginning; "
        f"{soak.not_finite} steps with numbers that are none",
        soft_wrap=True,
    )
    faults = soak.faults()
    for fault in faults:
        console.print(f"fault: {fault}")
    if args.json is not None:
        options = {name: value for name, value in asdict(args).items() if name != "json"}
        figures = {**asdict(soak), "growth": soak.growth, "drift": soak.drift, "faults": faults}
        with whole_file(args.json) as part:
            text = json.dumps({**about_this_run("numpy"), "options": options, **figures}, indent=1)
            part.write_text(text + "\n", encoding="utf-8")
    return int(bool(faults))


def drive_long(args: Args, on_step: Any = lambda share: None) -> Soak:
    """Drive, and note memory, speed and whether numbers are numbers."""
    env = SteerVectorEnv(args.envs, camera=CAMERA, randomize="all", difficulty="mixed", laps=20, threads=args.threads)
    driver, cars = ExpertDriver(), np.arange(args.envs)
    rounds = -(-args.steps // args.envs)
    every = max(1, rounds // args.resets)
    ends = None if args.hours is None else time.monotonic() + 3600 * args.hours
    began = time.monotonic()
    observation, _ = env.reset(seed=args.seed)
    resets, not_finite, done, share = args.envs, 0, 0, 0.0
    samples: list[tuple[float, float, float]] = []  # of each round of resets: share, bytes, seconds a step
    while share < 1:
        started = time.perf_counter()
        for _ in range(every):
            actions = driver.act(env, observation, cars)
            observation, rewards, terminated, truncated, _ = env.step(actions)
            resets += int(np.count_nonzero(terminated | truncated))
            numbers = np.isfinite(actions).all() and np.isfinite(rewards).all() and np.isfinite(env.poses).all()
            not_finite += not numbers
        taken = (time.perf_counter() - started) / every
        mask = np.zeros(args.envs, bool)
        mask[len(samples) % args.envs] = True
        observation, _ = env.reset(options={"reset_mask": mask})
        resets, done = resets + 1, done + every
        share = done / rounds if ends is None else (time.monotonic() - began) / (ends - began)
        samples.append((min(share, 1.0), _resident(), taken))
        on_step(samples[-1][0])
    env.close()
    gc.collect()
    parts = np.array_split(np.array(samples), PARTS)
    memory = [float(np.median(part[:, 1])) for part in parts]
    rates = [float(args.envs / np.median(part[:, 2])) for part in parts]
    return Soak(done * args.envs, resets, memory, rates, not_finite)


def _resident() -> float:
    """Bytes of memory that this process has; 1 where the system does not tell."""
    if not _STATUS.exists():
        return 1.0
    return float(_STATUS.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


if __name__ == "__main__":
    run_command(main, Args, __doc__)
