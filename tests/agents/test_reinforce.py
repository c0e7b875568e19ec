"""The command that lets a policy try; networks and drives are tiny here."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch

pytest.importorskip("stable_baselines3")

from agents import evaluate, reinforce
from agents.policy import Policy
from datasets.schema import ACTIONS
from drivesim.camera import CAMERAS
from tests.agents.policies import FOLDER_FILES, files, make_policy

pytestmark = pytest.mark.usefixtures("one_torch_thread")

ROOT = Path(__file__).resolve().parents[2]
TINY = (
    *("--cars", 2, "--tracks", 1, "--rollout", 8, "--batch-size", 8, "--passes", 1, "--buffer", 64, "--warm-up", 16),
    *("--evaluate-every", 32, "--validation-tracks", 1, "--validation-seconds", 0.5, "--device", "cpu"),
    *("--threads", 1, "--steps", 64),
)


@pytest.fixture(scope="module")
def policy(tmp_path_factory):
    folder = tmp_path_factory.mktemp("policies") / "clone"
    make_policy().save(folder)
    return folder


@pytest.fixture(scope="module")
def pedal_policy(tmp_path_factory):
    folder = tmp_path_factory.mktemp("policies") / "driver"
    make_policy(outputs=ACTIONS).save(folder)
    return folder


def rows(folder):
    return [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]


@pytest.mark.parametrize("algorithm", ["ppo", "sac"])
def test_a_policy_learns_by_trying_and_the_result_is_a_policy(tmp_path, run, policy, algorithm):
    out = tmp_path / "out"
    code, said, _ = run(reinforce, "--policy", policy, "--algorithm", algorithm, "--out", out, *TINY)
    assert code == 0, said
    found = rows(out)
    assert [row["steps"] for row in found] == [0, 32, 64]
    assert found[0].keys() >= {"autonomy", "cross_track_error", "std", "penalty", "divergence", "score"}
    assert sorted(files(out)) == sorted([*FOLDER_FILES, "metrics.jsonl"])
    config = Policy.load(out, "cpu").config
    best = max(found, key=lambda row: (row["score"], -row["steps"]))
    learned = {"algorithm": algorithm, "environment": "steer", "steps": best["steps"]}
    assert config.training["reinforced"] == learned
    assert config.driving == {name: best[name] for name in ("autonomy", "cross_track_error")}
    assert run(evaluate, "--policy", out, "--tracks", 1, "--device", "cpu")[0] == 0


def test_from_scratch_a_policy_with_a_pedal_sees_and_drives_what_was_asked_for(tmp_path, run):
    out = tmp_path / "out"
    options = ("--env", "drive", "--camera", "front", "--speed", "--vehicle", "car-dynamic", "--tensorboard")
    code, said, _ = run(reinforce, "--out", out, *options, *TINY)
    assert code == 0, said
    config = Policy.load(out, "cpu").config
    assert (config.outputs, config.takes_speed, config.cameras) == (ACTIONS, True, (CAMERAS["front"],))
    assert config.vehicle["model"] == "dynamic"
    assert all(row["penalty"] == 0 and row["speed"] >= 0 and row["departures"] >= 0 for row in rows(out))
    assert list((out / "tensorboard").glob("events*"))


def test_the_penalty_falls_and_the_actor_waits_for_the_critic(tmp_path, run, policy):
    out = tmp_path / "out"
    options = ("--penalty", 2, "--half-life", 16, "--warm-up", 32, "--evaluate-every", 16, "--keep", 0)
    assert run(reinforce, "--policy", policy, "--out", out, *TINY, *options)[0] == 0
    found = {row["steps"]: row for row in rows(out)}
    # Two halvings between 32 steps and 64; the weight of the last step that was driven counts.
    assert found[48]["penalty"] == pytest.approx(1.0, rel=0.01)
    assert found[64]["penalty"] == pytest.approx(0.5, rel=0.01)
    # As long as the critic learns alone the actor drives alike.
    assert found[0]["cross_track_error"] == found[16]["cross_track_error"]
    assert found[64]["divergence"] > 0


def scripted(values):
    """Autonomies for the validation drives, in turn, and the weights that were driven."""
    driven, values = [], iter(values)

    def check(policy, worlds, course):
        driven.append({name: value.clone() for name, value in policy.network.state_dict().items()})
        return {"autonomy": next(values), "cross_track_error": 0.1}

    return driven, check


def same(first, second):
    return all(torch.equal(first[name], second[name]) for name in first)


def test_the_best_is_kept_and_an_actor_that_forgot_is_taken_back_with_twice_the_penalty(
    tmp_path, run, policy, monkeypatch
):
    from agents.reinforcement import watch

    driven, check = scripted([0.9, 0.95, 0.5, 0.94])
    monkeypatch.setattr(watch, "quick_check", check)
    out = tmp_path / "out"
    options = ("--evaluate-every", 16, "--steps", 48, "--warm-up", 0, "--half-life", 10**9)
    code, said, _ = run(reinforce, "--policy", policy, "--out", out, *TINY, *options)
    assert code == 0
    assert "taken back" in said
    found = rows(out)
    assert [row["taken_back"] for row in found] == [False, False, True, False]
    assert [row["penalty"] for row in found] == pytest.approx([0, 1, 1, 2])
    kept = Policy.load(out, "cpu")
    assert kept.config.driving["autonomy"] == 0.95
    assert same(kept.network.state_dict(), driven[1])
    assert not same(driven[1], driven[2])


def test_a_run_that_diverges_stops_with_a_sentence_and_the_last_good_policy(tmp_path, run, policy, monkeypatch):
    from agents.reinforcement import proximal

    sound = proximal.ProximalPolicy.evaluate_actions

    def lost(self, *given):
        values, likelihood, bonus = sound(self, *given)
        return values * float("nan"), likelihood, bonus

    monkeypatch.setattr(proximal.ProximalPolicy, "evaluate_actions", lost)
    out = tmp_path / "out"
    code, _, said = run(reinforce, "--policy", policy, "--out", out, *TINY)
    assert code == 2
    assert "no numbers any more" in said
    assert f"is kept in {out}. Lower --learning-rate" in said.replace("\n", " ")
    kept = Policy.load(out, "cpu").network.state_dict()
    assert same(kept, Policy.load(policy, "cpu").network.state_dict())


@pytest.mark.parametrize("algorithm", ["ppo", "sac"])
def test_a_run_that_was_interrupted_goes_on_with_what_it_had(tmp_path, run, policy, algorithm, monkeypatch):
    from agents.reinforcement import watch

    command = ("--policy", policy, "--algorithm", algorithm, "--out", tmp_path / "out", *TINY)
    calls = []

    def stop(*given):
        calls.append(1)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return {"autonomy": 0.5 + 0.1 * len(calls), "cross_track_error": 0.1}

    with monkeypatch.context() as patch:
        patch.setattr(watch, "quick_check", stop)
        assert run(reinforce, *command)[0] == 130
    assert [row["steps"] for row in rows(tmp_path / "out")] == [0, 32]
    kept = Policy.load(tmp_path / "out", "cpu").network.state_dict()
    driven, check = scripted([0.5] * 9)
    monkeypatch.setattr(watch, "quick_check", check)
    code, said, _ = run(reinforce, *command, "--resume")
    assert code == 0
    assert "Going on after 32 of 64 steps" in said
    assert [row["steps"] for row in rows(tmp_path / "out")] == [0, 32, 64]
    # What came afterwards drove worse: the policy of before stays, though the network learned on.
    assert same(Policy.load(tmp_path / "out", "cpu").network.state_dict(), kept)
    assert not same(driven[0], kept)
    code, _, said = run(reinforce, *command, "--resume")
    assert (code, "nothing was interrupted there" in said) == (2, True)


@pytest.mark.slow
def test_a_run_that_is_killed_goes_on(tmp_path, run, policy):
    out = tmp_path / "out"
    command = ("--policy", policy, "--out", out, *TINY, "--steps", 100_000)
    process = subprocess.Popen(
        [sys.executable, "-m", "agents.reinforce", *map(str, command)],
        cwd=ROOT,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        stdout=subprocess.DEVNULL,
    )
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline and process.poll() is None:
        if (out / "metrics.jsonl").exists() and len(rows(out)) > 2:
            break
        time.sleep(0.05)
    process.send_signal(signal.SIGKILL)
    process.wait()
    steps = rows(out)[-1]["steps"]
    command = (*command[:-1], steps + 64)
    code, said, _ = run(reinforce, *command, "--resume")
    assert code == 0, said
    assert rows(out)[-1]["steps"] >= steps + 64
    assert [row["steps"] for row in rows(out)] == sorted({row["steps"] for row in rows(out)})


# What is refused


def test_an_archive_of_stable_baselines3_is_read_with_trust_alone(tmp_path, run, policy, monkeypatch):
    from agents.reinforcement import learner as learners

    made = []
    original = learners.make_learner

    def spy(*given):
        made.append(original(*given))
        return made[0]

    monkeypatch.setattr(learners, "make_learner", spy)
    assert run(reinforce, "--policy", policy, "--out", tmp_path / "out", *TINY, "--steps", 16)[0] == 0
    archive = tmp_path / "learner.zip"
    made[0].save(archive)
    learned = made[0].policy.network.state_dict()
    monkeypatch.undo()
    code, _, said = run(reinforce, "--policy", archive, "--out", tmp_path / "again", *TINY)
    assert code == 2
    assert "reading it runs whatever code it holds (cloudpickle). Give --trust if you know who made it" in said
    assert not (tmp_path / "again").exists()
    options = ("--trust", "--steps", 16, "--learning-rate", 1e-12)
    code, said, _ = run(reinforce, "--policy", archive, "--out", tmp_path / "again", *TINY, *options)
    assert code == 0, said
    again = Policy.load(tmp_path / "again", "cpu").network.state_dict()
    assert all(np.allclose(again[name], learned[name], atol=1e-5) for name in learned)


def test_an_archive_of_another_network_or_none_is_refused(tmp_path, run):
    from stable_baselines3 import PPO

    import drivesim  # noqa: F401

    other, none = tmp_path / "other.zip", tmp_path / "none.zip"
    PPO("CnnPolicy", "drivesim/Steer-v0", n_steps=4, batch_size=4, device="cpu").save(other)
    none.write_bytes(b"no archive")
    for path, sentence in (
        (other, "holds, ActorCriticCnnPolicy, is no driving network"),
        (none, "can't be read as an archive of ppo"),
        (tmp_path / "nowhere.zip", "can't be read as an archive of ppo"),
    ):
        code, _, said = run(reinforce, "--policy", path, "--trust", "--out", tmp_path / "out", *TINY)
        assert code == 2
        assert sentence in said
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["--policy", "CLONE", "--env", "drive"], "it gives steering, and --env drive takes steering and pedal"),
        (["--policy", "DRIVER"], "it gives steering and pedal, and --env steer takes steering. Take --env drive"),
        (["--policy", "CLONE", "--camera", "front"], "--camera: the policy of --policy brings its own"),
        (["--policy", "nowhere"], "nowhere is no policy folder"),
        (["--env", "boat"], "--env: unknown name 'boat'. Known: steer, drive."),
        (["--algorithm", "dqn"], "--algorithm: unknown name 'dqn'. Known: ppo, sac."),
        (["--steps", 0], "--steps: expected 1 or more, got 0."),
        (["--discount", 1], "--discount: expected a number between 0 and 1, got 1.0."),
        (["--std", 5], "--std: expected a number from 0.01 to 2, got 5.0."),
        (["--keep", 1], "--keep: expected a share from 0 to less than 1, got 1.0."),
        (["--learning-rate", 0], "--learning-rate: expected more than 0, got 0.0."),
        (["--batch-size", 1], "--batch-size: expected 2 or more, got 1."),
        (["--camera", "moon"], "moon"),
        (["--backbone", "pilotnot"], "pilotnot"),
        (["--resume"], "nothing was interrupted"),
        (["--track-files", "nowhere.csv"], "nowhere.csv"),
    ],
)
def test_options_that_cannot_be_are_told_in_a_sentence_and_nothing_is_written(
    tmp_path, run, policy, pedal_policy, options, sentence
):
    options = [{"CLONE": policy, "DRIVER": pedal_policy}.get(option, option) for option in options]
    code, _, said = run(reinforce, "--out", tmp_path / "out", *TINY, *options)
    assert code == 2
    assert sentence in said.replace("\n", " ")
    assert not (tmp_path / "out").exists()


def test_a_missing_stable_baselines3_is_told_with_the_line_that_installs_it(tmp_path, run, monkeypatch):
    monkeypatch.setitem(sys.modules, "stable_baselines3", None)
    code, _, said = run(reinforce, "--out", tmp_path / "out", *TINY)
    assert code == 2
    assert "Stable-Baselines3 is not installed: pip install -e '.[rl]'" in said
