"""Provenance: the commit of a checkout, and what a lap says of how it came about."""

import subprocess
from dataclasses import asdict

import numpy as np
import pytest

import drivesim
from agents import provenance
from agents.provenance import commit, lap_info
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
