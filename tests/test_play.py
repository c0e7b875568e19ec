"""A person at the wheel, without a person: keys are posted, and the laps are read back."""

import os
import subprocess
import sys
from collections import defaultdict
from pathlib import Path

import numpy as np
import pygame
import pytest

import play
from datasets.lap_files import read_laps
from drivesim.env import DriveEnv, SteerEnv
from drivesim.vehicle import VEHICLES, get_vehicle
from drivesim.viewer import Viewer
from tests.agents.policies import make_policy
from tests.datasets.laps import drive as made_up_lap
from tests.datasets.laps import partial_lap

ROOT = Path(__file__).resolve().parents[1]


class Keyboard:
    """Keys to come: `at[n]` go down, or do what they do, once `n` frames have been shown."""

    def __init__(self):
        self.at = defaultdict(list)
        self.held: set[int] = set()
        self.frames = 0
        self.inset = None
        self.lines = []

    def __getitem__(self, key):
        return key in self.held

    def advance(self):
        self.frames += 1
        for key in self.at[self.frames]:
            if callable(key):
                key()
            else:
                pygame.event.post(pygame.event.Event(pygame.KEYDOWN, key=key))

    def hold(self, *keys):
        def change():
            self.held = set(keys)

        return change


@pytest.fixture
def keyboard(monkeypatch):
    """Open windows nowhere, wait for no clock, and follow the script of a `Keyboard`."""
    keyboard = Keyboard()

    class Clock:
        def tick(self, fps):
            keyboard.fps = fps

    def show(viewer, frame, fps, inset=None, lines=()):
        real_show(viewer, frame, fps, inset, lines)
        keyboard.inset = inset
        keyboard.lines.append(lines)
        keyboard.advance()
        assert keyboard.frames < 2000, "nobody ended it"

    real_show = Viewer.show
    monkeypatch.setenv("SDL_VIDEODRIVER", "dummy")
    monkeypatch.setattr(pygame.time, "Clock", Clock)
    monkeypatch.setattr(pygame.key, "get_pressed", lambda: keyboard)
    monkeypatch.setattr(Viewer, "show", show)
    yield keyboard
    assert not pygame.display.get_init(), "the window was left open"


def start(keyboard, folder, policy=None, kind=SteerEnv, seed=0, **arguments):
    """Run a session; return it."""
    env = kind(**{"laps": 1000, "stall_time": 1e9, "time_limit": 1e9} | arguments)
    viewer = Viewer("a test", play._WINDOW.width, play._WINDOW.height)
    pygame.event.clear()
    session = play.Session(env, viewer, folder, policy)
    try:
        session.run(seed)
    finally:
        session.stop_recording()
        viewer.close()
    return session


def test_a_session_records_what_was_driven_between_two_presses_of_r(tmp_path, keyboard):
    keyboard.at = defaultdict(
        list,
        {
            5: [pygame.K_r],
            15: [keyboard.hold(pygame.K_RIGHT)],
            20: [keyboard.hold()],
            45: [pygame.K_r],
            50: [pygame.K_ESCAPE],
        },
    )
    session = start(keyboard, tmp_path / "laps", track=3)
    assert session.recorded == 40
    (lap,), lost = read_laps(tmp_path / "laps")
    assert lost == []
    assert lap.complete
    assert len(lap) == 40
    assert (lap.info.driver, lap.info.environment, lap.info.control_hz) == ("human", "drivesim/Steer-v0", 20.0)
    np.testing.assert_array_equal(lap.info.track_points, session.env.world.track.points)
    columns = lap.columns
    np.testing.assert_allclose(columns["time"], np.arange(5, 45) / 20, atol=1e-9)
    # The wheel turns while the key is held, and comes back when it is let go.
    step = 0.05 * play._TURN_RATE * np.minimum(10 / columns["speed"][10:15], 1)
    np.testing.assert_array_equal(columns["steering"][:10], 0.0)
    np.testing.assert_allclose(np.diff(columns["steering"][9:15]), step, rtol=1e-4)
    np.testing.assert_allclose(np.diff(columns["steering"][14:17]), -0.05 * play._RETURN_RATE, rtol=1e-4)
    np.testing.assert_array_equal(columns["steering"][20:], 0.0)
    np.testing.assert_array_equal(columns["steering_label"], columns["steering"])
    assert np.isnan(columns["pedal_label"]).all()
    assert columns["heading"][20] < columns["heading"][9]


def test_the_recorded_actions_drive_the_recorded_poses_again(tmp_path, keyboard):
    keyboard.at = defaultdict(
        list, {1: [pygame.K_r, keyboard.hold(pygame.K_a)], 6: [keyboard.hold(pygame.K_d)], 30: [pygame.K_ESCAPE]}
    )
    session = start(keyboard, tmp_path, track=3)
    (lap,), _ = read_laps(tmp_path)
    assert len(lap) == 29
    env = SteerEnv(track=3, camera=None)
    env.reset(options={"world": session.env.world})
    env.step([0.0])
    for step in range(len(lap)):
        vehicle = env.state.vehicle
        np.testing.assert_allclose((vehicle.x, vehicle.y, vehicle.heading), lap.poses[step], atol=1e-5)
        env.step([lap.columns["steering"][step]])


def test_n_takes_another_track_and_ends_the_lap(tmp_path, keyboard):
    keyboard.at = defaultdict(
        list, {2: [pygame.K_r], 20: [pygame.K_n], 25: [pygame.K_r], 35: [pygame.K_n, pygame.K_r], 40: [pygame.K_ESCAPE]}
    )
    session = start(keyboard, tmp_path)
    laps, _ = read_laps(tmp_path)
    names = [lap.info.track_name for lap in laps]
    # N and R at once: R comes first, and ends the recording.
    assert [len(lap) for lap in laps] == [18, 10]
    assert len({*names, session.env.world.track.name}) == 3
    assert keyboard.lines[25][2].startswith("REC ")
    assert keyboard.lines[22][2] == "R to record"


def test_leaving_the_road_goes_on_from_the_line_at_the_same_place(tmp_path, keyboard):
    keyboard.at = defaultdict(list, {1: [pygame.K_r], 10: [keyboard.hold(pygame.K_RIGHT)]})
    places = []

    class Watched(SteerEnv):
        def reset(self, **options):
            before = (self.world, self.state) if places else None
            result = super().reset(**options)
            places.append((before, self.world, self.state))
            if before is not None:
                keyboard.held.clear()
                keyboard.at[keyboard.frames + 5].append(pygame.K_ESCAPE)
            return result

    session = start(keyboard, tmp_path, kind=Watched)
    assert len(places) == 2
    (world_before, state_before), world, state = places[1]
    assert abs(state_before.lateral) > 2
    assert world is world_before
    assert state.s == pytest.approx(state_before.s)
    assert state.s > 5
    assert (state.lateral, state.heading_error, state.vehicle.speed) == (0.0, 0.0, 10.0)
    # The lap ends where the road was left; what is driven afterwards is not part of it.
    (lap,), _ = read_laps(tmp_path)
    assert lap.complete
    assert session.recorded == len(lap)
    assert abs(lap.columns["lateral_error"][-1]) > 2
    assert (np.hypot(*np.diff(lap.poses[:, :2], axis=0).T) < 0.6).all()


def test_closing_the_window_ends_the_session_and_keeps_the_lap(tmp_path, keyboard):
    keyboard.at = defaultdict(list, {1: [pygame.K_r], 12: [lambda: pygame.event.post(pygame.event.Event(pygame.QUIT))]})
    start(keyboard, tmp_path)
    (lap,), _ = read_laps(tmp_path)
    assert lap.complete
    assert len(lap) == 11


def test_the_pedal_is_worked_and_recorded_where_it_is_asked_for(tmp_path, keyboard):
    keyboard.at = defaultdict(
        list,
        {1: [pygame.K_r, keyboard.hold(pygame.K_w)], 30: [keyboard.hold(pygame.K_s)], 40: [pygame.K_ESCAPE]},
    )
    start(keyboard, tmp_path, kind=DriveEnv)
    (lap,), _ = read_laps(tmp_path)
    assert lap.info.environment == "drivesim/Drive-v0"
    np.testing.assert_array_equal(lap.columns["pedal"], [1.0] * 29 + [-1.0] * 10)
    np.testing.assert_array_equal(lap.columns["pedal_label"], lap.columns["pedal"])
    assert lap.columns["speed"][29] > 5
    assert lap.columns["speed"][38] < lap.columns["speed"][29] - 3


# The whole command


def test_the_command_says_what_was_recorded_and_how_to_go_on(tmp_path, keyboard, run):
    keyboard.at = defaultdict(list, {1: [pygame.K_r], 41: [pygame.K_ESCAPE]})
    code, said, _ = run(play, "--out", tmp_path / "laps", "--track", 3, "--vehicle", "rc", "--camera", "front")
    assert code == 0
    assert f"Recorded 2 s into {tmp_path / 'laps'}\n" in said
    assert f"python -m agents.train --data {tmp_path / 'laps'} --backbone pilotnet" in said
    (lap,), _ = read_laps(tmp_path / "laps")
    assert get_vehicle(lap.info.vehicle) == VEHICLES["rc"]
    assert keyboard.inset.shape == (66, 200, 3)
    assert keyboard.fps == 20


def test_nothing_recorded_leaves_nothing_behind_and_says_nothing(tmp_path, keyboard, run):
    keyboard.at[3].append(pygame.K_ESCAPE)
    assert run(play, "--out", tmp_path / "laps") == (0, "", "")
    assert not (tmp_path / "laps").exists()


def test_laps_are_added_and_one_of_a_dead_recorder_is_recovered(tmp_path, keyboard, run):
    data = partial_lap(tmp_path, made_up_lap(60))
    (tmp_path / "lap-000001.arrows").write_bytes(data)
    keyboard.at = defaultdict(list, {1: [pygame.K_r], 11: [pygame.K_ESCAPE]})
    code, said, _ = run(play, "--out", tmp_path)
    assert code == 0
    assert f"{tmp_path / 'lap-000001.parquet'}: recovered 3.0 s" in said
    assert [len(lap) for lap in read_laps(tmp_path)[0]] == [60, 10]


def test_an_interrupt_keeps_the_lap(tmp_path, keyboard, run):
    def interrupt():
        raise KeyboardInterrupt

    keyboard.at = defaultdict(list, {1: [pygame.K_r], 12: [interrupt]})
    code, _, said = run(play, "--out", tmp_path)
    assert (code, said) == (130, "interrupted\n")
    (lap,), _ = read_laps(tmp_path)
    assert lap.complete
    assert len(lap) == 11


def test_the_same_seed_draws_the_same_tracks(tmp_path, keyboard, run):
    def names(folder, seed):
        keyboard.frames = 0
        keyboard.at = defaultdict(list, {1: [pygame.K_r], 3: [pygame.K_n], 4: [pygame.K_r], 6: [pygame.K_ESCAPE]})
        assert run(play, "--out", folder, "--seed", seed)[0] == 0
        return [lap.info.track_name for lap in read_laps(folder)[0]]

    first = names(tmp_path / "1", 7)
    assert len(set(first)) == 2
    assert names(tmp_path / "2", 7) == first
    assert names(tmp_path / "3", 8) != first


def test_a_policy_is_watched_through_its_own_camera_at_its_own_rate(tmp_path, keyboard, run, one_torch_thread):
    policy = make_policy(control_hz=10.0)
    policy.save(tmp_path / "mine")
    keyboard.at = defaultdict(list, {1: [pygame.K_r], 11: [pygame.K_ESCAPE]})
    assert run(play, "--policy", tmp_path / "mine", "--out", tmp_path / "laps", "--track", 3)[0] == 0
    assert keyboard.inset.shape == (64, 64, 3)
    assert keyboard.fps == 10
    (lap,), _ = read_laps(tmp_path / "laps")
    assert (lap.info.control_hz, lap.info.driver) == (10.0, "mine")
    assert lap.columns["steering"].std() > 0


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--track", "nowhere.csv"), "nowhere.csv"),
        (("--difficulty", "odd"), "difficulty: unknown name 'odd'"),
        (("--camera", "rear"), "camera: unknown name 'rear'. Known: topdown, front, left, right."),
        (("--vehicle", "lorry"), "vehicle: unknown name 'lorry'"),
        (("--policy", "nowhere"), "nowhere is no policy folder"),
    ],
)
def test_wrong_use_is_one_sentence_and_opens_no_window(tmp_path, keyboard, run, options, words):
    code, _, said = run(play, "--out", tmp_path / "laps", *options)
    assert code == 2
    assert said.startswith("error: ")
    assert words in said
    assert said.count("\n") == 1


def test_a_policy_that_steers_alone_refuses_the_pedal(tmp_path, keyboard, run):
    make_policy().save(tmp_path / "mine")
    code, _, said = run(play, "--policy", tmp_path / "mine", "--pedal")
    assert (code, said) == (2, "error: --pedal: this policy steers alone; leave --pedal out.\n")


@pytest.mark.skipif(sys.platform != "linux", reason="takes the display of Linux away")
def test_without_a_display_the_command_says_one_sentence_and_ends_with_code_2(tmp_path):
    environment = {name: value for name, value in os.environ.items() if name not in ("DISPLAY", "WAYLAND_DISPLAY")}
    ran = subprocess.run(
        [sys.executable, ROOT / "play.py", "--out", tmp_path / "laps"],
        cwd=tmp_path,
        env={**environment, "SDL_VIDEODRIVER": "x11", "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert ran.returncode == 2
    assert ran.stderr.startswith("error: No window can be opened")
    assert ran.stderr.count("\n") == 1
    assert "Traceback" not in ran.stderr
    assert not (tmp_path / "laps").exists()
