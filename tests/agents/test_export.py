"""An exported file computes what the policy computes, says what it is, and is not there where it does not."""

import json
import sys

import numpy as np
import onnx
import pytest
import torch

from agents import export
from agents.deployment.deployed import DeployedNetwork, full_precision_actions
from agents.deployment.exported_file import METADATA_KEY
from agents.deployment.onnx_driver import OnnxDriver
from drivesim.camera import Camera
from tests.agents.policies import CAMERA, WIDE, files, make_frames, make_policy

BOTH = dict(inputs=("camera", "speed"), outputs=("steering", "pedal"))


@pytest.fixture(scope="module")
def policies(tmp_path_factory):
    """A policy that takes frames alone, and one that takes and gives all there is: (policy, folder) each."""
    root = tmp_path_factory.mktemp("policies")
    made = {"plain": make_policy(), "both": make_policy(seed=1, **BOTH)}
    for name, policy in made.items():
        policy.save(root / name)
    return {name: (policy, root / name) for name, policy in made.items()}


@pytest.fixture(autouse=True)
def one_thread(one_torch_thread):
    pass


def exported(run, folder, path, to, *options):
    code, said, wrong = run(export, "--policy", folder, "--to", to, "--out", path, "--frames", 40, *options)
    assert code == 0, wrong
    return said


@pytest.mark.parametrize("which", ["plain", "both"])
def test_an_onnx_file_computes_what_the_policy_does_for_any_number_of_frames(tmp_path, run, policies, which):
    policy, folder = policies[which]
    path = tmp_path / "new" / "mine.onnx"
    said = exported(run, folder, path, "onnx")
    assert "On 40 frames its actions differ from the policy's by" in said
    assert files(path.parent).keys() == {"mine.onnx"}
    driver = OnnxDriver(path, threads=1)
    frames, speeds = make_frames(150, seed=5), np.linspace(0, 30, 150).astype(np.float32)
    expected = full_precision_actions(policy, frames, speeds)
    assert expected.std() > 0.1
    for count in (1, 2, 150):
        given = speeds[:count] if which == "both" else None
        actions = driver.predict(frames[:count], given)
        np.testing.assert_allclose(actions, expected[:count], atol=1e-5)
    assert actions.dtype == np.float64


@pytest.mark.parametrize("to", ["onnx", "onnx-int8", "torch-export"])
@pytest.mark.slow
def test_past_frames_and_a_second_camera_are_exported_too(tmp_path, run, to):
    policy = make_policy(cameras=(CAMERA, WIDE), past=1, stride=2, **BOTH)
    policy.save(tmp_path / "mine")
    exported(run, tmp_path / "mine", tmp_path / "mine.onnx", to)
    if to == "torch-export":
        return  # It was compared with the policy before it got its name.
    driver = OnnxDriver(tmp_path / "mine.onnx", threads=1)
    assert driver.config == policy.config
    views, speeds = export._frames(policy, [], 60, seed=3)
    expected, actions = full_precision_actions(policy, views, speeds), driver.predict(views, speeds)
    assert expected.std() > 0.1
    if to == "onnx":
        np.testing.assert_allclose(actions, expected, atol=1e-5)
    else:
        assert np.corrcoef(actions.ravel(), expected.ravel())[0, 1] > 0.9  # See the test of 8-bit integers below.


def test_the_speed_and_the_frame_both_count_in_an_exported_file(tmp_path, run, policies):
    exported(run, policies["both"][1], tmp_path / "a.onnx", "onnx")
    driver = OnnxDriver(tmp_path / "a.onnx")
    frames = np.repeat(make_frames(1), 2, axis=0)
    slow, fast = driver.predict(frames, np.array([0.0, 30.0]))
    assert np.abs(slow - fast).max() > 1e-4


def test_actions_are_cut_to_their_range_inside_of_the_file(tmp_path, run):
    policy = make_policy()
    with torch.no_grad():
        policy.network.head[-1].weight *= 10
    policy.save(tmp_path / "wild")
    exported(run, tmp_path / "wild", tmp_path / "wild.onnx", "onnx")
    frames = make_frames(50)
    (actions,) = OnnxDriver(tmp_path / "wild.onnx")._session.run(None, {"frames": frames})
    assert (actions.min(), actions.max()) == (-1.0, 1.0)


def test_a_file_has_no_batch_normalisation_left_and_no_paths_of_the_machine(tmp_path, run, policies):
    for to, name in (("onnx", "a.onnx"), ("onnx-int8", "b.onnx")):
        exported(run, policies["plain"][1], tmp_path / name, to)
        model = onnx.load(tmp_path / name)
        assert not any("Normalization" in node.op_type for node in model.graph.node)
        written = (tmp_path / name).read_bytes()
        assert not [word for word in (b"site-packages", b"agents/", b'File "') if word in written]


def test_a_file_says_what_it_was_made_of(tmp_path, run, policies):
    policy, folder = policies["both"]
    exported(run, folder, tmp_path / "a.onnx", "onnx")
    properties = {entry.key: entry.value for entry in onnx.load(tmp_path / "a.onnx").metadata_props}
    said = json.loads(properties[METADATA_KEY])
    assert [Camera.from_dict(camera) for camera in said["config"]["cameras"]] == [CAMERA]
    assert (said["config"]["inputs"], said["config"]["outputs"]) == (["camera", "speed"], ["steering", "pedal"])
    assert said["config"]["control_hz"] == 20.0
    assert said["exported"]["weights_sha256"] == json.loads((folder / "config.json").read_text())["weights_sha256"]
    assert said["exported"]["versions"]["torch"].startswith(torch.__version__.split("+")[0])
    driver = OnnxDriver(tmp_path / "a.onnx")
    assert (driver.config, driver.name, driver.exported["to"]) == (policy.config, "a", "onnx")


@pytest.mark.parametrize("which", ["plain", "both"])
def test_convolutions_of_8_bits_steer_nearly_alike(tmp_path, run, policies, which):
    policy, folder = policies[which]
    said = exported(run, folder, tmp_path / "small.onnx", "onnx-int8")
    assert "drive it before you use it: python -m agents.evaluate --policy" in said
    kinds = {tensor.data_type for tensor in onnx.load(tmp_path / "small.onnx").graph.initializer}
    assert onnx.TensorProto.INT8 in kinds
    frames, speeds = export._frames(policy, [], 60, seed=3)
    given = speeds if which == "both" else None
    actions = OnnxDriver(tmp_path / "small.onnx").predict(frames, given)
    expected = full_precision_actions(policy, frames, speeds)
    # An untrained network's last layers are made to tell frames apart, which shows the rounding ten times as large.
    assert expected.std() > 0.1
    assert np.corrcoef(actions.ravel(), expected.ravel())[0, 1] > 0.9
    assert not np.array_equal(actions, expected)


def test_a_file_of_torch_export_computes_what_the_policy_does(tmp_path, run, policies):
    policy, folder = policies["both"]
    exported(run, folder, tmp_path / "a.pt2", "torch-export")
    more = {f"{METADATA_KEY}.json": ""}
    network = torch.export.load(tmp_path / "a.pt2", extra_files=more).module()
    frames, speeds = make_frames(3, seed=5), np.array([1.0, 10.0, 20.0], np.float32)
    actions = network(torch.from_numpy(frames), torch.from_numpy(speeds)).numpy()
    np.testing.assert_allclose(actions, full_precision_actions(policy, frames, speeds), atol=1e-5)
    assert json.loads(more[f"{METADATA_KEY}.json"])["config"]["outputs"] == ["steering", "pedal"]


def test_a_deployed_network_leaves_the_policys_own_alone(policies):
    policy, _ = policies["plain"]
    before = {name: value.clone() for name, value in policy.network.state_dict().items()}
    DeployedNetwork(policy)
    assert all(parameter.requires_grad for parameter in policy.network.parameters())
    assert all(torch.equal(value, policy.network.state_dict()[name]) for name, value in before.items())


def test_recorded_laps_are_compared_on_where_they_are_given(tmp_path, run, policies, monkeypatch):
    from agents import record

    assert run(record, "--laps", 1, "--seconds", 10, "--out", tmp_path / "laps")[0] == 0
    monkeypatch.setattr(export, "validation_frames", None)
    exported(run, policies["plain"][1], tmp_path / "a.onnx", "onnx", "--data", tmp_path / "laps")
    assert (tmp_path / "a.onnx").is_file()


@pytest.mark.parametrize("to", ["onnx", "torch-export"])
def test_a_file_that_differs_from_the_policy_is_an_error_and_removed(tmp_path, run, policies, monkeypatch, to):
    honest = export.full_precision_actions
    monkeypatch.setattr(export, "full_precision_actions", lambda *given: honest(*given) + 2e-4)
    out = tmp_path / "out"
    code, _, said = run(export, "--policy", policies["plain"][1], "--to", to, "--out", out / "a", "--frames", 5)
    assert code == 2
    assert "differs from the policy by 2.0e-04, more than 1e-04; it was removed" in said
    assert files(out) == {}


def test_an_interrupted_export_leaves_nothing(tmp_path, run, policies, monkeypatch):
    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(export, "_compare", interrupted)
    out = tmp_path / "out"
    assert run(export, "--policy", policies["plain"][1], "--out", out / "a.onnx")[0] == 130
    assert files(out) == {}


def test_an_older_file_is_not_replaced(tmp_path, run, policies):
    (tmp_path / "a.onnx").write_text("mine")
    code, _, said = run(export, "--policy", policies["plain"][1], "--out", tmp_path / "a.onnx")
    assert code == 2
    assert "a.onnx exists already. Choose another name" in said
    assert (tmp_path / "a.onnx").read_text() == "mine"


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--to", "jpeg"), "--to: unknown name 'jpeg'. Known: onnx, onnx-int8, torch-export, tflite."),
        (("--to", "tflite"), "--to tflite: litert_torch is not installed: pip install -e .[tflite]"),
        (("--frames", 0), "--frames: expected 1 or more, got 0"),
        (("--seed", -1), "--seed: expected 0 or more, got -1"),
        (("--policy", "nowhere"), "nowhere is no policy folder"),
        (("--data", "nowhere"), "nowhere"),
    ],
)
def test_wrong_use_is_exit_code_2_and_one_sentence(tmp_path, run, policies, monkeypatch, options, words):
    monkeypatch.setitem(sys.modules, "litert_torch", None)
    out = tmp_path / "out.onnx"
    code, _, said = run(export, "--policy", policies["plain"][1], "--out", out, *options)
    assert code == 2
    assert words in said
    assert said.count("\n") == 1
    assert files(tmp_path) == {}
