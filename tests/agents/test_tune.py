"""The command that searches for options: what it tries, keeps, goes on with and refuses. Trainings are tiny here."""

import json
import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from agents import record, train, tune
from agents.learning.study import trials_of
from agents.policy import Policy
from tests.agents.policies import FOLDER_FILES, files

optuna = pytest.importorskip("optuna")
pytestmark = pytest.mark.usefixtures("one_torch_thread")

ROOT = Path(__file__).parents[2]
TINY = (
    *("--epochs", 2, "--samples", 64, "--batch-size", 32, "--looks", 2, "--device", "cpu", "--threads", 1),
    *("--validation-tracks", 1, "--validation-seconds", 0.5),
)


@pytest.fixture(scope="module")
def laps(tmp_path_factory):
    folder = tmp_path_factory.mktemp("recorded") / "laps"
    record.main(record.Args(out=folder, laps=2, seconds=10.0))
    return folder


@pytest.fixture
def search(tmp_path, run, laps):
    """Return a function that runs the command: exit code, standard output, standard error."""

    def run_search(*options, study="tune.db", out="tuned"):
        return run(tune, "--data", laps, "--study", tmp_path / study, "--out", tmp_path / out, *TINY, *options)

    return run_search


@pytest.fixture
def drives(monkeypatch):
    """Return a list to fill with (autonomy, cross-track error) of the epochs to come; a good one once it is empty."""
    coming = []

    def scripted(*_):
        said = coming.pop(0) if coming else (0.9, 0.1)
        if isinstance(said, BaseException):
            raise said
        return dict(zip(("autonomy", "cross_track_error"), said, strict=True))

    monkeypatch.setattr(train, "quick_check", scripted)
    return coming


def tried(path):
    """Return the trials that are over, by number."""
    storage = optuna.storages.RDBStorage(f"sqlite:///{path}")
    trials = {trial.number: trial for trial in trials_of(optuna.load_study(study_name=None, storage=storage))}
    storage.remove_session()
    storage.engine.dispose()
    return trials


def test_the_command_line_of_the_best_trains_its_weights_again(tmp_path, run, laps, search):
    code, said, _ = search("--trials", 2, "--backbones", "pilotnet", "cifar-cnn")
    assert code == 0
    out = tmp_path / "tuned"
    assert sorted(path.name for path in out.iterdir()) == ["best.json", "study.png", "trial-0000", "trial-0001"]
    assert (out / "study.png").read_bytes().startswith(b"\x89PNG")
    best = json.loads((out / "best.json").read_text())
    assert best["score"] == max(trial.score for trial in tried(tmp_path / "tune.db").values())
    assert f"Train it again: {best['command']}" in said
    python, m, module, *arguments = shlex.split(best["command"])
    assert (python, m, module) == ("python", "-m", "agents.train")
    assert run(train, *arguments, "--out", tmp_path / "again")[0] == 0
    folder = out / f"trial-{best['trial']:04d}"
    again, kept = Policy.load(tmp_path / "again", "cpu"), Policy.load(folder, "cpu")
    assert sorted(files(folder)) == sorted([*FOLDER_FILES, "metrics.jsonl"])
    assert again.config == kept.config
    assert files(tmp_path / "again") == files(folder)
    assert kept.config.training.items() >= best["options"].items()


def test_a_study_goes_on_as_if_it_had_not_been_interrupted(tmp_path, search, drives):
    assert search("--trials", 4, study="whole.db", out="whole")[0] == 0
    drives += [(0.9, 0.1)] * 5 + [KeyboardInterrupt()]
    assert search("--trials", 4)[0] == 130
    assert sorted(path.name for path in (tmp_path / "tuned").iterdir()) == ["trial-0000", "trial-0001"]
    code, said, _ = search("--trials", 3)
    assert code == 0
    assert "2 of 3 trials are over" in " ".join(said.split())
    whole, interrupted = tried(tmp_path / "whole.db"), tried(tmp_path / "tune.db")
    # The third was interrupted: its number is not used again.
    assert list(interrupted) == [0, 1, 3]
    assert all(interrupted[number].options == whole[number].options for number in (0, 1, 3))
    assert len({trial.options["learning_rate"] for trial in whole.values()}) == 4


def test_a_study_that_is_over_is_told_again_and_nothing_is_driven(tmp_path, search, drives):
    assert search("--trials", 1)[0] == 0
    best = files_of_report(tmp_path)
    drives.append(AssertionError("driven"))
    code, said, _ = search("--trials", 1)
    assert code == 0
    assert "Best of 1 trials: number 0" in said
    assert files_of_report(tmp_path) == best


def files_of_report(tmp_path):
    return (tmp_path / "tuned" / "best.json").read_text()


def test_a_trial_that_drives_worse_than_others_did_is_ended_early_and_leaves_nothing(
    tmp_path, search, drives, monkeypatch
):
    monkeypatch.setattr("agents.learning.study._FIRST_TRIALS", 1)
    good, bad = [(0.5, 0.1), (0.8, 0.2), (0.9, 0.1)], [(0.4, 0.3), (0.1, 0.3)]
    drives += good + bad + [(0.5, 0.1), (0.85, 0.3), (0.7, 0.1)]
    assert search("--trials", 3, "--epochs", 3)[0] == 0
    assert drives == []
    trials = tried(tmp_path / "tune.db")
    assert [trial.complete for trial in trials.values()] == [True, False, True]
    assert [trial.score for trial in trials.values()] == pytest.approx([0.89, 0.37, 0.82])
    assert trials[2].driving == {"autonomy": 0.85, "cross_track_error": 0.3}
    assert not (tmp_path / "tuned" / "trial-0001").exists()
    assert json.loads((tmp_path / "tuned" / "best.json").read_text())["trial"] == 0


def test_a_loss_that_is_no_number_ends_a_trial_and_not_the_search(tmp_path, search, drives, monkeypatch):
    monkeypatch.setattr("agents.learning.training.loss_of", lambda actions, *_: actions.sum() * float("nan"))
    code, said, _ = search("--trials", 2)
    assert code == 0
    assert said.count("the loss became nan") == 2
    assert "None of 2 trials is complete" in said
    assert [path.name for path in (tmp_path / "tuned").iterdir()] == ["study.png"]


@pytest.mark.slow
def test_two_processes_share_a_study(tmp_path, laps):
    arguments = ["--data", laps, "--study", tmp_path / "tune.db", "--out", tmp_path / "tuned", *TINY, "--trials", 4]
    command = [sys.executable, "-m", "agents.tune", *map(str, arguments)]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
    processes = [subprocess.Popen(command, cwd=ROOT, env=environment, **pipes) for _ in range(2)]
    said = [process.communicate(timeout=240)[0] for process in processes]
    assert [process.returncode for process in processes] == [0, 0], said
    trials = tried(tmp_path / "tune.db")
    # While one ended the fourth, the other may have been driving one more.
    assert 4 <= len(trials) <= 5
    assert len({trial.options["learning_rate"] for trial in trials.values()}) == len(trials)
    driven = {path.name for path in (tmp_path / "tuned").glob("trial-*")}
    assert driven == {f"trial-{number:04d}" for number, trial in trials.items() if trial.complete}
    # Each trial was driven by one of them.
    started = [line for text in said for line in text.splitlines() if line.startswith("Trial ")]
    assert len(started) == len(set(started)) == len(trials)


# What is refused


def test_a_study_of_other_laps_or_options_is_refused_with_both_sides(tmp_path, run, laps, search, drives):
    assert search("--trials", 1)[0] == 0
    before = (tmp_path / "tune.db").read_bytes()
    code, _, said = search("--trials", 2, "--epochs", 3)
    assert code == 2
    assert "is of another search: it had epochs 2, now 3." in said
    code, _, said = run(
        tune, "--data", laps / "lap-000001.parquet", "--study", tmp_path / "tune.db", "--out", tmp_path / "tuned", *TINY
    )
    assert code == 2
    assert "it had laps '2 laps, 400 steps, " in said
    assert ", now '1 laps, 200 steps, " in said
    assert (tmp_path / "tune.db").read_bytes() == before


def test_laps_are_the_same_under_other_names_and_in_other_folders(tmp_path, run, laps, search, drives):
    assert search("--trials", 1)[0] == 0
    (tmp_path / "moved").mkdir()
    for old, new in (("lap-000001", "b"), ("lap-000002", "a")):
        (tmp_path / "moved" / f"{new}.parquet").write_bytes((laps / f"{old}.parquet").read_bytes())
    arguments = ("--study", tmp_path / "tune.db", "--out", tmp_path / "tuned", *TINY, "--trials", 2)
    assert run(tune, "--data", tmp_path / "moved", *arguments)[0] == 0


def test_an_out_that_is_not_the_studys_is_refused_and_left_untouched(tmp_path, search, drives):
    (tmp_path / "tuned").mkdir()
    (tmp_path / "tuned" / "note.txt").write_text("mine")
    code, _, said = search("--trials", 1)
    assert code == 2
    assert "exists and is not empty, and there is no study" in said
    assert [path.name for path in tmp_path.rglob("*")] == ["tuned", "note.txt"]
    assert search("--trials", 1, out="first", study="first.db")[0] == 0
    (tmp_path / "first" / "trial-0000" / "note.txt").write_text("mine")
    assert search("--trials", 1, out="second", study="second.db")[0] == 0
    code, _, said = search("--trials", 2, out="first", study="second.db")
    assert code == 0
    code, _, said = search("--trials", 3, out="first", study="first.db")
    assert code == 2
    assert "trial-0001 is of another study. Choose another folder" in said
    assert (tmp_path / "first" / "trial-0000" / "note.txt").read_text() == "mine"


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--trials", 0), "--trials: expected 1 or more, got 0"),
        (("--learning-rates", 0.1, 0.01), "--learning-rates: expected two rising numbers between 0 and 1"),
        (("--learning-rates", 0, 0.01), "--learning-rates: expected two rising numbers between 0 and 1"),
        (("--backbones", "pilotnet", "pilotnet"), "--backbones: expected names, each once, got pilotnet pilotnet"),
        (("--backbones", "alexnett"), "backbone: unknown name 'alexnett'"),
        (("--epochs", 0), "--epochs: expected 1 or more, got 0"),
        (("--seed", -1), "--seed: expected 0 or more, got -1"),
        (("--pretrained", "cifar"), "--pretrained: unknown name 'cifar'"),
        (("--device", "tpu"), "device: unknown name 'tpu'"),
    ],
)
def test_wrong_use_is_answered_with_one_sentence_and_leaves_nothing_behind(tmp_path, search, options, words):
    code, _, said = search(*options)
    assert code == 2
    assert said.startswith("error: ")
    assert words in said
    assert said.count("\n") == 1
    assert not list(tmp_path.iterdir())


def test_without_optuna_it_is_said_how_to_install_it(tmp_path, search, monkeypatch):
    monkeypatch.setitem(sys.modules, "optuna", None)
    code, _, said = search()
    assert code == 2
    assert said == "error: tune: Optuna is not installed: pip install -e .[tune]\n"
    assert not list(tmp_path.iterdir())
