"""The page's own simulator against the one in Python: the same frames, and the same way of the same car."""

import base64
import json
import shutil
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest

from agents.browser.road_files import camera_values, write_road
from drivesim.appearance import Appearance
from drivesim.camera import CAMERAS, Camera
from drivesim.namespaces import FLOATS
from drivesim.render import Renderer
from drivesim.road_table import road_of_one
from drivesim.simulation import Rules, centerline_at, start_state, step
from drivesim.track_generation import generate_track
from drivesim.vehicle import VEHICLES
from drivesim.world import World
from tests.browser_pages import chromium, needs_chromium, served, within_the_contract

pytestmark = needs_chromium

MODULES = Path(__file__).resolve().parents[3] / "agents" / "browser" / "page"
TEST_CAMERAS = {
    "topdown": CAMERAS["topdown"],
    "turned": Camera(width=71, height=64, span=30.0, mount=(5.0, 1.0, 0.0), yaw=20.0, shows_car=False),
    "front": CAMERAS["front"],
    "low": Camera(width=120, height=80, fov=70.0, mount=(0.6, 0.3, 1.0), pitch=2.0, yaw=-5.0, reach=60.0),
}

DRAW = """async ([camera, road, poses, number]) => {
  const { FrameCamera } = await import('./frame.js'), { Ground } = await import('./ground.js');
  const ground = new Ground(road.grounds[number], camera.levels), drawer = new FrameCamera(camera), frames = [];
  for (const [x, y, heading] of poses) {
    frames.push(drawer.draw(await ground.pageAt(x, y), { x, y, heading }, road.look).slice());
  }
  const all = new Uint8Array(await new Blob(frames).arrayBuffer());
  let text = '';
  for (let i = 0; i < all.length; i += 8192) text += String.fromCharCode(...all.subarray(i, i + 8192));
  return btoa(text);
}"""

DRIVE = """async ([road, rules, car, s, start, actions]) => {
  const { stepCar, cruisePedal } = await import('./car.js'), { Road } = await import('./road.js');
  const way = await Road.load(road), pose = way.poseAt(s), rows = [];
  let state = { ...start, ...pose, lateralVelocity: 0, yawRate: 0, steeringAngle: 0 }, at = { s };
  for (const [steering, pedal] of actions) {
    const pressed = rules.cruise_speed === null ? pedal : cruisePedal(state.speed, rules.cruise_speed, car);
    state = stepCar(state, steering, pressed, car, rules.dt / rules.substeps, rules.substeps);
    at = way.follow(at.s, state);
    rows.push([state.x, state.y, state.heading, state.speed, state.yawRate, state.steeringAngle, at.s, at.lateral]);
  }
  return [[pose.x, pose.y, pose.heading], rows];
}"""


@pytest.fixture(scope="module")
def roads(tmp_path_factory):
    """A served page of two roads: the worlds, the renderers, and what the page knows of each."""
    folder = tmp_path_factory.mktemp("page")
    shutil.copytree(MODULES, folder, dirs_exist_ok=True)
    (folder / "empty.html").write_text("<!doctype html><title>modules</title>")
    worlds = [
        World(generate_track(2, "easy", "test"), Appearance.random(np.random.default_rng(4))),
        World(generate_track(0, "medium", "test"), Appearance.preset("city")),
    ]
    renderers = {name: Renderer(camera, VEHICLES["car"]) for name, camera in TEST_CAMERAS.items()}
    values = [write_road(folder, number, world, [*renderers.values()]) for number, world in enumerate(worlds)]
    return folder, worlds, renderers, json.loads(json.dumps(values))


@pytest.fixture(scope="module")
def page(roads):
    with served(roads[0]) as address, chromium() as browser:
        page = browser.new_page()
        page.goto(f"{address}empty.html")
        yield page


def draw(page, roads, road, name, poses):
    """The frames (N, H, W, 3) that the page draws, and those that the renderer draws."""
    _, worlds, renderers, values = roads
    renderer = renderers[name]
    arguments = [camera_values(renderer), values[road], poses.tolist(), [*renderers].index(name)]
    encoded = page.evaluate(DRAW, json.loads(json.dumps(arguments)))
    expected = renderer.draw([worlds[road].texture(renderer)] * len(poses), poses)
    return np.frombuffer(base64.b64decode(encoded), np.uint8).reshape(expected.shape), expected


def poses_on(track, count, rng):
    s, lateral = rng.uniform(0, track.length, count), rng.uniform(-6, 6, count)
    return np.column_stack([track.position(s, lateral), track.heading_at(s) + rng.normal(0, 0.7, count)])


@pytest.mark.parametrize("road", [0, 1])
@pytest.mark.parametrize("name", TEST_CAMERAS)
def test_the_page_draws_the_frames_that_the_renderer_draws(page, roads, road, name):
    poses = poses_on(roads[1][road].track, 40, np.random.default_rng(road))
    frames, expected = draw(page, roads, road, name, poses)
    assert expected.std() > 10
    assert within_the_contract(frames, expected)
    if TEST_CAMERAS[name].looks_down:
        # Computed in the same fixed-point numbers.
        np.testing.assert_array_equal(frames, expected)


@pytest.mark.parametrize("name", ["topdown", "front"])
def test_the_page_repeats_the_border_where_a_car_is_far_from_the_road(page, roads, name):
    low = roads[1][0].track.centerline.min(axis=0)
    poses = np.column_stack([low[0] - np.linspace(0, 60, 20), low[1] - np.linspace(0, 60, 20), np.linspace(-3, 3, 20)])
    assert within_the_contract(*draw(page, roads, 0, name, poses))


def test_another_picture_is_told_from_the_renderers(page, roads):
    poses = poses_on(roads[1][0].track, 10, np.random.default_rng(0))
    frames, _ = draw(page, roads, 0, "topdown", poses)
    _, beside = draw(page, roads, 0, "topdown", poses + np.array([0.2, 0.0, 0.0]))
    assert not within_the_contract(frames, beside)


@pytest.mark.parametrize("vehicle", VEHICLES)
@pytest.mark.parametrize("cruise", [10.0, None])
def test_the_page_moves_a_car_as_the_simulation_does(page, roads, vehicle, cruise):
    _, worlds, _, values = roads
    rules = Rules(vehicle=VEHICLES[vehicle], cruise_speed=cruise, off_road_margin=20.0, control_hz=20.0)
    road, rng = road_of_one(worlds[0].track), np.random.default_rng(3)
    actions = np.column_stack([np.repeat(rng.uniform(-0.4, 0.4, 40), 5), np.repeat(rng.uniform(-0.6, 1, 40), 5)])
    start, speed = float(rng.uniform(0, road.length)), 6.0
    told = {"dt": rules.dt, "substeps": rules.substeps, "cruise_speed": cruise}
    arguments = [values[0], told, asdict(rules.vehicle), start, {"speed": speed}, actions.tolist()]
    pose, rows = page.evaluate(DRIVE, json.loads(json.dumps(arguments)))
    np.testing.assert_allclose(pose, centerline_at(road, start, FLOATS), rtol=0, atol=1e-9)
    state = start_state(road, start, 0.0, 0.0, speed, FLOATS)
    expected = []
    for steering, pedal in actions.tolist():
        state = step(state, steering, pedal, road, rules, FLOATS).state
        car = state.vehicle
        expected.append(
            [car.x, car.y, car.heading, car.speed, car.yaw_rate, car.steering_angle, state.s, state.lateral]
        )
    np.testing.assert_allclose(rows, expected, rtol=0, atol=1e-6)
    assert np.ptp(np.array(expected)[:, 2]) > 0.2
