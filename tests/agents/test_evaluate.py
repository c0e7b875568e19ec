"""The command that evaluates: its figures, its exit codes, and what it leaves on the disk."""

import json
import re
from xml.etree import ElementTree

import cv2
import imageio_ffmpeg
import numpy as np
import pytest

import drivesim
from agents import evaluate
from agents.evaluation import pictures
from agents.evaluation.inference import TimedDriver
from agents.evaluation.metric_table import METRICS
from datasets.lap_files import read_laps
from drivesim.camera import CAMERAS
from drivesim.track_generation import generate_track
from tests.agents.drives import write_circuit
from tests.agents.policies import files, make_policy

EXPERT = ("--policy", "expert", "--tracks", 1, "--difficulty", "easy")


@pytest.fixture
def circle(tmp_path):
    return write_circuit(tmp_path / "circle.csv", 20.0)


@pytest.fixture
def short_films(monkeypatch):
    monkeypatch.setattr(pictures, "_FILM_SECONDS", 1.0)


def test_an_evaluation_prints_every_metric_and_writes_them_for_every_track(tmp_path, run):
    code, said, _ = run(evaluate, *EXPERT, "--tracks", 2, "--json", tmp_path / "new" / "e.json")
    assert code == 0
    assert "expert on 2 tracks" in said
    assert "1.0000" in said
    report = json.loads((tmp_path / "new" / "e.json").read_text())
    assert report["drivesim_version"] == drivesim.__version__
    assert set(report["summary"]) == set(METRICS)
    assert report["summary"]["autonomy"] == 1.0
    assert report["frames_per_second"] > 0
    names = [generate_track(seed, "easy", "test").name for seed in (0, 1)]
    assert [track["track"] for track in report["tracks"]] == names
    for name in ("autonomy", "cross_track_error_mean", "mean_speed"):
        mean = np.mean([track[name] for track in report["tracks"]])
        assert report["summary"][name] == pytest.approx(mean), name
        known = report["statistics"][name]
        assert known["low"] <= known["value"] <= known["high"]
    assert (report["command"]["policy"], report["command"]["difficulty"]) == (["expert"], "easy")


def test_other_seeds_are_other_tracks(tmp_path, run):
    assert run(evaluate, *EXPERT, "--first-seed", 5, "--json", tmp_path / "e.json")[0] == 0
    (track,) = json.loads((tmp_path / "e.json").read_text())["tracks"]
    assert track["track"] == generate_track(5, "easy", "test").name


def test_a_met_requirement_is_exit_code_0_and_a_missed_one_1(run, circle):
    options = ("--policy", "expert", "--track-files", circle, "--require", "autonomy>=0.99")
    assert run(evaluate, *options, "departures_per_km<0.1")[0] == 0
    code, said, _ = run(evaluate, *options, "mean_speed>100")
    assert code == 1
    assert "Requirement missed: expert: mean_speed is 10.0" in said
    assert "autonomy>=0.99" not in said


def test_the_straight_driver_fails_where_the_expert_passes(run, circle):
    code, said, _ = run(evaluate, "--policy", "straight", "--track-files", circle, "--require", "autonomy>=0.5")
    assert code == 1
    assert "straight on 1 tracks" in said


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--policy", "nobody"), "'nobody' is neither a policy's folder nor one of expert, straight"),
        (("--require", "skill>1"), "unknown metric 'skill'. Known: autonomy,"),
        (("--require", "autonomy"), "expected METRIC>=NUMBER"),
        (("--tracks", 0), "--tracks: expected 1 or more, got 0"),
        (("--difficulty", "odd"), "difficulty: unknown name 'odd'"),
        (("--environment", "fly"), "--environment: unknown name 'fly'. Known: steer, drive."),
        (("--vehicle", "lorry"), "vehicle: unknown name 'lorry'"),
        (("--appearance", "odd"), "appearance: unknown name 'odd'"),
        (("--track-files", "nowhere.csv"), "nowhere.csv"),
        (("--stress", "fogg"), "--stress: unknown name 'fogg'. Known: all, gaussian-noise"),
        (("--severity", 6), "--severity: expected numbers from 1 to 5, got 6"),
        (("--stress-tracks", 0), "--stress-tracks: expected 1 or more, got 0"),
        (("--stress-seconds", 0), "--stress-seconds: expected more than 0, got 0"),
        (("--stress-picture", "s.png"), "--stress-picture: there is no stress to draw"),
        (("--policy", "expert", "straight", "--picture", "p.png"), "--picture: expected one --policy, got 2"),
        (("--require", "stress_autonomy>1"), "unknown metric 'stress_autonomy'"),
        (("--video", "film.avi"), "--video: expected a name that ends in .mp4 or .gif, got film.avi"),
    ],
)
def test_wrong_use_is_exit_code_2_and_one_sentence_before_anything_is_driven(
    tmp_path, run, monkeypatch, options, words
):
    monkeypatch.chdir(tmp_path)
    code, _, said = run(evaluate, *EXPERT, *options)
    assert code == 2
    assert said.startswith("error: ")
    assert words in said
    assert said.count("\n") == 1
    assert files(tmp_path) == {}


@pytest.mark.parametrize(
    "option", ["--json", "--picture", "--video", "--junit", "--summary", "--report", "--save-failures"]
)
def test_a_place_that_cannot_be_written_is_found_before_anything_is_driven(tmp_path, run, monkeypatch, option):
    monkeypatch.setattr(evaluate, "evaluate", None)
    (tmp_path / "file").write_text("mine")
    code, _, said = run(evaluate, *EXPERT, option, tmp_path / "file" / "film.gif")
    assert code == 2
    assert "can't be written" in said
    assert (tmp_path / "file").read_text() == "mine"


def test_an_older_report_stays_until_there_is_a_new_one(tmp_path, run, monkeypatch):
    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(evaluate, "evaluate", interrupted)
    (tmp_path / "old.json").write_text("old")
    code, _, said = run(evaluate, *EXPERT, "--json", tmp_path / "old.json", "--picture", tmp_path / "new.png")
    assert (code, said) == (130, "interrupted\n")
    assert files(tmp_path) == {"old.json": b"old"}


def stop_after(monkeypatch, steps):
    """Have the user press Ctrl-C after so many control steps of the policy's drives."""
    real, taken = TimedDriver.act, []

    def act(self, *arguments):
        taken.append(1)
        if len(taken) > steps:
            raise KeyboardInterrupt
        return real(self, *arguments)

    monkeypatch.setattr(TimedDriver, "act", act)


def test_an_interrupted_evaluation_tells_what_it_has(tmp_path, run, monkeypatch):
    circles = [write_circuit(tmp_path / f"{radius}.csv", radius) for radius in (20.0, 60.0)]
    stop_after(monkeypatch, 400)
    outputs = ("--json", tmp_path / "e.json", "--junit", tmp_path / "e.xml", "--report", tmp_path / "e.html")
    code, said, _ = run(evaluate, "--policy", "expert", "--track-files", *circles, *outputs)
    assert code == 130
    assert "Stopped: this is what was driven until then." in said
    assert "expert on 1 tracks (incomplete" in said
    report = json.loads((tmp_path / "e.json").read_text())
    assert report["complete"] is False
    # The small circle took 126 m of the 200 that were driven.
    assert ["20" in track["track"] for track in report["tracks"]] == [True]
    assert report["summary"]["autonomy"] == 1.0
    assert "incomplete" in (tmp_path / "e.html").read_text()
    assert (tmp_path / "e.xml").exists()


def test_a_drive_with_interventions_that_was_stopped_leaves_autonomy_unknown(tmp_path, run, monkeypatch, circle):
    # The free drive of straight takes 252 steps.
    stop_after(monkeypatch, 300)
    code, _, _ = run(evaluate, "--policy", "straight", "--track-files", circle, "--json", tmp_path / "e.json")
    assert code == 130
    report = json.loads((tmp_path / "e.json").read_text())
    assert report["summary"]["autonomy"] is None
    assert report["summary"]["departures_per_km"] > 10


def test_an_evaluation_that_was_stopped_before_any_track_leaves_nothing(tmp_path, run, monkeypatch, circle):
    stop_after(monkeypatch, 10)
    code, _, said = run(evaluate, "--policy", "expert", "--track-files", circle, "--json", tmp_path / "e.json")
    assert (code, said) == (130, "interrupted\n")
    assert not (tmp_path / "e.json").exists()


def test_several_policies_are_measured_side_by_side_and_each_must_meet_what_is_required(tmp_path, run, circle):
    options = ("--policy", "expert", "straight", "--track-files", circle, "--json", tmp_path / "e.json")
    code, said, _ = run(evaluate, *options, "--junit", tmp_path / "e.xml", "--require", "autonomy>=0.9")
    assert code == 1
    assert "expert, straight on 1 tracks" in said
    assert "Requirement missed: straight: autonomy is 0, autonomy>=0.9 is required" in said
    assert "missed: expert" not in said
    policies = json.loads((tmp_path / "e.json").read_text())["policies"]
    assert [(part["policy"], part["summary"]["autonomy"]) for part in policies] == [("expert", 1.0), ("straight", 0.0)]
    suites = ElementTree.parse(tmp_path / "e.xml").getroot().findall("testsuite")
    failures = [(suite.get("name"), suite.get("failures")) for suite in suites]
    assert failures == [("expert.tracks", "0"), ("straight.tracks", "1"), ("requirements", "1")]


def test_stresses_are_printed_drawn_written_and_required(tmp_path, run):
    stress = ("--stress", "lag", "start-aside", "--severity", 3, 1, "--stress-tracks", 1, "--stress-seconds", 2)
    outputs = ("--json", tmp_path / "e.json", "--stress-picture", tmp_path / "s.png", "--report", tmp_path / "e.html")
    options = ("--require", "stress_autonomy>=0.9", "stress_mean_speed>=11")
    code, said, _ = run(evaluate, *EXPERT, *stress, *outputs, *options)
    assert code == 1
    assert "expert under stress: autonomy (1 m, 6 s), by severity" in said
    assert re.search(r"missed: expert: stress_mean_speed is (9\.|10)", said)
    assert "missed: expert: stress_autonomy" not in said
    found = json.loads((tmp_path / "e.json").read_text())["stress"]
    assert [row["stress"] for row in found["stresses"]] == ["lag", "start-aside"]
    assert [cell["severity"] for cell in found["stresses"][0]["severities"]] == [1, 3]
    assert (found["tracks"], found["seconds_a_track"], found["complete"]) == (1, 2.0, True)
    assert cv2.imread(str(tmp_path / "s.png")).std() > 10
    assert "start-aside" in (tmp_path / "e.html").read_text()


def test_stresses_that_were_stopped_meet_no_requirement(tmp_path, run, monkeypatch):
    def stopped(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(evaluate, "measure_robustness", stopped)
    options = ("--stress", "lag", "--require", "autonomy>=0.9", "stress_autonomy>=0", "--json", tmp_path / "e.json")
    code, said, _ = run(evaluate, *EXPERT, *options)
    assert code == 130
    assert "Requirement missed: expert: stress_autonomy is nan" in said
    assert "missed: expert: autonomy" not in said
    assert json.loads((tmp_path / "e.json").read_text())["summary"]["autonomy"] == 1.0


def test_departures_are_saved_as_laps(tmp_path, run, circle):
    options = ("--policy", "straight", "--track-files", circle, "--save-failures", tmp_path / "failures")
    for times in (1, 2):
        code, said, _ = run(evaluate, *options, "--json", tmp_path / "e.json")
        assert code == 0
        departures = int(json.loads((tmp_path / "e.json").read_text())["tracks"][0]["departures"])
        assert f"Saved {departures} departures to" in said
        laps, lost = read_laps(tmp_path / "failures")
        assert (len(laps), lost) == (times * departures, [])
    assert {lap.info.driver for lap in laps} == {"straight"}


def test_a_summary_goes_where_github_says_or_where_it_is_told(tmp_path, run, monkeypatch):
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(tmp_path / "github.md"))
    assert run(evaluate, *EXPERT, "--require", "autonomy>=0.5")[0] == 0
    text = (tmp_path / "github.md").read_text()
    assert text.startswith("### Requirements\n\n- met: expert: autonomy is 1, autonomy>=0.5 is required")
    assert run(evaluate, *EXPERT, "--summary", tmp_path / "mine.md")[0] == 0
    assert "### expert on 1 tracks" in (tmp_path / "mine.md").read_text()
    assert (tmp_path / "github.md").read_text() == text


def test_roads_are_driven_in_random_worlds_and_their_lanes(tmp_path, run):
    options = ("--tracks", 2, "--randomize", "all", "--lane", "right", "--json", tmp_path / "e.json")
    assert run(evaluate, *EXPERT, *options)[0] == 0
    report = json.loads((tmp_path / "e.json").read_text())
    assert [track["track"] for track in report["tracks"]] == [
        f"{generate_track(seed, 'easy', 'test').name}-right" for seed in (0, 1)
    ]
    assert report["summary"]["autonomy"] == 1.0


def test_track_files_are_driven_both_ways(tmp_path, run):
    circuits = tmp_path / "circuits"
    circuits.mkdir()
    write_circuit(circuits / "b.csv", 30.0)
    write_circuit(circuits / "a.csv", 20.0)
    alone = write_circuit(tmp_path / "alone.csv", 25.0)
    options = ("--policy", "expert", "--track-files", circuits, alone, "--json", tmp_path / "e.json")
    assert run(evaluate, *options, "--both-directions")[0] == 0
    tracks = json.loads((tmp_path / "e.json").read_text())["tracks"]
    names = [track["track"] for track in tracks]
    assert len(set(names)) == 6
    assert ["alone" in name for name in names] == [False] * 4 + [True] * 2
    np.testing.assert_allclose(
        [track["distance"] for track in tracks], 2 * np.pi * np.repeat([20.0, 30.0, 25.0], 2), rtol=0.02
    )
    assert run(evaluate, *options)[0] == 0
    assert len(json.loads((tmp_path / "e.json").read_text())["tracks"]) == 3


def test_a_folder_without_track_files_is_refused(tmp_path, run):
    code, _, said = run(evaluate, "--policy", "expert", "--track-files", tmp_path)
    assert code == 2
    assert f"--track-files: {tmp_path} holds no CSV file" in said


def test_the_expert_is_evaluated_at_the_pedal_and_with_slip_too(tmp_path, run):
    options = ("--environment", "drive", "--vehicle", "car-dynamic", "--json", tmp_path / "e.json")
    assert run(evaluate, *EXPERT, *options, "--require", "tracks_without_departure>=1")[0] == 0
    summary = json.loads((tmp_path / "e.json").read_text())["summary"]
    assert summary["mean_speed"] > 12
    assert summary["progress_against_expert"] == pytest.approx(1.0)


def test_a_policy_is_driven_through_its_own_camera_and_filmed(tmp_path, run, circle, short_films, one_torch_thread):
    make_policy().save(tmp_path / "mine")
    picture, film = tmp_path / "lines.png", tmp_path / "film.mp4"
    options = ("--track-files", circle, "--json", tmp_path / "e.json", "--picture", picture, "--video", film)
    code, said, _ = run(evaluate, "--policy", tmp_path / "mine", *options, "--device", "cpu")
    assert code == 0
    assert "mine on 1 tracks" in said
    summary = json.loads((tmp_path / "e.json").read_text())["summary"]
    # It is untrained: it gets nowhere without help.
    assert summary["autonomy"] < 0.5
    lines = cv2.imread(str(picture))
    assert min(lines.shape[:2]) > 200
    assert lines.std() > 10
    meta, frames = read_film(film)
    assert (meta["size"], meta["fps"], len(frames)) == ((480, 480), 20.0, 20)


def test_a_report_tells_the_figures_and_the_line_that_makes_it_again(tmp_path, run, circle, one_torch_thread):
    make_policy().save(tmp_path / "mine")
    report = tmp_path / "new" / "r.html"
    options = ("--policy", tmp_path / "mine", "--track-files", circle, "--device", "cpu", "--report", report)
    assert run(evaluate, *options, "--json", tmp_path / "e.json")[0] == 0
    source = report.read_text(encoding="utf-8")
    summary = json.loads((tmp_path / "e.json").read_text())["summary"]
    assert f"{summary['cross_track_error_mean']:.3f}" in source
    assert "python -m agents.evaluate --policy mine --track-files circle.csv --report r.html" in source
    assert "what it looks at" in source
    assert source.count("data:video/mp4") == 1
    # Nothing of the machine.
    assert str(tmp_path) not in source


def test_a_policy_trained_at_another_rate_is_driven_at_its_own(tmp_path, run, circle, one_torch_thread, monkeypatch):
    make_policy(control_hz=10.0, camera=CAMERAS["topdown"], vehicle={"width": 1.5}).save(tmp_path / "mine")
    courses = []
    real = evaluate.evaluate

    def spy(driver, worlds, course, on_step):
        courses.append(course)
        return real(driver, worlds, course, on_step)

    monkeypatch.setattr(evaluate, "evaluate", spy)
    assert run(evaluate, "--policy", tmp_path / "mine", "--track-files", circle, "--device", "cpu")[0] == 0
    assert courses[0].camera == CAMERAS["topdown"]
    assert courses[0].scenario["control_hz"] == 10.0
    assert courses[0].scenario["vehicle"].width == 1.5


@pytest.mark.parametrize(("name", "side", "fps"), [("a.mp4", 480, 20), ("a.gif", 320, 10)])
def test_a_film_of_a_second_is_a_second_long(tmp_path, run, circle, short_films, name, side, fps):
    assert run(evaluate, "--policy", "expert", "--track-files", circle, "--video", tmp_path / name)[0] == 0
    meta, frames = read_film(tmp_path / name)
    assert (meta["size"], meta["fps"], len(frames)) == ((side, side), fps, fps)
    assert frames.std() > 10
    assert np.abs(frames[-1] - frames[0]).mean() > 1


def read_film(path):
    """Return the film's metadata and frames (T, H, W, 3) float."""
    reader = imageio_ffmpeg.read_frames(str(path))
    meta = next(reader)
    width, height = meta["size"]
    frames = [np.frombuffer(frame, np.uint8).reshape(height, width, 3) for frame in reader]
    return meta, np.array(frames, float)
