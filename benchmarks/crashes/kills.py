"""Kills: recording, training, converting and evaluating are killed at random moments, and what is left is looked at."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from agents.learning.checkpoint import NAME as CHECKPOINT
from agents.learning.checkpoint import Checkpoint
from agents.models.model_files import CONFIG
from agents.policy import Policy
from benchmarks.crashes.fork_server import CHECKPOINT_SECONDS
from benchmarks.fuzzing.targets import expert_drive
from datasets.lap_files import read_lap
from datasets.recording import recover
from drivesim.errors import DrivesimError

_ROOT = Path(__file__).resolve().parents[2]

# Recordings into one folder, one after the other.
_RECORDINGS = 8
_SMALL = ("--epochs", "3", "--samples", "1280", "--batch-size", "64", "--looks", "1", "--validation-tracks", "1")
_TRAIN = (*_SMALL, "--validation-seconds", "1", "--threads", "1", "--device", "cpu")


@dataclass(frozen=True)
class Kill:
    """What a kill cost.

    Attributes:
        lost: Seconds of recording, or of training.
        limit: The most that it may cost; what a command makes again by itself costs nothing.
        faults: What was lost beyond it, or is not whole, in words.
    """

    lost: float = 0.0
    limit: float = 0.0
    faults: tuple[str, ...] = ()


class ForkServer:
    """Starts jobs in a process that has imported everything: see `benchmarks.crashes.fork_server`."""

    def __init__(self) -> None:
        command = [sys.executable, "-m", "benchmarks.crashes.fork_server"]
        pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
        self._process = subprocess.Popen(command, cwd=_ROOT, env=os.environ | {"OMP_NUM_THREADS": "1"}, **pipes)
        self._told()

    def __enter__(self) -> "ForkServer":
        """Return the server."""
        return self

    def __exit__(self, *exception: object) -> None:
        """End it."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait()

    def run(self, out: Path, name: str, *arguments: object, seconds: float | None = None) -> tuple[int, str]:
        """Run a job; returns its exit code, negative where it was killed, and what it said.

        Args:
            out: A file for what it says.
            name: Of the job.
            arguments: Of it.
            seconds: After which it is killed; None lets it come to its end.
        """
        assert self._process.stdin is not None
        job = {"name": name, "arguments": [*map(str, arguments)], "out": str(out), "seconds": seconds}
        print(json.dumps(job), file=self._process.stdin, flush=True)
        code = int(self._told())
        return code, out.read_text(encoding="utf-8", errors="replace")

    def _told(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline().strip()


class Recording:
    """A recorder that appends step after step."""

    def __init__(self, server: ForkServer, folder: Path) -> None:
        self._server, self._folder = server, folder
        info, self._columns = expert_drive(50)
        self._hz = info.control_hz
        self._count = 0

    def kill(self, rng: np.random.Generator) -> Kill:
        """Kill it within half a second, and recover what it left."""
        folder = self._folder / f"laps-{self._count // _RECORDINGS}"
        # Fast ones are mostly caught while they write and close, slow ones in the middle of a lap.
        pause = (0.0, 0.002, 0.01)[self._count % 3]
        self._count += 1
        before = _contents(folder)
        _, said = self._server.run(self._folder / "said", "record", folder, pause, seconds=float(rng.uniform(0.0, 0.5)))
        last = _last_words(said)
        sentences = recover(folder) if folder.exists() else []
        faults = [f"{name} of an earlier recording has changed" for name in _changed(before, _contents(folder))]
        if folder.exists():
            faults += [f"{path.name} was left" for path in folder.glob("*.arrows")]
        missing = 0
        for name, (steps, closed) in last.items():
            path = folder / f"{name}.parquet"
            kept = 0
            if path.exists():
                lap = read_lap(path)
                kept = len(lap)
                for column, values in self._columns.items():
                    driven = values[:kept].astype(lap.columns[column].dtype)
                    if column != "mark" and lap.columns[column].tobytes() != driven.tobytes():
                        faults.append(f"{name}: other {column} than were driven")
                if not lap.complete and not any(name in sentence and "recovered" in sentence for sentence in sentences):
                    faults.append(f"{name}: nothing was said of its recovery")
            if closed and kept != steps:
                faults.append(f"{name}: closed with {steps} steps, and has {kept}")
            missing = max(missing, steps - kept)
        if missing > self._hz:
            faults.append(f"{missing} steps of {self._hz:g} a second are lost")
        return Kill(missing / self._hz, 1.0, tuple(faults))


class Training:
    """A training that is gone on with until it ends, and then begun anew."""

    def __init__(self, server: ForkServer, folder: Path, laps: Path) -> None:
        self._server, self._folder, self._laps = server, folder, laps
        self._round, self._resumes = 0, False
        self._place = (-1, 0)
        started = time.monotonic()
        code, said = self._run(folder / "whole", None)
        if code:
            raise DrivesimError(f"crashes: a training that nobody killed ended with {code}: {said[-500:]}")
        self._seconds = time.monotonic() - started
        self._whole = _contents(folder / "whole")

    def kill(self, rng: np.random.Generator) -> Kill:
        """Kill it, and look at the checkpoint and the policy."""
        out = self._folder / f"policy-{self._round}"
        code, said = self._run(out, float(rng.uniform(0.05, self._seconds)))
        faults = []
        if self._resumes and "Going on at" not in said and "learned" in said:
            faults.append("it went on without a word")
        if code == 0 or not (out / CHECKPOINT).exists():
            faults += self._end(out, code, said)
            self._round, self._resumes, self._place = self._round + 1, False, (-1, 0)
            lost, more = _lost(said, (-1, 0)) if code < 0 else (0.0, [])
            return Kill(lost, CHECKPOINT_SECONDS, (*faults, *more))
        self._resumes = True
        try:
            values = Checkpoint.read(out).values
            place = (values["epoch"], values["step"])
            if place < self._place:
                faults.append(f"the checkpoint went back from {self._place} to {place}")
            self._place = place
        except DrivesimError as error:
            return Kill(0.0, CHECKPOINT_SECONDS, (str(error),))
        if (out / CONFIG).exists():
            try:
                Policy.load(out, "cpu")
            except DrivesimError as error:
                faults.append(str(error))
        lost, more = _lost(said, place)
        return Kill(lost, CHECKPOINT_SECONDS, (*faults, *more))

    def _end(self, out: Path, code: int, said: str) -> Iterable[str]:
        """What is wrong with a training that has ended, or that was killed before its first checkpoint."""
        if code > 0:
            yield f"it ended with {code}: {said[-300:]}"
        elif code == 0 and _contents(out) != self._whole:
            yield "its policy is another one than without a kill"

    def _run(self, out: Path, seconds: float | None) -> tuple[int, str]:
        more = ("--resume",) if self._resumes else ()
        command = ("train", "--data", self._laps, "--out", out, *_TRAIN, *more)
        return self._server.run(self._folder / "said", "line", *command, seconds=seconds)


class Command:
    """A command that writes what is whole or not there: converting, or evaluating.

    Args:
        server: Starts it.
        folder: For what it writes.
        line: Its words, of the place where it writes.
        source: What it reads.
        overwrites: Whether it writes over what is there, and says when it did.
    """

    def __init__(
        self, server: ForkServer, folder: Path, line: Callable[[Path], list[Any]], source: Path, overwrites: bool
    ) -> None:
        self._server, self._folder, self._line, self._source = server, folder, line, source
        self._overwrites = overwrites
        folder.mkdir(exist_ok=True)
        self._read = _contents(source)
        started = time.monotonic()
        self._whole = self._finish(folder / "whole")
        self._seconds = time.monotonic() - started
        self._count = 0

    def kill(self, rng: np.random.Generator) -> Kill:
        """Kill it; what it wrote must be whole or what was there before, and the next start must go through."""
        out = self._folder / ("whole" if self._overwrites else f"out-{self._count}")
        self._count += 1
        code, said = self._server.run(
            self._folder / "said", "line", *self._line(out), seconds=float(rng.uniform(0.0, self._seconds))
        )
        faults = [f"it ended with {code}: {said[-300:]}"] if code > 0 else []
        left = {name: data for name, data in _contents(out).items() if not name.endswith(".part")}
        if left and not self._is_whole(left):
            faults.append("what it left is neither whole nor what was there before")
        faults += [f"{name}, which it read, has changed" for name in _changed(self._read, _contents(self._source))]
        unfinished = out.with_name(f".{out.name}.part").exists()
        if not left:
            words = self._line(out)
            code, said = self._server.run(self._folder / "said", "line", *words)
            if code or not self._is_whole(_contents(out)):
                faults.append(f"the next start ended with {code}: {said[-300:]}")
            if unfinished and "did not come to its end" not in said:
                faults.append("the next start did not say what it found")
        return Kill(faults=tuple(faults))

    def _is_whole(self, left: dict[str, bytes]) -> bool:
        """Whether it is what is written without a kill, to the byte or, where that tells the time, to its end."""
        if not self._overwrites:
            return left == self._whole
        return left.keys() == self._whole.keys() and all(
            data.rstrip().endswith(self._whole[name].rstrip()[-1:]) and 0.9 < len(data) / len(self._whole[name]) < 1.1
            for name, data in left.items()
        )

    def _finish(self, out: Path) -> dict[str, bytes]:
        code, said = self._server.run(self._folder / "said", "line", *self._line(out))
        if code:
            raise DrivesimError(f"crashes: a command that nobody killed ended with {code}: {said[-500:]}")
        return _contents(out)


def make_victims(server: ForkServer, folder: Path) -> dict[str, Callable[[np.random.Generator], Kill]]:
    """Make ready what is killed: by name, a function that kills it once."""
    laps = folder / "laps"
    code, said = server.run(folder / "said", "line", "laps", "--laps", "2", "--seconds", "4", "--out", laps)
    if code:
        raise DrivesimError(f"crashes: no laps could be recorded: {said[-500:]}")
    for name in ("recording", "training"):
        (folder / name).mkdir()
    training = Training(server, folder / "training", laps)

    def convert(out: Path) -> list[Any]:
        return ["convert", laps, "--to", "tub", "--out", out, "--threads", "1"]

    def evaluate(out: Path) -> list[Any]:
        files = ["--json", out / "evaluation.json", "--junit", out / "junit.xml", "--report", out / "report.html"]
        return ["evaluate", "--policy", "straight", "--tracks", "2", "--threads", "1", *files]

    return {
        "recording": Recording(server, folder / "recording").kill,
        "training": training.kill,
        "converting": Command(server, folder / "converting", convert, laps, False).kill,
        "evaluating": Command(server, folder / "evaluating", evaluate, laps, True).kill,
    }


def _contents(folder: Path) -> dict[str, bytes]:
    if not folder.exists():
        return {}
    paths = [path for path in folder.rglob("*") if path.is_file()]
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in paths}


def _changed(before: dict[str, bytes], after: dict[str, bytes]) -> list[str]:
    return [name for name, data in before.items() if after.get(name) != data]


def _words(said: str, first: str, count: int) -> Iterable[list[str]]:
    """The whole lines that begin with a word."""
    for line in said.splitlines():
        words = line.split()
        if words and words[0] == first and len(words) == count:
            yield words


def _lost(said: str, place: tuple[int, int]) -> tuple[float, list[str]]:
    """Seconds of training since a checkpoint, or since the beginning, and whether they are too many.

    Args:
        said: By a training, which tells each step.
        place: Epoch and steps of it that the checkpoint has.
    """
    times = [(float(t), (int(epoch), int(step))) for _, t, epoch, step in _words(said, "learned", 4)]
    if not times:
        return 0.0, []
    kept = [t for t, step in times if step <= place]
    lost = times[-1][0] - (kept[-1] if kept else times[0][0])
    # A checkpoint comes with the first step after its time, and takes a while itself.
    longest = float(max(np.diff([t for t, _ in times]), default=0.0))
    if lost > CHECKPOINT_SECONDS + 2 * longest:
        return lost, [f"{lost:.2f} s of training are lost, and the longest step took {longest:.2f} s"]
    return lost, []


def _last_words(said: str) -> dict[str, tuple[int, bool]]:
    """Of each lap that a recorder spoke of, the steps that it had, and whether it was closed."""
    last = {}
    for line in said.split("\n")[:-1]:  # the last one may be cut off
        name, *about = line.split()
        last[name] = (int(about[-1]), about[0] == "closed")
    return last
