"""Pictures and films of drives: read back, and looked at."""

import cv2
import imageio_ffmpeg
import numpy as np
import pytest

from agents.driver import StraightDriver
from agents.evaluation import pictures
from agents.evaluation.evaluation import evaluate
from agents.evaluation.pictures import check_video_name, draw_drives, write_video
from agents.expert import ExpertDriver
from agents.rollout import Course, drive
from drivesim.camera import CAMERAS
from drivesim.env import RENDER_CAMERA
from drivesim.errors import DrivesimError
from drivesim.render import Renderer
from drivesim.vehicle import VEHICLES
from tests.agents.drives import Steady, ring_world

CRIMSON = np.array([60, 20, 220])  # blue green red
AMBER = np.array([255, 200, 60])


def draw(path, driver, worlds):
    draw_drives(evaluate(driver, worlds, Course()), path)
    picture = cv2.imread(str(path))
    assert path.read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"
    return picture.astype(int)


def close_to(picture, color):
    return np.abs(picture - color).max(axis=-1) < 40


def film(path):
    """Return frames a second and the frames (T, H, W, 3) of a film."""
    reader = imageio_ffmpeg.read_frames(str(path))
    meta = next(reader)
    width, height = meta["size"]
    frames = [np.frombuffer(frame, np.uint8).reshape(height, width, 3) for frame in reader]
    return meta["fps"], np.array(frames, int)


def test_a_road_that_was_left_is_marked_where_it_was_and_others_are_not(tmp_path):
    kept = draw(tmp_path / "kept.png", ExpertDriver(), [ring_world(20.0)])
    left = draw(tmp_path / "left.png", StraightDriver(), [ring_world(20.0)])
    assert kept.shape == left.shape
    assert not close_to(kept, CRIMSON).any()
    assert close_to(left, CRIMSON).sum() > 50


def test_more_roads_make_a_larger_picture_of_at_most_so_many(tmp_path, monkeypatch):
    worlds = [ring_world(radius) for radius in (12.0, 14.0, 16.0, 18.0, 20.0, 22.0, 24.0, 26.0)]
    one = draw(tmp_path / "1.png", ExpertDriver(), worlds[:1])
    four = draw(tmp_path / "4.png", ExpertDriver(), worlds[:4])
    eight = draw(tmp_path / "8.png", ExpertDriver(), worlds)
    assert four.shape[1] > 3 * one.shape[1]
    assert eight.shape[0] > 1.5 * four.shape[0]
    monkeypatch.setattr(pictures, "_MOST_SHOWN", 4)
    assert draw(tmp_path / "most.png", ExpertDriver(), worlds).shape == four.shape


@pytest.mark.parametrize("name", ["film.avi", "film", "mp4", "film.png"])
def test_a_name_that_tells_no_format_is_refused_and_nothing_is_written(tmp_path, name):
    driven = drive(ExpertDriver(), [ring_world(20.0)], Course(time_limit=0.5))[0]
    with pytest.raises(DrivesimError, match=f"--video: expected a name that ends in .mp4 or .gif, got {name}"):
        write_video(driven, Course(), tmp_path / name)
    assert not (tmp_path / name).exists()
    check_video_name(tmp_path / "FILM.MP4")


@pytest.mark.parametrize("rate", [20.0, 10.0])
def test_a_film_shows_every_step_at_the_rate_at_which_it_was_driven(tmp_path, rate):
    course = Course(time_limit=1.5, scenario={"control_hz": rate})
    driven = drive(ExpertDriver(), [ring_world(20.0)], course)[0]
    write_video(driven, course, tmp_path / "film.mp4")
    fps, frames = film(tmp_path / "film.mp4")
    assert fps == rate
    assert frames.shape == (round(1.5 * rate), 480, 480, 3)


def test_a_film_ends_after_its_longest_time(tmp_path, monkeypatch):
    monkeypatch.setattr(pictures, "_FILM_SECONDS", 0.5)
    driven = drive(ExpertDriver(), [ring_world(20.0)], Course(time_limit=2.0))[0]
    write_video(driven, Course(), tmp_path / "film.mp4")
    assert len(film(tmp_path / "film.mp4")[1]) == 10


@pytest.mark.parametrize("name", ["film.mp4", "film.gif"])
def test_a_film_shows_the_road_from_above_in_its_own_colors(tmp_path, name):
    world = ring_world(20.0)
    driven = drive(ExpertDriver(), [world], Course(time_limit=1.0))[0]
    write_video(driven, Course(), tmp_path / name)
    _, frames = film(tmp_path / name)
    renderer = Renderer(RENDER_CAMERA, VEHICLES["car"])
    poses = np.column_stack([driven.columns[column] for column in ("x", "y", "heading")])
    expected = renderer.draw([world.texture(renderer)] * len(poses), poses)
    if name.endswith(".gif"):
        # Of ten frames a second, each is one of the steps.
        errors = [
            min(np.abs(frame - cv2.resize(step, (320, 320), interpolation=cv2.INTER_AREA)).mean() for step in expected)
            for frame in frames
        ]
        assert max(errors) < 5
    else:
        assert np.abs(frames - expected)[:, :450].mean() < 5


def test_a_film_shows_in_its_corner_what_the_network_saw(tmp_path):
    world, camera = ring_world(20.0), CAMERAS["front"]
    driven = drive(ExpertDriver(), [world], Course(time_limit=0.5))[0]
    write_video(driven, Course(camera=camera), tmp_path / "film.mp4")
    frame = film(tmp_path / "film.mp4")[1][5]
    renderer = Renderer(camera, VEHICLES["car"])
    pose = np.array([[driven.columns[column][5] for column in ("x", "y", "heading")]])
    seen = renderer.draw([world.texture(renderer)], pose)[0]
    assert np.abs(frame[10:76, 10:210] - seen).mean() < 10
    assert frame[8:78, 8:10].mean() > 200


def test_a_film_shows_the_steering_as_a_bar_to_the_side_that_is_steered_to(tmp_path):
    middle = 240
    for steering in (0.5, -0.5):
        driven = drive(Steady(steering=steering), [ring_world(20.0)], Course(time_limit=0.5))[0]
        write_video(driven, Course(), tmp_path / "film.mp4")
        bar = np.flatnonzero(np.abs(film(tmp_path / "film.mp4")[1][-1][468] - AMBER).max(axis=-1) < 60)
        assert bar.size == pytest.approx(0.5 * 0.4 * 480, abs=6)
        assert np.sign(bar.mean() - middle) == np.sign(steering)
