"""Provenance: the commit of a checkout, and what a lap says of how it came about."""

import shlex
import subprocess
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest
import tyro

import drivesim
from agents import evaluate, provenance
from agents.provenance import command_line, commit, lap_info, neutral
from datasets.schema import LapInfo
from drivesim.appearance import Appearance
from drivesim.simulation import Rules
from drivesim.vehicle import VEHICLES
from tests.agents.drives import PLAIN, ring_world


@pytest.fixture
def checkout(tmp_path, monkeypatch):
    """A checkout of another program, with one commit."""
    (tmp_path / "agents").mkdir()
    module = tmp_path / "agents" / "provenance.py"
    module.write_text("one\n")
    monkeypatch.setattr(provenance, "__file__", str(module))
    commit.cache_clear()
    yield tmp_path
    commit.cache_clear()


def git(folder, *arguments):
    settings = ["-c", "user.name=a", "-c", "user.email=a@example.org", "-c", "commit.gpgsign=false"]
    return subprocess.run(["git", "-C", folder, *settings, *arguments], check=True, capture_output=True, text=True)


@pytest.fixture
def first_commit(checkout):
    git(checkout, "init", "--quiet")
    git(checkout, "add", "agents")
    git(checkout, "commit", "--quiet", "-m", "One")
    return git(checkout, "rev-parse", "HEAD").stdout.strip()


def test_a_checkouts_commit_is_named(checkout, first_commit):
    assert commit() == first_commit
    assert len(first_commit) == 40


def test_a_changed_file_is_told_by_a_plus_and_a_new_one_is_not(checkout, first_commit):
    (checkout / "laps").mkdir()
    (checkout / "laps" / "lap-000001.parquet").write_text("")
    assert commit() == first_commit
    commit.cache_clear()
    (checkout / "agents" / "provenance.py").write_text("two\n")
    assert commit() == first_commit + "+"


def test_without_a_checkout_or_without_git_the_commit_is_empty(checkout, monkeypatch):
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(checkout.parent))
    assert commit() == ""
    commit.cache_clear()
    monkeypatch.setenv("PATH", str(checkout))
    assert commit() == ""


def test_git_is_asked_once(checkout, first_commit, monkeypatch):
    assert commit() == first_commit
    monkeypatch.setattr(provenance, "_git", None)
    assert commit() == first_commit


@pytest.mark.parametrize(("cruise_speed", "name"), [(10.0, "drivesim/Steer-v0"), (None, "drivesim/Drive-v0")])
def test_a_lap_is_described_by_its_world_and_rules(cruise_speed, name):
    world = ring_world()
    rules = Rules(vehicle=VEHICLES["rc"], control_hz=25.0, cruise_speed=cruise_speed)
    info = lap_info(world, rules, "human", noise=0.5)
    assert (info.environment, info.control_hz, info.driver, info.seed) == (name, 25.0, "human", None)
    assert info.notes == {"noise": 0.5}
    assert info.vehicle == asdict(VEHICLES["rc"])
    assert info.track_name == world.track.name
    np.testing.assert_array_equal(info.track_points, world.track.points)
    assert Appearance.from_dict(info.appearance) == PLAIN
    assert (info.drivesim_version, info.commit) == (drivesim.__version__, commit())
    assert LapInfo.from_metadata(info.to_metadata()) == info


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"tracks": 8, "first_seed": 3, "both_directions": True},
        {"track_files": [Path("a b.csv"), Path("c.csv")], "require": ["autonomy>=0.9", "mean_speed>1"]},
        {"report": Path("out/r.html"), "device": "cpu"},
    ],
)
def test_a_command_line_gives_the_same_options_again(changes):
    args = evaluate.Args(policy=["mine"], **changes)
    words = shlex.split(command_line("agents.evaluate", args))
    assert words[:3] == ["python", "-m", "agents.evaluate"]
    assert tyro.cli(evaluate.Args, args=words[3:]) == args
    assert len(words) == 5 + sum(
        1 if value is True else 1 + len(value) if isinstance(value, list) else 2 for value in changes.values()
    )


def test_a_command_line_tells_nothing_of_the_machine():
    args = evaluate.Args(policy="/home/someone/mine", json=Path("/home/someone/e.json"))
    assert command_line("agents.evaluate", args) == "python -m agents.evaluate --policy mine --json e.json"
    assert neutral([Path("/a/b.csv"), "c"]) == "b.csv c"
