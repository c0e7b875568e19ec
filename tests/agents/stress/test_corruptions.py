"""Corruptions: what each does to a frame, and that it does it reproducibly."""

import numpy as np
import pytest

from agents.stress.corruptions import Lenses
from agents.stress.stresses import STRESSES, corruptions
from drivesim.camera import CAMERAS
from drivesim.render import Renderer
from drivesim.vehicle import VEHICLES
from tests.agents.drives import ring_world

CARS = 4
OF_FRAMES = {name: stress for name, stress in STRESSES.items() if stress.frames is not None}


def lenses(seed=0, cars=CARS, height=96, width=96):
    return Lenses(cars, height, width, np.random.default_rng(seed))


@pytest.fixture(scope="module")
def road():
    """Frames of a road, (CARS, 96, 96, 3)."""
    world = ring_world(30.0)
    renderer = Renderer(CAMERAS["topdown"], VEHICLES["car"])
    angle = np.arange(CARS) * 0.7
    poses = np.column_stack([30 * np.cos(angle), 30 * np.sin(angle), angle + np.pi / 2])
    return renderer.draw([world.texture(renderer)] * CARS, poses).copy()


def grey(value, cars=CARS):
    return np.full((cars, 96, 96, 3), value, np.uint8)


@pytest.mark.parametrize("name", OF_FRAMES)
def test_a_corruption_gives_new_frames_of_the_same_kind_and_more_change_with_severity(name, road):
    before = road.copy()
    change = []
    for value in OF_FRAMES[name].values:
        changed = OF_FRAMES[name].frames(value, lenses())(road, np.arange(CARS))
        assert (changed.shape, changed.dtype) == (road.shape, np.uint8)
        assert not np.shares_memory(changed, road)
        change.append(np.abs(changed.astype(float) - road).mean())
    np.testing.assert_array_equal(road, before)
    assert change == sorted(change)
    assert change[0] > 0.2
    assert change[-1] > 1.5 * change[0]


@pytest.mark.parametrize("name", OF_FRAMES)
def test_a_corruption_is_its_seeds_and_takes_frames_of_any_size(name):
    frames = np.random.default_rng(1).integers(0, 256, (2, 66, 200, 3)).astype(np.uint8)

    def run(seed):
        corrupt = OF_FRAMES[name].frames(OF_FRAMES[name].values[2], lenses(seed, 2, 66, 200))
        return [corrupt(frames, np.arange(2)).tobytes() for _ in range(3)]

    assert run(3) == run(3)


@pytest.mark.parametrize("name", OF_FRAMES)
def test_cars_that_have_ended_change_nothing_for_the_others(name, road):
    def run(cars):
        corrupt = OF_FRAMES[name].frames(OF_FRAMES[name].values[2], lenses(5))
        cars = np.array(cars)
        return [corrupt(road[cars], cars)[cars == 2].tobytes() for _ in range(3)]

    assert run([0, 1, 2, 3]) == run([2]) == run([1, 2])


def test_gaussian_noise_has_its_deviation_and_no_bias():
    corrupt = corruptions.gaussian_noise(0.1, lenses())
    added = corrupt(grey(128), np.arange(CARS)) - 128.0
    assert added.std() == pytest.approx(25.5, rel=0.02)
    assert abs(added.mean()) < 0.3
    # Every frame is another one, and every car.
    again = corrupt(grey(128), np.arange(CARS)) - 128.0
    assert abs(np.corrcoef(added.ravel(), again.ravel())[0, 1]) < 0.05
    assert abs(np.corrcoef(added[0].ravel(), added[1].ravel())[0, 1]) < 0.05


@pytest.mark.parametrize("value", [20, 128, 200])
def test_shot_noise_varies_as_the_root_of_the_light(value):
    photons = 60.0
    counted = corruptions.shot_noise(photons, lenses())(grey(value), np.arange(CARS)) / 255 * photons
    expected = value / 255 * photons
    assert counted.mean() == pytest.approx(expected, rel=0.03)
    if value < 200:  # Brighter, white cuts it off.
        assert counted.var() == pytest.approx(expected, rel=0.06)


def test_shot_noise_leaves_black_black():
    assert not corruptions.shot_noise(12.0, lenses())(grey(0), np.arange(CARS)).any()


def test_impulse_noise_makes_its_share_black_or_white():
    changed = corruptions.impulse_noise(0.1, lenses())(grey(100), np.arange(CARS))
    assert (changed == 0).mean() == pytest.approx(0.05, abs=0.003)
    assert (changed == 255).mean() == pytest.approx(0.05, abs=0.003)
    assert (changed == 100).mean() == pytest.approx(0.9, abs=0.005)


def test_defocus_spreads_a_point_over_a_disc_and_keeps_the_light():
    frames = np.zeros((1, 101, 101, 3), np.uint8)
    frames[0, 50, 50] = 255
    corrupt = corruptions.defocus_blur(0.04, lenses(cars=1, height=101, width=101))
    spread = corrupt(frames, np.array([0]))[0, ..., 0].astype(float)
    rows, columns = np.nonzero(spread)
    assert np.hypot(rows - 50, columns - 50).max() == pytest.approx(4.04, abs=0.6)
    assert spread.sum() == pytest.approx(255, rel=0.2)


def test_motion_blur_spreads_a_point_over_a_line_of_each_cars_own_direction():
    frames = np.zeros((2, 101, 101, 3), np.uint8)
    frames[:, 50, 50] = 255
    blurred = corruptions.motion_blur(0.2, lenses(cars=2, height=101, width=101))(frames, np.arange(2))[..., 0]
    directions = []
    for frame in blurred:
        rows, columns = np.nonzero(frame)
        spread = np.linalg.svd(np.column_stack([rows - 50, columns - 50]).astype(float))[1]
        assert spread[0] > 10 * spread[1]
        directions.append(np.arctan2(*np.linalg.svd(np.column_stack([rows - 50.0, columns - 50.0]))[2][0]))
    assert abs(directions[0] - directions[1]) > 0.05


def test_light_is_added_and_taken():
    assert (corruptions.brightness(0.2, lenses())(grey(100), np.arange(CARS)) == 151).all()
    assert (corruptions.brightness(-0.2, lenses())(grey(100), np.arange(CARS)) == 49).all()
    assert (corruptions.brightness(0.5, lenses())(grey(200), np.arange(CARS)) == 255).all()


def test_contrast_keeps_the_mean_and_a_share_of_the_rest(road):
    changed = corruptions.contrast(0.3, lenses())(road, np.arange(CARS)).astype(float)
    np.testing.assert_allclose(changed.mean(axis=(1, 2)), road.mean(axis=(1, 2)), atol=0.5)
    np.testing.assert_allclose(changed.std(axis=(1, 2)), 0.3 * road.std(axis=(1, 2)), rtol=0.05)


def test_a_tint_strengthens_one_channel_and_weakens_another():
    changed = corruptions.color_cast(0.2, lenses(cars=8))(grey(100, 8), np.arange(8))[:, 0, 0]
    assert np.sort(changed, axis=1).tolist() == [[80, 100, 120]] * 8
    assert len({tuple(color) for color in changed.tolist()}) > 1


def test_fog_covers_its_share_and_drifts():
    corrupt = corruptions.fog(0.5, lenses())
    covered = [corrupt(grey(0), np.arange(CARS)) / 215 for _ in range(30)]
    assert np.mean(covered) == pytest.approx(0.5, abs=0.1)
    assert np.abs(covered[29] - covered[0]).mean() > 0.02
    assert np.abs(covered[1] - covered[0]).mean() < 0.02


def test_jpeg_is_worse_with_less_quality_and_keeps_the_colors_in_their_order(road):
    red = np.zeros((1, 96, 96, 3), np.uint8)
    red[..., 0] = 200
    changed = corruptions.jpeg(25, lenses(cars=1))(red, np.array([0])).astype(float)
    np.testing.assert_allclose(changed.mean(axis=(0, 1, 2)), [200, 0, 0], atol=5)


@pytest.mark.parametrize("share", [0.02, 0.25])
def test_dirt_covers_its_share_and_stays_where_it_is(share):
    corrupt = corruptions.dirt(share, lenses())
    frames = [corrupt(grey(255), np.arange(CARS)) for _ in range(2)]
    assert (frames[0][..., 2] < 150).mean() == pytest.approx(share, abs=0.02)
    np.testing.assert_array_equal(*frames)
    assert (frames[0][0] != frames[0][1]).any()


def test_dead_rows_are_black_and_the_others_as_they_were():
    changed = corruptions.dead_rows(0.1, lenses())(grey(90), np.arange(CARS))
    dead = (changed == 0).all(axis=(2, 3))
    assert dead.sum(axis=1).tolist() == [10] * CARS
    assert (changed[~dead] == 90).all()


def test_a_rolled_frame_is_turned_about_its_centre():
    frames = np.zeros((1, 101, 101, 3), np.uint8)
    frames[0, 50, 90] = 255
    corrupt = corruptions.roll(30.0, lenses(cars=1, height=101, width=101))
    row, column = np.unravel_index(corrupt(frames, np.array([0]))[0, ..., 0].argmax(), (101, 101))
    assert (row, column) == pytest.approx((50 - 40 * np.sin(np.radians(30)), 50 + 40 * np.cos(np.radians(30))), abs=1)
