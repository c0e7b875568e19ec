"""The scripted expert: it keeps every road, and its parts match their closed forms."""

import numpy as np
import pytest

from agents import expert
from agents.expert import ExpertDriver, lookahead, speed_profile, understeer
from agents.rollout import Course, drive
from drivesim.appearance import Appearance
from drivesim.namespaces import NUMPY
from drivesim.simulation import cruise_pedal
from drivesim.track import Track
from drivesim.track_files import read_track
from drivesim.track_generation import DIFFICULTIES, generate_track
from drivesim.vehicle import GRAVITY, VEHICLES, VehicleState, step_vehicle
from drivesim.weather import WEATHERS, Weather
from drivesim.world import World, WorldSource
from tests.agents.drives import ring, ring_world

CAR = VEHICLES["car"]

# A course, and the largest distance from the centreline that the expert may come to there: on the mean of a drive, and
# ever, metres. Of 1,000 tracks of each difficulty the worst were 0.039 and 0.39, and 0.227 and 0.53.
COURSES = {
    "steer-kinematic": (Course(scenario={"vehicle": "car"}), 0.05, 0.45),
    "drive-dynamic": (Course(has_pedal=True, scenario={"vehicle": "car-dynamic"}), 0.3, 0.65),
}
SPACING = expert._PROFILE_SPACING


def assert_keeps_to_the_road(drives):
    for driven in drives:
        assert driven.end_reason == "lap_completed", driven.world.track.name
        assert not driven.departed.any(), driven.world.track.name
        assert driven.columns["clearance"].min() > 0, driven.world.track.name


def assert_keeps_to_the_centerline(drives, largest_mean, largest):
    for driven in drives:
        error = np.abs(driven.columns["lateral_error"])
        assert error.mean() < largest_mean, driven.world.track.name
        assert error.max() < largest, driven.world.track.name


@pytest.mark.parametrize("name", COURSES)
@pytest.mark.parametrize("difficulty", DIFFICULTIES)
def test_the_expert_keeps_to_the_centerline_of_test_tracks(difficulty, name):
    course, *bounds = COURSES[name]
    drives = drive(ExpertDriver(), WorldSource(range(30), difficulty, "test").all(), course)
    assert_keeps_to_the_road(drives)
    assert_keeps_to_the_centerline(drives, *bounds)


@pytest.mark.slow
@pytest.mark.parametrize("name", COURSES)
@pytest.mark.parametrize("difficulty", DIFFICULTIES)
def test_the_expert_keeps_to_the_centerline_of_a_thousand_test_tracks(difficulty, name):
    course, *bounds = COURSES[name]
    drives = drive(ExpertDriver(), WorldSource(range(1000), difficulty, "test").all(), course)
    assert len(drives) == 1000
    assert_keeps_to_the_road(drives)
    assert_keeps_to_the_centerline(drives, *bounds)


def both_ways(real_data):
    files = sorted((real_data / "tum_tracks").glob("*.csv"))
    assert len(files) >= 15
    tracks = [track for file in files for track in (read_track(file), read_track(file).reversed())]
    return WorldSource(tracks, appearance="plain").all()


# Slip makes it hard: a car without slip stays within 0.6 m of the centreline.
@pytest.mark.parametrize("name", ["drive-dynamic", pytest.param("steer-kinematic", marks=pytest.mark.slow)])
def test_the_expert_laps_every_real_circuit_in_both_directions_without_leaving_the_road(real_data, name):
    drives = drive(ExpertDriver(), both_ways(real_data), COURSES[name][0])
    assert len({driven.world.track.name for driven in drives}) >= 15
    assert_keeps_to_the_road(drives)
    if name == "drive-dynamic":
        # Who brakes too late for a hairpin comes 3 m wide.
        assert_keeps_to_the_centerline(drives, 0.3, 0.65)


def test_the_expert_drives_the_small_car_too():
    worlds = WorldSource(range(4), "easy", "test").all()
    for has_pedal in (False, True):
        assert_keeps_to_the_road(drive(ExpertDriver(), worlds, Course(has_pedal=has_pedal, scenario={"vehicle": "rc"})))


def test_one_expert_drives_different_cars_on_one_road_each_at_its_own_speed():
    worlds = [ring_world(60.0)]

    def lap_speed(driver, vehicle):
        driven = drive(driver, worlds, Course(has_pedal=True, time_limit=20.0, scenario={"vehicle": vehicle}))[0]
        return driven.progress / driven.elapsed

    both = ExpertDriver()
    car, small = lap_speed(both, "car"), lap_speed(both, "rc")
    assert car == lap_speed(ExpertDriver(), "car")
    assert small == lap_speed(ExpertDriver(), "rc")
    assert small < 0.95 * car


# Pure pursuit


def test_the_lookahead_grows_with_speed_from_less_than_a_car_length():
    speeds = np.linspace(0, 40, 9)
    ahead = lookahead(speeds, CAR)
    assert 0 < ahead[0] < CAR.length
    np.testing.assert_allclose(np.diff(ahead), 0.5 * np.diff(speeds))


@pytest.mark.parametrize("name", ["car-dynamic", "rc"])
def test_a_slipping_car_in_a_steady_bend_needs_the_understeer_angle_beyond_the_geometry(name):
    params, angle, speed = VEHICLES[name], 0.03, 8.0
    state = VehicleState(0.0, 0.0, 0.0, speed, 0.0, 0.0, 0.0)
    state = VehicleState(*(np.full(1, value) for value in state))
    for _ in range(400):
        pedal = cruise_pedal(state.speed, speed, params, NUMPY)
        state = step_vehicle(state, -angle / params.max_steering_angle, pedal, params, 0.01, NUMPY)
    curvature = state.yaw_rate / state.speed
    needed = np.arctan(params.wheelbase * curvature) + understeer(params) * state.speed**2 * curvature
    assert needed[0] == pytest.approx(angle, rel=0.02)
    assert abs(np.arctan(params.wheelbase * curvature[0]) - angle) > 0.05 * angle


def test_a_car_without_slip_does_not_understeer():
    assert understeer(CAR) == 0.0


# Speed profile


def started_before_a_bend(track):
    """The same road, its start line where the car brakes the longest."""
    speed = speed_profile(track, CAR)
    slower = np.roll(speed, -8) ** 2 - speed**2
    place = track.position((slower.argmin() + 4) * SPACING)
    nearest = np.hypot(*(track.points[:, :2] - place).T).argmin()
    return Track.from_points(np.roll(track.points, -nearest, axis=0), track.name)


@pytest.fixture(scope="module", params=["car", "car-dynamic", "rc"])
def profiles(request):
    """A car's limits, and for some roads the curvature and the speed profile."""
    params = VEHICLES[request.param]
    tracks = [generate_track(seed, difficulty, "test") for difficulty in DIFFICULTIES for seed in range(3)]
    # Again so that the end of the lap must brake for its beginning.
    tracks += [started_before_a_bend(track) for track in tracks]
    roads = []
    for track in tracks:
        speed = speed_profile(track, params)
        assert len(speed) == int(track.length / SPACING)
        roads.append((np.abs(track.curvature_at(np.arange(len(speed)) * SPACING)), speed))
    limits = {
        "grip": 0.4 * params.friction * GRAVITY,
        "braking": 0.6 * min(params.max_braking, params.friction * GRAVITY),
        "acceleration": 0.8 * params.max_acceleration,
        "speed": 0.75 * params.max_speed,
    }
    return limits, roads


def test_a_speed_profile_respects_grip_braking_acceleration_and_speed_all_around(profiles):
    limits, roads = profiles
    for curvature, speed in roads:
        assert (speed > 0).all()
        assert (speed**2 * curvature <= limits["grip"] * (1 + 1e-9)).all()
        gained = (np.roll(speed, -1) ** 2 - speed**2) / (2 * SPACING)
        assert gained.max() <= limits["acceleration"] * (1 + 1e-9)
        assert gained.min() >= -limits["braking"] * (1 + 1e-9)
        assert speed.max() <= limits["speed"]


def test_a_speed_profile_is_nowhere_slower_than_one_of_the_limits_asks_for(profiles):
    limits, roads = profiles
    for curvature, speed in roads:
        ahead, behind = np.roll(speed, -1) ** 2, np.roll(speed, 1) ** 2
        fastest = np.minimum.reduce(
            [
                np.sqrt(limits["grip"] / np.maximum(curvature, 1e-6)),
                np.sqrt(ahead + 2 * SPACING * limits["braking"]),
                np.sqrt(behind + 2 * SPACING * limits["acceleration"]),
                np.full(len(speed), limits["speed"]),
            ]
        )
        np.testing.assert_allclose(speed, fastest, rtol=1e-9)


def test_a_round_road_is_driven_at_one_speed():
    speed = speed_profile(ring(50.0), CAR)
    np.testing.assert_allclose(speed, np.sqrt(0.4 * GRAVITY * 50.0), rtol=1e-3)


def test_the_expert_steers_only_the_cars_that_it_is_asked_for():
    class Spy(ExpertDriver):
        def act(self, env, observation, cars):
            actions = super().act(env, observation, cars)
            everyone = super().act(env, observation, np.arange(env.num_envs))
            assert actions.shape == (len(cars), 2)
            np.testing.assert_array_equal(actions, everyone[cars])
            return actions

    drives = drive(Spy(), [ring_world(20.0), ring_world(60.0)], Course(has_pedal=True))
    assert [driven.end_reason for driven in drives] == ["lap_completed"] * 2


def test_on_a_round_road_the_wheel_settles_at_the_angle_of_the_circle():
    driven = drive(ExpertDriver(), [ring_world(40.0)], Course())[0]
    rear_radius = np.sqrt(40.0**2 - CAR.cg_to_rear**2)
    settled = driven.columns["steering"][len(driven.put_back) // 2 :]
    np.testing.assert_allclose(settled, -np.arctan(CAR.wheelbase / rear_radius) / CAR.max_steering_angle, rtol=0.01)
    heading = np.unwrap(driven.columns["heading"])
    assert heading[-1] - heading[0] == pytest.approx(2 * np.pi, abs=0.05)


def test_the_expert_keeps_the_road_in_every_weather_and_slows_down_for_less_grip():
    course = Course(has_pedal=True, scenario={"vehicle": "car-dynamic"})
    tracks = [world.track for world in WorldSource(range(len(WEATHERS)), "medium", "test").all()]
    worlds = [World(track, Appearance(), weather) for track, weather in zip(tracks, WEATHERS.values(), strict=True)]
    drives = drive(ExpertDriver(), worlds, course, np.random.default_rng(0))
    assert_keeps_to_the_road(drives)
    same = [World(tracks[0], Appearance(), Weather(grip=grip)) for grip in (1.0, 0.5)]
    dry, icy = drive(ExpertDriver(), same, course, np.random.default_rng(0))
    assert icy.elapsed > 1.1 * dry.elapsed
