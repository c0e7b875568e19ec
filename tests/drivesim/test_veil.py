"""Weather over frames: the same bytes every time, each part where it belongs, and clear weather for nothing."""

from dataclasses import replace

import numpy as np
import pytest

from drivesim.appearance import PRESETS, Appearance
from drivesim.camera import CAMERAS, Camera
from drivesim.env import SteerEnv
from drivesim.render import Renderer
from drivesim.track import Track
from drivesim.vehicle import VehicleParams
from drivesim.veil import veil_of
from drivesim.weather import WEATHERS, Weather
from drivesim.world import World

ANGLE = np.linspace(0, 2 * np.pi, 60, endpoint=False)
TRACK = Track.from_points(np.column_stack([25 * np.cos(ANGLE), 25 * np.sin(ANGLE), *[np.full(60, 4.0)] * 2]), "circle")
LOOK = replace(Appearance(), ground_grain=0.0, road_grain=0.0)
TOPDOWN, FRONT = CAMERAS["topdown"], CAMERAS["front"]


def poses(count: int) -> np.ndarray:
    return np.array([TRACK.pose(s, 0.5) for s in np.linspace(0, TRACK.length, count, endpoint=False)])


def draw(
    camera: Camera, weather: Weather | None, count: int = 6, look: Appearance = LOOK, threads: int = 1
) -> np.ndarray:
    renderer = Renderer(camera, VehicleParams(), threads)
    frames = renderer.draw([renderer.texture(TRACK, look, weather)] * count, poses(count)).copy()
    renderer.close()
    return frames


@pytest.mark.parametrize("camera", [TOPDOWN, FRONT, Camera(width=50, height=31, span=20.0)])
@pytest.mark.parametrize("name", WEATHERS)
def test_the_same_weather_is_drawn_byte_for_byte(name, camera):
    first = draw(camera, WEATHERS[name], 8)
    assert first.tobytes() == draw(camera, replace(WEATHERS[name]), 8).tobytes()
    assert first.tobytes() == draw(camera, WEATHERS[name], 8, threads=2).tobytes()
    assert (name == "clear") == (first.tobytes() == draw(camera, None, 8).tobytes())


def test_clear_weather_leaves_a_frame_without_a_veil():
    assert veil_of(Weather(grip=0.5), TOPDOWN, LOOK) is None


def test_a_frame_has_its_own_weather_alone():
    renderer = Renderer(TOPDOWN, VehicleParams())
    clear, foggy = (renderer.texture(TRACK, LOOK, weather) for weather in (None, WEATHERS["storm"]))
    mixed = renderer.draw([clear, foggy, clear, foggy], poses(4)).copy()
    np.testing.assert_array_equal(mixed[::2], renderer.draw([clear] * 4, poses(4))[::2])
    np.testing.assert_array_equal(mixed[1::2], renderer.draw([foggy] * 4, poses(4))[1::2])


@pytest.mark.parametrize("camera", [TOPDOWN, FRONT])
def test_brightness_and_tint_multiply_every_pixel(camera):
    clear = draw(camera, None).astype(float)
    dim = draw(camera, Weather(brightness=0.5, tint=(1.0, 0.8, 0.6)))
    np.testing.assert_allclose(dim, np.clip(clear * 0.5 * np.array([1.0, 0.8, 0.6]), 0, 255), atol=0.51)
    bright = draw(camera, Weather(brightness=1.6))
    np.testing.assert_allclose(bright, np.clip(clear * 1.6, 0, 255), atol=0.51)


def test_fog_leaves_a_twentieth_of_the_contrast_at_the_distance_of_visibility():
    camera = Camera(width=40, height=200, fov=60.0, mount=(0.0, 0.0, 1.5), pitch=8.0, reach=200.0)
    dark, bright = (
        replace(PRESETS["plain"], ground=(level,) * 3, road=(level,) * 3, edge_line=(level,) * 3) for level in (40, 240)
    )
    foggy = [draw(camera, Weather(visibility=60.0), 1, look)[0, :, 20, 0].astype(float) for look in (dark, bright)]
    contrast = (foggy[1] - foggy[0]) / 200
    x, _, w = camera.ground_from_pixel() @ np.stack([np.full(200, 20.0), np.arange(200.0), np.ones(200)])
    rows = np.flatnonzero(camera.ground_rows())
    distance = x[rows] / w[rows]
    np.testing.assert_allclose(contrast[rows], np.exp(-3 * np.hypot(distance, 1.5) / 60), atol=0.02)
    assert np.all(np.diff(contrast[rows]) >= -0.01)


def test_headlights_light_the_road_ahead_by_night():
    frames = draw(replace(TOPDOWN, shows_car=False), Weather(night=0.9)).astype(float).mean(axis=(0, 3))
    # The car is at row 71, and looks up the image: 12 m ahead is row 41, as far behind row 101.
    assert frames[41, 44:52].mean() > 3 * frames[90, 44:52].mean()
    assert frames[41, 44:52].mean() > 2 * frames[41, :8].mean()


def test_night_is_darker_than_day_and_its_sky_is_not_lit():
    night, day = draw(FRONT, Weather(night=0.9)).astype(float), draw(FRONT, None).astype(float)
    sky = ~FRONT.ground_rows()
    assert np.all(night[:, sky] < 0.3 * day[:, sky])
    assert night.mean() < 0.5 * day.mean()


@pytest.mark.parametrize("kind", ["rain", "snow"])
@pytest.mark.parametrize("camera", [TOPDOWN, FRONT])
def test_specks_are_brighter_few_and_more_of_them_where_more_falls(kind, camera):
    dark = replace(PRESETS["plain"], ground=(60, 60, 60), road=(40, 40, 40), sky=(50, 50, 50), horizon=(50, 50, 50))
    clear = draw(replace(camera, shows_car=False), None, 12, dark).astype(int)
    shares = []
    for amount in (0.2, 0.5, 1.0):
        change = draw(replace(camera, shows_car=False), Weather(**{kind: amount}), 12, dark).astype(int) - clear
        assert change.min() >= -1
        shares.append((change > 8).any(axis=-1).mean())
    assert 0.002 < shares[0] < shares[1] < shares[2] < 0.3


def test_specks_move_from_place_to_place_and_differ_by_seed():
    clear = draw(TOPDOWN, None)
    falling = draw(TOPDOWN, Weather(snow=1.0)).astype(int) - clear
    assert (falling[0] != falling[1]).any()
    assert (draw(TOPDOWN, Weather(snow=1.0, seed=9)) != draw(TOPDOWN, Weather(snow=1.0))).any()


def test_wet_ground_is_darker_underfoot_and_mirrors_the_sky_far_ahead():
    look = replace(LOOK, road=(60, 60, 60), ground=(60, 60, 60), edge_line_width=0.0, center_line_style="none")
    # The sun stands behind.
    look = replace(look, sun_azimuth=(np.degrees(poses(1)[0, 2]) + 180) % 360)
    dry, wet = (
        draw(FRONT, weather, 1, look)[0].astype(float).mean(axis=(1, 2)) for weather in (None, Weather(wetness=1.0))
    )
    rows = np.flatnonzero(FRONT.ground_rows())
    assert wet[rows[-1]] < dry[rows[-1]]
    assert wet[rows[0]] > dry[rows[0]]


def test_the_sun_glares_where_the_car_heads_towards_it():
    heading = np.degrees(poses(1)[0, 2]) % 360
    towards, away = (
        draw(FRONT, Weather(wetness=1.0), 1, replace(LOOK, sun_azimuth=azimuth))[0].astype(float)
        for azimuth in (heading, (heading + 180) % 360)
    )
    glare = (towards - away).mean(axis=(0, 2))
    assert glare[95:105].mean() > 15
    assert abs(glare[:20]).mean() < 1


def test_going_back_to_a_state_shows_the_same_frame_in_the_rain():
    env = SteerEnv(track=3, weather="rain")
    env.reset(seed=0)
    before = env.get_state()
    seen = [env.step([0.0])[0].tobytes() for _ in range(5)]
    env.set_state(before)
    assert [env.step([0.0])[0].tobytes() for _ in range(5)] == seen


def test_cars_in_one_world_share_its_ground_and_weather():
    world = World(TRACK, LOOK, WEATHERS["fog"])
    renderer = Renderer(TOPDOWN, VehicleParams())
    assert world.texture(renderer) is world.texture(renderer)
    assert world.texture(renderer).veil is not None
