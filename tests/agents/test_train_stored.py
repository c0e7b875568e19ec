"""Cloning other programs' recordings: what judges, what is carried, what is refused. All of it is tiny."""

import json
import re

import numpy as np
import pytest

from agents import export, record, train
from agents.deployment.donkeycar_part import DrivesimPilot
from agents.deployment.frame_statistics import frame_statistics
from agents.deployment.reference import reference_of
from agents.policy import Policy
from datasets.data_format import read_stored
from datasets.frame_fit import FrameFit
from drivesim.camera import CAMERAS
from drivesim.errors import DrivesimError
from tests.datasets.recordings import picture, write_log, write_tub

pytestmark = pytest.mark.usefixtures("one_torch_thread")

TINY = ("--epochs", 2, "--samples", 64, "--batch-size", 32, "--device", "cpu", "--threads", 1)


def log_of(folder):
    return [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]


def test_a_tub_is_learned_from_and_what_was_held_out_chooses(tmp_path, run):
    tub = write_tub(tmp_path / "tub", 120, records={3: {"user/angle": 7}})
    code, said, _ = run(train, "--data", tub, "--out", tmp_path / "policy", *TINY, "--crop", 0.25, 0, 0, 0)
    said = " ".join(said.split())
    assert code == 0
    assert "skipped 1: its user/angle is not in -1 ... 1 (record 3)" in said
    assert "always the mean" in said and "the driver's last action again" in said
    rows = log_of(tmp_path / "policy")
    policy = Policy.load(tmp_path / "policy", "cpu")
    best = min(row["steering_mae"] for row in rows)
    assert policy.config.driving == {"steering_mae": best}
    assert f"Best on what was held out: mean absolute error of steering {best:.4f}" in said
    assert policy.config.fit == FrameFit((0.25, 0.0, 0.0, 0.0))
    assert (policy.camera, policy.config.control_hz) == (CAMERAS["front"], 20.0)
    assert policy.config.training["recordings"] == [{"format": "donkeycar tub v2", "drives": 1, "steps": 119, "bad": 1}]
    written = b"".join(path.read_bytes() for path in (tmp_path / "policy").iterdir())
    assert str(tmp_path).encode() not in written


def test_the_errors_of_drivers_without_eyes_are_exact(tmp_path, run):
    # Ten drives of which whole ones are held out: all steer alike, but for the direction.
    records = {n: {"_session_id": f"s{n // 12}", "user/angle": 0.5 if n % 2 else -0.5} for n in range(120)}
    tub = write_tub(tmp_path / "tub", 120, records=records)
    code, said, _ = run(train, "--data", tub, "--out", tmp_path / "policy", *TINY, "--epochs", 1)
    assert code == 0
    said = " ".join(said.split())
    assert "Held out: 22 steps." in said  # two drives, less the first step of each
    assert "steering 0.5000: always the mean" in said
    assert "steering 1.0000: the driver's last action again" in said
    assert "stretches" not in said


def test_a_policy_drives_a_donkeycar_on_the_pictures_that_it_learned_from(tmp_path, run):
    tub = write_tub(tmp_path / "tub", 60)
    assert run(train, "--data", tub, "--out", tmp_path / "policy", *TINY, "--crop", 0.5, 0.1, 0, 0.1)[0] == 0
    pilot = DrivesimPilot(tmp_path / "policy")
    policy = Policy.load(tmp_path / "policy", "cpu")
    frame = FrameFit((0.5, 0.1, 0.0, 0.1)).apply(picture(5), 66, 200)
    assert pilot.run(picture(5))[0] == pytest.approx(policy.predict(frame[None])[0, 0], abs=1e-6)
    assert pilot.run(picture(5))[0] != pytest.approx(policy.predict(picture_as_is(5))[0, 0], abs=1e-6)


def picture_as_is(number):
    return FrameFit().apply(picture(number), 66, 200)[None]


def test_laps_and_a_log_are_mixed(tmp_path, run):
    record.main(record.Args(out=tmp_path / "laps", laps=1, seconds=5.0))
    log = write_log(tmp_path / "log", 30)
    code, said, _ = run(
        train, "--data", tmp_path / "laps", log, "--out", tmp_path / "policy", *TINY, "--speed", "--pedal", "--looks", 2
    )
    assert code == 0
    said = " ".join(said.split())
    assert "Learning from 1 laps, a udacity log of 30 steps" in said
    assert "Recorded at different rates" in said
    config = Policy.load(tmp_path / "policy", "cpu").config
    assert (config.inputs, config.outputs) == (("camera", "speed"), ("steering", "pedal"))
    assert set(config.driving) == {"steering_mae", "pedal_mae"}
    assert config.training["laps"] == 1


def test_a_training_that_goes_on_ends_as_if_nothing_had_happened(tmp_path, run, monkeypatch):
    tub = write_tub(tmp_path / "tub", 60)
    options = ("--data", tub, *TINY, "--epochs", 3)
    assert run(train, *options, "--out", tmp_path / "whole")[0] == 0
    drawn = []
    learn = train.Training._learn

    def interrupted(self, batch):
        drawn.append(batch)
        if len(drawn) == 4:
            self._checkpoint()
            raise KeyboardInterrupt
        return learn(self, batch)

    monkeypatch.setattr(train.Training, "_learn", interrupted)
    assert run(train, *options, "--out", tmp_path / "cut")[0] == 130
    monkeypatch.undo()
    assert run(train, *options, "--out", tmp_path / "cut", "--resume")[0] == 0
    for name in ("model.safetensors", "metrics.jsonl"):
        assert (tmp_path / "cut" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        (("--speed",), r"--speed: no step of .*tub \(donkeycar tub v2\) says a speed"),
        (("--crop", 0.6, 0, 0.4, 0), "crop: expected four shares"),
        (("--held-out", 0), "--held-out: expected a share above 0"),
        (("--side-correction", 2), "--side-correction: expected a number from 0 to 1"),
        (("--strict",), "record 3: its user/angle is not in -1 ... 1"),
    ],
)
def test_what_can_not_be_learned_is_refused_and_nothing_written(tmp_path, run, options, complaint):
    tub = write_tub(tmp_path / "tub", 40, records={3: {"user/angle": 7}})
    code, _, said = run(train, "--data", tub, "--out", tmp_path / "policy", *TINY, *options)
    assert code == 2
    assert re.search(complaint, " ".join(said.split()))
    assert not (tmp_path / "policy").exists()


def test_what_is_usual_on_the_recordings_is_kept_and_goes_along_when_exported(tmp_path, run):
    pytest.importorskip("onnxscript")
    tub = write_tub(tmp_path / "tub", 60)
    out = tmp_path / "policy"
    assert run(train, "--data", tub, "--out", out, *TINY)[0] == 0
    policy = Policy.load(out, "cpu")
    reference = reference_of(out, policy)
    (drive,) = read_stored(tub).drives
    frames = np.array([FrameFit().apply(seen, 66, 200) for seen in drive.pictures.read(range(20))])
    distances = reference.normality.distance(frame_statistics(frames))
    assert np.median(distances) < reference.normality.limit
    # Whatever has another look is told from them.
    assert (reference.normality.distance(frame_statistics(255 - frames)) > reference.normality.limit).all()
    file = tmp_path / "policy.onnx"
    code, said, _ = run(export, "--policy", out, "--to", "onnx", "--out", file, "--data", tub, "--frames", 40)
    assert (code, "On 40 frames" in said) == (0, True)
    taken = reference_of(file, policy)
    assert (taken.normality, taken.distributions) == (reference.normality, reference.distributions)
    assert taken.policy != reference.policy
    (out / "reference.json").unlink()
    with pytest.raises(DrivesimError, match="what is usual for these weights is not there"):
        reference_of(out, policy)


def test_eight_bits_are_fitted_to_recordings_alone(tmp_path, run):
    pytest.importorskip("onnxscript")
    tub = write_tub(tmp_path / "tub", 60)
    out = tmp_path / "policy"
    assert run(train, "--data", tub, "--out", out, *TINY)[0] == 0
    code, _, said = run(export, "--policy", out, "--to", "onnx-int8", "--out", tmp_path / "small.onnx")
    assert (code, "give such recordings with --data" in said) == (2, True)
    options = ("--out", tmp_path / "small.onnx", "--data", tub, "--frames", 40)
    assert run(export, "--policy", out, "--to", "onnx-int8", *options)[0] == 0
    assert DrivesimPilot(tmp_path / "small.onnx").run(picture(5))[0] == pytest.approx(
        DrivesimPilot(out).run(picture(5))[0], abs=0.1
    )
