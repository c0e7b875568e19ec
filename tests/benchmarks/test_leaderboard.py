"""The leaderboard: ours beside what others report, from one command."""

import json

import pytest

from agents.evaluation.gym_evaluation import GymEvaluation
from benchmarks import leaderboard
from benchmarks.published import PUBLISHED


def driven(who, name, seeds, processes, device, on_step):
    level = {"policy": 920.0, "expert": 950.0}[who.rsplit("/", 1)[-1]]
    returns = [level + seed for seed in seeds]
    summary = {
        "return_mean": level + (len(seeds) - 1) / 2,
        "return_p10": level,
        "return_min": level,
        "episode_length": 700.0,
        "frames_per_second": 100.0,
    }
    return GymEvaluation(who, name, [*seeds], returns, [700] * len(seeds), summary, (level, level + len(seeds)))


@pytest.fixture
def told(monkeypatch):
    """Return what is recorded and trained; nothing is driven."""
    pytest.importorskip("Box2D")
    calls = []
    monkeypatch.setattr(leaderboard, "evaluate_in_processes", driven)
    monkeypatch.setattr(leaderboard.record, "main", lambda args: (calls.append(args), args.out.mkdir()))
    monkeypatch.setattr(
        leaderboard.train,
        "main",
        lambda args: (calls.append(args), (args.out / "p").mkdir(parents=True, exist_ok=True)),
    )
    return calls


def test_ours_stand_beside_theirs_in_order_with_seeds_and_intervals(tmp_path, run, told):
    docs = tmp_path / "docs"
    docs.mkdir()
    code, said, _ = run(leaderboard, "--out", tmp_path / "l", "--policy", "policy", "--tracks", 5, "--docs", docs)
    assert code == 0
    assert not told, "a policy that is given is neither recorded for nor trained"
    lines = (docs / "leaderboard.md").read_text().splitlines()
    names = [line.split("|")[1].strip() for line in lines if line.startswith("| ")][1:]
    assert names == ["expert", "policy", *(one.name for one in PUBLISHED)]
    assert "| policy | 922.0 | 1.4 | 920.0 to 925.0 | 920.0 | 920.0 | here |" in lines
    found = json.loads((tmp_path / "l" / "leaderboard.json").read_text())
    assert found["driven"][0]["seeds"] == [0, 1, 2, 3, 4]
    assert found["driven"][0]["returns"] == [920.0, 921.0, 922.0, 923.0, 924.0]
    assert {"machine", "versions", "commit", "command", "published"} <= set(found)
    assert "922.0" in said


def test_what_is_recorded_and_trained_already_is_not_done_again(tmp_path, run, told):
    options = ("--out", tmp_path, "--tracks", 2)
    assert run(leaderboard, *options)[0] == 0
    recorded, trained = told
    assert (recorded.env, recorded.out) == ("CarRacing-v3", tmp_path / "episodes")
    assert (trained.data, trained.out, trained.resume) == ([tmp_path / "episodes"], tmp_path / "policy", False)
    assert run(leaderboard, *options)[0] == 0
    assert len(told) == 2
    (tmp_path / "policy" / "checkpoint.safetensors").touch()
    assert run(leaderboard, *options)[0] == 0
    assert len(told) == 3
    assert told[2].resume, "a training that was interrupted goes on"


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--tracks", 101), "--tracks: expected 100 or fewer, got 101"),
        (("--laps", 0), "--laps: expected 1 or more, got 0"),
        (("--docs", "nowhere"), "--docs: nowhere is no folder"),
    ],
)
def test_wrong_use_is_refused_before_anything_is_done(tmp_path, run, told, options, words):
    code, _, said = run(leaderboard, "--out", tmp_path / "l", *options)
    assert code == 2
    assert words in said
    assert not told
    assert not (tmp_path / "l").exists()
