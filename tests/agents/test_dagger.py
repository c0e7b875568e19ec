"""Rounds of driving, asking and learning, by the command; networks and drives are tiny here."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from agents import dagger, evaluate, record, train
from agents.models.policy_config import FIXED
from agents.policy import Policy
from datasets.lap_files import read_lap, read_laps, write_lap
from datasets.schema import MARK_CORRECTION, MARK_POLICY, Lap
from tests.agents.policies import FOLDER_FILES, files, make_policy

pytestmark = pytest.mark.usefixtures("one_torch_thread")

ROOT = Path(__file__).resolve().parents[2]
TINY = (
    *("--epochs", 1, "--round-epochs", 1, "--samples", 32, "--batch-size", 16, "--looks", 2, "--device", "cpu"),
    *("--threads", 1, "--validation-tracks", 1, "--validation-seconds", 0.5, "--tracks", 2, "--drives", 2),
    *("--seconds", 2),
)


@pytest.fixture(scope="module")
def laps(tmp_path_factory):
    folder = tmp_path_factory.mktemp("recorded") / "laps"
    record.main(record.Args(out=folder, laps=2, seconds=6.0))
    return folder


@pytest.fixture(scope="module")
def policy(laps, tmp_path_factory):
    """A policy that drives off, saved."""
    folder = tmp_path_factory.mktemp("policies") / "policy"
    from drivesim.camera import CAMERAS

    make_policy(cameras=(CAMERAS["topdown"],)).save(folder)
    return folder


def rows(folder):
    return [json.loads(line) for line in (folder / "rounds.jsonl").read_text().splitlines()]


def test_rounds_drive_ask_and_learn_from_all_laps_so_far_and_the_best_is_a_policy(tmp_path, run, laps):
    out = tmp_path / "run"
    code, said, _ = run(dagger, "--data", laps, "--out", out, "--rounds", 2, *TINY)
    assert code == 0, said
    found = rows(out)
    assert [row["round"] for row in found] == [0, 1, 2]
    new = [row["new_labels"] for row in found]
    assert [row["labels"] for row in found] == np.cumsum(new).tolist()
    assert new[0] == 240
    for number in (1, 2):
        driven, _ = read_laps(out / f"round-0{number}" / "laps")
        assert {lap.info.notes["round"] for lap in driven} == {number}
        assert sum(np.count_nonzero(lap.good) for lap in driven) == new[number]
        assert all("train" in lap.info.track_name for lap in driven)
    names = [lap.info.track_name for number in (1, 2) for lap in read_laps(out / f"round-0{number}" / "laps")[0]]
    assert len(set(names)) == len(names) == 4
    # The last round learned from the laps that it began with, and from both rounds'.
    assert Policy.load(out / "round-02" / "policy", "cpu").config.training["laps"] == 6
    assert (out / "rounds.png").stat().st_size > 5000
    assert files(out / "policy").keys() == set(FOLDER_FILES)
    assert run(evaluate, "--policy", out / "policy", "--tracks", 1, "--device", "cpu")[0] == 0


def test_a_round_begins_with_the_weights_of_the_one_before_unless_from_scratch(tmp_path, run, laps):
    still = ("--round-learning-rate", 1e-12, "--rounds", 1)

    def moved(name, *options):
        assert run(dagger, "--data", laps, "--out", tmp_path / name, *TINY, *still, *options)[0] == 0
        first, then = (
            Policy.load(tmp_path / name / f"round-0{i}" / "policy", "cpu").network.head[0].weight.detach()
            for i in (0, 1)
        )
        return float((first - then).abs().max())

    assert moved("on", "--shift", 0, "--turn", 0.02) < 1e-6
    learned = Policy.load(tmp_path / "on" / "round-01" / "policy", "cpu").config.training
    assert learned.items() >= {"shift": 0, "turn": 0.02, "epochs": 1, "laps": 4}.items()
    assert moved("anew", "--from-scratch") > 1e-3


def test_a_safe_distance_labels_only_where_the_teacher_took_over(tmp_path, run, laps, policy):
    out = tmp_path / "run"
    options = ("--policy", policy, "--rounds", 1, "--safe", 0.3)
    assert run(dagger, "--data", laps, "--out", out, *options, *TINY)[0] == 0
    first, second = rows(out)
    assert not first["fitted"]
    assert files(out / "round-00" / "policy")["model.safetensors"] == files(policy)["model.safetensors"]
    assert 0 < second["new_labels"] == second["taught"] < second["driven"]
    # It stays the policy that it was, an older one too.
    assert Policy.load(policy, "cpu").config.normalization == FIXED
    assert Policy.load(out / "round-01" / "policy", "cpu").config.normalization == FIXED
    (lap, *_), _ = read_laps(out / "round-01" / "laps")
    assert (lap.columns["mark"] & MARK_POLICY).any()


def test_a_round_in_which_nothing_was_labelled_keeps_the_policy(tmp_path, run, laps, policy):
    out = tmp_path / "run"
    options = ("--policy", policy, "--rounds", 1, "--safe", 90)
    code, said, _ = run(dagger, "--data", laps, "--out", out, *options, *TINY)
    assert code == 0
    assert "nothing was labelled, so that the policy stays" in said.replace("\n", " ")
    assert not rows(out)[1]["fitted"]
    weights = [files(out / f"round-0{i}" / "policy")["model.safetensors"] for i in (0, 1)]
    assert weights[0] == weights[1]


def test_recorded_lines_teach_on_the_recorded_roads_without_an_expert(tmp_path, run, laps, monkeypatch):
    monkeypatch.setattr(dagger, "ExpertTeacher", None)
    out = tmp_path / "run"
    assert run(dagger, "--data", laps, "--out", out, "--labels", "recorded", "--rounds", 1, *TINY)[0] == 0
    recorded = {lap.info.track_name for lap in read_laps(laps)[0]}
    driven, _ = read_laps(out / "round-01" / "laps")
    assert {lap.info.track_name for lap in driven} <= recorded
    assert {lap.info.notes["label"] for lap in driven} == {"recorded"}
    assert rows(out)[1]["new_labels"] > 40


def corrected(lap, folder):
    """A lap that a policy drove, and of which a person drove the middle."""
    count = len(lap)
    mark = np.full(count, MARK_POLICY, np.uint8)
    mark[count // 3 : 2 * count // 3] = MARK_CORRECTION
    write_lap(folder / "lap-000001.parquet", Lap(lap.info, {**lap.columns, "mark": mark}, True, "lap-000001"))
    return int(np.count_nonzero(mark == MARK_CORRECTION))


def test_a_persons_corrections_are_learned_from_and_the_policys_own_driving_is_not(tmp_path, run, laps, policy):
    folder, out = tmp_path / "corrections", tmp_path / "run"
    folder.mkdir()
    count = corrected(read_lap(laps / "lap-000002.parquet"), folder)
    options = ("--labels", "person", "--policy", policy)
    code, said, _ = run(dagger, "--data", laps, folder, "--out", out, *options, *TINY)
    assert code == 0, said
    first, second = rows(out)
    assert (first["new_labels"], second["new_labels"], second["labels"]) == (240, count, 240 + count)
    assert second["fitted"]
    assert not (out / "round-01" / "laps").exists()
    code, _, said = run(dagger, "--data", laps, "--out", tmp_path / "none", *options, *TINY)
    assert (code, "no step of --data is a correction" in said) == (2, True)
    assert not (tmp_path / "none").exists()


def test_mixing_falls_from_round_to_round(tmp_path, run, laps, policy):
    out = tmp_path / "run"
    options = ("--policy", policy, "--rounds", 3, "--mixing", 1, 0.5, "--decay", 0.5)
    assert run(dagger, "--data", laps, "--out", out, *options, *TINY)[0] == 0
    found = rows(out)[1:]
    assert [row["mixing"] for row in found] == [1, 0.5, 0.25]
    assert found[0]["taught"] == found[0]["driven"]
    assert 0 < found[2]["taught"] < found[1]["taught"] < found[0]["taught"]


def kept_of(folder):
    """All that a run leaves but how long it took."""
    weights = [files(folder / f"round-0{i}" / "policy")["model.safetensors"] for i in range(3)]
    return weights, [{name: value for name, value in row.items() if name != "seconds"} for row in rows(folder)]


def test_a_run_that_is_interrupted_goes_on_and_ends_as_if_nothing_had_happened(
    tmp_path, run, laps, policy, monkeypatch
):
    command = ("--data", laps, "--policy", policy, "--rounds", 2, *TINY)
    assert run(dagger, *command, "--out", tmp_path / "whole")[0] == 0
    fits = iter([train.make_training])

    def fit_or_stop(*given):
        try:
            return next(fits)(*given)
        except StopIteration:
            raise KeyboardInterrupt from None

    with monkeypatch.context() as patch:
        patch.setattr(dagger.train, "make_training", fit_or_stop)
        assert run(dagger, *command, "--out", tmp_path / "stopped")[0] == 130
    assert sorted(path.name for path in (tmp_path / "stopped").glob("*round-*")) == ["round-00", "round-01"]
    code, said, _ = run(dagger, *command, "--out", tmp_path / "stopped", "--resume")
    assert code == 0
    assert "Going on: 2 of 3 rounds are finished" in said
    assert kept_of(tmp_path / "stopped") == kept_of(tmp_path / "whole")


@pytest.mark.slow
def test_a_run_that_is_killed_goes_on_and_ends_as_if_nothing_had_happened(tmp_path, run, laps, policy):
    command = ("--data", laps, "--policy", policy, "--rounds", 2, *TINY)
    killed = tmp_path / "killed"
    process = subprocess.Popen(
        [sys.executable, "-m", "agents.dagger", *map(str, command), "--out", str(killed)],
        cwd=ROOT,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        stdout=subprocess.DEVNULL,
    )
    deadline = time.monotonic() + 120
    while not (killed / ".round-01.part").exists() and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert (killed / "round-00").is_dir()
    assert not (killed / "round-02").exists()
    code, said, _ = run(dagger, *command, "--out", killed, "--resume")
    assert code == 0
    assert "Going on: 1 of 3 rounds are finished" in said
    assert run(dagger, *command, "--out", tmp_path / "whole")[0] == 0
    assert kept_of(killed) == kept_of(tmp_path / "whole")


def test_a_finished_run_takes_more_rounds(tmp_path, run, laps, policy):
    options = ("--policy", policy, "--mixing", 1)
    out = tmp_path / "run"
    assert run(dagger, "--data", laps, "--out", out, *options, *TINY, "--rounds", 1)[0] == 0
    assert run(dagger, "--data", laps, "--out", out, *options, *TINY, "--rounds", 2, "--resume")[0] == 0
    assert len(rows(out)) == 3
    code, _, said = run(dagger, "--data", laps, "--out", out, *options, *TINY, "--resume", "--noise", 0.2)
    assert code == 2
    assert "had noise 0.0, now 0.2" in said


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["--labels", "nobody"], "--labels: unknown name 'nobody'. Known: expert, recorded, person."),
        (["--rounds", 0], "--rounds: expected 1 or more, got 0."),
        (["--mixing", 1.5], "--mixing: expected probabilities from 0 to 1, one a round, got 1.5."),
        (["--safe", -1], "--safe: expected metres above 0, got -1.0."),
        (["--safe", 1, "--mixing", 0.5], "Leave one out."),
        (["--labels", "person"], "name the policy that was corrected by --policy"),
        (["--policy", "POLICY", "--past", 2], "--past: the policy of --policy brings its own."),
        (["--policy", "nowhere"], "policy: nowhere is no policy folder"),
        (["--backbone", "pilotnot"], "pilotnot"),
        (["--camera", "moon"], "moon"),
        (["--samples", 0], "--samples: expected 1 or more, got 0."),
        (["--beside", "LAPS"], "holds no finished round of agents.dagger"),
        (["--resume"], "holds no run that could go on"),
    ],
)
def test_options_that_cannot_be_are_told_in_a_sentence_and_nothing_is_written(
    tmp_path, run, laps, policy, options, sentence
):
    options = [{"POLICY": policy, "LAPS": laps}.get(option, option) for option in options]
    code, _, said = run(dagger, "--data", laps, "--out", tmp_path / "run", *TINY, *options)
    assert code == 2
    assert sentence in said.replace("\n", " ")
    assert not (tmp_path / "run").exists()


def test_a_policy_for_another_car_or_camera_is_refused(tmp_path, run, laps):
    from drivesim.vehicle import VEHICLES

    make_policy(vehicle=dict(vars(VEHICLES["rc"]))).save(tmp_path / "rc")
    make_policy().save(tmp_path / "small")
    for name, sentence in (("rc", "it was made for vehicle"), ("small", "which is none of topdown, front")):
        code, _, said = run(dagger, "--data", laps, "--out", tmp_path / "run", *TINY, "--policy", tmp_path / name)
        assert code == 2
        assert sentence in said
    assert not (tmp_path / "run").exists()
