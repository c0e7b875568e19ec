"""The throughput benchmark: a short run of it, its arithmetic, and what it says without its peers."""

import json
import sys

import numpy as np
import pytest

import drivesim
from benchmarks import throughput

OURS = [
    "drivesim vector: simulation",
    "drivesim vector: + frames",
    "drivesim vector: + policy",
    "drivesim vector: + training",
    "drivesim single: + frames",
    "drivesim reset (ms)",
]


@pytest.fixture
def small(monkeypatch, one_torch_thread):
    monkeypatch.setattr(throughput, "_RESETS", 2)
    monkeypatch.setattr(throughput, "_TRACKS", 2)


def test_a_short_run_prints_every_row_and_writes_every_figure(tmp_path, run, small):
    options = ("--seconds", 0.02, "--rounds", 2, "--envs", 4, "--threads", 1, "--json", tmp_path / "t.json")
    code, said, _ = run(throughput, *options)
    assert code == 0
    report = json.loads((tmp_path / "t.json").read_text())
    assert list(report["medians"]) == OURS
    for name in OURS:
        assert name in said
        assert len(report["rates"][name]) == 2
        assert report["medians"][name] == pytest.approx(np.median(report["rates"][name]))
        assert report["medians"][name] > 0
    assert report["ratios"] == {}
    assert (report["envs"], report["threads"], report["drivesim"]) == (4, 1, drivesim.__version__)
    assert 0 < report["memory_of_64_on_16_mb"] < 2000
    assert "more resident memory" in said


def test_turns_alternate_between_what_is_timed(run, small):
    _, said, _ = run(throughput, "--seconds", 0.001, "--rounds", 2, "--envs", 2, "--threads", 1)
    turns = [line.split(": ", 1) for line in said.splitlines() if line.startswith("turn ")]
    assert [turn for turn, _ in turns] == ["turn 1"] * len(OURS) + ["turn 2"] * len(OURS)
    assert [text.rsplit(":", 1)[0] for _, text in turns] == OURS * 2


class Counted:
    """Cars that end their episode every tenth step, of which all must be counted."""

    def __init__(self, is_vector):
        self.is_vector = is_vector
        self.steps = self.resets = 0
        self.clock = 0.0

    def reset(self):
        self.resets += 1
        return 0, {}

    def step(self, action):
        self.steps += 1
        self.clock += 0.25
        ended = self.steps % 10 == 0
        return 0, 0.0, np.array([ended]) if self.is_vector else ended, False, {}


@pytest.mark.parametrize(("is_vector", "cars"), [(False, 1), (True, 7)])
def test_a_rate_counts_the_steps_of_every_car_by_the_clock(monkeypatch, is_vector, cars):
    env = Counted(is_vector)
    monkeypatch.setattr(throughput.time, "perf_counter", lambda: env.clock)
    # Four steps a second of the clock; the first three warm up.
    assert throughput._rate(env, cars, lambda _: 0, 10.0) == pytest.approx(4.0 * cars)
    assert env.steps == 3 + 40
    assert env.resets == (1 if is_vector else 1 + 4)


def test_a_reset_time_is_the_mean_in_milliseconds_without_the_first(monkeypatch):
    clock, waits = [0.0], iter([100.0, 0.1, 0.3])
    monkeypatch.setattr(throughput, "_RESETS", 2)
    monkeypatch.setattr(throughput.time, "perf_counter", lambda: clock[0])

    def reset():
        clock[0] += next(waits)

    assert throughput._reset_time(reset) == pytest.approx(200.0)


def test_ratios_are_ours_over_the_better_of_theirs():
    medians = {
        "drivesim vector: + frames": 6000.0,
        "drivesim single: + frames": 500.0,
        "drivesim reset (ms)": 4.0,
        "EnvPool CarRacing-v3, 1 env": 1000.0,
        "EnvPool CarRacing-v3, 64 envs": 1500.0,
        "EnvPool CarRacing-v3, 128 envs": 2000.0,
        "Gymnasium CarRacing-v3": 200.0,
        "Gymnasium CarRacing-v3 reset (ms)": 8.0,
    }
    ratios = {
        "vector with frames / EnvPool's better vector": 3.0,
        "vector with frames / CarRacing-v3": 30.0,
        "single with frames / EnvPool's single": 0.5,
        "single with frames / CarRacing-v3": 2.5,
        "reset / CarRacing-v3's reset": 0.5,
    }
    assert throughput._ratios(medians) == pytest.approx(ratios)
    medians["EnvPool CarRacing-v3, 64 envs"] = 3000.0
    assert throughput._ratios(medians) == pytest.approx(ratios | {"vector with frames / EnvPool's better vector": 2.0})


def test_missing_peers_are_answered_with_the_install_line(run, small, monkeypatch):
    monkeypatch.setitem(sys.modules, "envpool", None)
    code, _, said = run(throughput, "--peers", "--envs", 2)
    assert code == 2
    assert "Install the peers: pip install -e .[bench]" in said
