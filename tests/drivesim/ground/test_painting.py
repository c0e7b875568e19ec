"""Painted ground: what colour is where, to the share of a pixel."""

from dataclasses import replace

import numpy as np
import pytest

from drivesim.appearance import PRESETS, Appearance
from drivesim.ground.painting import CELL, Window, paint
from drivesim.track import Track
from drivesim.track_generation import generate_track

RADIUS, WIDTH = 50.0, 4.0
SMOOTH = Appearance(
    ground=(10, 90, 20),
    ground_grain=0.0,
    road=(100, 100, 110),
    road_grain=0.0,
    edge_line=(250, 250, 240),
    edge_line_width=0.3,
    center_line=(230, 180, 40),
    center_line_style="none",
    center_line_width=0.4,
)
BARE = replace(SMOOTH, edge_line_width=0.0)


def circle(radius: float = RADIUS, width: float = WIDTH) -> Track:
    """Return a circular road around the origin, counter-clockwise from (radius, 0)."""
    angle = np.linspace(0, 2 * np.pi, 120, endpoint=False)
    points = [radius * np.cos(angle), radius * np.sin(angle), np.full(120, width), np.full(120, width)]
    return Track.from_points(np.column_stack(points), "circle")


def around(track: Track, resolution: float, margin: float = 10.0) -> Window:
    """Return a window that holds all of a track."""
    edges = np.vstack(track.edges())
    low = np.floor((edges.min(axis=0) - margin) / resolution).astype(int)
    size = -(-np.ceil((edges.max(axis=0) + margin) / resolution - low).astype(int) // CELL) * CELL
    return Window(int(low[0]), int(low[1]), int(size[0]), int(size[1]), resolution)


def centers(window: Window) -> tuple[np.ndarray, np.ndarray]:
    """Return the world x and y of a window's pixels: (height, width) metres each."""
    x = (window.left + np.arange(window.width) + 0.5) * window.resolution
    y = (window.bottom + window.height - np.arange(window.height) - 0.5) * window.resolution
    return np.meshgrid(x, y)


def colors_at(image: np.ndarray, window: Window, xy: np.ndarray) -> np.ndarray:
    """Return the colours (N, 3) of the pixels that hold world points (N, 2)."""
    column = np.floor(xy[:, 0] / window.resolution - window.left).astype(int)
    row = np.ceil(window.bottom + window.height - xy[:, 1] / window.resolution).astype(int) - 1
    return image[row, column, :3].astype(int)


def share(image: np.ndarray, paint_color, under_color) -> np.ndarray:
    """Return each pixel's share (height, width) of a paint over what lies under it, by the red channel."""
    return (image[..., 0].astype(float) - under_color[0]) / (paint_color[0] - under_color[0])


@pytest.fixture(scope="module")
def round_road() -> Track:
    return circle()


@pytest.fixture(scope="module")
def winding() -> Track:
    return generate_track(11, "hard")


def test_the_road_has_its_colour_and_the_ground_has_its_own(winding):
    window = around(winding, 0.25)
    image = paint(winding, BARE, window)
    s = np.arange(2.0, winding.length - 2.0, 0.7)
    left, right = winding.width_at(s)
    for offset in (np.zeros_like(s), left - 0.5, 0.5 - right):
        assert np.all(colors_at(image, window, winding.position(s, offset)) == BARE.road)
    for offset in (left + 0.5, -right - 0.5):
        assert np.all(colors_at(image, window, winding.position(s, offset)) == BARE.ground)
    assert np.all(image[[0, -1]][..., :3] == BARE.ground)
    assert np.all(image[..., 3] == 255)


def test_every_pixel_is_painted_by_its_distance_from_the_centerline(round_road):
    window = around(round_road, 0.1, margin=1.0)
    image = paint(round_road, replace(SMOOTH, center_line_style="solid"), window)[..., :3].astype(int)
    x, y = centers(window)
    lateral = np.abs(np.hypot(x, y) - RADIUS)
    bar = (np.abs(y) < 1.5) & (x > 0)
    bands = {
        (-1.0, 0.2): SMOOTH.center_line,
        (0.2, WIDTH - 0.45): SMOOTH.road,
        # Edge lines lie 0.15 m inside the edge.
        (WIDTH - 0.45, WIDTH - 0.15): SMOOTH.edge_line,
        (WIDTH - 0.15, WIDTH): SMOOTH.road,
        (WIDTH, 99.0): SMOOTH.ground,
    }
    # Half of what a pixel takes in.
    blur = 0.072
    for (low, high), color in bands.items():
        inside = (lateral > low + blur) & (lateral < high - blur) & ~bar
        assert inside.any()
        np.testing.assert_array_equal(image[inside], np.broadcast_to(color, (inside.sum(), 3)))


@pytest.mark.parametrize("resolution", [0.1, 0.4])
def test_road_and_lines_cover_as_much_ground_as_they_should(round_road, resolution):
    window = around(round_road, resolution)
    area = resolution**2
    road = share(paint(round_road, BARE, window), BARE.road, BARE.ground)
    # The bar at the start is brighter than the road.
    expected = 2 * np.pi * RADIUS * 2 * WIDTH
    assert np.clip(road, 0, 1).sum() * area == pytest.approx(expected, rel=2e-3)
    lined = replace(BARE, center_line_style="solid", center_line=(0, 0, 0))
    line = (paint(round_road, BARE, window)[..., 0].astype(float) - paint(round_road, lined, window)[..., 0]) / 100
    assert line.sum() * area == pytest.approx(2 * np.pi * RADIUS * 0.4, rel=0.03)


def test_a_line_thinner_than_a_pixel_stays_even_along_the_road(round_road):
    resolution = 0.8
    window = around(round_road, resolution)
    lined = replace(BARE, center_line_style="solid", center_line=(0, 0, 0))
    line = (paint(round_road, BARE, window)[..., 0].astype(float) - paint(round_road, lined, window)[..., 0]) / 100
    x, y = centers(window)
    sector = ((np.arctan2(y, x) + np.pi) / (2 * np.pi) * 60).astype(int)
    per_sector = np.bincount(sector.ravel(), line.ravel(), 60)
    inner = np.delete(per_sector, [29, 30, 31])
    np.testing.assert_allclose(inner / inner.mean(), 1.0, atol=0.15)


def test_dashes_are_3_metres_long_and_a_whole_number_closes_the_lap(round_road):
    window = around(round_road, 0.1)
    image = paint(round_road, replace(BARE, center_line_style="dashed"), window)
    s = np.arange(1.0, round_road.length - 0.3, 0.05)
    painted = np.all(colors_at(image, window, round_road.position(s)) == BARE.center_line, axis=1)
    starts, ends = (np.flatnonzero(np.diff(painted.astype(int)) == sign) for sign in (1, -1))
    count = round(round_road.length / 7.5)
    period = round_road.length / count
    np.testing.assert_allclose(s[ends], 1.5 + period * np.arange(count), atol=0.2)
    np.testing.assert_allclose(s[starts], period * np.arange(1, count + 1) - 1.5, atol=0.2)


def test_the_start_is_a_bar_across_the_road(round_road):
    window = around(round_road, 0.1)
    image = paint(round_road, BARE, window)
    across = np.linspace(-WIDTH + 0.3, WIDTH - 0.3, 40)
    for s, color in ((-0.3, BARE.road), (0.3, BARE.edge_line), (0.9, BARE.road)):
        colors = colors_at(image, window, round_road.position(np.full(40, s), across))
        np.testing.assert_array_equal(colors, np.broadcast_to(color, (40, 3)))


def test_a_road_that_widens_is_painted_as_wide_as_it_is():
    points = circle().points.copy()
    points[30:60, 2], points[70:100, 3] = 8.0, 2.0
    track = Track.from_points(points, "uneven")
    window = around(track, 0.25)
    image = paint(track, BARE, window)
    s = np.arange(2.0, track.length - 1.0, 0.5)
    left, right = track.width_at(s)
    for side, width in ((1, left), (-1, right)):
        inside = colors_at(image, window, track.position(s, side * (width - 0.6)))
        outside = colors_at(image, window, track.position(s, side * (width + 0.6)))
        assert np.mean(np.all(inside == BARE.road, axis=1)) > 0.97
        assert np.mean(np.all(outside == BARE.ground, axis=1)) > 0.97


@pytest.mark.parametrize("resolution", [0.15, 0.4])
def test_windows_agree_wherever_they_overlap(winding, resolution):
    look = Appearance(center_line_style="dashed")
    whole = around(winding, resolution)
    image = paint(winding, look, whole)
    rng = np.random.default_rng(0)
    for _ in range(6):
        column, up = (CELL * int(rng.integers(0, size // CELL - 80)) for size in (whole.width, whole.height))
        part = Window(whole.left + column, whole.bottom + up, 80 * CELL, 80 * CELL, resolution)
        row = whole.height - up - part.height
        expected = image[row : row + part.height, column : column + part.width]
        # The arithmetic may round another way where two samples of the centreline are equally near.
        different = np.abs(paint(winding, look, part).astype(int) - expected)
        assert different.max() <= 2
        assert np.mean(different > 0) < 1e-3


def test_windows_agree_even_where_they_do_not_share_a_cell(round_road):
    look = Appearance()
    whole = around(round_road, 0.3)
    image = paint(round_road, look, whole).astype(int)
    part = Window(whole.left + 3, whole.bottom + 1, whole.width - 2 * CELL, whole.height - 2 * CELL, 0.3)
    row = whole.height - 1 - part.height
    different = np.abs(paint(round_road, look, part) - image[row : row + part.height, 3 : 3 + part.width])
    assert np.mean(different > 2) < 1e-3


def test_ground_far_from_any_road_is_painted_too(round_road):
    window = Window(100_000, -200_000, 40, 20, 0.25)
    assert np.all(paint(round_road, SMOOTH, window)[..., :3] == SMOOTH.ground)
    image = paint(round_road, Appearance(ground_grain=20.0), window)
    assert image[..., :3].std() > 1.0


def test_mottling_keeps_the_mean_colour_and_stays_within_its_amplitude():
    look = Appearance(ground=(120, 130, 140), ground_grain=20.0)
    image = paint(circle(), look, Window(100_000, 100_000, 400, 400, 0.25))[..., :3].astype(float)
    np.testing.assert_allclose(image.mean(axis=(0, 1)), look.ground, atol=1.0)
    assert np.abs(image - look.ground).max() <= 20.5
    assert image.std(axis=(0, 1)).min() > 4.0


def test_mottling_is_fixed_to_the_world_and_chosen_by_its_seed():
    window, moved = Window(100_000, 100_000, 200, 200, 0.4), Window(100_008, 100_012, 180, 180, 0.4)
    first, shifted = paint(circle(), PRESETS["meadow"], window), paint(circle(), PRESETS["meadow"], moved)
    np.testing.assert_array_equal(shifted, first[8:188, 8:188])
    other = paint(circle(), replace(PRESETS["meadow"], grain_seed=5), window)
    assert np.corrcoef(other[..., 0].ravel(), first[..., 0].ravel())[0, 1] < 0.3


def test_the_same_look_is_painted_byte_for_byte(winding):
    window = around(winding, 0.5)
    images = [paint(winding, Appearance.random(np.random.default_rng(4)), window) for _ in range(2)]
    assert images[0].tobytes() == images[1].tobytes()
