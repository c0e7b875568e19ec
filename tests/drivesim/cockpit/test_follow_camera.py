"""What a window shows of a car."""

import numpy as np
import pytest

from drivesim.camera import Camera
from drivesim.cockpit.follow_camera import VIEWS, FollowCamera, window_camera
from drivesim.render import Renderer
from drivesim.vehicle import VEHICLES, VehicleParams
from drivesim.world import WorldSource

CAR = VehicleParams()


@pytest.fixture
def world():
    return WorldSource(track=3, difficulty="easy").draw(np.random.default_rng(0))


@pytest.fixture
def camera():
    camera = FollowCamera(CAR)
    yield camera
    camera.close()


@pytest.mark.parametrize("view", VIEWS)
@pytest.mark.parametrize("size", [(640, 360), (200, 300)])
def test_a_view_is_as_large_as_the_window_and_as_its_camera_draws_it(world, camera, view, size):
    camera.view = view
    pose = world.track.pose(30.0)
    frame = camera.draw(world, pose, size)
    assert frame.shape == (size[1], size[0], 3)
    renderer = Renderer(window_camera(view, *size, CAR), CAR)
    np.testing.assert_array_equal(frame, renderer.draw([world.texture(renderer)], pose[None])[0])


def test_sixty_metres_lie_ahead_in_a_window_of_any_size_and_the_car_is_seen_as_large():
    for width, height in ((1280, 720), (640, 360), (500, 900)):
        camera = window_camera("follow", width, height, CAR)
        x, _, w = camera.ground_from_pixel() @ [width / 2, -0.5, 1.0]
        assert x / w == pytest.approx(61.0, abs=0.2)
    assert window_camera("follow", 1280, 720, VEHICLES["rc"]).resolution < 0.5 * camera.resolution * 900 / 720


def test_views_take_turns(camera):
    assert [camera.next_view() for _ in range(3)] == [*VIEWS[1:], VIEWS[0]]


def test_a_coarser_view_has_the_window_s_size_and_shows_the_same(world, camera):
    pose = world.track.pose(30.0)
    fine = camera.draw(world, pose, (640, 360)).astype(int)
    assert camera.coarsen()
    assert not camera.coarsen()
    coarse = camera.draw(world, pose, (640, 360)).astype(int)
    assert coarse.shape == fine.shape
    assert 0 < np.abs(coarse - fine).mean() < 8
    camera.next_view()
    assert camera.coarsen(), "each view is as fine as it can be"


def test_a_window_larger_than_any_camera_is_filled(world, camera):
    assert camera.draw(world, world.track.pose(0.0), (4200, 60)).shape == (60, 4200, 3)


def test_the_ground_ahead_is_painted_before_the_car_is_there(world, camera):
    size = (1280, 720)
    camera.draw(world, world.track.pose(0.0), size, speed=10.0)
    ((_, ground),) = camera._drawn.values()
    for s in np.arange(0.0, 120.0, 2.0):
        camera._painting.result()
        before = len(ground._pages)
        painted = {id(page) for page in ground._pages.values()}
        used = ground.page_at(*world.track.position(s))
        assert id(used) in painted
        assert len(ground._pages) == before
        camera.draw(world, world.track.pose(s), size, speed=10.0)


def test_the_ground_of_another_road_or_window_is_given_up(world, camera):
    camera.draw(world, world.track.pose(0.0), (320, 180))
    camera.next_view()
    camera.draw(world, world.track.pose(0.0), (320, 180))
    assert len(camera._drawn) == 2
    camera.draw(world, world.track.pose(0.0), (340, 180))
    assert len(camera._drawn) == 1
    assert isinstance(window_camera("wide", 340, 180, CAR), Camera)
