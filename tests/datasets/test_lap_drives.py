"""Laps as stored drives: the pictures that a renderer draws, the actions that a driver wanted."""

import numpy as np

from datasets.lap_drives import LapPainter, drives_of_laps
from drivesim.appearance import Appearance
from drivesim.camera import CAMERAS, Camera
from drivesim.render import Renderer
from tests.datasets.laps import CAR, circle_lap

CAMERA = Camera(width=40, height=24, fov=90.0, mount=CAMERAS["front"].mount, pitch=8.0)
LOOK = {"appearance": Appearance().to_dict()}


def test_pictures_are_what_a_renderer_draws_at_each_pose():
    lap = circle_lap(60, info=LOOK)
    (drive,), left_out = drives_of_laps([lap], CAMERA)
    assert (len(drive), drive.size, left_out) == (60, (24, 40), 0)
    renderer = Renderer(CAMERA, CAR)
    texture = renderer.texture(lap.track, Appearance())
    expected = renderer.draw([texture] * 3, lap.poses[[4, 30, 59]])
    np.testing.assert_array_equal(drive.pictures.read([4, 30, 59]), expected)


def test_actions_are_those_that_were_wanted_and_applied_where_that_is_unknown():
    label = np.where(np.arange(60) < 30, 0.5, np.nan).astype(np.float32)
    lap = circle_lap(60, steering=np.full(60, 0.25, np.float32), steering_label=label, info=LOOK)
    (drive,), _ = drives_of_laps([lap], CAMERA)
    assert drive.steering.tolist() == [0.5] * 30 + [0.25] * 30


def test_steps_that_are_not_to_be_learned_from_part_a_lap():
    mark = np.zeros(60, np.uint8)
    mark[:5], mark[20:30], mark[59] = 1, 4, 1
    lap = circle_lap(60, mark=mark, info=LOOK)
    drives, left_out = drives_of_laps([lap], CAMERA)
    assert ([len(drive) for drive in drives], left_out) == ([15, 29], 16)
    whole, _ = drives_of_laps([circle_lap(60, info=LOOK)], CAMERA)
    np.testing.assert_array_equal(drives[1].pictures.read([2]), whole[0].pictures.read([32]))
    assert drives[1].time[0] == 0.0


def test_cameras_beside_see_from_where_the_presets_are():
    lap = circle_lap(60, info=LOOK)
    (drive,), _ = drives_of_laps([lap], CAMERA, with_sides=True)
    for side in ("left", "right"):
        mount = CAMERAS[side].mount
        camera = Camera(width=40, height=24, fov=90.0, mount=mount, pitch=8.0)
        expected = LapPainter(camera).draw(lap, np.array([7]))
        np.testing.assert_array_equal(drive.sides[side].pictures.read([7]), expected)
        assert drive.sides[side].steps.tolist() == list(range(60))


def test_one_road_is_held_at_a_time():
    laps = [circle_lap(30, info=LOOK), circle_lap(30, road_radius=50.0, radius=50.0, info=LOOK)]
    painter = LapPainter(CAMERA)
    first = painter.draw(laps[0], np.arange(3)).copy()
    assert not np.array_equal(painter.draw(laps[1], np.arange(3)), first)
    np.testing.assert_array_equal(painter.draw(laps[0], np.arange(3)), first)
