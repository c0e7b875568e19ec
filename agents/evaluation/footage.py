"""Footage: the frames of a drive, seen again through any camera, and the films made of them."""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import imageio_ffmpeg
import numpy as np

from agents.frame_history import Views
from agents.models.policy_config import PolicyConfig
from agents.rollout import Drive
from drivesim.camera import Camera
from drivesim.render import Renderer
from drivesim.vehicle import VehicleParams, get_vehicle


def seen_again(driven: Drive, camera: Camera, vehicle: VehicleParams, steps: Iterable[int]) -> Iterator[np.ndarray]:
    """Yield what a camera on the car sees at those steps of a drive: frames (height, width, 3) uint8 RGB."""
    renderer = Renderer(camera, vehicle)
    texture = driven.world.texture(renderer)
    for step in steps:
        pose = np.array([[driven.columns[name][step] for name in ("x", "y", "heading")]])
        yield renderer.draw([texture], pose, driven.others_at(np.array([step])))[0].copy()


def views_again(driven: Drive, config: PolicyConfig, steps: Iterable[int]) -> Views:
    """Return what a policy saw at those steps of its drive, past frames included, as its `predict` takes it."""
    at = np.fromiter(steps, np.int64)
    # Whoever was put back had no past: see `agents.frame_history`.
    begun = np.concatenate([[0], np.flatnonzero(driven.put_back) + 1])
    first = begun[np.searchsorted(begun, at, side="right") - 1]
    shown = np.maximum(at[:, None] - config.stride * np.arange(config.past + 1), first[:, None]).ravel()
    vehicle = get_vehicle(config.vehicle)
    views = []
    for camera, shape in zip(config.cameras, config.frame_shapes, strict=True):
        frames = np.stack(list(seen_again(driven, camera, vehicle, shown.tolist())))
        views.append(frames.reshape(len(at), *shape))
    return tuple(views)


def write_film(path: Path, frames: Iterable[np.ndarray], fps: float, options: Sequence[str] = ()) -> None:
    """Write frames (height, width, 3) uint8 RGB of one size as a film; a GIF where the name ends in .gif, else H.264.

    Args:
        path: Where to.
        frames: In order; at least one.
        fps: Frames a second.
        options: Of ffmpeg, for the output.
    """
    is_gif = path.suffix.lower() == ".gif"
    writer = None
    for frame in frames:
        if writer is None:
            writer = imageio_ffmpeg.write_frames(
                str(path),
                (frame.shape[1], frame.shape[0]),
                fps=fps,
                codec="gif" if is_gif else "libx264",
                pix_fmt_out="pal8" if is_gif else "yuv420p",
                output_params=[*options] if is_gif else ["-movflags", "+faststart", *options],
                macro_block_size=1,
                ffmpeg_log_level="error",
            )
            writer.send(None)
        writer.send(np.ascontiguousarray(frame))
    if writer is not None:
        writer.close()


def draw_steering(frame: np.ndarray, steering: float) -> None:
    """Draw the steering as a bar from the middle of the frame's lower border."""
    height, width = frame.shape[:2]
    middle, reach = width // 2, round(steering * 0.4 * width)
    frame[height - 16 : height - 8, width // 10 : width - width // 10] = (40, 40, 40)
    frame[height - 16 : height - 8, min(middle, middle + reach) : max(middle, middle + reach) + 1] = (255, 200, 60)
