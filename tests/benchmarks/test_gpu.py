"""The benchmark of torch devices: a short run on the CPU, its limits, and what it says where memory is full."""

import json

import pytest
import torch

from benchmarks import gpu
from drivesim.camera import get_camera
from drivesim.device.torch_env import SteerTorchEnv
from drivesim.errors import DrivesimError


@pytest.fixture
def small(monkeypatch, one_torch_thread):
    monkeypatch.setattr(gpu, "_TRACKS", 1)


def test_a_short_run_measures_everything_and_prints_the_card(tmp_path, run, small):
    options = ("--device", "cpu", "--envs", 2, 3, "--networks", "pilotnet", "--seconds", 0.01, "--rounds", 2)
    code, said, _ = run(gpu, *options, "--json", tmp_path / "gpu.json")
    assert code == 0
    assert "On torch's CPU device" in said
    report = json.loads((tmp_path / "gpu.json").read_text())
    whats = ["simulation", "+ frames", "+ pilotnet drives", "+ pilotnet learns"]
    assert [(row["envs"], row["what"]) for row in report["rows"]] == [(n, what) for n in (2, 3) for what in whats]
    for row in report["rows"]:
        assert len(row["rates"]) == 2
        assert row["rate"] > 0
        assert (row["flop_limit"] is not None) == ("pilotnet" in row["what"])
        assert row["bandwidth_limit"] > 0
    assert report["bandwidth"] > 1e8
    assert report["flops"] > 1e8


@pytest.mark.parametrize("name", gpu.NETWORKS)
def test_the_work_of_a_network_is_counted(name):
    work = gpu.flops_of(gpu._policy(name, get_camera("topdown"), torch.device("cpu")), get_camera("topdown"))
    # Multiply-adds at 96 x 96, doubled: some 16 million of PilotNet's, 330 of ResNet-18's, 75 of Lite0's.
    least, most = {"pilotnet": (2e7, 5e7), "resnet18": (5e8, 8e8)}.get(name, (1e8, 2.5e8))
    assert least < work < most


def test_where_memory_is_full_the_row_says_so_and_the_others_go_on(tmp_path, run, small, monkeypatch):
    real = SteerTorchEnv.reset

    def reset(env, **options):
        if env.num_envs == 5:
            raise DrivesimError("num_envs: 5 cars don't fit into the 1.0 GiB of cpu; about 4 do.")
        return real(env, **options)

    monkeypatch.setattr(SteerTorchEnv, "reset", reset)
    options = ("--device", "cpu", "--envs", 5, 2, "--networks", "pilotnet", "--seconds", 0.001, "--rounds", 1)
    code, said, _ = run(gpu, *options, "--json", tmp_path / "gpu.json")
    assert code == 0
    assert "5 cars don't fit" in said
    rows = json.loads((tmp_path / "gpu.json").read_text())["rows"]
    assert [row["envs"] for row in rows] == [5, 2, 2, 2, 2]
    assert [bool(row["failed"]) for row in rows] == [True, False, False, False, False]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--envs", 0), "--envs: expected numbers from 1"),
        (("--seconds", 0), "--seconds: expected more than 0"),
        (("--device", "tpu"), "expected cpu, cuda or cuda:N"),
    ],
)
def test_wrong_options_are_refused(run, options, words):
    code, _, said = run(gpu, *options)
    assert code == 2
    assert words in said
