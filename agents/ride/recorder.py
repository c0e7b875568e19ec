"""Recorder: the laps of a session, which may go back in time.

A rewind stays within the lap's file. Its steps after the moment that is gone back to are marked bad, which reaches the
disk at once; recording goes on in the same file, with the clock running on and the car elsewhere. So nothing that was
driven is written again, nothing can be lost by it, and going back twice is no other case than going back once. Nothing
is learned across the jump: bad steps end a stretch (`datasets.views.line_of`), and a bad step lies before each jump.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from datasets.recording import LapWriter, new_folder
from datasets.schema import MARK_BAD, MARK_POLICY, LapInfo
from drivesim.errors import DrivesimError


class Recorder:
    """Records laps into a folder, which is made with the first.

    Attributes:
        folder: For the laps.
        laps: Recorded so far, the running one included.
        steps: Recorded so far, in all laps.

    Args:
        folder: For the laps.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.laps = self.steps = 0
        self._marks = bytearray()
        self._finished_good = 0
        self._writer: LapWriter | None = None
        self._dt = 0.0

    @property
    def is_recording(self) -> bool:
        """Whether a lap is being recorded."""
        return self._writer is not None

    @property
    def good(self) -> int:
        """Steps recorded so far that can be learned from."""
        marks = np.frombuffer(bytes(self._marks), np.uint8)
        return self._finished_good + int(np.count_nonzero((marks & (MARK_BAD | MARK_POLICY)) == 0))

    @property
    def place(self) -> tuple[int, int]:
        """Where the recording is: number of the lap, and steps in it; `mark_bad_since` takes it back."""
        return self.laps, 0 if self._writer is None else len(self._writer)

    def start(self, info: LapInfo) -> None:
        """Start a lap.

        Raises:
            DrivesimError: If nothing can be recorded there.
        """
        self.stop()
        self._writer = LapWriter(new_folder(self.folder, append=True), info)
        self._dt = 1.0 / info.control_hz
        self.laps += 1

    def append(self, row: Mapping[str, Any]) -> None:
        """Add a step to the running lap, if there is one; its `time` is the lap's own.

        Raises:
            DrivesimError: If it cannot be written. The lap ends there, its steps up to the last second are kept.
        """
        if self._writer is None:
            return
        try:
            self._writer.append(row, time=len(self._writer) * self._dt)
        except DrivesimError:
            self.stop()
            raise
        self._marks.append(int(row.get("mark", 0)))
        self.steps += 1

    def mark_bad_since(self, place: tuple[int, int]) -> int:
        """Mark the running lap's steps since `place` bad, on the disk too; return how many they are.

        A lap that was ended before is left as it is: whoever ended it wanted it.
        """
        if self._writer is None:
            return 0
        start, stop = (place[1] if place[0] == self.laps else 0), len(self._writer)
        if stop > start:
            try:
                self._writer.mark(start, stop, MARK_BAD)
                self._writer.flush()
            except DrivesimError:
                self.stop()
                raise
            self._marks[start:stop] = bytes(mark | MARK_BAD for mark in self._marks[start:stop])
        return stop - start

    def stop(self) -> None:
        """End the lap that is being recorded, if one is; where its disk is full it stays as it is, to be recovered."""
        if self._writer is not None:
            writer, self._writer = self._writer, None
            self._finished_good, self._marks = self.good, bytearray()
            if not len(writer):
                self.laps -= 1
            writer.close()
