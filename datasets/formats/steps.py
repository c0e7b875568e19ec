"""Steps: what a writer is given of a drive, one after the other."""

from collections.abc import Iterator
from typing import NamedTuple

import cv2
import numpy as np

from datasets.formats.drive import SIDES, StoredDrive

_CHUNK = 64
_JPEG_QUALITY = 95


class Step(NamedTuple):
    """A step to be written.

    Attributes:
        frame: (H, W, 3) uint8 RGB.
        steering: -1 full left ... +1 full right.
        pedal: -1 full brake ... +1 full throttle; NaN where unknown.
        speed: m/s; NaN where unknown.
        time: Seconds since the start of the first drive.
        sides: Frames of the cameras beside, by `left` and `right`.
    """

    frame: np.ndarray
    steering: float
    pedal: float
    speed: float
    time: float
    sides: dict[str, np.ndarray]


def steps_of(drive: StoredDrive, with_sides: bool = False) -> Iterator[Step]:
    """Yield the steps of a drive; where its times are unknown, evenly in time."""
    time = drive.time if np.isfinite(drive.time).all() else np.arange(len(drive)) / drive.control_hz
    at = {side: dict(zip(drive.sides[side].steps.tolist(), range(len(drive)), strict=False)) for side in drive.sides}
    for start in range(0, len(drive), _CHUNK):
        steps = range(start, min(start + _CHUNK, len(drive)))
        frames = drive.pictures.read(steps)
        beside: dict[str, dict[int, np.ndarray]] = {}
        for side in SIDES if with_sides else ():
            seen = [step for step in steps if step in at.get(side, {})]
            pictures = drive.sides[side].pictures.read([at[side][step] for step in seen]) if seen else []
            beside[side] = dict(zip(seen, pictures, strict=True))
        for step, frame in zip(steps, frames, strict=True):
            yield Step(
                frame,
                float(drive.steering[step]),
                float(drive.pedal[step]),
                float(drive.speed[step]),
                float(time[step]),
                {side: pictures[step] for side, pictures in beside.items() if step in pictures},
            )


def encode(frame: np.ndarray, suffix: str) -> bytes:
    """Encode a frame (H, W, 3) uint8 RGB as `.jpg` or `.png`."""
    options = [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY] if suffix == ".jpg" else []
    return cv2.imencode(suffix, cv2.cvtColor(frame, cv2.COLOR_RGB2BGR), options)[1].tobytes()
