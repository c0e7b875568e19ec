"""The small CNN: its layers, and frames of any size."""

import pytest
import torch

from agents.models.backbones import build_backbone
from agents.models.cifar_cnn import CifarCnn
from agents.models.networks import build_network
from drivesim.errors import DrivesimError


def test_its_layers_are_two_convolutions_and_layers_of_120_and_84():
    shapes = [tuple(layer.weight.shape) for layer in CifarCnn().modules() if hasattr(layer, "weight")]
    assert shapes == [(6, 3, 5, 5), (16, 6, 5, 5), (120, 400), (84, 120)]


def test_of_32_pixels_nothing_is_averaged_away():
    network, frames = CifarCnn(), torch.randn(2, 3, 32, 32)
    assert torch.equal(network.pool(network.convolutions(frames)), network.convolutions(frames))


@pytest.mark.parametrize("size", [(16, 16), (32, 32), (96, 96), (66, 200)])
def test_the_same_weights_serve_frames_of_every_size(size):
    assert CifarCnn()(torch.randn(2, 3, *size)).shape == (2, 84)


def test_it_drives_and_has_no_weights_of_imagenet():
    network = build_network("cifar-cnn", [(96, 96)], outputs=2, takes_speed=True).eval()
    frames = torch.randint(0, 256, (3, 3, 96, 96), dtype=torch.uint8)
    with torch.no_grad():
        assert network(frames, torch.zeros(3)).shape == (3, 2)
    with pytest.raises(DrivesimError, match="cifar-cnn has no ImageNet weights: take none, or a folder made by"):
        build_backbone("cifar-cnn", imagenet=True)
