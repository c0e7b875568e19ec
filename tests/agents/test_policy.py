"""A policy's folder comes back as it was, or is refused; and a policy refuses what it was not made for."""

import json
import os
import pickle
import shutil
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from agents.models.policy_files import FORMAT_VERSION
from agents.policy import Policy
from agents.rollout import Course, drive, make_env
from drivesim.camera import CAMERAS, Camera
from drivesim.errors import DrivesimError
from drivesim.vehicle import VEHICLES
from tests.agents.drives import ring_world
from tests.agents.policies import CAMERA, FOLDER_FILES, WIDE, files, make_frames, make_policy, make_views


@pytest.fixture(scope="module", autouse=True)
def one_thread():
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    folder = tmp_path_factory.mktemp("policies") / "mine"
    make_policy().save(folder)
    return folder


@pytest.fixture
def folder(saved, tmp_path):
    """A policy's folder, to be spoilt."""
    return Path(shutil.copytree(saved, tmp_path / "mine"))


def change_config(folder, **changes):
    path = folder / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def refusal(folder):
    with pytest.raises(DrivesimError) as caught:
        Policy.load(folder, "cpu")
    return str(caught.value)


# Round trip


@pytest.mark.parametrize("camera", [CAMERA, CAMERAS["front"]])
def test_a_loaded_policy_predicts_exactly_what_the_saved_one_did(tmp_path, camera):
    policy = make_policy(camera=camera)
    policy.save(tmp_path / "mine")
    frames = make_frames(9, camera, seed=1)
    expected = policy.predict(frames)
    assert expected.shape == (9, 1)
    assert len(np.unique(expected)) == 9
    loaded = Policy.load(tmp_path / "mine", "cpu")
    assert loaded.predict(frames).tobytes() == expected.tobytes()
    assert loaded.config == policy.config
    assert (loaded.name, loaded.camera, loaded.vehicle) == ("mine", camera, VEHICLES["car"])


def test_a_policy_with_past_frames_and_two_cameras_comes_back_as_it_was(tmp_path):
    policy = make_policy(cameras=(CAMERA, WIDE), past=2, stride=3, inputs=("camera", "speed"))
    policy.save(tmp_path / "mine")
    views, speeds = make_views(5, policy.config, seed=1), np.linspace(0, 20, 5)
    expected = policy.predict(views, speeds)
    assert len(np.unique(expected)) == 5
    loaded = Policy.load(tmp_path / "mine", "cpu")
    assert loaded.predict(views, speeds).tobytes() == expected.tobytes()
    assert loaded.config == policy.config
    # Each frame of each camera counts.
    for camera, at in ((0, 0), (0, 2), (1, 0), (1, 1)):
        changed = [view.copy() for view in views]
        changed[camera][:, at] = 255 - changed[camera][:, at]
        assert np.abs(loaded.predict(changed, speeds) - expected).max() > 1e-3


def test_a_folder_of_the_first_format_is_read_as_ever(folder):
    expected = Policy.load(folder, "cpu").predict(make_frames(4))
    config = json.loads((folder / "config.json").read_text())
    # All that the first format held.
    names = ("weights_sha256", "backbone", "outputs", "vehicle", "control_hz", "inputs", "drivesim_version")
    old = {name: config[name] for name in (*names, "training", "driving")}
    old |= {"format_version": 1, "camera": CAMERA.to_dict()}
    (folder / "config.json").write_text(json.dumps(old))
    names = set(load_file(folder / "model.safetensors"))
    assert names >= {"features.0.weight", "features.13.running_var", "head.0.weight", "head.6.bias"}
    loaded = Policy.load(folder, "cpu")
    assert loaded.predict(make_frames(4)).tobytes() == expected.tobytes()
    assert (loaded.config.cameras, loaded.config.past, loaded.config.normalization) == ((CAMERA,), 0, "fixed")


def test_a_policys_folder_holds_configuration_weights_and_a_card(folder):
    assert sorted(files(folder)) == FOLDER_FILES
    config = json.loads((folder / "config.json").read_text())
    assert config["format_version"] == FORMAT_VERSION
    assert (config["backbone"], config["outputs"], config["control_hz"]) == ("pilotnet", ["steering"], 20.0)
    assert [Camera.from_dict(camera) for camera in config["cameras"]] == [CAMERA]
    assert config["training"] == {"laps": 3, "seed": 0}
    assert "autonomy: 0.75" in (folder / "README.md").read_text()


def test_saving_again_replaces_the_policy_in_the_folder(folder):
    other = make_policy(seed=1)
    other.save(folder)
    assert sorted(files(folder)) == FOLDER_FILES
    frames = make_frames(4)
    assert Policy.load(folder, "cpu").predict(frames).tobytes() == other.predict(frames).tobytes()
    assert Policy.load(folder, "cpu").config.training == {"laps": 3, "seed": 1}


def test_saving_and_loading_leave_the_weights_of_the_network_alone(folder):
    policy = make_policy()
    before = {name: value.clone() for name, value in policy.network.state_dict().items()}
    loaded = Policy.load(folder, "cpu")
    loaded.save(folder)
    assert all(torch.equal(value, loaded.network.state_dict()[name]) for name, value in before.items())


def test_what_is_known_of_the_driving_goes_with_the_same_network():
    policy = make_policy()
    known = policy.with_driving({"autonomy": 0.9}, epoch=4)
    assert known.config.driving == {"autonomy": 0.9}
    assert known.config.training == {"laps": 3, "seed": 0, "epoch": 4}
    assert known.network is policy.network
    assert policy.config.training == {"laps": 3, "seed": 0}


# Folders that are refused


def test_a_folder_that_is_not_there_is_refused_with_how_to_train_one(tmp_path):
    message = refusal(tmp_path / "nowhere")
    assert f"{tmp_path / 'nowhere'} is no policy folder, it lacks config.json and model.safetensors" in message
    assert "python -m agents.train --data DIR --out DIR" in message


@pytest.mark.parametrize("name", ["config.json", "model.safetensors"])
def test_a_folder_that_lacks_a_file_is_refused_by_the_files_name(folder, name):
    (folder / name).unlink()
    assert f"{folder} is no policy folder, it lacks {name}." in refusal(folder)


@pytest.mark.parametrize("share", [0.0, 0.0001, 0.5, 0.9999])
def test_weights_that_are_cut_off_are_refused(folder, share):
    path = folder / "model.safetensors"
    data = path.read_bytes()
    path.write_bytes(data[: int(share * len(data))])
    message = refusal(folder)
    assert str(path) in message
    assert "pilotnet for 64 x 64 frames" in message


@pytest.mark.parametrize("at", [0.0, 0.0005, 0.3, 0.6, 0.999999])
def test_weights_with_a_flipped_byte_are_refused(folder, at):
    path = folder / "model.safetensors"
    data = bytearray(path.read_bytes())
    data[int(at * len(data))] ^= 0x10
    path.write_bytes(data)
    assert str(path) in refusal(folder)


def test_the_weights_of_another_network_are_refused_with_both_sides(folder, tmp_path):
    make_policy(camera=CAMERAS["front"]).save(tmp_path / "other")
    (folder / "model.safetensors").write_bytes((tmp_path / "other" / "model.safetensors").read_bytes())
    message = refusal(folder)
    assert str(folder / "model.safetensors") in message
    assert "64 x 64" in message
    assert "head.0.weight is (100, 1152), expected (100, 64)" in message


class Trap:
    """Unpickled, it makes a folder."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


@pytest.mark.parametrize("kind", ["pickle", "torch", "legacy torch"])
def test_a_pickle_in_place_of_the_weights_is_refused_and_not_executed(folder, tmp_path, kind):
    path, sprung = folder / "model.safetensors", tmp_path / "sprung"
    if kind == "pickle":
        path.write_bytes(pickle.dumps(Trap(sprung)))
    else:
        torch.save({"weight": Trap(sprung)}, path, _use_new_zipfile_serialization=kind == "torch")
        assert zipfile.is_zipfile(path) == (kind == "torch")
    assert str(path) in refusal(folder)
    assert not sprung.exists()
    # It would have been, had anyone unpickled it.
    if kind == "pickle":
        pickle.loads(path.read_bytes())
        assert sprung.exists()


@pytest.mark.parametrize("text", ["", "{", "[]", "null", "3", '{"format_version": 1}', "\xff\xfe"])
def test_a_configuration_that_is_none_is_refused_by_its_path(folder, text):
    (folder / "config.json").write_bytes(text.encode("latin-1"))
    assert f"{folder / 'config.json'} is not a policy's configuration" in refusal(folder)


def test_a_configuration_of_a_newer_format_is_refused_with_both_versions(folder):
    change_config(folder, format_version=FORMAT_VERSION + 1)
    message = refusal(folder)
    assert f"of format {FORMAT_VERSION + 1}; this drivesim reads up to {FORMAT_VERSION}" in message
    assert str(folder) in message


def test_an_unknown_backbone_is_answered_with_the_known_ones(folder):
    change_config(folder, backbone="hf-hub:somebody/something")
    assert "backbone: unknown name 'hf-hub:somebody/something'. Known: pilotnet, cifar-cnn, resnet18" in refusal(folder)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"cameras": [{"width": 64}]}, "camera: expected"),
        ({"cameras": [CAMERA.to_dict() | {"width": 0}]}, "camera: width=0"),
        (
            {"cameras": [CAMERA.to_dict() | {"width": 32}]},
            "pilotnet needs frames of 61 x 61 pixels or more, got 64 x 32",
        ),
        ({"cameras": [CAMERA.to_dict() | {"width": 96}]}, "64 x 96"),
        ({"cameras": [CAMERA.to_dict()] * 2}, "a pilotnet for 64 x 64 and 64 x 64 frames"),
        ({"cameras": None}, "is not a policy's configuration"),
        ({"cameras": []}, "cameras: expected one or more, got none"),
        ({"camera": CAMERA.to_dict()}, "is not a policy's configuration"),
        ({"past": 2}, "a pilotnet for 64 x 64 frames and 2 past ones"),
        ({"past": -1}, "past: expected 0 to 15, got -1"),
        ({"past": "all"}, "past: expected 0 to 15, got 'all'"),
        ({"stride": 0}, "stride: expected 1 to 100, got 0"),
        ({"outputs": ["steering", "pedal"]}, "model.safetensors"),
        ({"outputs": 3}, "is not a policy's configuration"),
        ({"outputs": ["pedal"]}, "outputs: expected steering, or steering and pedal, got ('pedal',)"),
        ({"control_hz": 0}, "control_hz: expected 1 to 100 steps a second, got 0"),
        ({"control_hz": "fast"}, "control_hz: expected 1 to 100 steps a second, got 'fast'"),
        ({"vehicle": {"mass": -1}}, "vehicle: expected positive finite numbers, got mass=-1"),
        ({"vehicle": {"wheels": 5}}, "vehicle parameter: unknown name 'wheels'"),
        ({"vehicle": 7}, "vehicle"),
        ({"weights_sha256": "0" * 64}, "its checksum is not the one in config.json"),
        ({"format_version": "new"}, "is not a policy's configuration"),
        ({"colour": "red"}, "is not a policy's configuration"),
    ],
)
def test_a_configuration_with_a_wrong_field_is_refused(folder, changes, words):
    change_config(folder, **changes)
    assert words in refusal(folder)


# What it drives


def test_a_policy_drives_the_cars_that_it_is_asked_for():
    policy = make_policy()
    env = make_env(3, Course(camera=CAMERA))
    observation, _ = env.reset(seed=0)
    everyone = policy.act(env, observation, np.arange(3))
    np.testing.assert_array_equal(everyone, policy.predict(observation))
    np.testing.assert_allclose(policy.act(env, observation, np.array([0, 2])), everyone[[0, 2]], atol=0.02)


def test_a_policy_drives_a_lap():
    drives = drive(make_policy(), [ring_world(30.0)], Course(camera=CAMERA, put_back_beyond=1.0, time_limit=2.0))
    steering = drives[0].columns["steering"]
    assert len(steering) == 40
    assert np.abs(steering).max() <= 1
    np.testing.assert_array_equal(drives[0].columns["steering_label"], steering)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"past": 1}, r"frames of \(2, 64, 64, 3\), got uint8 of \(64, 64, 3\)"),
        ({"cameras": (CAMERA, WIDE)}, r"frames of \(64, 64, 3\) and \(62, 80, 3\), got uint8 of \(64, 64, 3\)"),
    ],
)
def test_frames_of_one_camera_and_now_are_refused_by_a_policy_that_takes_more(changes, words):
    with pytest.raises(DrivesimError, match=words):
        make_policy(**changes).predict(make_frames(1))


@pytest.mark.parametrize("camera", [None, CAMERAS["topdown"], replace(CAMERA, span=30.0), (CAMERA, CAMERA)])
def test_an_environment_with_another_camera_is_refused_with_both_cameras(camera):
    env = make_env(2, Course(camera=camera))
    observation, _ = env.reset(seed=0)
    with pytest.raises(DrivesimError) as caught:
        make_policy().act(env, observation, np.arange(2))
    message = str(caught.value)
    assert f"made for {CAMERA}" in message
    named = " and ".join(map(str, camera)) if isinstance(camera, tuple) else camera
    assert f"the environment has {named}" in message
    assert "camera=policy.config.cameras" in message


@pytest.mark.parametrize(("has_pedal", "outputs"), [(True, ("steering",)), (False, ("steering", "pedal"))])
def test_an_environment_with_other_actions_is_refused_with_both_sides(has_pedal, outputs):
    env = make_env(2, Course(has_pedal=has_pedal, camera=CAMERA))
    observation, _ = env.reset(seed=0)
    with pytest.raises(DrivesimError) as caught:
        make_policy(outputs=outputs).act(env, observation, np.arange(2))
    assert f"this policy gives {', '.join(outputs)}; the environment takes {1 + has_pedal} values" in str(caught.value)


@pytest.mark.parametrize(
    "frames",
    [
        make_frames(2).astype(np.float32),
        make_frames(2)[:, :-1],
        make_frames(2)[..., :1],
        make_frames(2)[0],
        make_frames(2).transpose(0, 3, 1, 2),
        make_frames(1, CAMERAS["front"]),
    ],
)
def test_frames_of_another_size_or_type_are_refused_with_both_sides(frames):
    with pytest.raises(DrivesimError) as caught:
        make_policy().predict(frames)
    assert str(caught.value) == (
        f"frames: this policy takes uint8 frames of (64, 64, 3), got {frames.dtype} of {frames.shape[1:]}."
    )


def test_predictions_are_cut_to_the_range_of_actions():
    policy = make_policy()
    with torch.no_grad():
        policy.network.head[-1].weight *= 100
        policy.network.head[-1].bias *= 100
    frames = make_frames(300, seed=2)
    actions = policy.predict(frames)
    assert actions.dtype == np.float64
    assert (actions.min(), actions.max()) == (-1.0, 1.0)


def test_many_frames_are_predicted_as_a_few_are():
    policy, frames = make_policy(), make_frames(300, seed=2)
    actions = policy.predict(frames)
    assert actions.shape == (300, 1)
    few = np.concatenate([policy.predict(frames[first : first + 7]) for first in range(0, 300, 7)])
    np.testing.assert_allclose(few, actions, atol=0.03)
    assert actions.std() > 0.1


def test_a_network_that_was_trained_on_drives_with_its_new_weights():
    policy, frames = make_policy(), make_frames(8)
    before = policy.predict(frames)
    assert not policy.network.training
    policy.network.train()
    with torch.no_grad():
        policy.network.head[-1].bias += 0.25
    # In reduced precision a step from one number to the next is 1/256 of it.
    np.testing.assert_allclose(policy.predict(frames), np.clip(before + 0.25, -1, 1), atol=0.01)
    assert policy.predict(frames).tobytes() == policy.predict(frames).tobytes()


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_a_policy_predicts_on_a_gpu_what_it_predicts_on_a_cpu(folder):
    frames = make_frames(300, seed=3)
    on_cpu, on_gpu = (Policy.load(folder, device) for device in ("cpu", "cuda"))
    assert on_gpu.device.type == "cuda"
    np.testing.assert_allclose(on_gpu.predict(frames), on_cpu.predict(frames), atol=0.05)
