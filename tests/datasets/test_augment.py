"""Augmentation changes frames alone, by its seed alone."""

import pytest
import torch

from datasets.augment import Augment
from drivesim.errors import DrivesimError


@pytest.fixture
def frames():
    rng = torch.Generator().manual_seed(0)
    ramp = torch.linspace(30, 220, 64).view(1, 1, 1, 64).expand(40, 3, 64, 64)
    noisy = ramp + 10 * torch.randn(40, 3, 64, 64, generator=rng)
    return noisy.clamp(0, 255).to(torch.uint8).contiguous(memory_format=torch.channels_last)


def test_the_same_seed_changes_the_same_frames_alike(frames):
    augment = Augment(1.0)
    assert torch.equal(augment(frames, 3), augment(frames, 3))
    assert not torch.equal(augment(frames, 3), augment(frames, 4))


def test_frames_stay_frames(frames):
    before = frames.clone()
    changed = Augment(1.0)(frames, 0)
    assert changed.shape == frames.shape
    assert changed.dtype == torch.uint8
    assert changed.is_contiguous(memory_format=torch.channels_last)
    assert torch.equal(frames, before)


def test_every_frame_is_changed_in_its_own_way(frames):
    same = frames[:1].expand(40, -1, -1, -1)
    changed = Augment(0.8)(same, 0)
    assert len({frame.numpy().tobytes() for frame in changed}) == 40


def test_no_strength_changes_nothing_and_more_changes_more(frames):
    def change(strength):
        differences = [(Augment(strength)(frames, seed).float() - frames.float()).abs().mean() for seed in range(5)]
        return float(torch.stack(differences).mean())

    assert change(0.0) == 0
    assert 0 < change(0.1) < change(0.5) < change(1.0)


def test_what_is_in_the_picture_can_still_be_told(frames):
    changed = Augment(1.0)(frames, 0).float()
    left, right = changed[..., :16].mean(dim=(1, 2, 3)), changed[..., -16:].mean(dim=(1, 2, 3))
    assert (right > left + 5).float().mean() > 0.9


def test_the_generator_of_torch_is_given_back_as_it_was(frames):
    torch.manual_seed(1)
    expected = torch.rand(3)
    torch.manual_seed(1)
    Augment(1.0)(frames, 0)
    assert torch.equal(torch.rand(3), expected)


@pytest.mark.parametrize("strength", [-0.1, 1.1, float("nan")])
def test_a_strength_that_is_none_is_refused(strength):
    with pytest.raises(DrivesimError, match="augment: expected a strength from 0 to 1"):
        Augment(strength)
