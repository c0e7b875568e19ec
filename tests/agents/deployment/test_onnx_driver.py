"""A driver of an exported file needs no torch, drives as any other, and refuses what no policy's file is."""

import json
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path

import numpy as np
import onnx
import pytest

from agents.deployment.exported_file import EXPORT_VERSION, METADATA_KEY
from agents.deployment.onnx_driver import OnnxDriver
from agents.deployment.onnx_files import write_onnx
from agents.rollout import Course, drive, make_env
from drivesim.camera import CAMERAS
from drivesim.errors import DrivesimError
from drivesim.vehicle import VEHICLES
from tests.agents.drives import ring_world
from tests.agents.policies import CAMERA, make_config, make_frames, make_policy

ROOT = Path(__file__).resolve().parents[3]


def metadata(config):
    return {"config": asdict(config), "exported": {"version": EXPORT_VERSION}}


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    path = tmp_path_factory.mktemp("exported") / "mine.onnx"
    policy = make_policy()
    write_onnx(path, policy, metadata(policy.config))
    return path


def changed(file, tmp_path, change):
    """The file with its model changed by a function, in a place of its own."""
    model = onnx.load(file)
    change(model)
    onnx.save(model, tmp_path / "changed.onnx")
    return tmp_path / "changed.onnx"


def refusal(path):
    with pytest.raises(DrivesimError) as caught:
        OnnxDriver(path)
    return str(caught.value)


def test_driving_an_exported_file_imports_no_torch(file, tmp_path):
    np.save(tmp_path / "frames.npy", make_frames(3))
    code = (
        "import sys, numpy as np\n"
        "from agents.load_driver import load_driver\n"
        "from agents.deployment.donkeycar_part import DrivesimPilot\n"
        "import agents.monitor\n"
        f"driver = load_driver({str(file)!r}, 'cpu', 1)\n"
        f"driver.predict(np.load({str(tmp_path / 'frames.npy')!r}))\n"
        f"DrivesimPilot({str(file)!r}).run(np.zeros((120, 160, 3), np.uint8))\n"
        "print(*sorted({'torch', 'torchvision', 'onnx', 'pygame'} & {*sys.modules}))\n"
    )
    ran = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    assert not ran.stdout.strip()


def test_it_drives_the_cars_that_it_is_asked_for(file):
    driver = OnnxDriver(file, threads=1)
    env = make_env(3, Course(camera=CAMERA))
    observation, _ = env.reset(seed=0)
    everyone = driver.act(env, observation, np.arange(3))
    np.testing.assert_allclose(driver.act(env, observation, np.array([0, 2])), everyone[[0, 2]], atol=1e-6)
    assert (driver.camera, driver.vehicle, driver.needs_frames) == (CAMERA, VEHICLES["car"], True)


def test_it_drives_a_lap(file):
    drives = drive(OnnxDriver(file, 1), [ring_world(30.0)], Course(camera=CAMERA, put_back_beyond=1.0, time_limit=1.0))
    assert np.abs(np.diff(drives[0].columns["steering"])).max() > 0


def test_an_environment_with_another_camera_is_refused(file):
    env = make_env(1, Course(camera=CAMERAS["topdown"]))
    observation, _ = env.reset(seed=0)
    with pytest.raises(DrivesimError, match="this policy was made for"):
        OnnxDriver(file).act(env, observation, np.arange(1))


@pytest.mark.parametrize("frames", [make_frames(2).astype(np.float32), make_frames(2)[:, :-1]])
def test_frames_of_another_size_or_type_are_refused(file, frames):
    with pytest.raises(DrivesimError, match=r"this policy takes uint8 frames of \(64, 64, 3\)"):
        OnnxDriver(file).predict(frames)


def test_no_threads_at_all_are_refused(file):
    with pytest.raises(DrivesimError, match="threads: expected 1 or more, got 0"):
        OnnxDriver(file, threads=0)


@pytest.mark.parametrize("share", [0.0, 0.3, 0.999])
def test_a_file_that_is_cut_off_is_refused_by_its_path(file, tmp_path, share):
    data = file.read_bytes()
    (tmp_path / "cut.onnx").write_bytes(data[: int(share * len(data))])
    assert str(tmp_path / "cut.onnx") in refusal(tmp_path / "cut.onnx")


def test_a_file_that_is_not_there_is_answered_with_how_to_export_one(tmp_path):
    message = refusal(tmp_path / "no.onnx")
    assert f"there is no file {tmp_path / 'no.onnx'}" in message
    assert "python -m agents.export" in message


def test_a_network_of_somebody_elses_is_refused_with_the_way_out(file, tmp_path):
    path = changed(file, tmp_path, lambda model: model.ClearField("metadata_props"))
    message = refusal(path)
    assert f"{path} does not say what camera and car it was made for" in message
    assert "python -m agents.export --policy DIR --out FILE" in message


def said_to_be(**values):
    return lambda model: onnx.helper.set_model_props(model, {METADATA_KEY: json.dumps(values)})


@pytest.mark.parametrize(
    ("values", "words"),
    [
        (metadata(make_config(camera=CAMERAS["topdown"])), "takes frames tensor(uint8) ['batch', 64, 64, 3]"),
        (metadata(make_config(inputs=("camera", "speed"))), "speeds tensor(float) ['batch']"),
        (metadata(make_config(outputs=("steering", "pedal"))), "actions tensor(float) ['batch', 2]"),
        (metadata(make_config()) | {"exported": {"version": 99}}, "export format 99; this drivesim reads up to 2"),
        (metadata(make_config()) | {"exported": 7}, "are not a policy's"),
        ({"config": {}}, "are not a policy's"),
        ({"config": {"camera": {}}, "exported": {"version": 1}}, "are not a policy's"),
    ],
)
def test_a_file_that_is_not_what_it_says_is_refused_with_both_sides(file, tmp_path, values, words):
    path = changed(file, tmp_path, said_to_be(**values))
    message = refusal(path)
    assert words in message
    assert str(path) in message


def test_a_batch_that_was_fixed_is_refused(file, tmp_path):
    def fix(model):
        model.graph.input[0].type.tensor_type.shape.dim[0].dim_value = 1
        model.graph.output[0].type.tensor_type.shape.dim[0].dim_value = 1

    assert "takes frames tensor(uint8) [1, 64, 64, 3]" in refusal(changed(file, tmp_path, fix))


def test_a_missing_onnxruntime_is_answered_with_the_install_line(file, monkeypatch):
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    assert "pip install -e .[onnx]" in refusal(file)
