"""A recorder that is killed at any moment: every lap opens, and at most a second of it is missing."""

import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from datasets.lap_files import read_laps
from datasets.recording import recover
from tests.datasets.laps import HZ, assert_steps, drive

ROOT = Path(__file__).resolve().parents[2]

# Records lap after lap, of 5 to 44 steps, and says after each step which lap it was and how many steps it has, and
# after each lap that it is closed.
RECORDER = """
import sys, time
from datasets.recording import LapWriter
from tests.datasets.laps import drive, make_info, rows_of
folder, pause = sys.argv[1], float(sys.argv[2])
rows = rows_of(drive(50))
for lap in range(100_000):
    with LapWriter(folder, make_info(seed=lap)) as writer:
        for step, row in enumerate(rows[: 5 + 13 * lap % 40], 1):
            writer.append(row)
            print(writer.name, step, flush=True)
            time.sleep(pause)
    print(writer.name, "closed", flush=True)
"""


def killed_after(seconds, folder, pause):
    """Let a recorder record for so long and kill it; returns what it said last of every lap."""
    command = [sys.executable, "-c", RECORDER, str(folder), str(pause)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        first = process.stdout.readline()
        time.sleep(seconds)
        process.send_signal(signal.SIGKILL)
        lines = [first, *process.stdout.read().splitlines()]
    assert process.returncode == -signal.SIGKILL
    return dict(line.split() for line in lines)


def check_laps(folder, said, recovered):
    """Every lap opens and holds what was driven, up to the last second if its recorder had not closed it."""
    columns = drive(50)
    laps = {lap.name: lap for lap in read_laps(folder)[0]} if recovered or any(folder.iterdir()) else {}
    for name, last in said.items():
        lap = laps.pop(name, None)
        if last == "closed":
            assert lap is not None and lap.complete and len(lap) == 5 + 13 * lap.info.seed % 40, name
        else:
            missing = int(last) - (0 if lap is None else len(lap))
            assert missing <= HZ * 1.0, f"{name}: {missing} steps are missing"
        if lap is not None:
            assert_steps(lap, columns, len(lap))
    # Of a lap that was begun, not a word may have been said yet.
    assert len(laps) <= 1


def kill_recorders(times, folder):
    rng = np.random.default_rng(times)
    for number in range(times):
        below = folder / str(number)
        below.mkdir()
        # Fast ones are mostly caught while they write and close, slow ones in the middle of a lap.
        said = killed_after(rng.uniform(0.0, 0.5), below, [0.0, 0.002, 0.01][number % 3])
        partial = [path for path in below.iterdir() if path.suffix == ".arrows" and path.stat().st_size]
        whole = [*below.glob("*.parquet")]
        if partial or whole:
            check_laps(below, said, recovered=False)
        recover(below)
        assert not [*below.glob("*.arrows")]
        if [*below.glob("*.parquet")]:
            check_laps(below, said, recovered=True)
        else:
            assert all(int(last) <= HZ for last in said.values())


def test_a_recorder_that_is_killed_loses_at_most_a_second(tmp_path):
    kill_recorders(5, tmp_path)


@pytest.mark.slow
def test_fifty_recorders_that_are_killed_lose_at_most_a_second_each(tmp_path):
    kill_recorders(50, tmp_path)
