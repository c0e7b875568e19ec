"""Frames drawn by torch against those drawn by OpenCV: every look, weather and camera, and grounds of several pages."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from drivesim.appearance import PRESETS, Appearance
from drivesim.camera import CAMERAS, Camera
from drivesim.errors import DrivesimError
from drivesim.ground import texture
from drivesim.render import Renderer
from drivesim.render_torch import TorchRenderer, torch_device
from drivesim.track import Track
from drivesim.track_generation import generate_track
from drivesim.variety import varied_look
from drivesim.vehicle import VehicleParams
from drivesim.weather import WEATHERS, Weather

CAR = VehicleParams()
TOPDOWN, FRONT = CAMERAS["topdown"], CAMERAS["front"]
BOTH = [pytest.param(TOPDOWN, id="topdown"), pytest.param(FRONT, id="front")]
needs_gpu = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")


@pytest.fixture(scope="module")
def track() -> Track:
    return generate_track(4, "medium")


def poses_on(track: Track, count: int, seed: int = 0) -> np.ndarray:
    """Return poses (N, 3) all over a track, beside and turned from the centreline."""
    rng = np.random.default_rng(seed)
    s, lateral, turn = rng.uniform(0, track.length, count), rng.uniform(-6, 6, count), rng.uniform(-0.8, 0.8, count)
    return np.column_stack([track.position(s, lateral), track.heading_at(s) + turn])


def both(camera: Camera, worlds: list, poses: np.ndarray, **how) -> tuple[np.ndarray, np.ndarray]:
    """Draw with OpenCV and with torch, from the same grounds; `worlds` are arguments of `Renderer.texture`."""
    ours, theirs = TorchRenderer(camera, CAR, **how), Renderer(camera, CAR)
    painted = [theirs.texture(*world) for world in worlds[:2]]
    grounds = [painted[worlds.index(world)] for world in worlds]
    return theirs.draw(grounds, poses).copy(), ours.draw(grounds, poses).cpu().numpy()


def check_alike(expected: np.ndarray, drawn: np.ndarray) -> None:
    assert drawn.dtype == np.uint8
    assert drawn.shape == expected.shape
    difference = np.abs(expected.astype(int) - drawn)
    assert difference.mean() <= 0.5
    assert np.mean(difference.max(axis=-1) <= 3) >= 0.999


@pytest.mark.parametrize("camera", BOTH)
@pytest.mark.parametrize("look", [*PRESETS, *range(3)])
def test_every_look_is_drawn_as_opencv_draws_it(track, camera, look):
    appearance = varied_look(np.random.default_rng(look)) if isinstance(look, int) else PRESETS[look]
    check_alike(*both(camera, [(track, appearance)] * 6, poses_on(track, 6)))


@pytest.mark.parametrize("camera", BOTH)
@pytest.mark.parametrize("weather", WEATHERS)
def test_every_weather_is_drawn_as_numba_draws_it(track, camera, weather):
    check_alike(*both(camera, [(track, Appearance(), WEATHERS[weather])] * 6, poses_on(track, 6)))


def test_drops_and_flakes_fall_where_they_do_on_the_host(track):
    snow = replace(WEATHERS["snowfall"], seed=2**62 + 12345)
    expected, drawn = both(TOPDOWN, [(track, PRESETS["plain"], snow)] * 30, poses_on(track, 30, seed=3))
    assert np.mean(expected == drawn) > 0.98


@pytest.mark.parametrize(
    "camera",
    [
        pytest.param(CAMERAS["left"], id="left"),
        pytest.param(replace(FRONT, yaw=35.0, pitch=20.0), id="yawed"),
        pytest.param(replace(FRONT, pitch=-4.0, reach=40.0), id="looking-up"),
        pytest.param(Camera(width=50, height=31, span=20.0, yaw=30.0, shows_car=False), id="oblong"),
    ],
)
def test_any_camera_is_drawn(track, camera):
    rainy = (track, PRESETS["plain"], WEATHERS["rain"])
    check_alike(*both(camera, [rainy, (track, Appearance())] * 5, poses_on(track, 10)))


@pytest.mark.parametrize("camera", BOTH)
def test_a_ground_of_several_pages_is_fetched_page_by_page(monkeypatch, track, camera):
    monkeypatch.setattr(texture, "PAGE_PIXELS", 512)
    renderer, by_torch = Renderer(camera, CAR), TorchRenderer(camera, CAR)
    ground, other = (renderer.texture(each, Appearance()) for each in (track, generate_track(5, "easy")))
    assert ground.grid.prod() > 1
    for seed in range(3):
        poses = poses_on(track, 10, seed)
        grounds = [ground] * 9 + [other]
        check_alike(renderer.draw(grounds, poses), by_torch.draw(grounds, poses).numpy())


def test_far_from_the_road_the_border_of_the_ground_goes_on(track):
    poses = poses_on(track, 12)
    poses[:, :2] += np.random.default_rng(1).uniform(-400, 400, (12, 2))
    check_alike(*both(TOPDOWN, [(track, PRESETS["plain"])] * 12, poses))


def test_a_frame_depends_on_its_own_car_alone(monkeypatch, track):
    monkeypatch.setattr("drivesim.render_torch._CHUNK", {"cpu": 5 * 96 * 96})
    renderer = TorchRenderer(TOPDOWN, CAR)
    worlds = [(track, Appearance(), WEATHERS["storm"]), (track, PRESETS["desert"])]
    grounds = [renderer.texture(*world) for world in worlds]
    poses = poses_on(track, 23)
    frames = renderer.draw([grounds[car % 2] for car in range(23)], poses)
    order = np.random.default_rng(0).permutation(23)
    assert torch.equal(renderer.draw([grounds[car % 2] for car in order], poses[order]), frames[order])
    assert torch.equal(renderer.draw(grounds[:1], poses[:1])[0], frames[0])


def test_grounds_that_nobody_holds_make_room_and_the_others_stay(track):
    renderer = TorchRenderer(TOPDOWN, CAR)
    kept = renderer.texture(track, PRESETS["plain"])
    poses = poses_on(track, 4)
    first = renderer.draw([kept] * 4, poses)
    sizes = []
    for seed in range(12):
        look = Appearance.random(np.random.default_rng(seed))
        renderer.draw([renderer.texture(track, look, Weather(brightness=0.5))] * 4, poses)
        sizes.append(len(renderer.pool.texels))
        assert torch.equal(renderer.draw([kept] * 4, poses), first)
    assert renderer.pool.grounds <= 4
    assert sizes[-1] == sizes[5]


def test_what_else_is_to_be_drawn_lies_over_the_car_and_under_the_weather(track):
    seen = []

    def band(frames: torch.Tensor, poses: torch.Tensor, cars: slice) -> None:
        seen.append((frames.shape, poses.shape, cars))
        frames[:, 60:70] = 0

    renderer = TorchRenderer(TOPDOWN, CAR)
    renderer.layers.append(band)
    grounds = [renderer.texture(track, PRESETS["plain"], each) for each in (None, Weather(visibility=20.0))]
    frames = renderer.draw(grounds, np.repeat(track.pose(3.0)[None], 2, axis=0))
    assert seen == [((2, 96, 96, 3), (2, 3), slice(0, 28))]
    assert (frames[0, 60:70] == 0).all()
    assert (frames[1, 60:70] > 20).all()


@pytest.mark.slow
@pytest.mark.parametrize("camera", BOTH)
def test_a_compiled_renderer_draws_the_same(track, camera):
    worlds = [(track, Appearance(), WEATHERS[name]) for name in ("clear", "rain")] * 4
    _, eager = both(camera, worlds, poses_on(track, 8))
    expected, compiled = both(camera, worlds, poses_on(track, 8), compiled=True)
    check_alike(expected, compiled)
    assert np.mean(eager == compiled) > 0.999


@pytest.mark.gpu
@needs_gpu
@pytest.mark.parametrize("compiled", [False, True])
@pytest.mark.parametrize("camera", BOTH)
def test_a_gpu_draws_what_opencv_draws(track, camera, compiled):
    worlds = [(track, Appearance(), WEATHERS[name]) for name in ("clear", "storm")] * 20
    check_alike(*both(camera, worlds, poses_on(track, len(worlds)), device="cuda", compiled=compiled))


@pytest.mark.parametrize(
    ("name", "words"),
    [("cuda", "torch finds no GPU"), ("tpu", "expected cpu, cuda or cuda:N"), ("meta", "expected cpu, cuda or cuda:N")],
)
def test_a_device_that_is_not_there_is_refused(monkeypatch, name, words):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(DrivesimError, match=words):
        torch_device(name)
