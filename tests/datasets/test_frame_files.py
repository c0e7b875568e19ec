"""Episodes of other environments: pictures and a table, whatever happens to the recorder."""

import csv
import errno
import os
import signal
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from datasets import frame_files
from datasets.frame_files import FrameWriter
from drivesim.errors import DrivesimError


def make_frames(count):
    return np.random.default_rng(0).integers(0, 256, (count, 12, 20, 3), dtype=np.uint8)


def read(path):
    """Return frames and rows of an episode."""
    with open(path / "frames.csv", newline="") as file:
        rows = [*csv.DictReader(file)]
    frames = [cv2.cvtColor(cv2.imread(str(path / row["frame"])), cv2.COLOR_BGR2RGB) for row in rows]
    return frames, rows


def test_pictures_actions_and_rewards_come_back_exactly(tmp_path):
    frames = make_frames(5)
    writer = FrameWriter(tmp_path / "episodes", 2)
    for at, frame in enumerate(frames):
        writer.append(frame, [0.1 * at, -1 / 3], 0.5 - at, at == 4)
    writer.close()
    assert writer.path == tmp_path / "episodes" / "episode-000001"
    back, rows = read(writer.path)
    np.testing.assert_array_equal(back, frames)
    assert list(rows[0]) == ["frame", "action_0", "action_1", "reward", "terminated"]
    assert [float(row["action_0"]) for row in rows] == [0.1 * at for at in range(5)]
    assert [float(row["action_1"]) for row in rows] == [-1 / 3] * 5
    assert [float(row["reward"]) for row in rows] == [0.5 - at for at in range(5)]
    assert [row["terminated"] for row in rows] == ["0", "0", "0", "0", "1"]


def test_each_episode_has_a_folder_of_its_own_and_an_empty_one_leaves_none(tmp_path):
    for count in (1, 0, 2):
        writer = FrameWriter(tmp_path, 1)
        for frame in make_frames(count):
            writer.append(frame, [0.0], 0.0, False)
        writer.close()
        writer.close()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["episode-000001", "episode-000002"]


def test_kill_9_leaves_whole_rows_whose_pictures_are_there(tmp_path):
    code = f"""
import numpy as np
from datasets.frame_files import FrameWriter
writer = FrameWriter({str(tmp_path)!r}, 1)
for step in range(100000):
    writer.append(np.full((64, 64, 3), step % 256, np.uint8), [step], 0.0, False)
    print(step, flush=True)
"""
    root = str(Path(frame_files.__file__).parents[1])
    with subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, env={**os.environ, "PYTHONPATH": root}
    ) as process:
        for line in process.stdout:
            if int(line) >= 50:
                break
        process.send_signal(signal.SIGKILL)
        said = int((process.stdout.read() or line).split()[-1])
    frames, rows = read(tmp_path / "episode-000001")
    assert len(rows) >= said + 1
    assert [float(row["action_0"]) for row in rows] == list(range(len(rows)))
    assert [int(frame[0, 0, 0]) for frame in frames] == [step % 256 for step in range(len(rows))]


def test_a_full_disk_is_one_error_and_leaves_no_half_row(tmp_path, monkeypatch):
    frames, real = make_frames(3), os.write
    writer = FrameWriter(tmp_path, 1)
    writer.append(frames[0], [0.0], 0.0, False)

    def half(fd, data):
        if len(data) < 4:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return real(fd, data[: len(data) // 2])

    monkeypatch.setattr(frame_files.os, "write", half)
    with pytest.raises(DrivesimError, match="episode-000001: cannot write \\(No space left"):
        writer.append(frames[1], [0.0], 0.0, False)
    monkeypatch.undo()
    writer.append(frames[2], [0.5], 0.0, False)
    writer.close()
    back, rows = read(writer.path)
    assert [float(row["action_0"]) for row in rows] == [0.0, 0.5]
    np.testing.assert_array_equal(back, frames[[0, 2]])


def test_a_folder_that_cannot_be_made_is_an_error(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(DrivesimError, match="choose another --out"):
        FrameWriter(tmp_path / "file", 1)
