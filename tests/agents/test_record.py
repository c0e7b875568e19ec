"""The command that records laps: what it leaves on the disk, and what it refuses."""

import numpy as np
import pytest

from agents import record
from agents.expert import ExpertDriver
from agents.rollout import Course, drive
from datasets.lap_files import read_laps
from datasets.lap_world import world_of
from datasets.schema import MARK_BAD
from drivesim.appearance import Appearance
from drivesim.track_generation import generate_track
from drivesim.vehicle import VEHICLES, get_vehicle
from drivesim.world import WorldSource
from tests.agents.policies import files

CIRCLE = "x_m,y_m,w_tr_right_m,w_tr_left_m\n"


@pytest.fixture
def circuit(tmp_path):
    """A track file: a round road of 40 m radius."""
    angle = np.linspace(0, 2 * np.pi, 60, endpoint=False)
    rows = [f"{40 * np.cos(a):.4f},{40 * np.sin(a):.4f},4.0,5.0" for a in angle]
    path = tmp_path / "Circle.csv"
    path.write_text("# " + CIRCLE + "\n".join(rows) + "\n", encoding="utf-8")
    return path


def test_laps_are_on_the_disk_with_noise_in_the_steering_and_clean_labels(tmp_path, run):
    code, out, _ = run(record, "--laps", 3, "--seconds", 4, "--out", tmp_path / "laps", "--noise", 0.2, "--seed", 5)
    assert code == 0
    laps, lost = read_laps(tmp_path / "laps")
    assert lost == []
    assert [lap.name for lap in laps] == ["lap-000001", "lap-000002", "lap-000003"]
    course = Course(noise=0.2, time_limit=4.0, scenario={"vehicle": "car"})
    worlds = WorldSource(range(3), "mixed").all()
    drives = drive(ExpertDriver(), worlds, course, np.random.default_rng(5))
    for lap, driven, difficulty, seed in zip(laps, drives, ("easy", "medium", "hard"), range(3), strict=True):
        assert lap.complete
        assert len(lap) == 80
        for name, values in lap.columns.items():
            expected = driven.columns.get(name, np.full(80, np.nan))  # no policy drove
            np.testing.assert_array_equal(values, expected.astype(values.dtype), err_msg=name)
        noise = lap.columns["steering"] - lap.columns["steering_label"]
        assert 0.05 < noise.std() < 0.5
        assert lap.good.all()
        info = lap.info
        assert (info.driver, info.seed, info.control_hz) == ("expert", 5, 20.0)
        assert info.environment == "drivesim/Steer-v0"
        assert info.notes == {"noise": 0.2, "end_reason": "time_limit"}
        assert Appearance.from_dict(info.appearance) == driven.world.appearance
        assert get_vehicle(info.vehicle) == VEHICLES["car"]
        track = generate_track(seed, difficulty, "train")
        assert info.track_name == track.name
        np.testing.assert_array_equal(info.track_points, track.points)
    assert f"Recorded 3 laps, 240 steps, 0.2 minutes of driving, into {tmp_path / 'laps'}\n" in out
    assert f"Train on them: python -m agents.train --data {tmp_path / 'laps'} --backbone pilotnet --out policy\n" in out


def test_a_human_like_lap_holds_what_was_done_as_its_label(tmp_path, run):
    arguments = ("--driver", "human-like", "--laps", 2, "--seconds", 6, "--seed", 3)
    code, out, _ = run(record, *arguments, "--out", tmp_path / "laps")
    assert code == 0
    laps, _ = read_laps(tmp_path / "laps")
    assert [len(lap) for lap in laps] == [120, 120]
    for lap in laps:
        assert (lap.info.driver, lap.info.notes["noise"]) == ("human-like", 0.0)
        np.testing.assert_array_equal(lap.columns["steering"], lap.columns["steering_label"])
        assert lap.good.all()
    assert "left the road" not in out
    assert run(record, *arguments, "--out", tmp_path / "again")[0] == 0
    assert files(tmp_path / "laps") == files(tmp_path / "again")


def test_noise_is_by_driver_unless_it_is_asked_for(tmp_path, run):
    def noise(name, *options):
        assert run(record, "--laps", 1, "--seconds", 2, "--out", tmp_path / name, *options)[0] == 0
        (lap,) = read_laps(tmp_path / name)[0]
        wander = (lap.columns["steering"] - lap.columns["steering_label"]).std()
        return lap.info.notes["noise"], wander > 0

    assert noise("expert") == (0.1, True)
    assert noise("person", "--driver", "human-like") == (0.0, False)
    assert noise("shaken", "--driver", "human-like", "--noise", 0.05) == (0.05, True)


def test_what_leads_off_the_road_is_marked_bad_and_said(tmp_path, run):
    options = ("--environment", "drive", "--vehicle", "rc", "--noise", 0.9, "--laps", 6, "--seconds", 12)
    code, out, _ = run(record, *options, "--out", tmp_path)
    assert code == 0
    laps, _ = read_laps(tmp_path)
    course = Course(has_pedal=True, noise=0.9, time_limit=12.0, scenario={"vehicle": "rc"})
    drives = drive(ExpertDriver(), WorldSource(range(6), "mixed").all(), course, np.random.default_rng(0))
    departed = marked = 0
    for lap, driven in zip(laps, drives, strict=True):
        first = int(driven.departed.argmax()) if driven.departed.any() else len(lap) + 60
        expected = np.arange(len(lap)) < first - 60
        np.testing.assert_array_equal(lap.good, expected)
        assert set(lap.columns["mark"]) <= {0, MARK_BAD}
        departed += driven.departed.any()
        marked += (~expected).sum()
    assert 0 < departed < 6
    assert f"{departed} of 6 laps left the road: {marked} steps, from 3 s before a lap's first departure on" in out


@pytest.mark.parametrize("vehicle", VEHICLES)
def test_the_default_noise_throws_no_car_off_the_road_at_racing_speed(tmp_path, run, vehicle):
    options = ("--environment", "drive", "--vehicle", vehicle, "--laps", 9)
    code, out, _ = run(record, *options, "--out", tmp_path)
    assert code == 0
    assert "left the road" not in out
    laps, _ = read_laps(tmp_path)
    assert [lap.info.notes["end_reason"] for lap in laps] == ["lap_completed"] * 9
    assert all(lap.good.all() for lap in laps)


def test_without_noise_what_was_done_is_what_was_wanted(tmp_path, run):
    assert run(record, "--laps", 1, "--seconds", 2, "--noise", 0, "--out", tmp_path)[0] == 0
    columns = read_laps(tmp_path)[0][0].columns
    np.testing.assert_array_equal(columns["steering"], columns["steering_label"])


def test_the_same_seeds_record_the_same_bytes_and_others_do_not(tmp_path, run):
    def recorded(name, *options):
        assert run(record, "--laps", 2, "--seconds", 2, "--out", tmp_path / name, *options)[0] == 0
        return [lap.poses.tobytes() for lap in read_laps(tmp_path / name)[0]], files(tmp_path / name)

    first = recorded("first")
    assert recorded("again") == first
    assert recorded("noise", "--seed", 1)[0] != first[0]
    assert recorded("tracks", "--first-seed", 1)[0] != first[0]


@pytest.mark.parametrize("device", ["cpu", "torch-cpu"])
def test_more_laps_than_are_driven_at_once_are_all_recorded(tmp_path, run, device):
    arguments = ("--laps", 5, "--seconds", 0.5, "--difficulty", "easy", "--envs", 2, "--device", device)
    assert run(record, *arguments, "--out", tmp_path)[0] == 0
    laps, _ = read_laps(tmp_path)
    assert [lap.info.track_name for lap in laps] == [generate_track(seed, "easy").name for seed in range(5)]
    # No lot of cars repeats another's noise.
    noise = {lap.columns["steering"][0] - lap.columns["steering_label"][0] for lap in laps}
    assert len(noise) == 5


def test_laps_recorded_on_a_device_are_those_recorded_without(tmp_path, run):
    arguments = ("--laps", 2, "--seconds", 3, "--difficulty", "easy")
    for device in ("cpu", "torch-cpu"):
        assert run(record, *arguments, "--device", device, "--out", tmp_path / device)[0] == 0
    ours, theirs = (read_laps(tmp_path / device)[0] for device in ("cpu", "torch-cpu"))
    for one, other in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(other.poses, one.poses, atol=1e-6)
        np.testing.assert_array_equal(other.columns["mark"], one.columns["mark"])


def test_a_person_on_a_device_is_refused_and_makes_no_folder(tmp_path, run):
    arguments = ("--driver", "human-like", "--device", "torch-cpu", "--out", tmp_path / "laps")
    code, _, said = run(record, *arguments)
    assert (code, (tmp_path / "laps").exists()) == (2, False)
    assert "--device: human-like can't drive on a torch device" in said


def test_the_expert_works_the_pedal_where_it_is_asked_to(tmp_path, run):
    options = ("--environment", "drive", "--vehicle", "rc", "--laps", 1, "--seconds", 2, "--out", tmp_path)
    assert run(record, *options)[0] == 0
    lap = read_laps(tmp_path)[0][0]
    assert lap.info.environment == "drivesim/Drive-v0"
    assert get_vehicle(lap.info.vehicle) == VEHICLES["rc"]
    np.testing.assert_array_equal(lap.columns["pedal"], lap.columns["pedal_label"])
    assert (lap.columns["speed"][0], lap.columns["pedal"][0]) == (0.0, 1.0)


def test_laps_of_a_track_file_take_turns_in_direction(tmp_path, run, circuit):
    assert run(record, "--track", circuit, "--laps", 3, "--out", tmp_path / "laps", "--noise", 0.05)[0] == 0
    laps, _ = read_laps(tmp_path / "laps")
    assert [lap.info.notes["end_reason"] for lap in laps] == ["lap_completed"] * 3
    turned = [np.sign(np.diff(np.unwrap(lap.columns["heading"])).mean()) for lap in laps]
    assert turned == [1, -1, 1]
    assert all("Circle" in lap.info.track_name for lap in laps)
    assert str(tmp_path).encode() not in b"".join(files(tmp_path / "laps").values())


def test_a_folder_with_laps_is_refused_and_left_as_it_was_unless_it_is_to_be_added_to(tmp_path, run):
    options = ("--laps", 2, "--seconds", 1, "--out", tmp_path)
    assert run(record, *options)[0] == 0
    before = files(tmp_path)
    code, _, said = run(record, *options)
    assert code == 2
    assert said.startswith(f"error: {tmp_path} already holds 2 files")
    assert "--append" in said
    assert files(tmp_path) == before
    assert run(record, *options, "--append", "--first-seed", 2)[0] == 0
    after = files(tmp_path)
    assert sorted(after) == [f"lap-00000{number}.parquet" for number in (1, 2, 3, 4)]
    assert {name: after[name] for name in before} == before


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--laps", 0), "--laps: expected 1 or more, got 0"),
        (("--driver", "drunk"), "--driver: unknown name 'drunk'. Known: expert, human-like."),
        (("--noise", -0.1), "--noise: expected a number from 0 to 1, got -0.1"),
        (("--noise", "nan"), "--noise: expected a number from 0 to 1, got nan"),
        (("--seconds", 0), "--seconds: expected more than 0, got 0.0"),
        (("--seed", -1), "--seed: expected 0 or more, got -1"),
        (("--first-seed", -1), "expected a seed of 0 or more, got -1"),
        (("--vehicle", "lorry"), "vehicle: unknown name 'lorry'. Known: car, car-dynamic, rc."),
        (("--environment", "fly"), "--environment: unknown name 'fly'. Known: steer, drive."),
        (("--difficulty", "odd"), "difficulty: unknown name 'odd'. Known: easy, medium, hard, mixed."),
        (("--track", "nowhere.csv"), "nowhere.csv"),
    ],
)
def test_wrong_use_is_answered_with_one_sentence_and_leaves_nothing_behind(tmp_path, run, options, words):
    code, _, said = run(record, "--out", tmp_path / "laps", *options)
    assert code == 2
    assert said.startswith("error: ")
    assert words in said
    assert said.count("\n") == 1
    assert not (tmp_path / "laps").exists()


def test_a_folder_that_cannot_be_made_is_refused_before_anything_is_driven(tmp_path, run, monkeypatch):
    monkeypatch.setattr(record, "drive", None)
    (tmp_path / "file").write_text("")
    code, _, said = run(record, "--out", tmp_path / "file")
    assert code == 2
    assert f"{tmp_path / 'file'}: cannot be made a folder" in said


def test_laps_in_random_worlds_keep_their_looks_and_weathers(tmp_path, run):
    options = ("--laps", 6, "--seconds", 2, "--randomize", "all", "--palette", "test")
    assert run(record, *options, "--out", tmp_path)[0] == 0
    worlds = [world_of(lap) for lap in read_laps(tmp_path)[0]]
    expected = WorldSource(range(6), "mixed", randomize="all", palette="test").all()
    assert {world.appearance for world in worlds} == {world.appearance for world in expected}
    assert {world.weather for world in worlds} == {world.weather for world in expected}


def test_laps_in_a_lane_follow_its_middle(tmp_path, run):
    assert run(record, "--laps", 1, "--noise", 0, "--lane", "right", "--difficulty", "easy", "--out", tmp_path)[0] == 0
    lap = read_laps(tmp_path)[0][0]
    road = generate_track(0, "easy")
    s, lateral = road.local_coordinates(lap.poses[:, :2])
    left, right = road.width_at(s)
    assert np.abs(lap.columns["lateral_error"]).mean() < 0.2
    np.testing.assert_allclose(lateral, (left - right) / 2 - (left + right) / 4, atol=0.6)
    assert lap.info.appearance["center_line_place"] == "middle"
