"""python -m benchmarks.crashes.fork_server

Fork server: imports everything once and forks a process for every job, so that a kill costs no start of Python.

Reads a job a line from its standard input, JSON: `name` of a job, its `arguments`, `out`, a file for what it says, and
`seconds` after which it is killed, or null. Answers with its exit code when it has ended, negative where it was killed.
"""

import json
import os
import signal
import sys
import time
import traceback
from collections.abc import Callable
from pathlib import Path

import cv2
import torch

from agents import evaluate, record, train
from agents.learning import training
from benchmarks.fuzzing.targets import expert_drive
from datasets import convert
from datasets.recording import LapWriter
from drivesim.command import run_command

COMMANDS = {"train": train, "evaluate": evaluate, "convert": convert, "laps": record}

# Seconds between the checkpoints of a training that will be killed.
CHECKPOINT_SECONDS = 0.5


def recorded_lap(lap: int, steps: int = 50) -> int:
    """Return how many steps a recorder drives of a lap: from 5 to 44."""
    return min(5 + 13 * lap % 40, steps)


def record_for_ever(folder: str, pause: str) -> None:
    """Record lap after lap, saying after each step which lap it was and how many steps it has, and what is closed."""
    info, columns = expert_drive(50)
    rows = [{name: values[step].item() for name, values in columns.items()} for step in range(50)]
    for lap in range(100_000):
        with LapWriter(folder, info) as writer:
            for step, row in enumerate(rows[: recorded_lap(lap)], 1):
                writer.append(row)
                print(writer.name, step, flush=True)
                time.sleep(float(pause))
        print(writer.name, "closed", recorded_lap(lap), flush=True)


def run_line(name: str, *arguments: str) -> None:
    """Run a command."""
    sys.argv = [f"{name}.py", *arguments]
    if name == "train":
        training._CHECKPOINT_SECONDS = CHECKPOINT_SECONDS
        learn = training.Training._learn

        def told(self: training.Training, batch: object) -> float:
            loss = learn(self, batch)  # type: ignore[arg-type]
            print("learned", time.monotonic(), self._epoch, self._step + 1, flush=True)
            return loss

        training.Training._learn = told  # type: ignore[method-assign]
    command = COMMANDS[name]
    run_command(command.main, command.Args, command.__doc__)


JOBS: dict[str, Callable[..., None]] = {"record": record_for_ever, "line": run_line}


def serve() -> None:
    """Take jobs until there are no more."""
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    expert_drive(50)  # kept
    print("ready", flush=True)
    for line in sys.stdin:
        job = json.loads(line)
        child = os.fork()
        if not child:
            _work(job["name"], job["arguments"], Path(job["out"]))
        print(_wait(child, job["seconds"]), flush=True)


def _wait(child: int, seconds: float | None) -> int:
    """Wait for a process, and kill it when its time is over; returns its exit code."""
    end = None if seconds is None else time.monotonic() + seconds
    while end is not None:
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended:
            return os.waitstatus_to_exitcode(status)
        if time.monotonic() >= end:
            os.kill(child, signal.SIGKILL)
            break
        time.sleep(0.003)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def _work(name: str, arguments: list[str], out: Path) -> None:
    """Do a job in the process that was forked for it, which then ends."""
    code = 1
    try:
        said = os.open(out, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        for stream in (1, 2):
            os.dup2(said, stream)
        JOBS[name](*arguments)
        code = 0
    except SystemExit as error:
        code = error.code if isinstance(error.code, int) else 0
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


if __name__ == "__main__":
    serve()
