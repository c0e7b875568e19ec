"""CarRacing recorded: clean labels, noisy driving, and a training that takes what was recorded."""

import csv
import json

import cv2
import gymnasium
import numpy as np
import pytest

from agents import evaluate, record, train
from agents.carracing import recording
from agents.carracing.recording import FIRST_RECORDED_SEED, record_episode
from agents.policy import Policy
from datasets.data_format import read_stored

pytest.importorskip("Box2D")


@pytest.fixture
def short(monkeypatch):
    """End every episode after twelve steps."""
    real = recording.make_car_racing
    monkeypatch.setattr(
        recording, "make_car_racing", lambda option: gymnasium.wrappers.TimeLimit(real(option).unwrapped, 12)
    )


def rows(path):
    with open(path / "frames.csv", newline="") as file:
        return [*csv.DictReader(file)]


def test_the_labels_are_the_expert_s_and_the_drive_is_noisy(tmp_path, short):
    first = record_episode(tmp_path / "clean", FIRST_RECORDED_SEED, 0.0)
    record_episode(tmp_path / "again", FIRST_RECORDED_SEED, 0.0)
    record_episode(tmp_path / "noisy", FIRST_RECORDED_SEED, 0.5)
    clean, again, noisy = (rows(tmp_path / name / "episode-000001") for name in ("clean", "again", "noisy"))
    assert first.steps == len(clean) == 12
    assert first.ended
    assert clean == again
    assert [row["action_0"] for row in clean[:1]] == [row["action_0"] for row in noisy[:1]], "the first label is clean"
    assert clean[-1]["action_0"] != noisy[-1]["action_0"], "another place asks for another action"
    assert [float(row["time"]) for row in clean[:3]] == [0.0, 0.02, 0.04]


def test_a_row_s_frame_is_what_was_seen_before_its_action(tmp_path, short):
    record_episode(tmp_path, FIRST_RECORDED_SEED, 0.0)
    env = gymnasium.make("CarRacing-v3")
    frame, _ = env.reset(seed=FIRST_RECORDED_SEED)
    env.close()
    stored = cv2.imread(str(tmp_path / "episode-000001" / "000000.png"))[:, :, ::-1]
    np.testing.assert_array_equal(stored, frame)


@pytest.mark.slow
def test_episodes_are_recorded_trained_on_and_driven(tmp_path, run, short, monkeypatch):
    episodes, policy = tmp_path / "episodes", tmp_path / "policy"
    options = ("--env", "CarRacing-v3", "--laps", 6, "--processes", 1, "--out", episodes)
    code, said, _ = run(record, *options, "--noise", 0.1)
    assert code == 0
    assert "Recorded 6 episodes, 72 steps" in said
    told = json.loads((episodes / "environment.json").read_text())
    assert told["recordings"][0]["seeds"] == [FIRST_RECORDED_SEED, FIRST_RECORDED_SEED + 5]
    reading = read_stored(episodes)
    assert (reading.control_hz, {drive.environment for drive in reading.drives}) == (50.0, {"CarRacing-v3"})
    options = ("--data", episodes, "--out", policy, "--pedal", "--pedal-weight", 0.2, "--device", "cpu")
    code, said, _ = run(train, *options, "--epochs", 1, "--samples", 64, "--batch-size", 32)
    assert code == 0
    config = Policy.load(policy, "cpu").config
    assert (config.outputs, config.camera.height, config.camera.width) == (("steering", "pedal"), 96, 96)
    gymnasium.register(
        "Tests/Short-v0", "gymnasium.envs.box2d.car_racing:CarRacing", max_episode_steps=15, reward_threshold=900
    )
    try:
        code, said, _ = run(evaluate, "--env", "Tests/Short-v0", "--policy", policy, "--tracks", 2, "--device", "cpu")
    finally:
        del gymnasium.registry["Tests/Short-v0"]
    assert code == 0
    assert "Tests/Short-v0, 2 episodes" in said


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--env", "Pendulum-v1"), "an expert of its own has CarRacing-v3 alone, got 'Pendulum-v1'"),
        (("--laps", 0), "--laps: expected 1 or more, got 0"),
        (("--noise", 2), "--noise: expected a number from 0 to 1, got 2.0"),
        (("--processes", 0), "--processes: expected 1 or more, got 0"),
        (("--first-seed", -1), "--first-seed: expected 0 or more, got -1"),
    ],
)
def test_wrong_use_is_refused_and_nothing_is_written(tmp_path, run, options, words):
    code, _, said = run(record, "--env", "CarRacing-v3", "--out", tmp_path / "episodes", *options)
    assert code == 2
    assert words in said
    assert not (tmp_path / "episodes").exists()
