"""The benchmark of deployed policies: a short run of it, and its clock."""

import json

import numpy as np
import pytest

from benchmarks import deployment
from tests.agents.policies import make_policy

FIGURES = {"p50_ms", "p99_ms", "batch_frames_per_second", "closed_loop_steps_per_second"}


@pytest.mark.parametrize("outputs", [("steering",), ("steering", "pedal")])
def test_a_short_run_prints_every_row_and_writes_every_figure(tmp_path, run, one_torch_thread, monkeypatch, outputs):
    monkeypatch.setattr(deployment, "_FRAMES", 140)
    inputs = ("camera", "speed") if len(outputs) == 2 else ("camera",)
    make_policy(inputs=inputs, outputs=outputs).save(tmp_path / "mine")
    options = ("--seconds", 0.05, "--rounds", 2, "--json", tmp_path / "d.json")
    code, said, wrong = run(deployment, "--policy", tmp_path / "mine", *options)
    assert code == 0, wrong
    report = json.loads((tmp_path / "d.json").read_text())
    assert list(report["medians"]) == ["torch", "onnx", "onnx-int8"]
    for name, figures in report["medians"].items():
        assert f"turn 2: {name}" in said
        assert set(figures) == FIGURES
        assert 0 < figures["p50_ms"] <= figures["p99_ms"]
        for what, value in figures.items():
            assert value == pytest.approx(np.median([turn[what] for turn in report["turns"][name]]))


def test_times_are_those_of_each_call_after_the_first_three(monkeypatch):
    clock, called = [0.0], []
    monkeypatch.setattr(deployment.time, "perf_counter", lambda: clock[0])

    def call(number):
        called.append(number)
        clock[0] += 0.25

    assert deployment._times(call, 1.0) == [0.25] * 4
    assert called == [0, 1, 2, 0, 1, 2, 3]


def test_no_time_and_no_turns_are_refused(run):
    for options in (("--rounds", 0), ("--seconds", 0)):
        code, _, said = run(deployment, *options)
        assert code == 2
        assert "--rounds, --seconds: expected more than 0" in said
