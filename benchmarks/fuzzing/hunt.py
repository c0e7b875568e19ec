"""Hunt: runs a target's cases one after the other, and says what went wrong: a crash, a hang, memory, a loss.

Each case draws from a generator of its own, so that any of them can be run again by its number.
"""

import multiprocessing
import os
import resource
import signal
import tempfile
import time
import traceback
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch

from benchmarks.fuzzing.command_lines import RefusalError
from benchmarks.fuzzing.damaged_files import LossError
from benchmarks.fuzzing.environment_calls import is_documented
from benchmarks.fuzzing.targets import Case, make_target

# Seconds that no case may take, and bytes.
HANG = 20.0
MOST_MEMORY = 300 * 2**20

# Seconds to make a target ready.
_START = 120.0

# Where files cost no disk.
_IN_MEMORY = "/dev/shm"

# A mistaken allocation ends in an error rather than in the machine's memory.
_ADDRESS_SPACE = 12 * 2**30
_MOST_FINDINGS = 200


@dataclass(frozen=True)
class Finding:
    """What went wrong.

    Attributes:
        case: Its number.
        kind: `crash`, `hang`, `memory` or `loss`.
        said: The error, and where it came from.
    """

    case: int
    kind: str
    said: str


@dataclass
class Tally:
    """What came of a target's cases.

    Attributes:
        accepted: Cases that were read, or went through.
        refused: Cases that were refused with a documented error.
        findings: What went wrong.
        seconds: That all took, and the longest single case.
    """

    accepted: int = 0
    refused: int = 0
    findings: list[Finding] = field(default_factory=list)
    seconds: float = 0.0
    longest: float = 0.0

    @property
    def cases(self) -> int:
        """How many were run."""
        return self.accepted + self.refused + len(self.findings)


def hunt(case: Case, numbers: Sequence[int], seed: int, tally: Tally, begin: Callable[[int], None]) -> None:
    """Run cases in this process.

    Args:
        case: Of a target.
        numbers: Of the cases.
        seed: Of all of them.
        tally: Takes what comes of them.
        begin: Told each case's number before it is run.
    """
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for number in numbers:
        begin(number)
        started = time.perf_counter()
        finding = None
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                case(number, np.random.default_rng([seed, number]))
            tally.accepted += 1
        except RefusalError:
            tally.refused += 1
        except Exception as error:
            if is_documented(error) and len(str(error)) > 20:
                tally.refused += 1
            else:
                kind = "loss" if isinstance(error, LossError) else "crash"
                finding = Finding(number, kind, _where(error))
        grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - peak
        peak += max(grown, 0)
        if finding is None and 1024 * grown > MOST_MEMORY:
            finding = Finding(number, "memory", f"took {grown / 1024:.0f} MB")
        if finding is not None:
            tally.findings.append(finding)
        taken = time.perf_counter() - started
        tally.seconds += taken
        tally.longest = max(tally.longest, taken)


def watched_hunt(
    name: str, cases: int, seed: int = 0, first: int = 0, on_case: Callable[[float], None] = lambda _: None
) -> Tally:
    """Run a target's cases in processes of their own: one that dies or hangs is a finding, and the next goes on.

    Args:
        name: Of the target.
        cases: How many.
        seed: Of all of them.
        first: The number of the first.
        on_case: Told the share that is done.
    """
    whole, context = Tally(), multiprocessing.get_context("spawn")
    end = first + cases
    while first < end and len(whole.findings) < _MOST_FINDINGS:
        # Of the case that runs: its number, and when it began; then what came of those before.
        board: Any = context.Array("d", [first, time.monotonic() + _START, 0, 0, 0, 0])
        ours, theirs = context.Pipe(duplex=False)
        process = context.Process(target=_hunter, args=(name, range(first, end), seed, board, theirs))
        process.start()
        theirs.close()
        while process.exitcode is None:
            on_case(1 - (end - board[0]) / cases)
            whole.findings += _received(ours, 0.2)
            if time.monotonic() - board[1] > HANG:
                os.kill(process.pid or 0, signal.SIGKILL)
                process.join()
        whole.findings += _received(ours, 0.0)
        whole.accepted += int(board[2])
        whole.refused += int(board[3])
        whole.seconds += board[4]
        whole.longest = max(whole.longest, board[5])
        if process.exitcode == 0:
            break
        number = int(board[0])
        if process.exitcode == -signal.SIGKILL:
            whole.findings.append(Finding(number, "hang", f"no end after {HANG:g} s"))
        else:
            whole.findings.append(Finding(number, "crash", f"the process ended with {process.exitcode}"))
        first = number + 1
    return whole


def _hunter(name: str, numbers: Sequence[int], seed: int, board: Any, told: Connection) -> None:
    """Run cases, noting on the board what runs and what came of those before, and telling what was found."""
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    # What FFmpeg, HDF5 and onnxruntime say of damaged files says nothing here.
    for stream in (1, 2):
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream)
    resource.setrlimit(resource.RLIMIT_AS, (_ADDRESS_SPACE, _ADDRESS_SPACE))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    tally, sent = Tally(), 0

    def begin(number: int) -> None:
        nonlocal sent
        board[:] = [number, time.monotonic(), tally.accepted, tally.refused, tally.seconds, tally.longest]
        for finding in tally.findings[sent:]:
            told.send(finding)
        sent = len(tally.findings)

    with tempfile.TemporaryDirectory(
        prefix="drivesim-fuzz-", dir=_IN_MEMORY if os.path.isdir(_IN_MEMORY) else None
    ) as folder:
        hunt(make_target(name, Path(folder)), numbers, seed, tally, begin)
        begin(numbers[-1])


def _received(told: Connection, wait: float) -> list[Finding]:
    """What was found since."""
    found = []
    try:
        while told.poll(wait):
            found.append(told.recv())
            wait = 0.0
    except EOFError:
        time.sleep(wait)
    return found


def _where(error: BaseException) -> str:
    """An error, and the last lines of ours that it came through."""
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if "site-packages" not in frame.filename]
    places = [f"{Path(frame.filename).name}:{frame.lineno}" for frame in frames[-3:]]
    return f"{type(error).__name__}: {str(error)[:200]} ({' > '.join(places)})"
