"""python -m agents.monitor --policy policy --seconds 60

Drive an unseen road and watch the policy: how long it takes, and how far what it sees and does is from what is usual.

--fog and --night show what it looks like when something is wrong. What is usual is found out once, on validation roads,
and kept beside the policy. Exit codes: 0; 1 where an alarm was raised; 2 for wrong use.
"""

import json
from collections import deque
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
from rich.console import Console
from rich.live import Live
from rich.table import Table

from agents.deployment.frame_statistics import STATISTICS, frame_statistics
from agents.deployment.frame_weather import fog, night
from agents.deployment.monitor_report import report_prometheus, report_table
from agents.deployment.reference import WINDOW, Reference, reference_of
from agents.driver import views_of
from agents.frame_driver import FrameDriver
from agents.frame_history import Views
from agents.load_driver import BASELINES, load_frame_driver
from agents.progress import progress_bar
from drivesim.command import run_command
from drivesim.env import DriveEnv, SteerEnv
from drivesim.errors import DrivesimError
from drivesim.whole_file import whole_file

# Frames must be unusual for longer than this, seconds: a single one may be a shadow.
_PATIENCE = 1.0

# Times that the quantiles are taken from: the last hour's at 20 Hz.
_KEPT_TIMES = 72_000


class Monitor(FrameDriver):
    """A driver that watches another one drive one car.

    Args:
        driver: Drives.
        reference: What is usual for it: see `agents.deployment.reference.reference_of`.
    """

    def __init__(self, driver: FrameDriver, reference: Reference) -> None:
        names = (*STATISTICS, *driver.config.outputs)
        if set(names) != set(reference.distributions):
            raise DrivesimError(
                f"reference: it tells of {', '.join(reference.distributions)}; this policy needs {', '.join(names)}."
            )
        self.driver, self.reference, self.config, self.name = driver, reference, driver.config, driver.name
        self._names = names
        self._period = 1.0 / driver.config.control_hz
        self._window: deque[np.ndarray] = deque(maxlen=round(WINDOW / self._period))
        self._times: deque[float] = deque(maxlen=_KEPT_TIMES)
        self._steps = self._missed = self._unusual = 0
        self._spent = self._distance = 0.0

    def _compute(self, views: Views, speeds: np.ndarray | None) -> np.ndarray:
        count = len(views[0])
        if count != 1:
            raise DrivesimError(f"monitor: it watches one car, and was given {count} frames. Take one for each.")
        started = perf_counter()
        actions = self.driver.predict(views, speeds)
        # Of several cameras the first is watched; of past frames each was, when it was new.
        self._note(perf_counter() - started, views[0][:, 0] if self.config.past else views[0], actions)
        return actions

    def _note(self, taken: float, frames: np.ndarray, actions: np.ndarray) -> None:
        self._steps += 1
        self._spent += taken
        self._missed += taken > self._period
        self._times.append(taken)
        statistics = frame_statistics(frames)
        self._distance = float(self.reference.normality.distance(statistics)[0])
        self._unusual = self._unusual + 1 if self._distance > self.reference.normality.limit else 0
        self._window.append(np.concatenate([statistics[0], actions[0]]))

    def alarms(self) -> dict[str, str]:
        """Return a sentence for each alarm that is raised now, by what it is about: `frames`, or a value's name."""
        return self._alarms(self._drift())

    def report(self) -> dict[str, Any]:
        """Return all that is known, as plain JSON."""
        drift = self._drift()
        quantiles = np.quantile(self._times, [0.5, 0.95, 0.99]) if self._times else np.zeros(3)
        return {
            "steps": self._steps,
            "seconds": self._steps * self._period,
            "inference_ms": dict(zip(("p50", "p95", "p99"), (1000 * quantiles).tolist(), strict=True)),
            "inference_seconds": self._spent,
            "period_ms": 1000 * self._period,
            "missed_deadlines": self._missed,
            "distance": {"now": self._distance, "limit": self.reference.normality.limit},
            "drift": drift,
            "alarms": self._alarms(drift),
        }

    def table(self) -> Table:
        """Return the report as a table."""
        return report_table(self.name, self.report())

    def prometheus(self) -> str:
        """Return the report in Prometheus' text format."""
        return report_prometheus(self.name, self.report())

    def _drift(self) -> dict[str, dict[str, float | None]]:
        """Of each value, what the window says; an index only once the window is full."""
        values = np.array(self._window).reshape(-1, len(self._names))
        is_full = len(values) == self._window.maxlen
        drift: dict[str, dict[str, float | None]] = {}
        for i, name in enumerate(self._names):
            usual = self.reference.distributions[name]
            drift[name] = {
                "mean": float(values[:, i].mean()) if len(values) else 0.0,
                "usual_mean": usual.mean,
                "psi": usual.psi(values[:, i]) if is_full else None,
                "limit": usual.limit,
            }
        return drift

    def _alarms(self, drift: dict[str, dict[str, float | None]]) -> dict[str, str]:
        raised = {}
        unusual = self._unusual * self._period
        if unusual > _PATIENCE:
            limit = self.reference.normality.limit
            raised["frames"] = (
                f"for {unusual:.1f} s the frames have not been like any it knows: {self._distance:.1f} from usual, at "
                f"most {limit:.1f} expected"
            )
        for name, of in drift.items():
            psi, most = of["psi"], of["limit"]
            if psi is not None and most is not None and psi > most:
                raised[name] = (
                    f"{name} has drifted: PSI {psi:.2f} over the last {WINDOW:.0f} s, at most {most:.2f} expected"
                )
        return raised


@dataclass
class Args:
    """Options of the command."""

    policy: str
    """A policy's folder, or an exported file."""
    seconds: float = 60.0
    """Of driving."""
    fog: float = 0.0
    """Fog over the frames, from 0 to 1."""
    night: float = 0.0
    """Darkness over the frames, from 0 to 1."""
    track: int = 0
    """Seed of the road, of the test split."""
    difficulty: str = "medium"
    """Of the road: easy, medium, hard, or mixed."""
    appearance: str = "random"
    """random, or the name of a preset."""
    json: Path | None = None
    """Write the report of every second here, one a line."""
    prometheus: Path | None = None
    """Write the report of the last second here, in Prometheus' text format."""
    device: str = "auto"
    """For a policy's network: auto, cpu or cuda."""


def main(args: Args) -> int:
    """Drive and watch."""
    if not args.seconds > 0:
        raise DrivesimError(f"--seconds: expected more than 0, got {args.seconds}.")
    _see(np.zeros((1, 1, 3), np.uint8), args)
    if args.policy in BASELINES:
        raise DrivesimError(f"--policy: {args.policy} sees no frames, there is nothing to watch. Give a policy.")
    driver = load_frame_driver(args.policy, args.device, threads=1)
    env = _env(args, driver)
    console = Console()
    with progress_bar(console, "finding out what is usual") as on_step:
        reference = reference_of(args.policy, driver, on_step)
    monitor = Monitor(driver, reference)
    raised = _drive(args, env, monitor, console)
    console.print(monitor.table())
    for name, second in raised.items():
        console.print(f"[red]Alarm about {name}, first after {second:.0f} s[/red]")
    return 1 if raised else 0


def _env(args: Args, driver: FrameDriver) -> DriveEnv:
    kind = DriveEnv if "pedal" in driver.config.outputs else SteerEnv
    return kind(
        track=args.track,
        difficulty=args.difficulty,
        split="test",
        appearance=args.appearance,
        camera=driver.config.cameras,
        vehicle=driver.vehicle,
        control_hz=driver.config.control_hz,
        laps=1000,
        stall_time=1e9,
        time_limit=1e9,
    )


def _drive(args: Args, env: DriveEnv, monitor: Monitor, console: Console) -> dict[str, float]:
    """Drive, and report every second; returns when each alarm was first raised, seconds."""
    raised: dict[str, float] = {}
    steps, each = round(args.seconds / env.rules.dt), max(round(1.0 / env.rules.dt), 1)
    observation, info = env.reset(seed=0)
    history = monitor.new_history()
    live = Live(console=console, auto_refresh=False, transient=True) if console.is_terminal else None
    try:
        with live or nullcontext(), _opened(args.json) as log:
            for step in range(1, steps + 1):
                seen = history.push([_see(frame, args)[None] for frame in views_of(observation, env)])
                speeds = np.array([env.state.vehicle.speed]) if monitor.config.takes_speed else None
                observation, _, terminated, truncated, info = env.step(monitor.predict(seen, speeds)[0])
                if terminated or truncated:
                    # Off the road: back to the line where it was left.
                    s = float(info["s"])
                    observation, info = env.reset(options={"world": env.world, "s": s})
                    history.forget()
                if step % each and step != steps:
                    continue
                report = monitor.report()
                for name in report["alarms"]:
                    raised.setdefault(name, report["seconds"])
                if log is not None:
                    log.write(json.dumps(report) + "\n")
                    log.flush()
                if args.prometheus is not None:
                    with whole_file(args.prometheus) as part:
                        part.write_text(report_prometheus(monitor.name, report), encoding="utf-8")
                if live is not None:
                    live.update(report_table(monitor.name, report), refresh=True)
    except OSError as error:
        raise DrivesimError(f"{error.filename} can't be written ({error.strerror}). Choose another place.") from error
    return raised


def _see(frame: np.ndarray, args: Args) -> np.ndarray:
    return night(fog(frame, args.fog), args.night)


def _opened(path: Path | None) -> Any:
    return nullcontext() if path is None else path.open("w", encoding="utf-8")


if __name__ == "__main__":
    run_command(main, Args, __doc__)
