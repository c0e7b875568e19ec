"""Report videos: short films of a drive's worst moment, small enough to lie in the page."""

import base64
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from agents.driver import Driver
from agents.evaluation.evaluation import Evaluation
from agents.evaluation.footage import draw_steering, seen_again, views_again, write_film
from agents.models.saliency_maps import overlay, saliency_maps
from agents.policy import Policy
from agents.rollout import Course, Drive
from drivesim.env import RENDER_CAMERA

# Seconds before and after the worst moment.
_AROUND = 5.0

# Tried one after the other until a film is small enough: x264's constant rate factor.
_QUALITIES = (22, 26, 30, 35, 41, 51)

_GAP = 8


@dataclass(frozen=True)
class Film:
    """A film of a drive's worst moment.

    Attributes:
        rank: Which of the drives: `median` or `worst`.
        track: Its index among the tracks.
        start: Seconds into the drive at which the film begins.
        worst: Seconds into the film at which the car is farthest from the centreline.
        error: How far, metres.
        panels: What is seen, from left to right and down.
        width: Pixels.
        height: Pixels.
        video: Data URI, H.264.
        poster: Data URI of the worst moment, JPEG.
    """

    rank: str
    track: int
    start: float
    worst: float
    error: float
    panels: tuple[str, ...]
    width: int
    height: int
    video: str
    poster: str


def film_drives(evaluation: Evaluation, driver: Driver, course: Course, most_bytes: int = 3_000_000) -> list[Film]:
    """Film the median and the worst track by mean distance to the centreline.

    Args:
        evaluation: Of the driver.
        driver: Who drove; what a `Policy` looks at is shown too.
        course: How it drove.
        most_bytes: Of all films together, as they lie in the page.
    """
    order = np.argsort([track["cross_track_error_mean"] for track in evaluation.tracks], kind="stable")
    chosen = {"median": int(order[(len(order) - 1) // 2]), "worst": int(order[-1])}
    if chosen["median"] == chosen["worst"]:
        del chosen["median"]
    # In base64 a film takes a third more.
    share = int(most_bytes / len(chosen) * 3 / 4)
    return [
        _film(rank, index, evaluation.drives[index], driver, course, share) for rank, index in sorted(chosen.items())
    ]


def _film(rank: str, index: int, driven: Drive, driver: Driver, course: Course, most_bytes: int) -> Film:
    error = np.abs(driven.columns["lateral_error"])
    worst, around = int(error.argmax()), round(_AROUND / driven.dt)
    last = max(0, len(error) - 2 * around)
    start = min(max(0, worst - around), last)
    steps = range(start, min(start + 2 * around, len(error)))
    frames = list(_composed(driven, driver, course, steps))
    poster = cv2.imencode(".jpg", frames[worst - start][..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 80])[1].tobytes()
    video = _encoded(frames, 1 / driven.dt, most_bytes - len(poster))
    panels = ["the road from above"]
    if course.cameras:
        panels.append("what the network sees")
        if isinstance(driver, Policy):
            panels.append("what it looks at")
    return Film(
        rank=rank,
        track=index,
        start=start * driven.dt,
        worst=(worst - start) * driven.dt,
        error=float(error[worst]),
        panels=tuple(panels),
        width=frames[0].shape[1],
        height=frames[0].shape[0],
        video=_data_uri("video/mp4", video),
        poster=_data_uri("image/jpeg", poster),
    )


def _composed(driven: Drive, driver: Driver, course: Course, steps: range) -> Iterator[np.ndarray]:
    """Yield frames: the road from above; beside it, for each camera, its view above what the network looks at in it."""
    large = seen_again(driven, RENDER_CAMERA, course.vehicle, steps)
    looks = views_again(driven, driver.config, steps) if isinstance(driver, Policy) else ()
    columns: list[list[list[np.ndarray]]] = []
    for number, camera in enumerate(course.cameras):
        views = list(seen_again(driven, camera, course.vehicle, steps))
        columns.append([[view] for view in views])
        if isinstance(driver, Policy):
            speeds = driven.columns["speed"][steps.start : steps.stop] if driver.config.takes_speed else None
            maps = saliency_maps(driver, looks, speeds, number)
            for cell, view, saliency_map in zip(columns[-1], views, maps, strict=True):
                cell.append(overlay(view, saliency_map))
    for at, (step, frame) in enumerate(zip(steps, large, strict=True)):
        draw_steering(frame, float(driven.columns["steering"][step]))
        for column in columns:
            frame = _beside(frame, column[at])
        yield frame


def _beside(frame: np.ndarray, views: list[np.ndarray]) -> np.ndarray:
    """Put views in a column to the right of a frame, as large as two of them fit."""
    height = frame.shape[0]
    cell = (height - _GAP) // 2
    canvas = np.full((height, frame.shape[1] + _GAP + cell, 3), 24, np.uint8)
    canvas[:, : frame.shape[1]] = frame
    for row, view in enumerate(views):
        scale = cell / max(view.shape[:2])
        size = (round(view.shape[1] * scale), round(view.shape[0] * scale))
        large = cv2.resize(view, size, interpolation=cv2.INTER_CUBIC)
        top = row * (cell + _GAP) + (cell - size[1]) // 2
        left = frame.shape[1] + _GAP + (cell - size[0]) // 2
        canvas[top : top + size[1], left : left + size[0]] = large
    return canvas


def _encoded(frames: list[np.ndarray], fps: float, most_bytes: int) -> bytes:
    """Encode to H.264 in the best quality that is small enough; in the least, if none is."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "film.mp4"
        for quality in _QUALITIES:
            write_film(path, frames, fps, ["-crf", str(quality), "-preset", "medium"])
            if path.stat().st_size <= most_bytes:
                break
        return path.read_bytes()


def _data_uri(kind: str, content: bytes) -> str:
    return f"data:{kind};base64,{base64.b64encode(content).decode('ascii')}"
