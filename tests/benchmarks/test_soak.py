"""The soak: a short one, and what it would say of memory that grows, numbers that are none and speed that falls."""

import json

import numpy as np
import pytest

from benchmarks import soak
from benchmarks.soak import Args, Soak, drive_long


def test_a_short_soak_drives_resets_and_writes_its_figures(tmp_path, run, monkeypatch):
    monkeypatch.setattr(Soak, "faults", lambda _: [])  # a second says nothing of memory and speed
    figures = tmp_path / "soak.json"
    code, said, _ = run(soak, "--steps", 800, "--resets", 20, "--envs", 4, "--json", figures)
    assert code == 0
    assert "0 steps with numbers that are none" in said
    read = json.loads(figures.read_text())
    assert read["steps"] == 800
    assert read["resets"] >= 24
    assert len(read["memory"]) == len(read["rates"]) == 10
    assert all(rate > 0 for rate in read["rates"])


def test_a_number_that_is_none_is_counted(monkeypatch):
    act, calls = soak.ExpertDriver.act, []

    def spoilt(driver, env, observation, cars):
        calls.append(1)
        actions = act(driver, env, observation, cars)
        return actions if len(calls) != 3 else actions * np.float64("nan")

    monkeypatch.setattr(soak.SteerVectorEnv, "step", lambda env, _: (None, np.zeros(2), np.zeros(2, bool), *STILL))
    monkeypatch.setattr(soak.ExpertDriver, "act", spoilt)
    assert drive_long(Args(steps=40, resets=10, envs=2)).not_finite == 1


STILL = (np.zeros(2, bool), {})


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"memory": [50.0, *[100.0] * 8, 103.0]}, "memory grew by 3.0%"),
        ({"rates": [1.0, *[100.0] * 5, *[80.0] * 4]}, "the speed fell to 80%"),
        ({"not_finite": 2}, "2 steps had numbers that are none"),
    ],
)
def test_what_does_not_hold_is_said(changes, words):
    flat = {"steps": 1, "resets": 1, "memory": [50.0] + [100.0] * 9, "rates": [1.0] + [100.0] * 9, "not_finite": 0}
    assert Soak(**flat).faults() == []
    assert Soak(**flat | changes).faults() == [words]


def test_options_that_make_no_sense_are_refused(run):
    for options in (("--steps", 5), ("--envs", 0), ("--hours", 0)):
        code, _, error = run(soak, *options)
        assert code == 2
        assert options[0] in error
