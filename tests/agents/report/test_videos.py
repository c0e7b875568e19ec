"""Films of the report: which moment, which panels, and how many bytes."""

import base64

import cv2
import imageio_ffmpeg
import numpy as np
import pytest

from agents.evaluation.evaluation import Evaluation, evaluate
from agents.expert import ExpertDriver
from agents.report import videos as report_videos
from agents.report.videos import film_drives
from agents.rollout import Course
from tests.agents.drives import Steady, ring_world
from tests.agents.policies import CAMERA, WIDE, make_policy


@pytest.fixture(scope="module")
def driven():
    worlds = [ring_world(radius) for radius in (20.0, 30.0, 14.0)]
    return evaluate(ExpertDriver(), worlds, Course(time_limit=15.0))


def frames_of(uri, tmp_path):
    head, content = uri.split(",")
    assert head == "data:video/mp4;base64"
    (tmp_path / "film.mp4").write_bytes(base64.b64decode(content))
    reader = imageio_ffmpeg.read_frames(str(tmp_path / "film.mp4"))
    meta = next(reader)
    assert meta["codec"] == "h264"
    width, height = meta["size"]
    return meta["fps"], np.array([np.frombuffer(frame, np.uint8).reshape(height, width, 3) for frame in reader], int)


def picture_of(uri):
    head, content = uri.split(",")
    assert head == "data:image/jpeg;base64"
    return cv2.imdecode(np.frombuffer(base64.b64decode(content), np.uint8), cv2.IMREAD_COLOR)[..., ::-1].astype(int)


def test_the_median_and_the_worst_track_are_filmed_around_their_worst_moment(driven, tmp_path):
    films = film_drives(driven, ExpertDriver(), Course())
    errors = [track["cross_track_error_mean"] for track in driven.tracks]
    assert {film.rank: film.track for film in films} == {
        "median": int(np.argsort(errors)[1]),
        "worst": int(np.argmax(errors)),
    }
    for film in films:
        error = np.abs(driven.drives[film.track].columns["lateral_error"])
        assert film.error == error.max()
        assert film.start + film.worst == pytest.approx(error.argmax() * 0.05)
        fps, frames = frames_of(film.video, tmp_path)
        assert (fps, len(frames), film.panels) == (20.0, min(200, len(error)), ("the road from above",))
        assert frames.shape[1:3] == (film.height, film.width) == (480, 480)
        assert np.abs(frames[round(film.worst * fps)] - picture_of(film.poster)).mean() < 8


def test_one_track_is_filmed_once_and_a_short_drive_from_its_start(driven):
    short = evaluate(ExpertDriver(), [ring_world(20.0)], Course(time_limit=1.0))
    (film,) = film_drives(short, ExpertDriver(), Course())
    assert (film.rank, film.track, film.start) == ("worst", 0, 0.0)


def test_what_a_policy_sees_and_looks_at_stands_beside_the_road(tmp_path, monkeypatch, one_torch_thread):
    monkeypatch.setattr(report_videos, "_AROUND", 0.5)
    policy, course = make_policy(), Course(camera=CAMERA, time_limit=3.0)
    evaluation = evaluate(policy, [ring_world(20.0)], course)
    (film,) = film_drives(evaluation, policy, course)
    assert film.panels == ("the road from above", "what the network sees", "what it looks at")
    assert (film.width, film.height) == (724, 480)
    _, frames = frames_of(film.video, tmp_path)
    assert len(frames) == 20
    view, looked_at = frames[:, :236, 488:], frames[:, 244:, 488:]
    # The overlay is the view, dimmed, with a glow.
    assert looked_at.mean() < 0.8 * view.mean()
    assert np.median(np.abs(np.diff(view, axis=0))) < 40
    # A driver without a network has a view at most.
    (film,) = film_drives(evaluation, Steady(), course)
    assert film.panels[1:] == ("what the network sees",)


def test_what_a_policy_that_takes_the_speed_looks_at_is_filmed_too(monkeypatch, one_torch_thread):
    monkeypatch.setattr(report_videos, "_AROUND", 0.5)
    policy, course = make_policy(inputs=("camera", "speed")), Course(camera=CAMERA, time_limit=3.0)
    (film,) = film_drives(evaluate(policy, [ring_world(20.0)], course), policy, course)
    assert film.panels[-1] == "what it looks at"


def test_what_each_camera_sees_is_filmed_in_a_column_of_its_own(monkeypatch, one_torch_thread):
    monkeypatch.setattr(report_videos, "_AROUND", 0.5)
    policy = make_policy(cameras=(CAMERA, WIDE), past=1)
    course = Course.made_for(policy.config, time_limit=3.0)
    (film,) = film_drives(evaluate(policy, [ring_world(20.0)], course), policy, course)
    assert film.panels[-1] == "what it looks at"
    assert (film.width, film.height) == (480 + 2 * 244, 480)


def test_films_share_the_bytes_that_they_may_take(driven):
    large = film_drives(driven, ExpertDriver(), Course())
    size = sum(len(film.video) + len(film.poster) for film in large)
    assert size <= 3_000_000
    small = film_drives(driven, ExpertDriver(), Course(), most_bytes=size * 3 // 4)
    assert sum(len(film.video) + len(film.poster) for film in small) <= size * 3 // 4


def test_of_equally_good_tracks_the_first_are_filmed(driven):
    same = Evaluation(driven.drives[:1] * 3, driven.tracks[:1] * 3, driven.summary, 1.0)
    assert {film.rank: film.track for film in film_drives(same, ExpertDriver(), Course())} == {"median": 1, "worst": 2}
