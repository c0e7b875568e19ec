"""Pictures changed by chance: the same seed, the same pictures."""

import pytest
import torch

from datasets.image_augment import ImageAugment
from drivesim.errors import DrivesimError


def pictures(count=32, side=24):
    ramp = torch.arange(side, dtype=torch.uint8) * 8
    return ramp.expand(count, 3, side, side).contiguous()


def test_the_same_seed_changes_the_same_pictures_alike_and_torchs_own_generator_stays():
    augment, images = ImageAugment(), pictures()
    torch.manual_seed(1)
    expected = torch.rand(3)
    torch.manual_seed(1)
    changed = augment(images, 5)
    assert torch.equal(torch.rand(3), expected)
    assert torch.equal(augment(images, 5), changed)
    assert not torch.equal(augment(images, 6), changed)
    assert (changed.shape, changed.dtype) == (images.shape, torch.uint8)
    assert torch.equal(images, pictures())


def test_about_half_are_mirrored_and_none_where_that_would_be_wrong():
    images = pictures(400)
    changed = ImageAugment(0.0)(images, 0)
    mirrored = (changed == images.flip(-1)).flatten(1).all(dim=1)
    assert ((changed == images).flatten(1).all(dim=1) | mirrored).all()
    assert 0.3 < mirrored.float().mean() < 0.7
    assert torch.equal(ImageAugment(0.0, flip=False)(images, 0), images)
    slope = ImageAugment(1.0, flip=False)(images, 0)[..., 16].int() - ImageAugment(1.0, flip=False)(images, 0)[..., 8]
    assert (slope > 0).float().mean() > 0.99


def test_more_strength_changes_more():
    images = pictures(200)
    weak, strong = (
        (ImageAugment(s, flip=False)(images, 0).int() - images.int()).abs().float().mean() for s in (0.2, 1)
    )
    assert 0 < weak < 0.5 * strong


@pytest.mark.parametrize("strength", [-0.1, 1.1, float("nan")])
def test_a_strength_that_is_none_is_refused(strength):
    with pytest.raises(DrivesimError, match="--augment: expected a strength from 0 to 1"):
        ImageAugment(strength)
