"""A person at the wheel, without a person: demands are made up, the laps are read back."""

import errno
import os

import numpy as np
import pytest

from agents.ride.history import REMEMBERED_SECONDS
from agents.ride.recorder import Recorder
from agents.ride.session import AUTO_REWIND_SECONDS, LONGEST_WAIT, REWIND_SECONDS, Session
from datasets import recording
from datasets.lap_files import read_lap, read_laps
from datasets.schema import MARK_CORRECTION, MARK_POLICY
from datasets.views import line_of
from drivesim.cockpit.controls import Demand
from drivesim.env import DriveEnv, SteerEnv
from drivesim.pursuit import pursuit_curvature
from drivesim.vehicle import VehicleParams
from tests.agents.policies import CAMERA, WIDE, make_policy

HZ = 20
STRAIGHT, RIGHT = Demand(), Demand(steering=1.0, steers=True)


def make_session(folder, kind=SteerEnv, policy=None, seed=0, **arguments):
    never = {"laps": 10**9, "stall_time": 1e9, "time_limit": 1e9}
    camera = policy.config.cameras if policy else "topdown"
    env = kind(**{"track": 3, "difficulty": "easy", "camera": camera} | never | arguments)
    return Session(env, Recorder(folder), policy, seed)


def steer_along(session):
    """What a good driver asks for: pure pursuit of the centreline."""
    car, params = session.env.state, session.vehicle
    ahead = session.world.track.position(car.s - params.cg_to_rear + 2.0 + 0.5 * session.speed)
    pose = np.array([[car.vehicle.x, car.vehicle.y, car.vehicle.heading]])
    curvature = pursuit_curvature(pose, ahead[None], params)[0]
    steering = -np.arctan(params.wheelbase * curvature) / params.max_steering_angle
    return Demand(float(np.clip(steering, -1, 1)), steers=True)


def drive(session, seconds, demand=None):
    """Drive for so many seconds, along the road unless told otherwise; waits after a rewind are not counted."""
    left = round(seconds * HZ)
    while left:
        left -= not session.is_waiting
        session.step(steer_along(session) if demand is None else demand)


def wait(session):
    while session.is_waiting:
        session.step(STRAIGHT)


def test_a_whole_lap_is_driven_recorded_and_timed(tmp_path):
    session = make_session(tmp_path)
    session.press("r")
    drive(session, session.world.track.length / 10 + 5)
    session.close()
    (lap,), lost = read_laps(tmp_path)
    assert lost == [] and lap.complete and lap.good.all()
    assert lap.info.driver == "human"
    assert np.abs(lap.columns["lateral_error"]).max() < 1.0
    np.testing.assert_allclose(lap.columns["time"], np.arange(len(lap)) / HZ, atol=1e-9)
    readings = session.readings(0.0)
    assert readings.lap == 2
    assert readings.best == readings.last == pytest.approx(session.world.track.length / 10, rel=0.05)
    assert any(message.startswith("Lap 1: ") for message in session.messages)
    assert line_of(lap, 0.8).poses.shape[0] > len(lap) - 20


def test_the_recorded_actions_drive_the_recorded_poses_again(tmp_path):
    session = make_session(tmp_path)
    drive(session, 0.05)
    session.press("r")
    drive(session, 4)
    session.close()
    (lap,), _ = read_laps(tmp_path)
    again = make_session(tmp_path / "again")
    drive(again, 0.05)
    for step in range(len(lap)):
        np.testing.assert_allclose(again.pose(1.0), lap.poses[step], atol=1e-5)
        again.step(Demand(float(lap.columns["steering"][step])))


def test_a_rewind_goes_back_five_seconds_and_marks_them_bad_in_the_same_file(tmp_path):
    session = make_session(tmp_path)
    drive(session, 2)
    session.press("r")
    drive(session, 8)
    there = session.pose(1.0)
    session.rewind()
    partial = read_lap(tmp_path / "lap-000001.arrows")
    assert partial.good.tolist() == [True] * 60 + [False] * 100, "the marks are on the disk at once"
    wait(session)
    np.testing.assert_array_equal(session.pose(1.0), partial.poses[60])
    drive(session, 4)
    session.close()
    (lap,), _ = read_laps(tmp_path)
    assert len(lap) == 240
    assert lap.good.tolist() == [True] * 60 + [False] * 100 + [True] * 80
    np.testing.assert_array_equal(lap.poses[160], lap.poses[60])
    assert (np.diff(lap.columns["time"]) > 0).all()
    # The stretch that was taken back stays: its last step led to where the car was.
    assert np.hypot(*(lap.poses[159] - there)[:2]) < 0.6


def test_going_back_twice_goes_back_twice_as_far_and_training_draws_no_line_across(tmp_path):
    session = make_session(tmp_path)
    session.press("r")
    drive(session, 14)
    session.rewind()
    session.rewind()
    wait(session)
    drive(session, 3)
    session.rewind()
    wait(session)
    drive(session, 6)
    session.close()
    (lap,), _ = read_laps(tmp_path)
    bad = np.flatnonzero(~lap.good)
    # 14 s, ten of them taken back; then 3 s, and of the 4 s before 2 s more.
    assert bad.tolist() == list(range(40, 340))
    line = line_of(lap, 0.8)
    assert len(line) > 100
    reach = np.hypot(*(line.targets - line.poses[:, :2]).T)
    assert reach.max() < 0.8 * 11 + 2 * VehicleParams().wheelbase


def test_a_rewind_before_the_recording_marks_all_of_it_and_ended_laps_are_left_alone(tmp_path):
    session = make_session(tmp_path)
    drive(session, 4)
    session.press("r")
    drive(session, 1)
    session.press("r")
    session.press("r")
    drive(session, 2)
    session.rewind()
    session.close()
    first, second = read_laps(tmp_path)[0]
    assert (len(first), len(second)) == (20, 40)
    assert first.good.all()
    assert not second.good.any()
    assert (session.recorder.steps, session.recorder.good) == (60, 20)


def test_there_is_a_last_moment_to_go_back_to(tmp_path):
    session = make_session(tmp_path)
    session.rewind()
    assert session.messages == ["There is nothing to go back to yet"]
    drive(session, 1)
    start = session.world.track.pose(0.0)
    session.rewind()
    wait(session)
    np.testing.assert_allclose(session.pose(1.0), start, atol=1e-9)
    assert session._history._moments.maxlen == REMEMBERED_SECONDS * HZ


def test_after_a_rewind_the_car_is_seen_going_back_and_waits_for_a_hand(tmp_path):
    session = make_session(tmp_path)
    drive(session, 6)
    before = session.pose(1.0)
    session.press("r")
    session.rewind(REWIND_SECONDS)
    way = []
    for _ in range(100):
        session.step(STRAIGHT)
        way.append(np.hypot(*(session.pose(1.0) - before)[:2]))
        if not session.is_waiting:
            break
    assert way == sorted(way)
    assert 45 < way[-1] < 55
    assert LONGEST_WAIT * HZ <= len(way) < (LONGEST_WAIT + 1.0) * HZ
    assert session.recorder.steps == 0, "nothing is recorded meanwhile"
    # The same with a hand at the wheel is shorter.
    drive(session, 6)
    session.rewind()
    steps = 0
    while session.is_waiting:
        session.step(Demand(0.1, steers=True))
        steps += 1
    assert steps < len(way)


def test_leaving_the_road_goes_back_to_where_the_car_was_well_on_it(tmp_path):
    session = make_session(tmp_path)
    session.press("r")
    drive(session, 5)
    while not session.is_waiting:
        session.step(RIGHT)
    assert "Off the road: back" in session.messages[-1]
    assert session.recorder.is_recording
    wait(session)
    drive(session, 2)
    session.close()
    (lap,), _ = read_laps(tmp_path)
    bad = np.flatnonzero(~lap.good)
    assert len(bad) >= AUTO_REWIND_SECONDS * HZ
    assert bad.tolist() == list(range(bad[0], bad[-1] + 1))
    assert np.abs(lap.columns["lateral_error"][bad[-1]]) > 2
    assert np.abs(lap.columns["lateral_error"][lap.good]).max() < 1
    np.testing.assert_array_equal(lap.poses[bad[-1] + 1], lap.poses[bad[0]])


def test_where_the_road_may_be_left_what_is_driven_beside_it_is_marked(tmp_path):
    session = make_session(tmp_path, off_road_margin=20.0)
    session.press("r")
    drive(session, 1)
    drive(session, 1.3, RIGHT)
    session.close()
    assert not session.is_waiting
    (lap,), _ = read_laps(tmp_path)
    left, right = lap.track.width_at(lap.columns["s"])
    is_off = (lap.columns["lateral_error"] < -right) | (lap.columns["lateral_error"] > left)
    assert is_off.any()
    assert not lap.good[is_off].any()
    assert lap.good[:20].all()


def test_another_track_ends_the_lap(tmp_path):
    session = make_session(tmp_path, track=None)
    names = [session.world.track.name]
    session.press("r")
    drive(session, 1)
    session.press("n")
    names.append(session.world.track.name)
    assert not session.recorder.is_recording
    session.rewind()
    assert session.messages[-1] == "There is nothing to go back to yet"
    session.press("r")
    drive(session, 1)
    session.close()
    assert [lap.info.track_name for lap in read_laps(tmp_path)[0]] == names
    assert len({*names}) == 2


def test_the_pedal_is_recorded_where_it_is_worked(tmp_path):
    session = make_session(tmp_path, DriveEnv)
    session.press("r")
    drive(session, 2, Demand(0.0, 1.0, presses=True))
    drive(session, 1, Demand(0.0, -1.0, presses=True))
    session.close()
    (lap,), _ = read_laps(tmp_path)
    np.testing.assert_array_equal(lap.columns["pedal"], [1.0] * 40 + [-1.0] * 20)
    np.testing.assert_array_equal(lap.columns["pedal_label"], lap.columns["pedal"])
    assert lap.columns["speed"][40] > 5


def test_a_full_disk_is_said_recording_ends_and_driving_goes_on(tmp_path, monkeypatch, capsys):
    session = make_session(tmp_path)
    session.press("r")
    drive(session, 3)

    def full(fd, data):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(recording.os, "write", full)
    drive(session, 2)
    assert not session.recorder.is_recording
    assert "No space left" in session.messages[-1]
    assert capsys.readouterr().err.count("No space left") == 1
    session.press("r")
    session.rewind()
    drive(session, 2)
    monkeypatch.undo()
    assert session.speed > 5
    first = next(lap for lap in read_laps(tmp_path)[0] if lap.name == "lap-000001")
    assert len(first) >= 2 * HZ


def test_nothing_recorded_leaves_nothing_behind(tmp_path):
    session = make_session(tmp_path / "laps")
    drive(session, 1)
    session.close()
    assert not (tmp_path / "laps").exists()


# A policy at the wheel


@pytest.fixture
def policy():
    return make_policy()


@pytest.mark.usefixtures("one_torch_thread")
def test_a_policy_drives_a_touch_takes_the_wheel_and_letting_go_gives_it_back(tmp_path, policy):
    session = make_session(tmp_path, policy=policy, off_road_margin=20.0)
    session.press("r")
    drive(session, 1, STRAIGHT)
    assert session.readings(0).driver == "Policy drives"
    # In bfloat16, in which a policy may answer, there is no such number.
    drive(session, 1, Demand(0.26, steers=True))
    assert session.readings(0).driver == "You correct"
    drive(session, 1, STRAIGHT)
    session.close()
    (lap,), _ = read_laps(tmp_path)
    columns, mark = lap.columns, lap.columns["mark"] & (MARK_CORRECTION | MARK_POLICY)
    assert mark[:20].tolist() == [MARK_POLICY] * 20
    assert mark[20:40].tolist() == [MARK_CORRECTION] * 20
    np.testing.assert_array_equal(columns["steering"][20:40], np.float32(0.26))
    np.testing.assert_array_equal(columns["steering_label"], columns["steering"])
    # A key may be tapped: the wheel is given back a little after it was let go.
    given_back = int(np.flatnonzero(mark[40:] == MARK_POLICY)[0])
    assert 2 <= given_back <= 8
    np.testing.assert_array_equal(mark[40 + given_back :], MARK_POLICY)
    # What the policy asked for stands beside what was done, and is that where it drove.
    assert np.isfinite(columns["policy_steering"]).all()
    drove = mark == MARK_POLICY
    np.testing.assert_array_equal(columns["policy_steering"][drove], columns["steering"][drove])
    assert (columns["policy_steering"][20:40] != np.float32(0.26)).all()
    assert np.isnan(columns["policy_pedal"]).all()
    assert not lap.good[drove].any()
    assert lap.info.driver == policy.name


@pytest.mark.usefixtures("one_torch_thread")
def test_the_policy_sees_what_the_car_sees_while_a_person_drives(tmp_path, policy, monkeypatch):
    session = make_session(tmp_path, policy=policy)
    seen = []
    real = policy.predict
    monkeypatch.setattr(policy, "predict", lambda views, speeds: seen.append(views[0][0].copy()) or real(views))
    frames = []
    for _ in range(5):
        frames.append(session.frame.copy())
        session.step(Demand(0.1, steers=True))
    np.testing.assert_array_equal(seen, frames)


@pytest.mark.usefixtures("one_torch_thread")
def test_a_policy_that_always_leaves_the_road_here_is_put_on_the_line(tmp_path, policy, monkeypatch):
    monkeypatch.setattr(policy, "predict", lambda frames, speeds: np.ones((1, 1)))
    session = make_session(tmp_path, policy=policy)
    for _ in range(60 * HZ):
        session.step(STRAIGHT)
        if "put on the line" in "".join(session.messages):
            break
    assert "put on the line" in session.messages[-1]
    assert session.env.state.lateral == 0.0
    x, y, _ = session.pose(1.0)
    s, lateral = session.world.track.local_coordinates((x, y))
    assert abs(lateral) < 1e-6
    assert abs(s - session.env.state.s) < 1e-6


@pytest.mark.usefixtures("one_torch_thread")
def test_what_the_policy_looks_at_is_laid_over_the_inset_while_it_is_wanted(tmp_path, policy, monkeypatch):
    asked = []

    def saliency_maps(a_policy, views, speeds):
        (frames,) = views
        asked.append((a_policy, frames.shape, frames.dtype))
        return np.ones(frames.shape[:3], np.float32)

    monkeypatch.setattr("agents.models.saliency_maps.saliency_maps", saliency_maps)
    monkeypatch.setattr("agents.models.saliency_maps.overlay", lambda frame, saliency_map: frame // 2)
    session = make_session(tmp_path, policy=policy)
    np.testing.assert_array_equal(session.inset, session.frame)
    session.press("l")
    for _ in range(3):
        np.testing.assert_array_equal(session.inset, session.frame // 2)
    assert asked == [(policy, (1, 64, 64, 3), np.uint8)], "once a step, however often it is drawn"
    session.step(STRAIGHT)
    np.testing.assert_array_equal(session.inset, session.frame // 2)
    session.press("l")
    np.testing.assert_array_equal(session.inset, session.frame)


@pytest.mark.usefixtures("one_torch_thread")
def test_a_policy_with_past_frames_and_two_cameras_is_given_both_and_none_from_before_a_rewind(tmp_path, monkeypatch):
    policy = make_policy(cameras=(CAMERA, WIDE), past=2)
    predict, given = policy.predict, []
    monkeypatch.setattr(policy, "predict", lambda views, speeds=None: given.append(views) or predict(views, speeds))
    session = make_session(tmp_path, policy=policy)
    session.press("l")
    seen = []
    for _ in range(30):
        seen.append(session.views)
        assert session.inset.shape == (64, 64, 3)
        session.step(STRAIGHT)
    for camera, shape in enumerate(policy.config.frame_shapes):
        assert given[29][camera].shape == (1, *shape)
        for back in range(3):
            np.testing.assert_array_equal(given[29][camera][0, back], seen[29 - back][camera])
            np.testing.assert_array_equal(given[0][camera][0, back], seen[0][camera])
    session.rewind(1.0)
    wait(session)
    given.clear()
    now = session.views
    session.step(STRAIGHT)
    np.testing.assert_array_equal(given[0][1][0], np.stack([now[1]] * 3))


@pytest.mark.usefixtures("one_torch_thread")
def test_a_policy_that_takes_the_speed_is_given_the_cars(tmp_path):
    policy = make_policy(inputs=("camera", "speed"))
    session = make_session(tmp_path, policy=policy)
    session.press("l")
    assert session.inset.shape == session.frame.shape
    for _ in range(20):
        frame, speed = session.frame, session.speed
        session.step(STRAIGHT)
        assert session.steering == float(policy.predict(frame[None], np.array([speed]))[0, 0])
    assert session.speed > 1.0


def test_without_a_policy_there_is_nothing_to_look_into(tmp_path):
    session = make_session(tmp_path)
    session.press("l")
    assert "--policy" in session.messages[-1]
    np.testing.assert_array_equal(session.inset, session.frame)
