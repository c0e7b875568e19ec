"""Cameras as homographies, against points worked out by hand."""

import json
from dataclasses import replace

import numpy as np
import pytest

from drivesim.camera import CAMERAS, Camera, get_camera
from drivesim.errors import DrivesimError

TOPDOWN, FRONT = CAMERAS["topdown"], CAMERAS["front"]


def ground_at(camera: Camera, column: float, row: float) -> np.ndarray:
    """Return the ground point (2,) that a pixel shows: x forward, y left, metres."""
    x, y, w = camera.ground_from_pixel() @ [column, row, 1.0]
    return np.array([x, y]) / w


def pixel_of(camera: Camera, x: float, y: float) -> np.ndarray:
    """Return where a ground point appears: (2,) column, row."""
    column, row, scale = np.linalg.inv(camera.ground_from_pixel()) @ [x, y, 1.0]
    return np.array([column, row]) / scale


# Looking down


def test_the_middle_of_the_image_is_the_mount():
    np.testing.assert_allclose(ground_at(TOPDOWN, 47.5, 47.5), [9.6, 0.0], atol=1e-12)


def test_corners_lie_half_a_pixel_inside_the_span():
    # 38.4 m over 96 pixels are 0.4 m a pixel; the first pixel's centre is 47.5 of them from the middle.
    np.testing.assert_allclose(ground_at(TOPDOWN, 0, 0), [9.6 + 19.0, 19.0], atol=1e-12)
    np.testing.assert_allclose(ground_at(TOPDOWN, 95, 95), [9.6 - 19.0, -19.0], atol=1e-12)


def test_ahead_is_up_and_left_is_left():
    here = pixel_of(TOPDOWN, 0.0, 0.0)
    np.testing.assert_allclose(pixel_of(TOPDOWN, 4.0, 0.0) - here, [0.0, -10.0], atol=1e-9)
    np.testing.assert_allclose(pixel_of(TOPDOWN, 0.0, 4.0) - here, [-10.0, 0.0], atol=1e-9)


def test_the_car_stands_below_the_middle_where_a_quarter_lies_behind_it():
    np.testing.assert_allclose(pixel_of(TOPDOWN, 0.0, 0.0), [47.5, 47.5 + 9.6 / 0.4], atol=1e-9)


def test_pixels_are_square_in_an_oblong_image():
    wide = Camera(width=120, height=40, span=60.0)
    assert ground_at(wide, 59.5, 0)[0] == pytest.approx(19.5 * 0.5)
    assert ground_at(wide, 0, 19.5)[1] == pytest.approx(59.5 * 0.5)


def test_a_camera_looking_down_may_be_turned_about_its_mount():
    turned = replace(TOPDOWN, yaw=90.0)
    np.testing.assert_allclose(ground_at(turned, 47.5, 47.5), [9.6, 0.0], atol=1e-9)
    # Ten pixels up are now 4 m to the left.
    np.testing.assert_allclose(ground_at(turned, 47.5, 37.5), [9.6, 4.0], atol=1e-9)


# In perspective


def test_the_horizon_lies_where_the_pitch_puts_it():
    # f = 100 / tan(45 degrees) = 100 pixels; the horizon is f tan(8 degrees) = 14.05 rows above the middle row 32.5.
    horizon = 32.5 - 100.0 * np.tan(np.radians(8.0))
    assert horizon == pytest.approx(18.446, abs=1e-3)
    w = np.array(
        [FRONT.ground_from_pixel()[2] @ [100.0, row, 1.0] for row in (horizon - 0.01, horizon, horizon + 0.01)]
    )
    assert w[0] < 0 < w[2]
    assert w[1] == pytest.approx(0.0, abs=1e-9)
    assert pixel_of(FRONT, 1e9, 0.0)[1] == pytest.approx(horizon, abs=1e-5)


def test_a_point_10_metres_ahead_appears_at_the_row_worked_out_by_hand():
    # From the pinhole it lies 9.4 m ahead and 1.4 m down: 8.471 degrees below level, 0.471 below the axis.
    row = 32.5 + 100.0 * np.tan(np.arctan2(1.4, 9.4) - np.radians(8.0))
    np.testing.assert_allclose(pixel_of(FRONT, 10.0, 0.0), [99.5, row], atol=1e-9)
    assert row == pytest.approx(33.32, abs=0.01)


def test_what_lies_left_appears_left_by_its_angle():
    # Level camera: 2 m left at 10 m from the pinhole is f * 0.2 columns, 1 m down f * 0.1 rows from the middle.
    level = Camera(width=101, height=81, fov=90.0, mount=(0.0, 0.0, 1.0))
    np.testing.assert_allclose(pixel_of(level, 10.0, 2.0), [50 - 50.5 * 0.2, 40 + 50.5 * 0.1], atol=1e-9)


def test_the_field_of_view_spans_the_width():
    level = Camera(width=200, height=100, fov=60.0, mount=(0.0, 0.0, 1.0))
    x, y = ground_at(level, -0.5, 90.0)
    assert np.degrees(np.arctan2(y, x)) == pytest.approx(30.0)


def test_side_cameras_see_what_the_middle_one_does_from_beside_it():
    for name, offset in (("left", 0.7), ("right", -0.7)):
        for column, row in ((20.0, 60.0), (150.0, 30.0)):
            expected = ground_at(FRONT, column, row) + np.array([0.0, offset])
            np.testing.assert_allclose(ground_at(CAMERAS[name], column, row), expected, atol=1e-9)


def test_a_camera_yawed_left_looks_left():
    for yaw in (30.0, 90.0):
        x, y = ground_at(replace(FRONT, yaw=yaw, mount=(0.0, 0.0, 1.4)), 99.5, 40.0)
        assert np.degrees(np.arctan2(y, x)) == pytest.approx(yaw)


def test_ground_is_drawn_from_the_last_row_up_to_the_reach():
    rows = FRONT.ground_rows()
    distance = np.array([ground_at(FRONT, 99.5, row)[0] - 0.6 for row in range(FRONT.height)])
    # The reach is measured along the axis: 80 m ahead a level ray falls by 1.4 / 80.
    first = int(np.argmax(rows))
    assert np.all(rows[first:])
    assert not np.any(rows[:first])
    assert 0 < distance[first] <= FRONT.reach + 1.0
    assert not 0 < distance[first - 1] <= FRONT.reach - 1.0


def test_the_view_reaches_as_far_as_its_farthest_pixel():
    for camera in (*CAMERAS.values(), replace(FRONT, yaw=40.0), Camera(width=33, height=70, span=12.0)):
        rows = np.flatnonzero(camera.ground_rows())
        farthest = max(
            np.hypot(*ground_at(camera, column, row)) for column in range(camera.width) for row in rows[[0, -1]]
        )
        assert camera.view_distance == pytest.approx(farthest)


def test_a_pixel_covers_as_much_ground_as_its_neighbours_are_apart():
    np.testing.assert_allclose(TOPDOWN.footprints(), 0.4)
    for row in (30, 45, 60):
        across = ground_at(FRONT, 99.0, row)[1] - ground_at(FRONT, 100.0, row)[1]
        along = ground_at(FRONT, 99.5, row - 0.5)[0] - ground_at(FRONT, 99.5, row + 0.5)[0]
        # In the middle column, where the ray's fall is measured.
        square = across * along / FRONT.samples_per_row()[row]
        assert FRONT.footprints()[row] == pytest.approx(np.sqrt(square), rel=0.05)
    assert np.all(np.isinf(FRONT.footprints()[:18]))


def test_a_texture_is_as_fine_as_the_camera_sees():
    assert TOPDOWN.resolution == pytest.approx(0.4)
    assert FRONT.resolution == 0.15
    far = Camera(width=20, height=20, fov=90.0, mount=(0.0, 0.0, 10.0), pitch=45.0)
    assert far.resolution == pytest.approx(far.footprints()[far.ground_rows()].min())


# Presets and faults


@pytest.mark.parametrize("camera", [*CAMERAS.values(), replace(FRONT, yaw=12.5, reach=33.0, shows_car=False)])
def test_a_camera_comes_back_from_json(camera):
    back = Camera.from_dict(json.loads(json.dumps(camera.to_dict())))
    assert back == camera
    assert hash(back) == hash(camera)


def test_a_dict_with_an_unknown_name_is_told_the_known_ones():
    with pytest.raises(DrivesimError, match=r"width.*'zoom'"):
        Camera.from_dict({**FRONT.to_dict(), "zoom": 2})
    with pytest.raises(DrivesimError, match="mount"):
        Camera.from_dict({"width": 3, "height": 3, "span": 1.0})


def test_a_preset_is_found_by_name_and_a_camera_passes_through():
    assert get_camera("front") is FRONT
    assert get_camera(FRONT) is FRONT
    with pytest.raises(DrivesimError, match=r"'rear'.*topdown, front, left, right"):
        get_camera("rear")


def test_presets_have_the_sizes_that_networks_expect():
    assert (TOPDOWN.height, TOPDOWN.width) == (96, 96)
    assert {(CAMERAS[name].height, CAMERAS[name].width) for name in ("front", "left", "right")} == {(66, 200)}


def test_a_camera_that_sees_nothing_is_refused_with_all_its_faults():
    with pytest.raises(DrivesimError) as error:
        Camera(width=0, height=5000, mount=(0.0, 0.0), pitch=90.0, yaw=float("nan"), reach=0.0)
    for fault in (
        "width=0",
        "height=5000",
        "span=None, fov=None",
        "mount=(0.0, 0.0)",
        "pitch=90.0",
        "yaw=nan",
        "reach=0.0",
    ):
        assert fault in str(error.value)


@pytest.mark.parametrize(
    ("values", "fault"),
    [
        ({"span": 10.0, "fov": 60.0}, "exactly one"),
        ({"span": -1.0}, "span=-1.0"),
        ({"span": float("nan")}, "span=nan"),
        ({"fov": 179.0}, "fov=179.0"),
        ({"fov": 60.0, "mount": (0.0, 0.0, 0.0)}, "above the ground"),
        ({"fov": 60.0, "mount": (0.0, float("inf"), 1.0)}, "mount="),
        ({"fov": 60.0, "width": 10.5}, "width=10.5"),
        ({"fov": 30.0, "pitch": -60.0}, "no row shows ground"),
    ],
)
def test_each_fault_of_a_camera_is_named(values, fault):
    with pytest.raises(DrivesimError, match=fault):
        Camera(**{"width": 10, "height": 10} | values)


def test_a_camera_looking_down_has_no_focal_length():
    with pytest.raises(DrivesimError, match="fov"):
        _ = TOPDOWN.focal_length
