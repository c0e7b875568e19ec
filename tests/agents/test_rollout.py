"""Rollout: every car is driven to its end, and what is noted of it is what happened."""

import numpy as np
import pytest

from agents import rollout
from agents.driver import StraightDriver
from agents.expert import ExpertDriver
from agents.rollout import Course, DriveInterrupted, drive, lap_columns, noise_share
from datasets.schema import DTYPES, LAP_SCHEMA, POLICY_ACTIONS, check_columns
from drivesim.camera import CAMERAS
from drivesim.errors import DrivesimError
from drivesim.render import Renderer
from drivesim.simulation import MAX_STEP
from drivesim.vehicle import VEHICLES
from tests.agents.drives import Replay, Steady, ring_world

RINGS = [ring_world(30.0), ring_world(60.0), ring_world(45.0)]


def digest(drives):
    return [
        (sorted((name, values.tobytes()) for name, values in d.columns.items()), d.put_back.tobytes()) for d in drives
    ]


@pytest.mark.parametrize("has_pedal", [False, True])
def test_every_car_is_driven_to_the_end_of_its_own_lap(has_pedal):
    drives = drive(ExpertDriver(), RINGS, Course(has_pedal=has_pedal))
    assert [driven.world for driven in drives] == RINGS
    for driven in drives:
        length = driven.world.track.length
        steps = len(driven.put_back)
        assert driven.end_reason == "lap_completed"
        assert length <= driven.progress < length + 1.5
        assert len(driven.departed) == steps
        assert {len(values) for values in driven.columns.values()} == {steps}
        np.testing.assert_allclose(driven.columns["time"], np.arange(steps) / 20, atol=1e-9)
        assert driven.elapsed == pytest.approx(steps / 20)
    if not has_pedal:
        assert [len(driven.put_back) for driven in drives] == [
            pytest.approx(world.track.length / 10 * 20, abs=3) for world in RINGS
        ]


def test_a_drives_columns_are_those_of_a_lap_and_two_more():
    drives = drive(ExpertDriver(), RINGS[:1], Course())
    driven = [name for name in LAP_SCHEMA.names if name not in POLICY_ACTIONS]
    assert set(drives[0].columns) == {*driven, "clearance", "heading_error"}
    columns = lap_columns(drives[0])
    assert list(columns) == driven
    cast, faults = check_columns(columns)
    assert faults == []
    assert list(cast) == list(DTYPES)
    # Each step is told from where it began.
    assert (columns["s"][0], columns["lateral_error"][0], columns["speed"][0]) == (0.0, 0.0, 10.0)
    np.testing.assert_allclose([columns["x"][0], columns["y"][0]], RINGS[0].track.centerline[0], atol=1e-9)
    assert drives[0].columns["clearance"][0] == pytest.approx(4.0 - 0.9, abs=0.05)
    assert drives[0].columns["heading_error"][0] == 0.0


@pytest.mark.parametrize(
    ("driver", "course", "reason"),
    [
        (StraightDriver(), Course(), "off_road"),
        (ExpertDriver(), Course(time_limit=3.0), "time_limit"),
        (Steady(pedal=-1.0), Course(has_pedal=True), "stalled"),
    ],
)
def test_a_drive_says_why_it_ended(driver, course, reason):
    driven = drive(driver, RINGS[:1], course)[0]
    assert driven.end_reason == reason
    assert not driven.put_back.any()
    if reason == "time_limit":
        assert driven.elapsed == pytest.approx(3.0)


def test_a_drive_of_a_single_step_tells_how_long_it_took():
    driven = drive(StraightDriver(), RINGS[:1], Course(time_limit=0.1, scenario={"control_hz": 10}))[0]
    assert len(driven.put_back) == 1
    assert driven.elapsed == pytest.approx(0.1)


def test_a_car_that_comes_too_far_from_the_centerline_is_put_back_on_it():
    driven = drive(StraightDriver(), RINGS[:1], Course(put_back_beyond=1.0))[0]
    assert driven.end_reason == "lap_completed"
    at = np.flatnonzero(driven.put_back)
    assert len(at) > 10
    columns = driven.columns
    # It begins the next step on the line, along the road, as fast and as far on as it was.
    np.testing.assert_array_equal(columns["lateral_error"][at + 1], 0.0)
    np.testing.assert_array_equal(columns["heading_error"][at + 1], 0.0)
    np.testing.assert_array_equal(columns["steering_angle"][at + 1], 0.0)
    assert (np.diff(columns["s"]) > 0).all()
    assert columns["speed"][at + 1].min() > 9.5
    # Of the other steps none began beyond the distance; just before it is put back the car is nearly there.
    assert np.abs(columns["lateral_error"]).max() <= 1.0
    assert np.abs(columns["lateral_error"][at]).min() > 0.5
    assert not driven.departed.any()


def test_nobody_is_put_back_on_a_course_that_does_not_ask_for_it():
    assert not drive(StraightDriver(), RINGS, Course())[0].put_back.any()
    far = drive(ExpertDriver(), RINGS, Course(put_back_beyond=0.5, put_back_off_road=True))
    assert not any(driven.put_back.any() for driven in far)


def test_a_car_with_a_wheel_off_the_road_is_put_back_and_counted_as_departed():
    driven = drive(StraightDriver(), RINGS[:1], Course(put_back_off_road=True))[0]
    assert driven.end_reason == "lap_completed"
    assert driven.put_back.sum() > 5
    np.testing.assert_array_equal(driven.departed, driven.put_back)
    # Nearly all of the way to the edge was driven, and none beyond it.
    before = driven.columns["clearance"][driven.put_back]
    assert (before >= 0).all()
    assert before.max() < 0.5


def test_a_car_is_not_put_back_after_its_last_step():
    first = int(np.flatnonzero(drive(StraightDriver(), RINGS[:1], Course(put_back_beyond=1.0))[0].put_back)[0])
    course = Course(put_back_beyond=1.0, time_limit=(first + 1) / 20)
    driven = drive(StraightDriver(), RINGS[:1], course)[0]
    assert (len(driven.put_back), driven.end_reason) == (first + 1, "time_limit")
    assert not driven.put_back.any()


def test_the_cars_of_a_drive_do_not_change_one_another():
    course = Course(put_back_beyond=1.0)
    together = drive(Steady(steering=-0.12), RINGS, course)
    apart = [drive(Steady(steering=-0.12), [world], course)[0] for world in RINGS]
    assert digest(together) == digest(apart)


def test_a_car_whose_drive_has_ended_is_not_driven_on():
    driver = Steady(steering=0.0)
    drives = drive(driver, [ring_world(20.0), ring_world(80.0)], Course())
    short, long = (len(driven.put_back) for driven in drives)
    assert short < long
    assert driver.asked == [[0, 1]] * short + [[1]] * (long - short)
    poses = np.array(driver.seen)
    assert (poses[short:, 0] == poses[short, 0]).all()
    assert (np.hypot(*np.diff(poses[:, 1, :2], axis=0).T) > 0.4).all()


def test_replaying_the_noted_steering_drives_the_same_poses():
    course = Course(noise=0.2)
    driven = drive(ExpertDriver(), RINGS[:1], course, np.random.default_rng(3))[0]
    again = drive(Replay(driven.columns["steering"]), RINGS[:1], Course())[0]
    for name in ("time", "x", "y", "heading", "speed", "yaw_rate", "steering_angle", "s", "lateral_error"):
        assert driven.columns[name].tobytes() == again.columns[name].tobytes(), name


# Noise


def test_noise_is_in_what_is_done_and_not_in_what_was_wanted():
    cars, deviation = 40, 0.1
    drives = drive(
        Steady(steering=0.25),
        [ring_world(60.0)] * cars,
        Course(noise=deviation, time_limit=20.0, put_back_beyond=2.0),
        np.random.default_rng(0),
    )
    labels = np.array([driven.columns["steering_label"] for driven in drives])
    steering = np.array([driven.columns["steering"] for driven in drives])
    assert (labels == 0.25).all()
    noise = (steering - labels)[:, 40:]
    assert noise.std() == pytest.approx(deviation, rel=0.1)
    assert abs(noise.mean()) < 0.01
    # It halves in half a second: what is left of it after ten steps.
    left = (noise[:, 10:] * noise[:, :-10]).mean() / noise.var()
    assert left == pytest.approx(0.5, abs=0.08)
    # Each car has its own.
    assert np.abs(np.corrcoef(noise) - np.eye(cars)).mean() < 0.25


def test_noise_takes_the_expert_off_the_line_and_its_labels_lead_back():
    driven = drive(ExpertDriver(), RINGS[1:2], Course(noise=0.2), np.random.default_rng(1))[0]
    quiet = drive(ExpertDriver(), RINGS[1:2], Course())[0]
    error, label = driven.columns["lateral_error"], driven.columns["steering_label"]
    assert error.std() > 3 * quiet.columns["lateral_error"].std()
    assert np.corrcoef(error, label)[0, 1] > 0.3


def test_steering_at_its_end_stays_there_whatever_the_noise():
    course = Course(noise=0.3, time_limit=5.0, put_back_beyond=2.0)
    driven = drive(Steady(steering=4.0), RINGS[:1], course, np.random.default_rng(0))[0]
    assert (driven.columns["steering_label"] == 1.0).all()
    assert np.abs(driven.columns["steering"]).max() <= 1.0


def test_the_same_noise_seed_gives_the_same_bytes_and_another_does_not():
    course = Course(noise=0.1, time_limit=5.0)

    def run(seed):
        return digest(drive(ExpertDriver(), RINGS, course, np.random.default_rng(seed)))

    assert run(5) == run(5)
    assert run(5) != run(6)


def test_noise_without_a_generator_is_refused():
    with pytest.raises(DrivesimError, match=r"rng: noise of 0\.1 needs a generator"):
        drive(ExpertDriver(), RINGS, Course(noise=0.1))


# What a driver is given, and what it wants


def test_a_driver_that_works_the_pedal_has_its_wish_noted_and_a_cruise_controller_none():
    with_pedal = drive(Steady(pedal=0.4), RINGS[:1], Course(has_pedal=True, time_limit=1.0))[0]
    np.testing.assert_array_equal(with_pedal.columns["pedal_label"], 0.4)
    np.testing.assert_array_equal(with_pedal.columns["pedal"], 0.4)
    assert with_pedal.columns["speed"][-1] > 1.0
    cruising = drive(Steady(pedal=0.4), RINGS[:1], Course(time_limit=1.0))[0]
    assert np.isnan(cruising.columns["pedal_label"]).all()
    np.testing.assert_allclose(cruising.columns["speed"], 10.0, atol=0.1)


@pytest.mark.parametrize("has_pedal", [False, True])
def test_a_driver_sees_the_frames_of_all_cars_through_the_courses_camera(has_pedal):
    shapes = []

    class Watching(Steady):
        def act(self, env, observation, cars):
            frames = observation["camera"] if has_pedal else observation
            shapes.append(frames.shape)
            assert frames.dtype == np.uint8
            return super().act(env, observation, cars)

    drive(Watching(), RINGS, Course(has_pedal=has_pedal, camera=CAMERAS["front"], time_limit=0.2))
    assert shapes == [(3, 66, 200, 3)] * 4


def test_every_frame_shows_the_noted_pose_after_a_car_was_put_back_too():
    frames = []

    class Watching(Steady):
        def act(self, env, observation, cars):
            frames.append(observation[0].copy())
            return super().act(env, observation, cars)

    course = Course(camera=CAMERAS["topdown"], put_back_beyond=1.0, time_limit=4.0)
    driven = drive(Watching(), RINGS[:1], course)[0]
    assert driven.put_back.sum() >= 2
    renderer = Renderer(CAMERAS["topdown"], VEHICLES["car"])
    poses = np.column_stack([driven.columns[name] for name in ("x", "y", "heading")])
    expected = renderer.draw([driven.world.texture(renderer)] * len(poses), poses)
    np.testing.assert_array_equal(frames, expected)


def test_whoever_waits_is_told_the_share_of_drives_that_have_ended():
    told = []
    drives = drive(ExpertDriver(), RINGS, Course(), on_step=told.append)
    assert len(told) == max(len(driven.put_back) for driven in drives)
    assert told == sorted(told)
    assert (told[0], told[-1]) == (0.0, 1.0)
    assert set(np.round(told, 3)) == {0.0, 0.333, 0.667, 1.0}


def test_the_scenario_of_a_course_reaches_its_environment():
    env = rollout.make_env(3, Course(scenario={"control_hz": 10.0, "cruise_speed": 5.0, "vehicle": "rc"}, threads=1))
    assert (env.num_envs, env.rules.control_hz, env.rules.cruise_speed, env.rules.vehicle.width) == (3, 10, 5, 0.31)
    assert env.camera is None
    assert env.rules.off_road_margin == 0.0
    env.close()
    with pytest.raises(DrivesimError, match="environment argument: unknown name 'colour'"):
        rollout.make_env(1, Course(scenario={"colour": "red"}))


def test_a_car_that_is_put_back_is_not_ended_by_the_environments_own_limit():
    for course in (Course(put_back_off_road=True), Course(put_back_beyond=3.0)):
        env = rollout.make_env(1, course)
        assert env.rules.off_road_margin * env.rules.control_hz > MAX_STEP
        env.close()


def test_noise_pushes_no_car_aside_harder_than_a_car_at_ten_metres_a_second():
    car = VEHICLES["car"]
    speeds = np.array([0.0, 5.0, 10.0, 20.0, 30.0])
    np.testing.assert_allclose(noise_share(speeds, car), [1, 1, 1, 1 / 4, 1 / 9])
    for name, params in VEHICLES.items():
        push = noise_share(speeds, params) * speeds**2 * params.max_steering_angle / params.wheelbase
        assert push.max() == pytest.approx(10.0**2 * car.max_steering_angle / car.wheelbase), name


def test_a_driver_that_sees_frames_is_refused_a_course_without_a_camera():
    with pytest.raises(DrivesimError, match="camera: steady sees frames, and the course has no camera"):
        drive(Steady(needs_frames=True), RINGS[:1], Course())


def test_a_drive_that_is_stopped_tells_the_drives_that_had_ended():
    class Impatient(ExpertDriver):
        def act(self, env, observation, cars):
            if env.state.time[cars[0]] > 20.0:
                raise KeyboardInterrupt
            return super().act(env, observation, cars)

    with pytest.raises(DriveInterrupted) as stopped:
        drive(Impatient(), [ring_world(60.0), ring_world(20.0)], Course())
    unfinished, finished = stopped.value.drives
    assert unfinished is None
    whole = drive(ExpertDriver(), [ring_world(20.0)], Course())
    assert digest([finished]) == digest(whole)
    assert finished.progress == whole[0].progress
    assert isinstance(stopped.value, KeyboardInterrupt)


def test_a_car_that_starts_far_from_the_centreline_is_put_back_only_after_it_was_near():
    course = Course(put_back_beyond=1.0, start_aside=0.8, time_limit=8.0)
    expert = drive(ExpertDriver(), RINGS[:1], course)[0]
    assert expert.columns["lateral_error"][0] > 2.0
    assert not expert.put_back.any()
    straight = drive(StraightDriver(), RINGS[:1], course)[0]
    # It crosses the centreline first, and is put back on the other side.
    first = np.flatnonzero(straight.put_back)[0]
    assert np.abs(straight.columns["lateral_error"][:first]).min() < 1.0
    assert np.abs(straight.columns["lateral_error"][0]) > 2.0
