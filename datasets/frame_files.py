"""Frame files: an episode of any environment as a plain folder of pictures and a table.

`episode-000001/` holds `000000.png`, `000001.png`, ... and `frames.csv`: one row a step, `frame` (the picture that was
seen), the values of the action taken then, `reward` and `terminated`, and `time`, in seconds, where it is known. A
picture is written before its row, and each row at once, so that a killed process leaves nothing but whole rows whose
pictures are there.
"""

import csv
import io
import os
import re
import time
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from drivesim.errors import DrivesimError

TABLE = "frames.csv"
_SYNC_SECONDS = 1.0  # what a power cut may cost


class FrameWriter:
    """Writes one episode into the next folder of `folder`.

    Attributes:
        path: The episode's folder.

    Args:
        folder: Of the episodes; it is made if it is not there.
        actions: Number of values of an action.
        dt: Seconds from one step to the next, where it is known.
    """

    def __init__(self, folder: Path | str, actions: int, dt: float | None = None) -> None:
        self._steps, self._dt = 0, dt
        try:
            self.path = _create(Path(folder))
            self._fd = os.open(self.path / TABLE, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
            self._write_row(
                ["frame", *(f"action_{i}" for i in range(actions)), "reward", "terminated", *self._time("time")]
            )
        except OSError as error:
            raise DrivesimError(f"{folder}: cannot record there ({error.strerror}): choose another --out.") from error
        self._synced = time.monotonic()

    def __len__(self) -> int:
        """Return the number of steps so far."""
        return self._steps

    def append(self, frame: np.ndarray, action: Sequence[float], reward: float, terminated: bool) -> None:
        """Add one step.

        Args:
            frame: (H, W, 3) uint8 RGB that was seen.
            action: Taken then.
            reward: For it.
            terminated: Whether the episode ended by it.

        Raises:
            DrivesimError: If it cannot be written; the steps before it stay.
        """
        name = f"{self._steps:06}.png"
        try:
            (self.path / name).write_bytes(cv2.imencode(".png", cv2.cvtColor(frame, cv2.COLOR_RGB2BGR))[1].tobytes())
            values = [*(repr(float(value)) for value in action), repr(float(reward)), int(terminated)]
            self._write_row([name, *values, *self._time(f"{self._steps * (self._dt or 0.0):.6g}")])
            if time.monotonic() - self._synced > _SYNC_SECONDS:
                os.fsync(self._fd)
                self._synced = time.monotonic()
        except OSError as error:
            raise DrivesimError(f"{self.path}: cannot write ({error.strerror}); make room and record again.") from error
        self._steps += 1

    def close(self) -> None:
        """End the episode; an empty one leaves nothing behind."""
        if self._fd < 0:
            return
        fd, self._fd = self._fd, -1
        os.close(fd)
        if not self._steps:
            for path in (self.path / TABLE, self.path / "000000.png"):
                path.unlink(missing_ok=True)
            self.path.rmdir()

    def _time(self, cell: str) -> list[str]:
        return [] if self._dt is None else [cell]

    def _write_row(self, values: Sequence[object]) -> None:
        """Write a row with one call, or take back what was written of it."""
        text = io.StringIO()
        csv.writer(text, lineterminator="\n").writerow(values)
        data, size = text.getvalue().encode(), os.fstat(self._fd).st_size
        try:
            while data:
                data = data[os.write(self._fd, data) :]
        except BaseException:
            os.ftruncate(self._fd, size)
            os.lseek(self._fd, size, os.SEEK_SET)
            raise


def _create(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    numbers = [int(match[1]) for entry in folder.iterdir() if (match := re.fullmatch(r"episode-(\d+)", entry.name))]
    number = max(numbers, default=0)
    while True:
        number += 1
        path = folder / f"episode-{number:06}"
        try:
            path.mkdir()
        except FileExistsError:  # another recorder took it
            continue
        return path
