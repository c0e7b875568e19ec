"""The command that clones driving: what it learns, keeps and refuses. Networks and laps are tiny here."""

import json
import re
from functools import partial

import cv2
import numpy as np
import pytest
import torch

from agents import evaluate, monitor, record, train
from agents.policy import Policy
from datasets.lap_files import read_lap, read_laps, write_lap
from drivesim.camera import CAMERAS
from drivesim.vehicle import VEHICLES
from drivesim.world import WorldSource
from tests.agents.drives import write_circuit
from tests.agents.policies import FOLDER_FILES, files, make_frames

pytestmark = pytest.mark.usefixtures("one_torch_thread")

TINY = (
    *("--epochs", 1, "--samples", 64, "--batch-size", 32, "--looks", 2, "--device", "cpu", "--threads", 1),
    *("--validation-tracks", 1, "--validation-seconds", 0.5),
)


@pytest.fixture(scope="module")
def laps(tmp_path_factory):
    """Two laps of ten seconds."""
    folder = tmp_path_factory.mktemp("recorded") / "laps"
    record.main(record.Args(out=folder, laps=2, seconds=10.0))
    return folder


def losses(folder):
    return [json.loads(line)["loss"] for line in (folder / "metrics.jsonl").read_text().splitlines()]


def test_a_training_run_leaves_a_policy_that_can_be_driven_and_its_metrics(tmp_path, run, laps):
    out = tmp_path / "policy"
    code, said, _ = run(train, "--data", laps, "--out", out, *TINY, "--epochs", 2)
    assert code == 0
    assert sorted(files(out)) == sorted([*FOLDER_FILES, "metrics.jsonl"])
    assert "Learning from 2 laps" in said.replace("\n", " ")
    rows = [json.loads(line) for line in (out / "metrics.jsonl").read_text().splitlines()]
    assert [row["epoch"] for row in rows] == [1, 2]
    assert all(row.keys() >= {"loss", "autonomy", "cross_track_error"} for row in rows)
    policy = Policy.load(out, "cpu")
    config = policy.config
    assert (config.camera, policy.vehicle, config.control_hz) == (CAMERAS["topdown"], VEHICLES["car"], 20.0)
    assert config.training["epoch"] in (1, 2)
    best = rows[config.training["epoch"] - 1]
    assert {name: best[name] for name in config.driving} == config.driving
    assert config.training.items() >= {"laps": 2, "drivers": ["expert"], "seed": 0, "samples": 64}.items()
    assert np.abs(policy.predict(make_frames(3, CAMERAS["topdown"]))).max() <= 1


def test_a_training_learns_from_frames_that_torch_draws_what_it_learns_from_opencvs(tmp_path, run, laps):
    for device in ("cpu", "torch-cpu"):
        options = (*TINY, "--augment", 0.5, "--epochs", 2, "--device", device)
        assert run(train, "--data", laps, "--out", tmp_path / device, *options)[0] == 0
    np.testing.assert_allclose(losses(tmp_path / "torch-cpu"), losses(tmp_path / "cpu"), rtol=0.05)
    assert Policy.load(tmp_path / "torch-cpu", "cpu").config.training["device"] == "torch-cpu"


def test_a_policys_folder_names_no_folder_of_this_machine(tmp_path, run, laps):
    out = tmp_path / "policy"
    assert run(train, "--data", laps, "--out", out, *TINY)[0] == 0
    written = b"".join(files(out).values())
    assert str(tmp_path).encode() not in written
    assert str(laps).encode() not in written


def test_the_same_seed_trains_the_same_weights_however_many_threads_draw(tmp_path, run, laps):
    def trained(name, *options):
        assert run(train, "--data", laps, "--out", tmp_path / name, *TINY, *options)[0] == 0
        return files(tmp_path / name)

    first, again, other = trained("first"), trained("again", "--threads", 2), trained("other", "--seed", 1)
    assert again == first
    assert other["model.safetensors"] != first["model.safetensors"]
    assert other["metrics.jsonl"] != first["metrics.jsonl"]


def test_a_network_overfits_one_lap_seen_as_it_was_driven(tmp_path, run, laps):
    out = tmp_path / "policy"
    options = ("--epochs", 4, "--samples", 480, "--shift", 0, "--turn", 0, "--no-mirror", "--looks", 0, "--sizes", 1)
    options += ("--recolor", 0)
    assert run(train, "--data", laps / "lap-000001.parquet", "--out", out, *TINY, *options)[0] == 0
    first, *_, last = losses(out)
    assert last < first / 5


def test_the_front_camera_is_learned_from_too(tmp_path, run, laps):
    out = tmp_path / "policy"
    assert run(train, "--data", laps, "--out", out, *TINY, "--camera", "front")[0] == 0
    assert Policy.load(out, "cpu").camera == CAMERAS["front"]


@pytest.mark.slow
def test_past_frames_and_several_cameras_are_learned_from_and_driven_with(tmp_path, run, laps, monkeypatch):
    out, picture = tmp_path / "policy", tmp_path / "batch.png"
    options = (*TINY, "--camera", "topdown", "front", "--past", 2, "--stride", 3, "--speed", "--augment", 0.5)
    assert run(train, "--data", laps, "--out", out, *options)[0] == 0
    config = Policy.load(out, "cpu").config
    assert config.cameras == (CAMERAS["topdown"], CAMERAS["front"])
    assert (config.past, config.stride, config.inputs) == (2, 3, ("camera", "speed"))
    assert config.training.items() >= {"camera": ["topdown", "front"], "past": 2, "stride": 3}.items()
    assert "96 x 96 RGB pixels, seen from above" in (out / "README.md").read_text()
    assert "each with 2 earlier ones, 0.15 s apart" in (out / "README.md").read_text()
    assert run(train, "--data", laps, "--out", tmp_path / "none", *options, "--show-batch", picture)[0] == 0
    assert cv2.imread(str(picture)).shape[1] > 1000
    failures = tmp_path / "failures"
    road = write_circuit(tmp_path / "Round.csv", 30.0)
    given = ("--policy", out, "--track-files", road, "--save-failures", failures, "--report", tmp_path / "r.html")
    stress = ("--stress", "fog", "shift", "--severity", 5, "--stress-tracks", 1, "--stress-seconds", 0.5)
    code, said, _ = run(evaluate, *given, *stress, "--device", "cpu")
    assert code == 0
    assert read_laps([failures])[0], said
    # What is usual is found out on fewer roads than for a policy that is used.
    monkeypatch.setattr(monitor, "reference_of", partial(monitor.reference_of, roads=8))
    code, _, said = run(monitor, "--policy", out, "--seconds", 1, "--device", "cpu")
    assert code in (0, 1), said


def test_the_epoch_that_drives_best_is_kept_and_not_the_last(tmp_path, run, laps, monkeypatch):
    results = iter([(0.5, 0.1), (0.9, 0.3), (0.9, 0.2), (0.9, 0.4), (0.7, 0.01)])
    weights = []

    def scripted_check(policy, worlds, course):
        weights.append({name: value.clone() for name, value in policy.network.state_dict().items()})
        return dict(zip(("autonomy", "cross_track_error"), next(results), strict=True))

    monkeypatch.setattr(train, "quick_check", scripted_check)
    out = tmp_path / "policy"
    assert run(train, "--data", laps, "--out", out, *TINY, "--epochs", 5)[0] == 0
    kept = Policy.load(out, "cpu")
    assert kept.config.training["epoch"] == 3
    assert kept.config.driving == {"autonomy": 0.9, "cross_track_error": 0.2}
    assert all(torch.equal(value, weights[2][name]) for name, value in kept.network.state_dict().items())
    assert not torch.equal(weights[2]["features.0.weight"], weights[4]["features.0.weight"])
    assert len(losses(out)) == 5


def test_validation_tracks_are_driven_with_the_laps_car_for_as_long_as_was_asked(tmp_path, run, laps, monkeypatch):
    asked = []

    def spy(policy, worlds, course):
        asked.append((len(worlds), {world.track.name for world in worlds}, course))
        return {"autonomy": 1.0, "cross_track_error": 0.0}

    monkeypatch.setattr(train, "quick_check", spy)
    assert run(train, "--data", laps, "--out", tmp_path / "p", *TINY, "--validation-tracks", 3)[0] == 0
    ((count, names, course),) = asked
    assert count == len(names) == 3
    assert all("validation" in name for name in names)
    assert (course.camera, course.time_limit) == (CAMERAS["topdown"], 0.5)
    assert course.scenario == {"vehicle": VEHICLES["car"], "control_hz": 20.0}


# What is refused


@pytest.mark.parametrize("kind", ["folder", "file"])
def test_an_existing_out_is_refused_and_left_untouched(tmp_path, run, laps, kind):
    out = tmp_path / "policy"
    note = out if kind == "file" else out / "note.txt"
    note.parent.mkdir(exist_ok=True)
    note.write_text("mine")
    code, _, said = run(train, "--data", laps, "--out", out, *TINY)
    assert code == 2
    assert f"--out: {out} exists and is not empty. Choose another folder or remove it" in said
    assert note.read_text() == "mine"
    assert out.is_file() or list(files(out)) == ["note.txt"]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--epochs", 0), "--epochs: expected 1 or more, got 0"),
        (("--batch-size", 0), "--batch-size: expected 1 or more, got 0"),
        (("--validation-tracks", 0), "--validation-tracks: expected 1 or more, got 0"),
        (("--validation-seconds", 0), "--validation-seconds: expected more than 0, got 0"),
        (("--learning-rate", "nan"), "--learning-rate: expected more than 0, got nan"),
        (("--seed", -1), "--seed: expected 0 or more, got -1"),
        (("--shift", -0.1), "--shift: expected 0 or more, got -0.1"),
        (("--backbone", "alexnett"), "backbone: unknown name 'alexnett'. Known: pilotnet"),
        (("--pretrained", "cifar"), "--pretrained: unknown name 'cifar'. Known: imagenet, none"),
        (("--freeze",), "--freeze: only a pretrained backbone has anything worth keeping"),
        (("--randomize", "weather"), "randomize: unknown name 'weather'. Known: none, looks, all."),
        (("--randomize", "looks", "--looks", 0), "randomize: with looks=0 the laps are seen as they were recorded"),
        (("--palette", "loud"), "palette: unknown name 'loud'. Known: any, train, test."),
        (("--balance", 2), "--balance: expected a number from 0 to 1, got 2"),
        (("--camera", "rear"), "camera: unknown name 'rear'. Known: topdown, front, left, right."),
        (("--camera", "front", "front"), "--camera: expected cameras, each once, got front front"),
        (("--past", -1), "--past: expected 0 to 15, got -1"),
        (("--past", 16), "--past: expected 0 to 15, got 16"),
        (("--stride", 0), "--stride: expected 1 to 100, got 0"),
        (("--device", "tpu"), "device: unknown name 'tpu'. Known: auto, cpu, cuda, torch-cpu."),
    ],
)
def test_wrong_use_is_answered_with_one_sentence_and_leaves_nothing_behind(tmp_path, run, laps, options, words):
    code, _, said = run(train, "--data", laps, "--out", tmp_path / "policy", *TINY, *options)
    assert code == 2
    assert said.startswith("error: ")
    assert words in said
    assert said.count("\n") == 1
    assert not (tmp_path / "policy").exists()


def test_a_training_in_random_worlds_drives_its_validation_tracks_in_such_worlds(tmp_path, run, laps, monkeypatch):
    driven = []
    check = train.quick_check

    def spied(policy, worlds, course):
        driven.extend(worlds)
        return check(policy, worlds, course)

    monkeypatch.setattr(train, "quick_check", spied)
    options = ("--randomize", "all", "--palette", "train", "--validation-tracks", 3, "--validation-seconds", 1)
    assert run(train, "--data", laps, "--out", tmp_path / "policy", *TINY, *options)[0] == 0
    expected = WorldSource(range(3), "mixed", "validation", randomize="all", palette="train").all()
    assert [world.appearance for world in driven] == [world.appearance for world in expected]
    assert [world.weather for world in driven] == [world.weather for world in expected]
    config = json.loads((tmp_path / "policy" / "config.json").read_text())
    assert (config["training"]["randomize"], config["training"]["palette"]) == ("all", "train")


def test_data_without_laps_is_answered_with_how_to_record_some(tmp_path, run):
    for data, words in ((tmp_path, "holds no lap"), (tmp_path / "nowhere", "is not there")):
        code, _, said = run(train, "--data", data, "--out", tmp_path / "policy", *TINY)
        assert code == 2
        assert f"{data} {words}. Record some: python -m agents.record" in said


def test_a_lap_that_cannot_be_read_is_named_and_the_others_are_learned_from(tmp_path, run, laps):
    for name, data in files(laps).items():
        (tmp_path / name).write_bytes(data)
    (tmp_path / "lap-000003.parquet").write_bytes(b"PAR1")
    code, said, _ = run(train, "--data", tmp_path, "--out", tmp_path / "policy", *TINY)
    assert code == 0
    assert "lap-000003.parquet" in said.replace("\n", "")
    assert "Learning from 2 laps" in said.replace("\n", " ")


def test_laps_of_different_cars_are_refused_together(tmp_path, run, laps):
    lap = read_lap(laps / "lap-000001.parquet")
    assert run(record, "--laps", 1, "--seconds", 2, "--vehicle", "rc", "--out", tmp_path / "rc")[0] == 0
    write_lap(tmp_path / "rc" / "lap-000002.parquet", lap)
    code, _, said = run(train, "--data", tmp_path / "rc", "--out", tmp_path / "policy", *TINY)
    assert code == 2
    assert "were recorded with different vehicle" in said
    assert not (tmp_path / "policy").exists()


def test_a_loss_that_is_no_number_ends_training_with_the_way_out(tmp_path, run, laps):
    steep = ("--learning-rate", 1e30, "--samples", 256)
    code, _, said = run(train, "--data", laps, "--out", tmp_path / "policy", *TINY, *steep)
    assert code == 2
    assert re.search(r"the loss became (nan|inf) in epoch 1, batch \d+; .* Lower --learning-rate\.", said)
    assert not list((tmp_path / "policy").iterdir())
