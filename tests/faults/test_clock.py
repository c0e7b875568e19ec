"""A clock that jumps back an hour whenever it is looked at changes nothing that is recorded or learned."""

import itertools
import time

import pytest

from agents import evaluate, record, train
from datasets.lap_files import read_laps
from datasets.recording import LapWriter, recover
from tests.datasets.laps import assert_steps, drive, files, make_info, rows_of


def jump(monkeypatch):
    """Let the clock of the wall run backwards; that of the machine, which counts seconds, stays as it is."""
    hours = itertools.count()
    monkeypatch.setattr(time, "time", lambda: 1.6e9 - 3600 * next(hours))
    monkeypatch.setattr(time, "time_ns", lambda: int(1.6e18 - 3.6e12 * next(hours)))


def test_a_lap_is_recorded_and_recovered_as_ever(tmp_path, monkeypatch):
    jump(monkeypatch)
    columns = drive(50)
    with LapWriter(tmp_path, make_info()) as writer:
        for row in rows_of(columns):
            writer.append(row)
    assert_steps(read_laps(tmp_path)[0][0], columns)
    data = (tmp_path / "lap-000001.parquet").read_bytes()
    assert recover(tmp_path) == []
    assert files(tmp_path) == ["lap-000001.parquet"]
    assert (tmp_path / "lap-000001.parquet").read_bytes() == data


@pytest.mark.slow
def test_commands_do_what_they_do_with_a_clock_that_runs(tmp_path, monkeypatch, run):
    small = ("--epochs", 1, "--samples", 128, "--looks", 1, "--validation-tracks", 1, "--validation-seconds", 1)
    for name in ("runs", "jumps"):
        if name == "jumps":
            jump(monkeypatch)
        folder = tmp_path / name
        assert run(record, "--laps", 2, "--seconds", 3, "--out", folder / "laps")[0] == 0
        assert run(train, "--data", folder / "laps", "--out", folder / "policy", *small)[0] == 0
        code, _, error = run(evaluate, "--policy", "straight", "--tracks", 1, "--report", folder / "report.html")
        assert (code, error) == (0, "")
    for name in ("laps/lap-000001.parquet", "policy/model.safetensors"):
        assert (tmp_path / "runs" / name).read_bytes() == (tmp_path / "jumps" / name).read_bytes()
