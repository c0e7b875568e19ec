"""Two processes at one place: each works, or says in a sentence that it can't."""

import json
import os
import shutil
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from agents import train
from agents.policy import Policy
from datasets.lap_files import read_laps
from drivesim.errors import DrivesimError
from drivesim.folder_lock import only_writer
from tests.agents.policies import make_policy

ROOT = Path(__file__).resolve().parents[2]
SMALL = ("--epochs", "1", "--samples", "128", "--looks", "1", "--validation-tracks", "1", "--validation-seconds", "1")


def start(*words):
    command = [sys.executable, "-m", *map(str, words)]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    return subprocess.Popen(command, cwd=ROOT, env=os.environ | {"OMP_NUM_THREADS": "1"}, **pipes)


def test_two_recorders_share_a_folder(tmp_path):
    folder = tmp_path / "laps"
    both = [
        start("agents.record", "--laps", 3, "--seconds", 2, "--first-seed", first, "--out", folder, "--append")
        for first in (0, 10)
    ]
    ended = [(*process.communicate(timeout=300), process.returncode) for process in both]
    assert [code for *_, code in ended] == [0, 0], ended
    laps, lost = read_laps(folder)
    assert lost == []
    assert len(laps) == 6
    assert len({lap.info.track_name for lap in laps}) == 6


@pytest.mark.skipif(sys.platform == "win32", reason="folders are not locked on Windows")
def test_a_second_training_into_one_folder_is_refused_in_a_sentence_and_the_first_goes_on(tmp_path, run):
    laps, out = tmp_path / "laps", tmp_path / "policy"
    assert start("agents.record", "--laps", 2, "--seconds", 3, "--out", laps).wait(timeout=300) == 0
    out.mkdir()
    with only_writer(out):
        code, _, error = run(train, "--data", laps, "--out", out, *SMALL)
        assert code == 2
        assert "another process is writing into" in error and str(out) in error
        assert list(out.iterdir()) == []
    code, _, error = run(train, "--data", laps, "--out", out, *SMALL)
    assert (code, error) == (0, "")


@pytest.mark.skipif(sys.platform == "win32", reason="folders are not locked on Windows")
def test_a_folder_is_free_again_when_its_writer_is_killed(tmp_path):
    code = "import sys, time; from pathlib import Path; from drivesim.folder_lock import only_writer\n"
    code += "with only_writer(Path(sys.argv[1])): print('held', flush=True); time.sleep(60)"
    command = [sys.executable, "-c", code, str(tmp_path)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "held\n"
        with pytest.raises(DrivesimError, match="--out: another process is writing"), only_writer(tmp_path):
            pass
        process.kill()
    with only_writer(tmp_path):
        pass
    assert list(tmp_path.iterdir()) == []


def test_a_policy_that_is_replaced_while_it_is_read_is_one_or_the_other(tmp_path):
    policies = [make_policy(seed) for seed in (0, 1)]
    folder = tmp_path / "policy"
    policies[0].save(folder)
    over = threading.Event()

    def write():
        while not over.is_set():
            for policy in policies:
                policy.save(folder)
                time.sleep(0.2)

    writer = threading.Thread(target=write)
    writer.start()
    try:
        seeds = {Policy.load(folder, "cpu").config.training["seed"] for _ in range(20)}
    finally:
        over.set()
        writer.join()
    assert seeds <= {0, 1}


def test_a_policy_whose_weights_are_replaced_first_is_read_a_moment_later(tmp_path, monkeypatch):
    old, new = tmp_path / "old", tmp_path / "new"
    make_policy(0).save(old)
    make_policy(1).save(new)
    shutil.copy(new / "model.safetensors", old / "model.safetensors")
    with pytest.raises(DrivesimError, match="its checksum is not the one"):
        Policy.load(old, "cpu")
    monkeypatch.setattr(time, "sleep", lambda _: shutil.copy(new / "config.json", old / "config.json"))
    assert Policy.load(old, "cpu").config.training["seed"] == 1
    assert json.loads((old / "config.json").read_text())["training"]["seed"] == 1
