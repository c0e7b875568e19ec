"""Road frames: what a policy's camera sees, to try it on: of unseen roads, of recorded laps, or of recordings."""

from collections.abc import Sequence

import numpy as np

from agents.expert import ExpertDriver
from agents.frame_history import Views
from agents.models.policy_config import PolicyConfig
from agents.rollout import Course, drive
from datasets.formats.drive import Reading
from datasets.frame_fit import FrameFit
from datasets.frames import RenderedFrames
from datasets.schema import Lap
from datasets.stored_frames import StoredFrames
from drivesim.render import Renderer
from drivesim.world import WorldSource

# Roads and looks that frames come from, and how long each is driven, by the expert with noise on its steering.
_ROADS, _SECONDS, _NOISE = 40, 30.0, 0.1


def validation_frames(config: PolicyConfig, count: int, seed: int = 0) -> tuple[Views, np.ndarray]:
    """Draw what a policy would see on validation roads.

    Args:
        config: Of the policy.
        count: Frames.
        seed: Of the driving, and of which of its steps are seen.

    Returns:
        Frames of each camera, as a policy's `predict` takes them, and speeds (count,) float32, m/s.
    """
    rng = np.random.default_rng(seed)
    worlds = WorldSource(range(_ROADS), "mixed", "validation").all()
    course = Course.made_for(config, camera=None, noise=_NOISE, time_limit=_SECONDS)
    renderers = [Renderer(camera, course.vehicle) for camera in config.cameras]
    views: list[list[np.ndarray]] = [[] for _ in renderers]
    speeds = []
    drives = drive(ExpertDriver(), worlds, course, rng)
    for part, driven in zip(np.array_split(np.arange(count), _ROADS), drives, strict=True):
        steps = rng.integers(len(driven.put_back), size=len(part))
        if not len(steps):
            continue
        columns = driven.columns
        shown = np.maximum(steps[:, None] - config.stride * np.arange(config.past + 1), 0).ravel()
        poses = np.column_stack([columns[name][shown] for name in ("x", "y", "heading")])
        for renderer, frames, shape in zip(renderers, views, config.frame_shapes, strict=True):
            # A texture of a camera that looks ahead is large: the road's goes before the next is painted.
            texture = renderer.texture(driven.world.track, driven.world.appearance, driven.world.weather)
            frames.append(renderer.draw([texture] * len(poses), poses).copy().reshape(len(steps), *shape))
        speeds.append(columns["speed"][steps].astype(np.float32))
    return tuple(np.concatenate(frames) for frames in views), np.concatenate(speeds)


def lap_frames(config: PolicyConfig, laps: Sequence[Lap], count: int, seed: int = 0) -> tuple[Views, np.ndarray]:
    """Draw what a policy would see on recorded laps, as it does in training. See `validation_frames`."""
    rng = np.random.default_rng(seed)
    source = RenderedFrames(laps, config.cameras, past=config.past, stride=config.stride)
    return _taken(source, count, rng)


def recorded_frames(
    config: PolicyConfig, readings: Sequence[Reading], count: int, seed: int = 0
) -> tuple[Views, np.ndarray]:
    """Take what another program recorded, fitted as the policy learned it. See `validation_frames`."""
    rng = np.random.default_rng(seed)
    drives = [drive for reading in readings for drive in reading.drives]
    camera = config.camera
    fit = config.fit or FrameFit(keeps_shape=True)
    source = StoredFrames(drives, camera.height, camera.width, fit, needs_speed=config.takes_speed)
    return _taken(source, count, rng)


def _taken(source: RenderedFrames | StoredFrames, count: int, rng: np.random.Generator) -> tuple[Views, np.ndarray]:
    batches = [*source.epoch(count, min(count, 100), rng)]
    views = zip(*(batch.frames for batch in batches), strict=True)
    return tuple(np.concatenate(frames) for frames in views), np.concatenate([batch.speeds for batch in batches])
