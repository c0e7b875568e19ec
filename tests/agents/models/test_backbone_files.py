"""A backbone's folder comes back as it was, or is refused; and begins a policy."""

import json
from dataclasses import replace

import pytest
import torch

from agents import record, train
from agents.learning.material import Material
from agents.models.backbone_files import BackboneConfig, load_features, read_backbone, summary_of, write_backbone
from agents.models.backbones import build_backbone
from agents.models.cifar_cnn import CIFAR_MEAN, CIFAR_STD
from agents.policy import Policy
from drivesim.errors import DrivesimError
from tests.agents.policies import FOLDER_FILES, files, make_policy

pytestmark = pytest.mark.usefixtures("one_torch_thread")

CONFIG = BackboneConfig(
    name="cifar-cnn",
    mean=CIFAR_MEAN,
    std=CIFAR_STD,
    size=32,
    classes=("cat", "dog", "road"),
    dataset="animals",
    accuracy=0.875,
    measured_on="test",
    training={"seed": 3},
)


@pytest.fixture
def folder(tmp_path):
    torch.manual_seed(5)
    write_backbone(tmp_path / "backbone", CONFIG, CONFIG.build())
    return tmp_path / "backbone"


def features_of(folder):
    features = build_backbone("cifar-cnn").module
    load_features(folder, features)
    return features.state_dict()


def change(folder, **values):
    path = folder / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | values))


def test_what_is_written_is_read_again(folder):
    torch.manual_seed(5)
    wanted = CONFIG.build().features.state_dict()
    config, checksum = read_backbone(folder)
    assert config == CONFIG
    assert sorted(files(folder)) == FOLDER_FILES
    assert all(torch.equal(value, wanted[name]) for name, value in features_of(folder).items())
    assert summary_of(folder, "cifar-cnn") == {"dataset": "animals", "accuracy": 0.875, "weights_sha256": checksum}
    card = (folder / "README.md").read_text()
    assert "accuracy 0.8750 on its test pictures" in card
    assert "cat, dog, road" in card


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
def test_a_changed_byte_of_the_weights_is_noticed_before_they_are_taken(folder, share):
    path = folder / "model.safetensors"
    data = bytearray(path.read_bytes())
    data[int(share * len(data))] ^= 1
    path.write_bytes(data)
    with pytest.raises(DrivesimError, match=r"--pretrained: .* does not hold the weights of a cifar-cnn that tells 3"):
        features_of(folder)


def test_weights_of_other_classes_than_the_configuration_says_are_refused_with_both_shapes(folder):
    change(folder, classes=["cat", "dog"])
    with pytest.raises(DrivesimError, match=r"head.0.weight is \(3, 84\), expected \(2, 84\)"):
        features_of(folder)


def test_weights_made_with_other_frames_are_refused_with_both_sides(folder):
    change(folder, mean=[0.5, 0.5, 0.5])
    with pytest.raises(DrivesimError, match=r"normalised by \(0.5, 0.5, 0.5\); cifar-cnn normalises by \(0.49"):
        features_of(folder)


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"format_version": 2}, "is of format 2; this drivesim reads up to 1"),
        ({"kind": "teapot"}, "holds a teapot, expected a backbone. Train one: python -m agents.pretrain"),
        ({"name": "alexnett"}, "unknown name 'alexnett'"),
        ({"classes": ["one"]}, "classes: expected two or more, got 1"),
        ({"size": 10**9}, "size: expected 1 to 1024 pixels, got 1000000000"),
        ({"classes": 7}, "is not a backbone's configuration"),
        ({"colour": "red"}, "is not a backbone's configuration"),
    ],
)
def test_a_configuration_that_is_none_is_refused(folder, values, words):
    change(folder, **values)
    with pytest.raises(DrivesimError) as caught:
        read_backbone(folder)
    assert words in str(caught.value)


@pytest.mark.parametrize("text", ["", "{", "[]", '"ab"', "\xff"])
def test_a_configuration_that_is_cut_off_is_refused(folder, text):
    (folder / "config.json").write_text(text, encoding="latin-1")
    with pytest.raises(DrivesimError, match="is not a backbone's configuration"):
        read_backbone(folder)


def test_a_folder_of_something_else_is_refused(tmp_path):
    with pytest.raises(DrivesimError, match=r"it lacks config.json and model.safetensors. Train one"):
        read_backbone(tmp_path)
    make_policy().save(tmp_path / "policy")
    with pytest.raises(DrivesimError, match="holds a policy, expected a backbone"):
        read_backbone(tmp_path / "policy")


# Into a policy


def options(folder, **changes):
    fields = dict(data=[], out=folder.parent / "policy", backbone="cifar-cnn", pretrained=str(folder), device="cpu")
    return train.Args(**(fields | changes))


@pytest.fixture(scope="module")
def laps(tmp_path_factory):
    folder = tmp_path_factory.mktemp("recorded") / "laps"
    record.main(record.Args(out=folder, laps=2, seconds=5.0))
    return folder


TINY = (
    *("--epochs", 1, "--samples", 64, "--batch-size", 32, "--looks", 2, "--device", "cpu", "--threads", 1),
    *("--validation-tracks", 1, "--validation-seconds", 0.5),
)


def test_a_policy_begins_with_the_backbones_features_and_a_new_head_and_needs_the_folder_no_more(
    tmp_path, run, laps, folder
):
    out = tmp_path / "policy"
    arguments = ("--data", laps, "--out", out, "--backbone", "cifar-cnn", "--pretrained", folder, *TINY)
    assert run(train, *arguments, "--freeze")[0] == 0
    wanted, (_, checksum) = features_of(folder), read_backbone(folder)
    folder.rename(tmp_path / "elsewhere")
    policy = Policy.load(out, "cpu")
    assert all(torch.equal(value, wanted[name]) for name, value in policy.network.features.state_dict().items())
    assert policy.network.head[0].weight.shape == (100, 84)
    said = policy.config.training["pretrained"]
    assert said == {"dataset": "animals", "accuracy": 0.875, "weights_sha256": checksum}
    assert str(tmp_path).encode() not in b"".join(files(out).values())


def test_without_freezing_the_features_learn_too(tmp_path, run, laps, folder):
    out = tmp_path / "policy"
    arguments = ("--data", laps, "--out", out, "--backbone", "cifar-cnn", "--pretrained", folder, *TINY)
    assert run(train, *arguments, "--warm-up", 0)[0] == 0
    ours, theirs = Policy.load(out, "cpu").network.features.state_dict(), features_of(folder)
    assert not torch.equal(ours["hidden.0.weight"], theirs["hidden.0.weight"])
    assert torch.allclose(ours["hidden.0.weight"], theirs["hidden.0.weight"], atol=0.02)


@pytest.mark.parametrize("name", ["pilotnet", "resnet18"])
def test_a_folder_of_another_backbone_is_refused_with_both_names(folder, name):
    with pytest.raises(
        DrivesimError, match=rf"holds the backbone cifar-cnn, and --backbone is {name}. Give --backbone"
    ):
        train.check(options(folder, backbone=name))


def test_what_is_no_folder_is_refused_with_what_there_is(folder):
    with pytest.raises(DrivesimError, match=r"unknown name 'cifar'\. Known: imagenet, none, a folder made by"):
        train.check(options(folder, pretrained="cifar"))
    with pytest.raises(DrivesimError, match="--freeze: only a pretrained backbone has anything worth keeping"):
        train.check(options(folder, pretrained="imagenet", freeze=True))
    train.check(options(folder, freeze=True))


def test_a_training_goes_on_only_with_the_same_backbone(folder):
    ours = train._options(options(folder), Material.of_laps([]))
    write_backbone(folder, replace(CONFIG, accuracy=0.5), CONFIG.build())
    assert train._options(options(folder), Material.of_laps([])) != ours
