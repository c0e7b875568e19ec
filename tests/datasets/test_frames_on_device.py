"""Laps seen again by torch: the same samples, and nearly the same frames, as OpenCV draws."""

import numpy as np
import pytest
import torch

from datasets.augment import Augment
from datasets.frames import RenderedFrames
from datasets.recolor import Turns, recolor
from datasets.recolor_torch import recolored
from drivesim.camera import Camera
from tests.datasets.laps import circle_lap

SMALL = Camera(width=32, height=32, span=38.4, mount=(9.6, 0.0, 0.0))
AHEAD = Camera(width=40, height=20, fov=90.0, mount=(0.6, 0.0, 1.4), pitch=8.0)
needs_gpu = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")


@pytest.mark.parametrize("past", [0, 1])
@pytest.mark.parametrize("device", ["cpu", pytest.param("cuda", marks=[pytest.mark.gpu, needs_gpu])])
def test_an_epoch_is_the_same_on_a_device(device, past):
    lap = circle_lap(120)
    ours, theirs = (
        RenderedFrames([lap], [SMALL, AHEAD], past=past, device=where).epoch(32, 16, np.random.default_rng(5))
        for where in (None, device)
    )
    for expected, batch in zip(ours, theirs, strict=True):
        np.testing.assert_array_equal(batch.actions, expected.actions)
        np.testing.assert_array_equal(batch.speeds, expected.speeds)
        for frames, drawn in zip(expected.frames, batch.frames, strict=True):
            assert drawn.device.type == device
            assert (drawn.shape, drawn.dtype) == (frames.shape, torch.uint8)
            # Turned colours may be drawn farther apart than they were.
            difference = np.abs(frames.astype(int) - drawn.cpu().numpy())
            assert difference.mean() <= 0.5
            assert np.mean(difference <= 6) >= 0.999


def test_colours_are_turned_as_on_the_host():
    frames = np.random.default_rng(0).integers(0, 256, (24, 20, 30, 3)).astype(np.uint8)
    turns = Turns.random(24, 0.5, np.random.default_rng(1))
    drawn = recolored(torch.from_numpy(frames.copy()), turns).numpy()
    recolor(frames, turns)
    assert np.abs(frames.astype(int) - drawn).max() <= 1
    none = Turns.random(24, 0.0, np.random.default_rng(1))
    assert recolored(torch.from_numpy(frames), none) is not None
    np.testing.assert_array_equal(recolored(torch.from_numpy(frames), none).numpy(), frames)


@pytest.mark.gpu
@needs_gpu
def test_frames_are_changed_on_a_gpu():
    frames = torch.full((40, 3, 66, 200), 120, dtype=torch.uint8, device="cuda")
    changed = Augment(1.0)(frames, 3)
    assert changed.is_cuda
    assert changed.shape == frames.shape
    assert torch.equal(changed, Augment(1.0)(frames, 3))
    assert not torch.equal(changed, frames)
