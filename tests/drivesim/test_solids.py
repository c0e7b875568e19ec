"""What traffic looks like: where it is drawn, what hides what, and how fog lies over it."""

from dataclasses import replace

import numpy as np
import pytest

from drivesim.appearance import Appearance
from drivesim.camera import CAMERAS, Camera
from drivesim.render import Renderer
from drivesim.track import Track
from drivesim.traffic import Thing, Traffic
from drivesim.traffic_table import seen_on
from drivesim.vehicle import get_vehicle
from drivesim.weather import CLEAR, Weather
from drivesim.world import World

ANGLE = np.linspace(0, 2 * np.pi, 90, endpoint=False)
# So large that it is straight as far as anybody sees.
POINTS = np.column_stack([2000 * np.cos(ANGLE), 2000 * np.sin(ANGLE), np.full((90, 2), 6.0)])
ROAD = Track.from_points(POINTS, "straight")
AHEAD = Camera(width=240, height=120, fov=80.0, mount=(0.6, 0.0, 1.4), pitch=6.0, reach=150.0)
BLUE = (20, 40, 220)


def draw(camera, *things, weather=CLEAR, heading=0.0):
    """Draw a frame from s = 0; things stand at their arc lengths."""
    world = World(ROAD, Appearance.preset("plain"), weather, Traffic(things))
    renderer = Renderer(camera, get_vehicle("car"))
    others = None
    if things:
        others = seen_on(ROAD, world.traffic, world.traffic.table[None, :, 0].astype(np.float32))
    pose = ROAD.pose(0.0, heading_error=heading)[None]
    return renderer.draw([world.texture(renderer)], pose, others)[0].astype(int)


def changed(camera, *things, **how):
    """Return which pixels things change, and the frame with them."""
    frame = draw(camera, *things, **how)
    return np.abs(frame - draw(camera, **how)).max(axis=-1) > 12, frame


def test_from_above_a_car_covers_its_length_and_width():
    camera = CAMERAS["topdown"]
    seen, frame = changed(camera, Thing("car", 12.0, 2.5, length=4.4, width=1.8, color=BLUE))
    scale = camera.span / camera.width
    rows, columns = np.nonzero(seen)
    middle = (camera.height - 1) / 2 - (12.0 - camera.mount[0]) / scale, (camera.width - 1) / 2 - 2.5 / scale
    assert rows.mean() == pytest.approx(middle[0], abs=0.6)
    assert columns.mean() == pytest.approx(middle[1], abs=0.6)
    assert np.count_nonzero(seen) * scale**2 == pytest.approx(4.4 * 1.8, rel=0.35)
    # Its front, between its bumper and its windscreen, is of its paint.
    front = round(middle[0] - 1.6 / scale), round(middle[1])
    assert np.abs(frame[front] - BLUE).max() < 12


def test_what_lies_out_of_sight_changes_nothing():
    for camera in CAMERAS.values():
        for s, lateral in ((60.0, 0.0), (-40.0, 0.0), (5.0, 60.0)):
            if not (camera.looks_down is False and s == 60.0):
                seen, _ = changed(camera, Thing("car", s, lateral))
                assert not seen.any()


def test_ahead_a_car_is_as_high_as_it_is_far():
    heights = []
    for s in (10.0, 20.0, 40.0):
        seen, _ = changed(AHEAD, Thing("car", s + 2.2, 0.0, length=4.4, height=1.4))
        heights.append(np.ptp(np.nonzero(seen)[0]) + 1)
        rear = s - AHEAD.mount[0]
        # Its roof begins a little farther on than its bumper, and its shadow a little nearer.
        assert heights[-1] == pytest.approx(AHEAD.focal_length * 1.4 / rear, rel=0.15, abs=2.5)
    assert heights == sorted(heights, reverse=True)


def test_a_nearer_car_hides_one_behind_it():
    near, far = Thing("car", 12.0, 0.0, color=BLUE, width=2.4, height=2.0), Thing("car", 24.0, 0.0, color=(240, 40, 20))
    both = draw(AHEAD, near, far)
    np.testing.assert_array_equal(both, draw(AHEAD, far, near))
    # What is left of it is seen under the nearer one.
    is_left = np.abs(both - draw(AHEAD, near)).max(axis=-1) > 12
    hidden, _ = changed(AHEAD, far)
    assert np.count_nonzero(is_left) < 0.15 * np.count_nonzero(hidden)


def test_a_car_that_reaches_behind_the_camera_is_cut_off():
    seen, _ = changed(AHEAD, Thing("car", 2.0, 2.2, length=6.0))
    assert seen[60:, :60].any()
    assert not seen[:, 120:].any()


@pytest.mark.parametrize("kind", ["cone", "barrier", "car"])
def test_everything_is_seen_from_all_sides(kind):
    size = {"cone": (0.5, 0.5, 0.8), "barrier": (2.0, 0.6, 1.0), "car": (4.4, 1.8, 1.45)}[kind]
    for direction in (1, -1):
        for lateral in (-3.0, 0.5, 3.0):
            thing = Thing(kind, 12.0, lateral, direction, 0.0, *size, color=(236, 92, 20))
            seen, _ = changed(AHEAD, thing)
            assert np.count_nonzero(seen) > 12


def test_fog_lies_over_a_car_as_over_the_ground_that_it_stands_on():
    fog = Weather(visibility=60.0)
    colors = []
    for s in (8.0, 25.0, 50.0):
        thing = Thing("car", s + 2.2, 0.0, color=(10, 10, 10), length=4.4, height=1.44)
        seen, _ = changed(AHEAD, thing)
        rows, columns = np.nonzero(seen)
        # The lower part of its rear, and the upper edge of it, which lies before the sky.
        frame = draw(AHEAD, thing, weather=fog)
        column = int(columns.mean())
        inside = rows[columns == column]
        colors.append(
            (frame[inside[-1] - max(len(inside) // 4, 1), column].mean(), frame[inside[0] + 1, column].mean())
        )
    low, high = np.array(colors).T
    assert (np.diff(low) > 8).all()
    # A near car's roof is no more in fog than its bumper, though the sky behind it is.
    assert high[0] < 110
    assert draw(AHEAD, weather=fog)[inside[0], 0].mean() > 150


def test_weather_leaves_everything_else_as_it_was():
    rain = replace(Weather.preset("storm"), seed=5)
    thing = Thing("car", 20.0, 0.0)
    seen, _ = changed(AHEAD, thing)
    grown = np.zeros_like(seen)
    for row, column in np.argwhere(np.abs(draw(AHEAD, thing) - draw(AHEAD)).max(axis=-1) > 0):
        grown[row, column] = True
    difference = np.abs(draw(AHEAD, thing, weather=rain) - draw(AHEAD, weather=rain)).max(axis=-1)
    assert not difference[~grown].any()
    assert difference[seen].any()


def test_any_number_of_threads_draws_the_same():
    world = World(ROAD, Appearance.preset("plain"), Weather.preset("storm"), Traffic((Thing("car", 15.0, 0.0),)))
    s = np.repeat(np.float32([[15.0]]), 9, axis=0)
    poses = np.stack([ROAD.pose(float(at)) for at in range(9)])
    frames = []
    for threads in (1, 3):
        renderer = Renderer(AHEAD, get_vehicle("car"), threads)
        others = seen_on(ROAD, world.traffic, s)
        frames.append(renderer.draw([world.texture(renderer)] * 9, poses, others).copy())
        renderer.close()
    np.testing.assert_array_equal(*frames)
