"""Looks as they are painted: plain ones as ever, and every feature where it belongs and nowhere else."""

from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from drivesim.appearance import PRESETS, Appearance
from drivesim.ground.painting import paint
from drivesim.ground.scenery import gap_to_road
from drivesim.ground.window import CELL, Window
from drivesim.track import Track
from drivesim.track_generation import generate_track
from drivesim.variety import varied_look

RESOLUTION = 0.4
BARE = replace(PRESETS["meadow"], ground_grain=8.0, road_grain=0.0)

# Mean red of 5 x 5 blocks of 40 m, painted before there was more to a look than colours and lines.
PLAIN = {
    "meadow": "97.98 99.89 98.42 100.39 98.28 98.6 95.79 96.35 94.44 99.65 99.85 97.88 95.67 96.17 96.41 95.46 99.47 "
    "99.81 99.4 97.44 94.76 95.87 95.9 95.59 99.8",
    "desert": "193.59 186.53 193.69 184.71 198.45 188.65 205.98 205.71 205.43 192.32 182.0 200.13 204.79 205.5 204.99 "
    "205.29 186.88 187.47 187.97 205.5 205.49 205.52 205.73 202.34 185.04",
    "random": "116.02 126.08 114.76 127.66 108.13 123.14 100.67 100.42 100.28 120.6 130.64 105.8 99.96 100.46 99.17 "
    "100.66 124.71 123.38 123.75 99.07 100.06 99.93 100.24 102.87 128.79",
}

# Of every feature: a value, and where it may change the ground, metres from the road's edge (negative on it).
ON_ROAD, BESIDE, ANYWHERE = (-np.inf, 0.4), (-0.4, np.inf), (-np.inf, np.inf)
FEATURES = {
    "patches": (4.0, ON_ROAD),
    "cracks": (4.0, ON_ROAD),
    "tar_lines": (4.0, ON_ROAD),
    "tire_marks": (4.0, ON_ROAD),
    "wear": (1.0, ON_ROAD),
    "paint_fade": (0.8, ON_ROAD),
    "crossings": (1.0, ON_ROAD),
    "arrows": (1.0, ON_ROAD),
    "edge_line_style": ("dashed", ON_ROAD),
    "center_line_style": ("double", ON_ROAD),
    "kerbs": ("stone", (-0.4, 0.8)),
    "gravel_width": (3.0, (-0.4, 4.0)),
    "surroundings": ("grass", BESIDE),
    "trees": (12.0, BESIDE),
    "buildings": (3.0, BESIDE),
    "side_roads": (0.8, BESIDE),
    "decoy_lines": (6.0, ANYWHERE),
}


@cache
def track() -> Track:
    return generate_track(4, "medium")


def window() -> Window:
    low = np.floor((track().centerline.min(axis=0) - 40) / RESOLUTION).astype(int)
    high = np.ceil((track().centerline.max(axis=0) + 40) / RESOLUTION).astype(int)
    size = (high - low) // CELL * CELL
    return Window(int(low[0]), int(low[1]), int(size[0]), int(size[1]), RESOLUTION)


@cache
def distances() -> np.ndarray:
    """Return how far every pixel of the window lies from the road's edge: (H, W) metres, negative on the road."""
    shown = window()
    x = (shown.left + np.arange(shown.width) + 0.5) * RESOLUTION
    y = (shown.bottom + shown.height - np.arange(shown.height) - 0.5) * RESOLUTION
    return gap_to_road(track(), np.stack(np.meshgrid(x, y), axis=-1))


def painted(look: Appearance) -> np.ndarray:
    return paint(track(), look, window())[..., :3].astype(int)


def changed(look: Appearance, other: Appearance) -> np.ndarray:
    """Return where two looks differ: (H, W) bool."""
    return (painted(look) != painted(other)).any(axis=-1)


@pytest.mark.parametrize("name", PLAIN)
def test_plain_looks_are_painted_as_ever(name):
    look = Appearance.random(np.random.default_rng(7)) if name == "random" else PRESETS[name]
    low = np.floor(track().centerline.min(axis=0) / 0.5).astype(int)
    red = paint(track(), look, Window(int(low[0]), int(low[1]), 400, 400, 0.5))[..., 0]
    means = red.reshape(5, 80, 5, 80).mean(axis=(1, 3)).ravel()
    # To the hundredth of a level: another processor may round a pixel otherwise, not more.
    np.testing.assert_allclose(means, np.array(PLAIN[name].split(), float), atol=0.011)


@pytest.mark.parametrize("name", FEATURES)
def test_a_feature_changes_the_ground_where_it_belongs_and_nowhere_else(name):
    value, (nearest, farthest) = FEATURES[name]
    differs = changed(replace(BARE, shadows=0.0, **{name: value}), replace(BARE, shadows=0.0))
    assert differs.sum() > 100
    where = distances()[differs]
    assert where.min() >= nearest
    assert where.max() <= farthest


@pytest.mark.parametrize("name", FEATURES)
def test_a_feature_is_drawn_from_the_seed_alone(name):
    value, _ = FEATURES[name]
    look = replace(BARE, detail_seed=5, **{name: value})
    first = paint(track(), look, window()).tobytes()
    again = paint(generate_track(4, "medium"), replace(look), window()).tobytes()
    assert first == again
    if name in ("edge_line_style", "center_line_style", "kerbs", "gravel_width", "surroundings"):
        return
    assert changed(look, replace(look, detail_seed=6)).any()


def test_one_feature_leaves_the_places_of_another_alone():
    few, many = replace(BARE, trees=8.0, shadows=0.0), replace(BARE, trees=8.0, cracks=5.0, shadows=0.0)
    on_road = distances() < 0.4
    assert not (changed(few, many) & ~on_road).any()


def test_shadows_darken_what_they_fall_on_and_reach_the_road():
    look = replace(BARE, trees=20.0, buildings=2.0)
    lit, shaded = painted(replace(look, shadows=0.0)), painted(replace(look, shadows=0.6))
    differs = (lit != shaded).any(axis=-1)
    assert (distances()[differs] < -1).any()
    assert np.all(shaded <= lit)


def test_shadows_fall_away_from_the_sun():
    look = replace(BARE, buildings=2.0, shadows=0.6)
    images = {azimuth: painted(replace(look, sun_azimuth=azimuth)) for azimuth in (0.0, 180.0)}
    dark = {
        azimuth: image.sum(axis=-1) < painted(replace(look, shadows=0.0)).sum(axis=-1) - 30
        for azimuth, image in images.items()
    }
    columns = {azimuth: np.nonzero(mask & (distances() > 0))[1].mean() for azimuth, mask in dark.items()}
    # With the sun in the east they lie to the west.
    assert columns[0.0] < columns[180.0] - 2


def test_a_crossing_is_of_bars_in_the_edge_lines_colour():
    look = replace(BARE, crossings=0.8, edge_line=(250, 20, 200), edge_line_width=0.0, center_line_style="none")
    differs = changed(look, replace(look, crossings=0.0)) & (distances() < -0.8)
    fresh = paint(track(), look, window())[..., :3][differs].astype(int)
    # Some pixels are all paint, and every one lies between road and paint.
    assert (np.abs(fresh - look.edge_line).max(axis=-1) <= 2).mean() > 0.03
    assert np.all(fresh[:, 1] <= look.road[1] + 1)


def test_worn_paint_is_paler_than_fresh():
    fresh, worn = painted(BARE), painted(replace(BARE, paint_fade=0.9))
    differs = (fresh != worn).any(axis=-1)
    bright = np.array(BARE.edge_line).sum()
    assert np.abs(fresh[differs].sum(axis=-1) - bright).mean() < np.abs(worn[differs].sum(axis=-1) - bright).mean()


def test_racing_kerbs_lie_in_bends_alone():
    look = replace(BARE, kerbs="racing")
    differs = changed(look, BARE) & (distances() > 0)
    shown = window()
    row, column = np.nonzero(differs)
    x = (shown.left + column + 0.5) * RESOLUTION
    y = (shown.bottom + shown.height - row - 0.5) * RESOLUTION
    s, _ = track().local_coordinates(np.column_stack([x, y]))
    assert np.abs(track().curvature_at(s)).min() > 0.018


@pytest.mark.parametrize("name", ["countryside", "town", "circuit", "airfield"])
def test_windows_agree_on_a_rich_look(name):
    look, whole = PRESETS[name], window()
    image = paint(track(), look, whole).astype(int)
    part = Window(whole.left + 25 * CELL, whole.bottom + 20 * CELL, 60 * CELL, 60 * CELL, RESOLUTION)
    top = whole.height - 20 * CELL - part.height
    expected = image[top : top + part.height, 25 * CELL : 25 * CELL + part.width]
    different = np.abs(paint(track(), look, part) - expected).max(axis=-1) > 2
    assert different.mean() < 1e-3


@pytest.mark.parametrize("resolution", [0.15, 0.8])
def test_a_rich_look_is_the_same_world_at_every_resolution(resolution):
    look = replace(PRESETS["town"], ground_grain=0.0, surroundings="plain", road_grain=0.0)
    fine, whole = painted(look), window()
    size = (
        round(whole.width * RESOLUTION / resolution) // CELL * CELL,
        round(whole.height * RESOLUTION / resolution) // CELL * CELL,
    )
    other = Window(
        round(whole.left * RESOLUTION / resolution), round(whole.bottom * RESOLUTION / resolution), *size, resolution
    )
    coarse = paint(track(), look, other)[..., :3].astype(float)

    def blocks(image: np.ndarray, side: float) -> np.ndarray:
        count = round(8 / side)
        rows, columns = image.shape[0] // count, image.shape[1] // count
        cut = image[-rows * count :, : columns * count]
        return cut.reshape(rows, count, columns, count, 3).mean(axis=(1, 3))[-20:, :20]

    first, second = blocks(fine, RESOLUTION), blocks(coarse, resolution)
    np.testing.assert_allclose(first.mean(axis=(0, 1)), second.mean(axis=(0, 1)), atol=4)
    assert np.corrcoef(first.ravel(), second.ravel())[0, 1] > 0.9


def test_a_centre_line_in_the_middle_lies_between_the_edges_of_a_road_with_a_lane():
    lane = track().lane("right")
    look = replace(BARE, center_line=(255, 0, 255), center_line_style="solid", center_line_width=0.9)
    look = replace(look, center_line_place="middle")
    image = paint(lane, look, window())[..., :3].astype(int)
    row, column = np.nonzero((image[..., 0] > 200) & (image[..., 1] < 60))
    shown = window()
    x = (shown.left + column + 0.5) * RESOLUTION
    y = (shown.bottom + shown.height - row - 0.5) * RESOLUTION
    s, lateral = track().local_coordinates(np.column_stack([x, y]))
    left, right = track().width_at(s)
    assert len(row) > 100
    np.testing.assert_allclose(lateral, (left - right) / 2, atol=0.7)


def test_any_varied_look_can_be_painted():
    rng = np.random.default_rng(3)
    small = Window(window().left, window().bottom, 200, 200, 1.0)
    for _ in range(40):
        assert paint(track(), varied_look(rng), small).std() > 1
