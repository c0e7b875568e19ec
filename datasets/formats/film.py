"""Film: video files as pictures at moments, decoded by PyAV, and written by it."""

from collections.abc import Sequence
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np

from drivesim.camera import MAX_PIXELS
from drivesim.errors import DrivesimError

_INSTALL = "pip install 'av>=14'"
_FORMAT, _CODEC, _PIXELS = "mp4", "libx264", "yuv420p"

# Quality (lower is better), and frames from one that can be sought to the next, as lerobot has them.
_OPTIONS = {"crf": "18", "g": "2", "preset": "veryfast"}

# Nearer than this ahead, decoding on is faster than seeking.
_NEAR_SECONDS = 2.0


class Film:
    """A video file, decoded from wherever it is asked for.

    Attributes:
        path: Of the file.
        size: Height and width, pixels.

    Args:
        path: Of the file.

    Raises:
        ValueError: If it is no film, or one with larger pictures than any camera here.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        av = _av()
        if not path.is_file():
            raise ValueError("the film is missing")
        try:
            # As a play list a file could name any other.
            with av.open(str(path), format=_FORMAT) as container:
                if not container.streams.video:
                    raise ValueError("the film has no pictures")
                stream = container.streams.video[0]
                if stream.codec_context is None:
                    raise ValueError("the film's codec is unknown")
                self.size = (int(stream.height), int(stream.width))
                if min(self.size) < 1 or max(self.size) > MAX_PIXELS:
                    raise ValueError(f"the film declares more than {MAX_PIXELS} pixels a side, or none")
                base = float(stream.time_base or 0)
                times = [packet.pts * base for packet in container.demux(stream) if packet.pts is not None]
        except (av.FFmpegError, OSError, AttributeError) as error:
            raise ValueError(f"the film can't be opened ({_short(error)})") from error
        self.times = np.sort(np.array(times, np.float64))
        self._lock = Lock()
        self._container: Any = None
        self._frames: Any = None
        self._last: tuple[float, np.ndarray] | None = None

    def has(self, times: np.ndarray, tolerance: float) -> np.ndarray:
        """Return at which moments (T,), seconds, there is a picture: (T,) bool."""
        if not len(self.times):
            return np.zeros(len(times), bool)
        after = np.clip(np.searchsorted(self.times, times), 1, max(len(self.times) - 1, 1))
        near = np.minimum(
            np.abs(self.times[np.minimum(after, len(self.times) - 1)] - times), np.abs(self.times[after - 1] - times)
        )
        return near <= tolerance

    def pictures_at(self, times: Sequence[float], tolerance: float) -> list[np.ndarray]:
        """Return the pictures at some moments, seconds, each (H, W, 3) uint8 RGB; fastest in order.

        Raises:
            DrivesimError: If one can't be decoded.
        """
        with self._lock:
            try:
                return [self._picture_at(time, tolerance) for time in times]
            except (_av().FFmpegError, OSError, StopIteration, ValueError, AttributeError) as error:
                self._close()
                raise DrivesimError(
                    f"{self.path}: the film can't be decoded ({_short(error) or 'it ends too early'}). Copy it anew."
                ) from error

    def _picture_at(self, time: float, tolerance: float) -> np.ndarray:
        if self._last is None or not self._last[0] - tolerance <= time <= self._last[0] + _NEAR_SECONDS:
            self._seek(time - tolerance)
        while self._last is None or self._last[0] < time - tolerance:
            frame = next(self._frames)
            if frame.time is not None and frame.time >= time - tolerance:
                self._last = (frame.time, frame.to_ndarray(format="rgb24"))
        if self._last[0] > time + tolerance:
            raise StopIteration
        return self._last[1]

    def _seek(self, time: float) -> None:
        if self._container is None:
            self._container = _av().open(str(self.path), format=_FORMAT)
        stream = self._container.streams.video[0]
        self._container.seek(max(int(time / stream.time_base), 0), stream=stream)
        self._frames = self._container.decode(stream)
        self._last = None

    def _close(self) -> None:
        if self._container is not None:
            self._container.close()
        self._container = self._frames = self._last = None


class FilmWriter:
    """Writes pictures of one size as a film.

    Args:
        path: Of the file.
        fps: Pictures a second.
        size: Height and width, pixels, both even.
    """

    def __init__(self, path: Path, fps: int, size: tuple[int, int]) -> None:
        av = _av()
        if size[0] % 2 or size[1] % 2:
            raise DrivesimError(f"size: a film's height and width are even, got {size[0]} x {size[1]}. Choose another.")
        path.parent.mkdir(parents=True, exist_ok=True)
        self.count = 0
        self._av = av
        self._container = av.open(str(path), "w", format=_FORMAT)
        self._stream = self._container.add_stream(_CODEC, rate=fps, options=_OPTIONS)
        self._stream.height, self._stream.width = size
        self._stream.pix_fmt = _PIXELS

    def add(self, picture: np.ndarray) -> None:
        """Add a picture (H, W, 3) uint8 RGB."""
        frame = self._av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), format="rgb24")
        for packet in self._stream.encode(frame):
            self._container.mux(packet)
        self.count += 1

    def close(self) -> None:
        """Finish the file."""
        for packet in self._stream.encode():
            self._container.mux(packet)
        self._container.close()


def _short(error: BaseException) -> str:
    return " ".join(str(error).split())[:120]


def _av() -> Any:
    try:
        import av
    except ImportError as error:
        raise DrivesimError(f"a LeRobot data set holds films, and av is not installed: {_INSTALL}") from error
    return av
