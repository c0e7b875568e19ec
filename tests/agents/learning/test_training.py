"""A training that was interrupted ends as if nothing had happened."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from rich.console import Console

from agents import record, train
from agents.learning.checkpoint import NAME
from agents.learning.material import Material
from agents.learning.training import Training, to_tensors
from agents.policy import Policy
from datasets.augment import Augment
from datasets.lap_files import read_laps
from tests.agents.policies import files

pytestmark = pytest.mark.usefixtures("one_torch_thread")

ROOT = Path(__file__).parents[3]
SMALL = (
    *("--epochs", 2, "--samples", 160, "--batch-size", 32, "--looks", 4, "--device", "cpu", "--threads", 1),
    *("--validation-tracks", 1, "--validation-seconds", 0.5, "--augment", 0.5, "--averaging", 0.9),
)


class ProcessEndedError(Exception):
    """Stands for whatever ends a process."""


@pytest.fixture(scope="module")
def laps(tmp_path_factory):
    folder = tmp_path_factory.mktemp("recorded") / "laps"
    record.main(record.Args(out=folder, laps=2, seconds=10.0))
    return folder


@pytest.fixture(scope="module")
def whole(tmp_path_factory, laps):
    """The files of a training that was not interrupted."""
    out = tmp_path_factory.mktemp("whole") / "policy"
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    subprocess.run(command(laps, out), check=True, cwd=ROOT, env=environment(), capture_output=True)
    torch.set_num_threads(threads)
    return files(out)


def command(laps, out, *more, options=SMALL):
    arguments = ["--data", laps, "--out", out, *options, *more]
    return [sys.executable, "-m", "agents.train", *map(str, arguments)]


def environment():
    return os.environ | {"OMP_NUM_THREADS": "1"}


def interrupt_at(monkeypatch, steps):
    """Let training end after so many steps, a checkpoint behind every one."""
    learn, done = Training._learn, []

    def spied(training, batch):
        if len(done) == steps:
            raise ProcessEndedError
        done.append(1)
        return learn(training, batch)

    monkeypatch.setattr("agents.learning.training._CHECKPOINT_SECONDS", -1.0)
    monkeypatch.setattr(Training, "_learn", spied)


@pytest.mark.parametrize("steps", [1, 4, 5, 7, 9])
def test_an_interrupted_training_ends_with_the_same_weights(tmp_path, monkeypatch, run, laps, whole, steps):
    out = tmp_path / "policy"
    with monkeypatch.context() as patch:
        interrupt_at(patch, steps)
        with pytest.raises(ProcessEndedError):
            run(train, "--data", laps, "--out", out, *SMALL)
    assert (out / NAME).exists()
    code, said, _ = run(train, "--data", laps, "--out", out, *SMALL, "--resume")
    assert code == 0
    assert f"Going on at epoch {steps // 5 + 1}, batch {steps % 5 + 1}" in said
    assert files(out) == whole


@pytest.mark.slow
def test_a_training_that_is_killed_ten_times_ends_with_the_same_weights(tmp_path, laps):
    longer = (*SMALL, "--epochs", 3, "--samples", 6400)
    subprocess.run(command(laps, tmp_path / "whole", options=longer), check=True, cwd=ROOT, env=environment())
    out, rng, kills = tmp_path / "killed", np.random.default_rng(0), 0
    script = (
        "import agents.learning.training, agents.train as command\nagents.learning.training._CHECKPOINT_SECONDS = 0.2\n"
        "command.run_command(command.main, command.Args, command.__doc__)"
    )
    while not is_over(out, epochs=3):
        more = ["--resume"] if (out / NAME).exists() else []
        if not more and out.exists():
            for path in out.iterdir():
                path.unlink()
        arguments = command(laps, out, *more, options=longer)[3:]
        process = subprocess.Popen([sys.executable, "-c", script, *arguments], cwd=ROOT, env=environment())
        try:
            process.wait(timeout=rng.uniform(3.0, 7.0) if kills < 10 else None)
            assert process.returncode == 0
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            process.wait()
            kills += 1
            time.sleep(0.05)
    print(f"killed {kills} times")
    assert kills >= 3
    assert files(out) == files(tmp_path / "whole")


def is_over(out, epochs):
    """Whether a training has come to its end, killed on its way out or not."""
    log = out / "metrics.jsonl"
    return log.exists() and len(log.read_text().splitlines()) == epochs and not (out / NAME).exists()


def test_a_checkpoint_of_other_options_is_refused_with_both_sides(tmp_path, monkeypatch, run, laps):
    out = tmp_path / "policy"
    with monkeypatch.context() as patch:
        interrupt_at(patch, 2)
        with pytest.raises(ProcessEndedError):
            run(train, "--data", laps, "--out", out, *SMALL)
    before = files(out)
    code, _, said = run(train, "--data", laps, "--out", out, *SMALL, "--resume", "--seed", 7)
    assert code == 2
    assert f"the checkpoint in {out} is of another training: it had seed 0, now 7. Give the same options" in said
    assert files(out) == before


def test_resuming_what_was_not_interrupted_is_refused(tmp_path, run, laps):
    code, _, said = run(train, "--data", laps, "--out", tmp_path / "policy", *SMALL, "--resume")
    assert code == 2
    assert f"holds no {NAME}: nothing was interrupted there" in said


def test_a_training_ends_early_when_driving_gets_no_better(tmp_path, monkeypatch, run, laps):
    monkeypatch.setattr(train, "quick_check", lambda *_: {"autonomy": 0.5, "cross_track_error": 0.1})
    options = (*SMALL, "--epochs", 6, "--samples", 32, "--patience", 2)
    assert run(train, "--data", laps, "--out", tmp_path / "policy", *options)[0] == 0
    rows = (tmp_path / "policy" / "metrics.jsonl").read_text().splitlines()
    assert [json.loads(row)["epoch"] for row in rows] == [1, 2, 3]


@pytest.mark.parametrize("averaging", [0.0, 0.9])
def test_every_epochs_drive_is_with_the_weights_of_that_epoch(tmp_path, monkeypatch, run, laps, averaging):
    frames, wanted = np.random.default_rng(0).integers(0, 256, (4, 96, 96, 3), np.uint8), []

    def check(policy, *_):
        said = policy.predict(frames)
        policy.network.eval()
        with torch.no_grad():
            meant = policy.network(torch.from_numpy(frames).permute(0, 3, 1, 2)).clamp(-1, 1).numpy()
        policy.network.train()
        np.testing.assert_allclose(said, meant, atol=0.02)
        wanted.append(meant)
        return {"autonomy": 0.5, "cross_track_error": 0.1}

    monkeypatch.setattr(train, "quick_check", check)
    options = (*SMALL, "--epochs", 3, "--averaging", averaging, "--learning-rate", 0.01)
    assert run(train, "--data", laps, "--out", tmp_path / "policy", *options)[0] == 0
    assert np.abs(wanted[1] - wanted[0]).max() > 0.05


def test_what_drives_is_the_average_of_the_weights(tmp_path, monkeypatch, run, laps):
    driven = []

    def check(policy, *_):
        driven.append({name: value.clone() for name, value in policy.network.state_dict().items()})
        return {"autonomy": 0.5 + 0.1 * len(driven), "cross_track_error": 0.1}

    monkeypatch.setattr(train, "quick_check", check)
    trained = []
    monkeypatch.setattr(Training, "_checkpoint", lambda training: trained.append(training._network.state_dict()))
    assert run(train, "--data", laps, "--out", tmp_path / "policy", *SMALL)[0] == 0
    saved = Policy.load(tmp_path / "policy", "cpu").network.state_dict()
    assert all(torch.equal(value, saved[name]) for name, value in driven[-1].items())
    assert not torch.equal(saved["head.0.weight"], trained[-1]["head.0.weight"])
    assert torch.allclose(saved["head.0.weight"], trained[-1]["head.0.weight"], atol=0.05)


def test_a_policy_that_learns_pedal_and_speed_says_so_and_drives(tmp_path, run):
    laps = tmp_path / "laps"
    record.main(record.Args(out=laps, laps=2, seconds=10.0, environment="drive", noise=0.0))
    options = (*SMALL, "--epochs", 1, "--pedal", "--speed")
    assert run(train, "--data", laps, "--out", tmp_path / "policy", *options)[0] == 0
    config = Policy.load(tmp_path / "policy", "cpu").config
    assert (config.inputs, config.outputs) == (("camera", "speed"), ("steering", "pedal"))


def test_a_batch_is_learned_by_heart_and_drawn(tmp_path, run, laps):
    picture = tmp_path / "batch.png"
    options = ("--device", "cpu", "--threads", 1, "--looks", 4, "--overfit-batch", "--show-batch", picture)
    code, said, _ = run(train, "--data", laps, "--out", tmp_path / "policy", *options)
    assert code == 0
    first, last = (float(word) for word in said.split("the loss went from ")[1].split("\n")[0].split(" to "))
    assert last < 0.1 * first
    assert picture.read_bytes().startswith(b"\x89PNG")
    assert not (tmp_path / "policy").exists()


def test_the_tensors_that_enter_a_network_are_the_batchs_own(laps):
    args = train.Args(data=[laps], out=Path("unused"), device="cpu", speed=True, pedal=True, looks=2, threads=1)
    recorded, _ = read_laps([laps])
    material = Material.of_laps(recorded)
    policy, frames = train.make_policy(args, material), train.make_frames(args, material, Console(quiet=True))
    batch = next(iter(frames.epoch(8, 8, np.random.default_rng(0))))
    (pictures, speeds), wanted = to_tensors(batch, policy, None, 0)
    np.testing.assert_array_equal(pictures.permute(0, 2, 3, 1).numpy(), batch.frames[0])
    np.testing.assert_array_equal(speeds.numpy(), batch.speeds)
    assert wanted.shape == (8, 2)
    changed, _ = to_tensors(batch, policy, Augment(1.0), 0)
    assert not torch.equal(changed[0], pictures)


def test_past_frames_and_other_cameras_are_seen_in_the_same_light_as_the_newest(laps):
    cameras = ["topdown", "front"]
    args = train.Args(data=[laps], out=Path("unused"), device="cpu", camera=cameras, past=2, looks=2, threads=1)
    material = Material.of_laps(read_laps([laps])[0])
    policy, frames = train.make_policy(args, material), train.make_frames(args, material, Console(quiet=True))
    batch = next(iter(frames.epoch(32, 32, np.random.default_rng(0))))
    plain, _ = to_tensors(batch, policy, None, 0)
    bright, _ = to_tensors(batch, policy, Augment(0.5), 0)
    for camera, (before, after) in enumerate(zip(plain, bright, strict=True)):
        assert before.shape == after.shape == (32, 3, 3, *batch.frames[camera].shape[2:4])
        np.testing.assert_array_equal(before.movedim(2, -1).numpy(), batch.frames[camera])
    # By how much each frame of a sample, (32, 2 cameras x 3), became brighter.
    change = torch.cat(
        [(after.float() - before.float()).mean(dim=(2, 3, 4)) for before, after in zip(plain, bright, strict=True)], 1
    )
    assert change.std(dim=1).mean() < 0.4 * change.mean(dim=1).std()
