"""Recording, training, converting and evaluating that are killed at any moment: see benchmarks/crashes/kills.py."""

import sys
from types import SimpleNamespace

import numpy as np
import pytest

from benchmarks import faults
from benchmarks.crashes import kills as crashes
from benchmarks.crashes.kills import Kill, Recording
from datasets.recording import LapWriter

NAMES = ["recording", "training", "converting", "evaluating"]


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="processes are not forked on Windows")
def test_what_is_killed_loses_no_more_than_it_may(tmp_path):
    killed = faults.kill_in_turns(tmp_path, 8, 1)
    assert list(killed) == NAMES
    assert [len(done) for done in killed.values()] == [2] * 4
    assert [fault for done in killed.values() for kill in done for fault in kill.faults] == []


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="processes are not forked on Windows")
def test_two_hundred_kills_lose_no_more_than_they_may(run):
    code, said, _ = run(faults, "--kills", 200)
    print(said)
    assert code == 0


def test_a_fault_is_said_and_the_command_fails(run, monkeypatch, tmp_path):
    bad = {name: [Kill(0.5, 1.0, ("a lap is gone",) if name == "recording" else ())] for name in NAMES}
    monkeypatch.setattr(faults, "kill_in_turns", lambda *_: bad)
    figures = tmp_path / "faults.json"
    code, said, _ = run(faults, "--json", figures)
    assert code == 1
    assert "recording: a lap is gone" in said
    assert '"lost_s_most": 0.5' in figures.read_text()
    assert run(faults, "--kills", 0)[0] == 2


def recorder_that(spoils):
    """A server whose recorder says that it closed a lap of thirty steps, and left what `spoils` made of it."""
    info, columns = crashes.expert_drive(50)

    def run(out, name, folder, pause, seconds):
        with LapWriter(folder, info) as writer:
            writer.extend({name: values[:30] for name, values in columns.items()})
        spoils(writer.path)
        return -9, f"{writer.name} 30\n{writer.name} closed 30\n"

    return SimpleNamespace(run=run)


def test_a_recorder_that_loses_laps_would_be_noticed(tmp_path):
    rng = np.random.default_rng(0)

    def spoil(path):
        if spoilt:
            path.unlink()

    spoilt = False
    recording = Recording(recorder_that(spoil), tmp_path)
    assert recording.kill(rng).faults == ()
    spoilt = True
    assert recording.kill(rng).faults == (
        "lap-000002: closed with 30 steps, and has 0",
        "30 steps of 20 a second are lost",
    )
