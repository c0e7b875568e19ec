"""Recording laps: one file a lap, and at most the last second lost when the power goes.

While a lap is driven, `lap-000001.arrows` grows by one batch a second, each on the disk before the next begins. Closing
it makes `lap-000001.parquet`, whole or not at all, and removes the first. `recover` turns the `.arrows` of a dead
recorder, up to its last whole batch, into Parquet.
"""

import io
import operator
import os
import re
import time
from collections.abc import Mapping
from math import isfinite
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import ArrayLike

from datasets.lap_files import read_lap, stamp, write_lap
from datasets.schema import (
    DTYPES,
    LABELS,
    MAX_STEPS,
    OTHERS,
    POLICY_ACTIONS,
    Columns,
    LapInfo,
    batch_of,
    check_columns,
    check_others,
    lap_schema,
    places_of,
)
from drivesim.errors import DrivesimError
from drivesim.whole_file import sync_folder

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

FLUSH_SECONDS = 1.0  # of driving, and of the clock: what a crash may cost
QUIET_SECONDS = 60.0  # where files cannot be locked, one that nobody wrote to for so long has no writer

_row_values = operator.itemgetter(*DTYPES)
_DEFAULTS: dict[str, float] = dict.fromkeys(LABELS + POLICY_ACTIONS, float("nan")) | {"mark": 0}


class LapWriter:
    """Appends the steps of one lap to a new file, and makes it whole when closed.

    Leaving its `with` block closes it, after an exception too: what was driven is kept. Any number of writers may
    share a folder; one writer is not for two threads.

    Attributes:
        path: Where the lap will be once it is closed.
        name: Of the lap, as in `lap-000001`.
    """

    def __init__(self, folder: Path | str, info: LapInfo) -> None:
        """Start the next lap of `folder`, which is made if it is not there."""
        self._partial, self._fd = _create(Path(folder))
        self.path, self.name = self._partial.with_suffix(".parquet"), self._partial.stem
        self._sink = io.BytesIO()
        self._schema, self._places = lap_schema(info, info.to_metadata()), places_of(info)
        self._stream = pa.ipc.new_stream(self._sink, self._schema)
        self._rows_a_flush = max(1, int(info.control_hz * FLUSH_SECONDS))
        self._rows: list[tuple[float, ...]] = []
        self._others: list[np.ndarray] = []
        self._marks: list[tuple[int, int, int]] = []
        self._size, self._saved, self._failed = 0, 0, False
        self._steps, self._time, self._clock = 0, -float("inf"), time.monotonic()

    def __len__(self) -> int:
        """Return the number of steps so far."""
        return self._steps

    def append(self, row: Mapping[str, Any] | None = None, /, **values: Any) -> None:
        """Add one step: a number for every column; labels, the policy's actions and `mark` may be left out.

        Where there is traffic, `others` (M,) says where it is.

        Raises:
            DrivesimError: If the step is faulty, which leaves it out; or if the disk is full.
        """
        full = {**_DEFAULTS, **(row or {}), **values}
        others = full.pop(OTHERS, ())
        where, faults = check_others([others], 1, self._places) if self._places else (np.zeros((1, 0)), [])
        if self._fd < 0 or self._failed or faults or not _plausible(full, self._time):
            return self.extend({**{name: [value] for name, value in full.items()}, OTHERS: [others]})
        self._rows.append(_row_values(full))
        self._others.append(where)
        self._time = full["time"]
        self._steps += 1
        if len(self._rows) >= self._rows_a_flush or time.monotonic() - self._clock >= FLUSH_SECONDS:
            self._flush()

    def extend(self, columns: Mapping[str, ArrayLike]) -> None:
        """Add many steps and write them to the disk: (T,) for every column; as with `append`, some may be left out.

        Raises:
            DrivesimError: If there is a fault, which leaves all of them out; or if the disk is full.
        """
        self._check_open()
        columns = dict(columns)
        others = columns.pop(OTHERS, ())
        count = np.size(columns.get("time", ()))
        defaults = {name: np.full(count, value) for name, value in _DEFAULTS.items()}
        cast, faults = check_columns({**defaults, **columns}, self._time)
        where, more = check_others(others, count, self._places)
        faults += more
        if self._steps + count > MAX_STEPS:
            faults.append(f"a lap has at most {MAX_STEPS} steps: close it and start another")
        if faults:
            raise DrivesimError(f"{self.name}, after {self._steps} steps: {'; '.join(faults)}.")
        self._flush()
        if count:
            self._time = float(cast["time"][-1])
            self._steps += count
            self._write_batch(cast, where)

    def mark(self, start: int, stop: int, flags: int) -> None:
        """Set bits of `mark` on steps `start` to `stop` - 1, which were added before: the way to a crash is known late.

        It reaches the disk with the next batch.
        """
        self._check_open()
        self._marks.append((max(0, start), min(stop, self._steps), flags & 255))

    def flush(self) -> None:
        """Write what waits in memory, steps and marks, to the disk."""
        self._check_open()
        self._flush()

    def close(self) -> None:
        """Make the lap whole. An empty one leaves nothing behind; one that could not be written stays partial."""
        if not self._steps:
            self.discard()
        if self._fd < 0:
            return
        try:
            if not self._failed:
                self._flush()
                self._stream.close()
                self._write()
                self._make_whole()
                self.discard()
        finally:
            if self._fd >= 0:
                os.close(self._fd)
                self._fd = -1

    def _make_whole(self) -> None:
        try:
            write_lap(self.path, read_lap(self._partial))
        except DrivesimError as error:
            raise DrivesimError(
                f"{error} All {self._steps} steps of the lap are kept in {self._partial.name}: the next recording into "
                "this folder makes it whole."
            ) from error

    def discard(self) -> None:
        """Remove what was recorded of a lap that is not closed yet."""
        if self._fd >= 0:
            fd, self._fd = self._fd, -1
            _remove(self._partial, fd)

    def __enter__(self) -> "LapWriter":
        """Return the writer."""
        return self

    def __exit__(self, *exception: object) -> None:
        """Close the lap, also after an exception."""
        self.close()

    def _check_open(self) -> None:
        if self._fd < 0 or self._failed:
            raise DrivesimError(f"{self.name} is closed, nothing can be added: start another LapWriter.")

    def _flush(self) -> None:
        rows, self._rows = self._rows, []
        where, self._others = self._others, []
        if rows or self._marks:
            block = np.array(rows, np.float64).reshape(-1, len(DTYPES))
            columns = {name: block[:, at].astype(dtype) for at, (name, dtype) in enumerate(DTYPES.items())}
            self._write_batch(columns, np.array(where, np.float32).reshape(len(rows), self._places))

    def _write_batch(self, columns: Columns, others: np.ndarray) -> None:
        batch = batch_of(columns, others, self._schema)
        notes, self._marks = stamp(batch, self._marks), []
        self._stream.write_batch(batch, notes)
        self._write()

    def _write(self) -> None:
        """Bring the file up to the stream in memory, or leave it as it was: an interrupted write is made up later."""
        try:
            data = bytes(self._sink.getbuffer()[self._size :])
            done = 0
            while done < len(data):
                done += os.write(self._fd, data[done:])
            os.fsync(self._fd)
        except BaseException as error:
            os.ftruncate(self._fd, self._size)
            if not isinstance(error, OSError):
                raise
            self._failed = True
            raise DrivesimError(
                f"{self._partial}: cannot write ({error.strerror}); {self._saved} of the lap's {self._steps} steps are "
                "kept there. Make room: the next recording into this folder turns it into a whole file."
            ) from error
        self._size, self._clock = self._size + len(data), time.monotonic()
        self._saved = self._steps - len(self._rows)


def recover(folder: Path | str) -> list[str]:
    """Turn the partial laps of dead recorders into whole files, and leave those of living ones alone.

    Returns:
        One sentence for each lap that was recovered, with its seconds, or that could not be.
    """
    said = []
    for partial in sorted(Path(folder).glob("*.arrows")):
        try:
            fd = os.open(partial, os.O_RDWR)
        except FileNotFoundError:  # closed since it was listed
            continue
        try:
            if _lock(fd, wait=False) and _is_open(partial, fd):
                whole = partial.with_suffix(".parquet")
                if whole.exists():
                    read_lap(whole)  # where that fails, the partial lap is all there is, and stays
                elif os.fstat(fd).st_size:
                    lap = read_lap(partial)
                    write_lap(whole, lap)
                    said.append(f"{whole}: recovered {lap.duration:.1f} s ({len(lap)} steps) of a recording that died.")
                _remove(partial, fd)
                fd = -1
        except DrivesimError as error:
            said.append(str(error))
        finally:
            if fd >= 0:
                os.close(fd)
    return said


def new_folder(path: Path | str, append: bool = False) -> Path:
    """Make the folder that laps are recorded into.

    Raises:
        DrivesimError: If it holds files already and `append` is not set, or if it cannot be made.
    """
    path = Path(path)
    try:
        path.mkdir(parents=True, exist_ok=True)
        count = sum(not entry.name.startswith(".") for entry in path.iterdir())
    except OSError as error:
        raise DrivesimError(f"{path}: cannot be made a folder ({error.strerror}): choose another --out.") from error
    if count and not append:
        what = f"{count} files" if count > 1 else "a file"
        raise DrivesimError(f"{path} already holds {what}: choose another --out, or pass --append to add to it.")
    return path


def _plausible(row: Mapping[str, float], after: float) -> bool:
    """Whether a step is right beyond doubt; `check_columns` decides on the others, and says what is wrong."""
    try:
        time_, *_, steering, pedal, steering_label, pedal_label, policy_steering, policy_pedal, mark = values = (
            _row_values(row)
        )
        return bool(
            len(row) == len(DTYPES)
            and isfinite(sum(values[:10]))
            and time_ > after
            and -1 <= steering <= 1
            and -1 <= pedal <= 1
            and not abs(steering_label) > 1
            and not abs(pedal_label) > 1
            and not abs(policy_steering) > 1
            and not abs(policy_pedal) > 1
            and mark in range(256)
        )
    except (TypeError, KeyError, ValueError):
        return False


def _create(folder: Path) -> tuple[Path, int]:
    """Make and lock the partial file of a folder's next lap, under a number that nobody else has."""
    flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_APPEND | getattr(os, "O_BINARY", 0)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        numbers = [int(match[1]) for entry in folder.iterdir() if (match := re.match(r"lap-(\d+)\.", entry.name))]
        number = max(numbers, default=0)
        while True:
            number += 1
            partial = folder / f"lap-{number:06}.arrows"
            try:
                fd = os.open(partial, flags, 0o666)
            except FileExistsError:
                continue
            _lock(fd, wait=True)
            if not _is_open(partial, fd):  # `recover` saw an empty file and removed it
                os.close(fd)
            elif partial.with_suffix(".parquet").exists():  # another writer closed it since the folder was listed
                _remove(partial, fd)
            else:
                sync_folder(folder)
                return partial, fd
    except OSError as error:
        raise DrivesimError(f"{folder}: cannot record there ({error.strerror}): choose another --out.") from error


def _lock(fd: int, wait: bool) -> bool:
    """Take a partial file for this process; False where another may still be writing it."""
    try:
        fcntl.flock(fd, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
        return True
    except BlockingIOError:
        return False
    except (AttributeError, OSError):  # not on Windows, and not on every file system
        return wait or time.time() - os.fstat(fd).st_mtime > QUIET_SECONDS


def _is_open(path: Path, fd: int) -> bool:
    return path.exists() and os.path.samestat(path.stat(), os.fstat(fd))


def _remove(partial: Path, fd: int) -> None:
    """Remove a file and let go of its lock, in this order, so that nobody takes up the name in between."""
    if os.name == "posix":
        partial.unlink(missing_ok=True)
        os.close(fd)
    else:  # Windows removes no open file
        os.close(fd)
        partial.unlink(missing_ok=True)
