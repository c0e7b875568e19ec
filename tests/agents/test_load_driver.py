"""Whoever drives is found by what the command line says."""

from dataclasses import asdict

import pytest

from agents import evaluate
from agents.deployment.onnx_driver import OnnxDriver
from agents.deployment.onnx_files import write_onnx
from agents.driver import StraightDriver
from agents.expert import ExpertDriver
from agents.load_driver import load_driver, load_frame_driver
from agents.policy import Policy
from drivesim.errors import DrivesimError
from tests.agents.policies import make_policy


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A policy, as a folder and as an exported file beside it."""
    root = tmp_path_factory.mktemp("drivers")
    policy = make_policy()
    policy.save(root / "mine")
    write_onnx(root / "mine.onnx", policy, {"config": asdict(policy.config), "exported": {"version": 1}})
    return root


def test_folders_files_and_baselines_are_told_apart(folder):
    assert isinstance(load_driver("expert"), ExpertDriver)
    assert isinstance(load_driver("straight"), StraightDriver)
    assert isinstance(load_driver(folder / "mine", "cpu"), Policy)
    assert isinstance(load_driver(str(folder / "mine.onnx"), threads=1), OnnxDriver)


def test_a_baseline_sees_no_frames(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(DrivesimError, match="'expert' is neither a policy's folder"):
        load_frame_driver("expert")


def test_nobody_is_refused_with_all_that_there_is(tmp_path):
    with pytest.raises(DrivesimError) as caught:
        load_driver(tmp_path / "nobody")
    assert "is neither a policy's folder nor one of expert, straight, nor an .onnx or .tflite file" in str(caught.value)


@pytest.mark.parametrize(("device", "words"), [("cuda", "computed on the CPU"), ("tpu", "unknown name 'tpu'")])
@pytest.mark.parametrize("name", ["mine.onnx", "mine.tflite"])
def test_an_exported_file_on_another_device_is_refused(folder, name, device, words):
    with pytest.raises(DrivesimError, match=words):
        load_driver(folder / name, device)


def test_an_exported_file_is_evaluated_as_a_policy_is(folder, run, one_torch_thread):
    options = ("--tracks", 1, "--difficulty", "easy", "--device", "cpu")
    code, said, _ = run(evaluate, "--policy", folder / "mine.onnx", *options)
    assert code == 0
    assert "mine.onnx on 1 tracks" in said
