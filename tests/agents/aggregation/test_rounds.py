"""A run's folder: rounds that are finished, and those that are not."""

import json

import pytest

from agents.aggregation.rounds import Rounds, read_rows
from drivesim.errors import DrivesimError


def finish(rounds, **more):
    with rounds.round() as (folder, row):
        (folder / "laps").mkdir()
        row |= {"labels": 100 * (1 + row["round"]), "autonomy": 0.5, "cross_track_error": 0.2, **more}
    return row


def test_a_finished_round_has_a_folder_a_line_and_its_number(tmp_path):
    rounds = Rounds(tmp_path / "run", {"seed": 0}, resume=False)
    assert [finish(rounds)["round"] for _ in range(3)] == [0, 1, 2]
    lines = (tmp_path / "run" / "rounds.jsonl").read_text().splitlines()
    assert [json.loads(line) for line in lines] == rounds.rows == read_rows(tmp_path / "run")
    assert (rounds.place(2) / "laps").is_dir()


def test_a_round_that_was_interrupted_leaves_nothing_and_comes_again(tmp_path):
    rounds = Rounds(tmp_path / "run", {"seed": 0}, resume=False)
    finish(rounds)
    with pytest.raises(KeyboardInterrupt), rounds.round() as (folder, _):
        (folder / "half").touch()
        raise KeyboardInterrupt
    # As a kill would leave it, without a chance to clean up.
    (tmp_path / "run" / ".round-01.part").mkdir()
    (tmp_path / "run" / ".round-01.part" / "half").touch()
    (tmp_path / "run" / "rounds.jsonl").unlink()
    rounds = Rounds(tmp_path / "run", {"seed": 0}, resume=True)
    assert len(rounds.rows) == 1
    assert finish(rounds)["round"] == 1
    assert not (rounds.place(1) / "half").exists()
    assert len((tmp_path / "run" / "rounds.jsonl").read_text().splitlines()) == 2


def test_a_run_goes_on_with_its_own_options_alone(tmp_path):
    Rounds(tmp_path / "run", {"seed": 0, "safe": 0.5}, resume=False)
    with pytest.raises(DrivesimError, match=r"had safe 0\.5, now 0\.7; noise None, now 0\.1\. Give the same options"):
        Rounds(tmp_path / "run", {"seed": 0, "safe": 0.7, "noise": 0.1}, resume=True)
    with pytest.raises(DrivesimError, match="exists and is not empty"):
        Rounds(tmp_path / "run", {"seed": 0, "safe": 0.5}, resume=False)
    with pytest.raises(DrivesimError, match="holds no run that could go on"):
        Rounds(tmp_path / "elsewhere", {}, resume=True)
    assert not (tmp_path / "elsewhere").exists()


def test_a_record_that_is_broken_is_named(tmp_path):
    rounds = Rounds(tmp_path / "run", {}, resume=False)
    finish(rounds)
    (rounds.place(0) / "round.json").write_text("{")
    with pytest.raises(DrivesimError, match=r"round-00.round\.json is no round's record"):
        read_rows(tmp_path / "run")
