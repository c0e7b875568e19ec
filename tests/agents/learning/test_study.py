"""A study's file: made whole, taken up by the same search alone, and no other file is touched."""

import sqlite3
import sys

import pytest

from agents.learning.study import Trial, _make, best_of, open_study, sampler, trials_of
from drivesim.errors import DrivesimError

optuna = pytest.importorskip("optuna")

OPTIONS = {"laps": "2 laps", "backbones": ["pilotnet"], "epochs": 3}


def test_what_was_tried_is_there_when_the_file_is_opened_again(tmp_path):
    path = tmp_path / "a {b} ?x=1#%20.db"
    study = open_study(path, OPTIONS)

    def objective(trial):
        value = trial.suggest_float("augment", 0, 1)
        trial.report(value, 0)
        if trial.number == 1:
            raise optuna.TrialPruned
        if trial.number == 2:
            raise OSError
        trial.set_user_attr("driving", {"autonomy": value})
        return value

    study.optimize(objective, n_trials=4, catch=OSError)
    assert [file.name for file in tmp_path.iterdir()] == [path.name]
    trials = trials_of(open_study(path, OPTIONS))
    assert [(trial.number, trial.complete) for trial in trials] == [(0, True), (1, False), (3, True)]
    for trial in trials:
        assert trial.options["backbone"] == "pilotnet"
        assert trial.score == trial.options["augment"]
        assert trial.driving == ({"autonomy": trial.score} if trial.complete else {})


def test_another_search_is_refused_with_both_sides(tmp_path):
    open_study(tmp_path / "s.db", OPTIONS)
    for changed, words in (
        ({"epochs": 4}, "it had epochs 3, now 4. Give the same laps and options, or another --study"),
        ({"laps": "3 laps"}, "it had laps '2 laps', now '3 laps'"),
        ({"camera": "front"}, "it had camera None, now 'front'"),
    ):
        with pytest.raises(DrivesimError) as caught:
            open_study(tmp_path / "s.db", OPTIONS | changed)
        assert words in str(caught.value)
    open_study(tmp_path / "s.db", OPTIONS)


def test_of_processes_that_begin_together_the_first_makes_the_study(tmp_path):
    path = tmp_path / "s.db"
    # Both saw that there is none.
    _make(path, OPTIONS)
    _make(path, OPTIONS | {"epochs": 9})
    assert open_study(path, OPTIONS).user_attrs["options"]["epochs"] == 3
    assert [file.name for file in tmp_path.iterdir()] == ["s.db"]


@pytest.mark.parametrize("kind", ["text", "empty", "cut", "other", "folder"])
def test_a_file_that_is_no_study_is_refused_and_left_as_it_was(tmp_path, kind):
    path = tmp_path / "notes.db"
    if kind == "text":
        path.write_text("mine " * 1000)
    elif kind == "empty":
        path.write_bytes(b"")
    elif kind == "cut":
        open_study(path, OPTIONS)
        path.write_bytes(path.read_bytes()[:5000])
    elif kind == "other":
        with sqlite3.connect(path) as connection:
            connection.execute("CREATE TABLE recipes (name TEXT)")
        connection.close()
    else:
        path.mkdir()
    before = path.read_bytes() if path.is_file() else None
    with pytest.raises(DrivesimError, match=r"--study: .*notes.db is no study"):
        open_study(path, OPTIONS)
    assert (path.read_bytes() if path.is_file() else None) == before


def test_every_trial_draws_from_its_own_seed():
    def tried(seed, number):
        study = optuna.create_study(sampler=sampler(seed, number))
        return study.ask().suggest_float("x", 0, 1)

    assert tried(0, 3) == tried(0, 3)
    assert len({tried(seed, number) for seed in (0, 1) for number in range(5)}) == 10


def test_the_best_is_complete_and_of_equals_the_first():
    def trial(number, value, complete=True):
        return Trial(number, {}, value, complete, {})

    trials = [trial(0, 0.5), trial(1, 0.9, complete=False), trial(2, 0.8), trial(3, 0.8)]
    assert best_of(trials).number == 2
    assert best_of(trials[1:2]) is None
    assert best_of([]) is None


def test_without_optuna_it_is_said_how_to_install_it(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "optuna", None)
    with pytest.raises(DrivesimError, match=r"Optuna is not installed: pip install -e \.\[tune\]"):
        open_study(tmp_path / "s.db", OPTIONS)
    assert not list(tmp_path.iterdir())


def test_a_place_that_cannot_be_written_is_said(tmp_path):
    (tmp_path / "file").write_text("mine")
    with pytest.raises(DrivesimError, match=r"--study: .*s.db can't be written: .*Choose another place"):
        open_study(tmp_path / "file" / "s.db", OPTIONS)
