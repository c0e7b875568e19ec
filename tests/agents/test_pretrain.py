"""The command that teaches a backbone to tell pictures apart: what it learns, keeps and refuses."""

import json

import cv2
import numpy as np
import pytest
import torch

from agents import pretrain
from agents.models.backbone_files import read_backbone
from agents.models.model_files import load_network
from datasets.cifar10 import read_cifar10
from tests.agents.policies import FOLDER_FILES, files
from tests.datasets.images import NAMES, record, write_cifar10, write_set

pytestmark = pytest.mark.usefixtures("one_torch_thread")

FAST = ("--device", "cpu", "--threads", 1)
TINY = (*FAST, "--epochs", 2, "--batch-size", 8, "--augment", 0)


def write_digits(root):
    """scikit-learn's 1797 handwritten digits, 8 x 8 pixels, a fifth of each class for the test."""
    digits = pytest.importorskip("sklearn.datasets").load_digits()
    seen = np.zeros(10, int)
    for image, label in zip(digits.images, digits.target, strict=True):
        part = "test" if seen[label] % 5 == 0 else "train"
        path = root / part / str(label) / f"{seen[label]}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(path), (image * 255 / 16).astype(np.uint8))
        seen[label] += 1


def test_the_small_cnn_reads_handwritten_digits(tmp_path, run):
    write_digits(tmp_path / "digits")
    out = tmp_path / "backbone"
    arguments = ("--dataset", "digits", "--root", tmp_path, "--out", out, "--no-flip", *FAST, "--epochs", 12)
    assert run(pretrain, *arguments)[0] == 0
    metrics = json.loads((out / "metrics.json").read_text())
    confusion = np.array(metrics["confusion"])
    assert metrics["accuracy"] >= 0.97
    assert metrics["accuracy"] == pytest.approx(np.trace(confusion) / confusion.sum())
    assert (metrics["measured_on"], confusion.sum(), metrics["pictures"]) == ("test", 364, 364)
    # The folder holds the network that was measured.
    config, checksum = read_backbone(out)
    network = load_network(out, checksum, config.build, "it")
    path = tmp_path / "digits" / "test" / "7"
    images = np.stack([cv2.resize(cv2.imread(str(file)), (32, 32), interpolation=2) for file in sorted(path.iterdir())])
    told = pretrain.tell(network, images)
    assert np.bincount(told, minlength=10).tolist() == confusion[7].tolist()


def test_a_run_on_cifar10_leaves_a_backbone_and_its_metrics(tmp_path, run):
    write_cifar10(tmp_path)
    out = tmp_path / "backbone"
    code, said, _ = run(pretrain, "--dataset", "cifar10", "--root", tmp_path, "--out", out, *TINY)
    assert code == 0
    assert sorted(files(out)) == sorted([*FOLDER_FILES, "confusion.png", "metrics.json", "metrics.jsonl"])
    words = " ".join(said.split())
    assert "Learning 10 classes from 90 pictures; 10 choose the epoch, 20 measure it" in words
    assert f"--backbone cifar-cnn --pretrained {out}" in words
    config, _ = read_backbone(out)
    assert (config.name, config.dataset, config.size, config.measured_on) == ("cifar-cnn", "cifar10", 32, "test")
    assert config.classes == NAMES
    assert config.training.items() >= {"train_pictures": 90, "val_pictures": 10, "test_pictures": 20, "seed": 0}.items()
    rows = [json.loads(line) for line in (out / "metrics.jsonl").read_text().splitlines()]
    assert [row["epoch"] for row in rows] == [1, 2]
    assert config.training["val_accuracy"] == max(row["val_accuracy"] for row in rows)
    assert json.loads((out / "metrics.json").read_text())["accuracy"] == config.accuracy
    assert (out / "confusion.png").read_bytes().startswith(b"\x89PNG")
    assert str(tmp_path).encode() not in b"".join(files(out).values())


def test_the_same_seed_trains_the_same_weights_and_another_differs(tmp_path, run):
    write_cifar10(tmp_path)

    def trained(name, *options):
        arguments = ("--dataset", "cifar10", "--root", tmp_path, "--out", tmp_path / name, *TINY, "--augment", 1)
        assert run(pretrain, *arguments, *options)[0] == 0
        return files(tmp_path / name)

    first, again, other = trained("first"), trained("again"), trained("other", "--seed", 1)
    assert again == first
    assert other["model.safetensors"] != first["model.safetensors"]


def test_the_epoch_that_tells_most_is_kept_and_of_equals_the_later(tmp_path, run, monkeypatch):
    write_cifar10(tmp_path)
    labels = read_cifar10(tmp_path, 32, 0).val.labels
    right, weights = [3, 8, 8, 5], []

    def scripted(network, images):
        if len(weights) == len(right):
            return np.zeros(len(images), np.int64)
        weights.append({name: value.clone() for name, value in network.state_dict().items()})
        return np.where(np.arange(len(labels)) < right[len(weights) - 1], labels, (labels + 1) % 10)

    monkeypatch.setattr(pretrain, "tell", scripted)
    out = tmp_path / "backbone"
    arguments = ("--dataset", "cifar10", "--root", tmp_path, "--out", out, *TINY, "--epochs", 4)
    assert run(pretrain, *arguments)[0] == 0
    config, checksum = read_backbone(out)
    network = load_network(out, checksum, config.build, "it")
    assert config.training["epoch"] == 3
    assert all(torch.equal(value, weights[2][name]) for name, value in network.state_dict().items())


def test_another_backbone_learns_from_pictures_of_its_own_size(tmp_path, run):
    write_set(tmp_path / "toys")
    out = tmp_path / "backbone"
    options = ("--backbone", "mobilenet_v3_small", "--epochs", 1, "--size", 40)
    assert run(pretrain, "--dataset", tmp_path / "toys", "--out", out, *TINY, *options)[0] == 0
    config, _ = read_backbone(out)
    assert (config.name, config.size, config.dataset) == ("mobilenet_v3_small", 40, "toys")
    assert (config.classes, config.measured_on) == (("blue", "red"), "val")


def test_pictures_that_cannot_be_read_are_named_and_the_others_learned_from(tmp_path, run):
    write_set(tmp_path / "toys")
    (tmp_path / "toys" / "train" / "red" / "bad.png").write_bytes(b"")
    code, said, _ = run(pretrain, "--dataset", tmp_path / "toys", "--out", tmp_path / "b", *TINY)
    assert code == 0
    assert "1 picture that can't be read is left out: train/red/bad.png." in said
    assert "Learning 2 classes from 18 pictures" in said


@pytest.mark.parametrize("kind", ["folder", "file"])
def test_an_existing_out_is_refused_and_left_untouched(tmp_path, run, kind):
    write_cifar10(tmp_path)
    out = tmp_path / "backbone"
    note = out if kind == "file" else out / "note.txt"
    note.parent.mkdir(exist_ok=True)
    note.write_text("mine")
    code, _, said = run(pretrain, "--dataset", "cifar10", "--root", tmp_path, "--out", out, *TINY)
    assert code == 2
    assert f"--out: {out} exists and is not empty. Choose another folder or remove it" in said
    assert note.read_text() == "mine"


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--root", "nowhere"), "--root: nowhere lacks data_batch_1.bin"),
        (("--dataset", "nothing"), "nothing is not there. Expected pictures in FOLDER/train/CLASS"),
        (("--backbone", "pilotnet"), "--backbone: pilotnet is made for one size of frames"),
        (("--backbone", "alexnett"), "backbone: unknown name 'alexnett'"),
        (("--pretrained", "imagenet"), "cifar-cnn has no ImageNet weights"),
        (("--pretrained", "cifar"), "--pretrained: unknown name 'cifar'. Known: none, imagenet"),
        (("--size", 8), "--size: expected 16 to 1024 pixels, got 8"),
        (("--epochs", 0), "--epochs: expected 1 or more, got 0"),
        (("--batch-size", 1), "--batch-size: expected 2 or more, got 1"),
        (("--learning-rate", "nan"), "--learning-rate: expected more than 0, got nan"),
        (("--seed", -1), "--seed: expected 0 or more, got -1"),
        (("--augment", 2), "--augment: expected a strength from 0 to 1, got 2"),
        (("--device", "tpu"), "device: unknown name 'tpu'"),
    ],
)
def test_wrong_use_is_answered_with_one_sentence_and_leaves_nothing_behind(tmp_path, run, options, words):
    write_cifar10(tmp_path)
    out = tmp_path / "backbone"
    code, _, said = run(pretrain, "--dataset", "cifar10", "--root", tmp_path, "--out", out, *TINY, *options)
    assert code == 2
    assert said.startswith("error: ")
    assert words in said
    assert said.count("\n") == 1
    assert not out.exists()


def test_a_loss_that_is_no_number_ends_training_with_the_way_out(tmp_path, run):
    folder = write_cifar10(tmp_path)
    rng = np.random.default_rng(0)
    noise = [record(i % 10, *rng.integers(0, 256, (3, 32, 32))) for i in range(80)]
    (folder / "data_batch_1.bin").write_bytes(b"".join(noise))
    arguments = ("--dataset", "cifar10", "--root", tmp_path, "--out", tmp_path / "b", *TINY, "--learning-rate", 1e30)
    code, _, said = run(pretrain, *arguments)
    assert code == 2
    assert "Lower --learning-rate." in said
