"""A TFLite file says what it is; one that is not what was written never reaches the program that runs it."""

import hashlib
import json
import subprocess
import sys
import zipfile
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest

from agents.deployment.deployed import full_precision_actions
from agents.deployment.exported_file import EXPORT_VERSION
from agents.deployment.tflite_driver import METADATA_FILE, TfliteDriver
from drivesim.errors import DrivesimError
from tests.agents.policies import make_config, make_policy
from tests.environments import environment, environments_folder

ROOT = Path(__file__).resolve().parents[3]
NETWORK = bytes(range(256)) * 20


def written(path, network=NETWORK, name=METADATA_FILE, **exported):
    """A file as agents.export lays it out, of a network that is none."""
    path.write_bytes(network)
    checksum = hashlib.sha256(network).hexdigest()
    exported = {"version": EXPORT_VERSION, "network_sha256": checksum, **exported}
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr(name, json.dumps({"config": asdict(make_config()), "exported": exported}))
    return path


def refusal(path, **options):
    with pytest.raises(DrivesimError) as caught:
        TfliteDriver(path, **options)
    return str(caught.value)


def test_a_file_that_is_not_there_is_answered_with_how_to_export_one(tmp_path):
    assert f"there is no file {tmp_path / 'no.tflite'}. Export one" in refusal(tmp_path / "no.tflite")


def test_no_threads_at_all_are_refused(tmp_path):
    assert "threads: expected 1 or more, got 0" in refusal(written(tmp_path / "a.tflite"), threads=0)


@pytest.mark.parametrize("share", [0.0, 0.5, 0.99])
def test_a_file_that_is_cut_off_was_not_written_by_us(tmp_path, share):
    path = written(tmp_path / "a.tflite")
    path.write_bytes(path.read_bytes()[: int(share * path.stat().st_size)])
    assert f"{path} does not say what camera and car it was made for" in refusal(path)


def test_a_network_with_other_metadata_is_somebody_elses(tmp_path):
    path = written(tmp_path / "a.tflite", name="labels.txt")
    assert "was not written by agents.export" in refusal(path)


@pytest.mark.parametrize("at", [0, 1000, len(NETWORK) - 1])
def test_a_changed_byte_of_the_network_is_noticed_before_it_runs(tmp_path, at):
    path = written(tmp_path / "a.tflite")
    data = bytearray(path.read_bytes())
    data[at] ^= 1
    path.write_bytes(data)
    assert f"the network in {path} is not the one that was written" in refusal(path)


def test_metadata_too_large_to_be_any_are_not_read(tmp_path):
    path = tmp_path / "a.tflite"
    path.write_bytes(NETWORK)
    with zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(METADATA_FILE, b" " * 50_000_000)
    assert "does not say what camera" in refusal(path)


def test_a_newer_file_says_so(tmp_path):
    assert "is of export format 99" in refusal(written(tmp_path / "a.tflite", version=99))


def test_a_missing_interpreter_is_answered_with_the_install_line(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "ai_edge_litert.interpreter", None)
    assert "pip install ai-edge-litert" in refusal(written(tmp_path / "a.tflite"))


@pytest.mark.slow
def test_an_exported_file_computes_what_the_policy_does(tmp_path_factory):
    # The converter asks for an older typing_extensions than ours bear, and runs with both.
    python = environment(
        environments_folder(tmp_path_factory),
        "litert",
        "litert-torch==0.10.0",
        "-U typing_extensions>=4.14",
        beside_ours=True,
    )
    folder = tmp_path_factory.mktemp("policies")
    options = dict(past=1, stride=2, inputs=("camera", "speed"), outputs=("steering", "pedal"))
    policies = {"plain": make_policy(), "all": make_policy(seed=1, **options)}
    for name, policy in policies.items():
        policy.save(folder / name)
        out = folder / f"{name}.tflite"
        command = [python, "-m", "agents.export", "--policy", folder / name, "--to", "tflite", "--out", out]
        done = subprocess.run([*command, "--frames", "40"], capture_output=True, text=True, cwd=ROOT, check=False)
        assert done.returncode == 0, done.stderr[-2000:]
        assert "On 40 frames its actions differ from the policy's by" in done.stdout
    rng = np.random.default_rng(0)
    frames = rng.integers(0, 256, (5, *policies["all"].config.frame_shapes[0]), dtype=np.uint8)
    speeds = np.linspace(0, 20, 5).astype(np.float32)
    np.savez(folder / "seen.npz", frames=frames, speeds=speeds)
    code = (
        "import sys, numpy as np\n"
        "from agents.load_driver import load_frame_driver\n"
        "seen = np.load(sys.argv[1] + '/seen.npz')\n"
        "driver = load_frame_driver(sys.argv[1] + '/all.tflite')\n"
        "np.save(sys.argv[1] + '/actions.npy', driver.predict(seen['frames'], seen['speeds']))\n"
        "assert 'torch' not in sys.modules\n"
    )
    done = subprocess.run([python, "-c", code, str(folder)], capture_output=True, text=True, cwd=ROOT, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    expected = full_precision_actions(policies["all"], frames, speeds)
    assert expected.std() > 0.05
    np.testing.assert_allclose(np.load(folder / "actions.npy"), expected, atol=1e-4)
