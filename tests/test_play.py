"""The command, on a display that is not there: keys are posted, and the laps are read back."""

import os
import subprocess
import sys
from collections import defaultdict
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pygame
import pytest

import play
from agents.deployment.onnx_files import write_onnx
from agents.ride.game import Game
from datasets.lap_files import read_laps
from datasets.schema import MARK_CORRECTION
from drivesim.cockpit.devices import Devices
from drivesim.cockpit.pacing import Pacer
from drivesim.vehicle import VEHICLES, get_vehicle
from tests.agents.policies import make_policy
from tests.datasets.laps import drive as made_up_lap
from tests.datasets.laps import partial_lap

ROOT = Path(__file__).resolve().parents[1]
SHOWN_A_STEP = 3


class Keyboard:
    """Keys to come: `at[n]` go down, or do what they do, once `n` control steps have been driven."""

    def __init__(self):
        self.at = defaultdict(list)
        self.held: set[int] = set()
        self.steps = 0
        self.game = None

    def __getitem__(self, key):
        return key in self.held

    def advance(self):
        self.steps += 1
        for key in self.at[self.steps]:
            if callable(key):
                key()
            else:
                pygame.event.post(pygame.event.Event(pygame.KEYDOWN, key=key))
        assert self.steps < 2000, "nobody ended it"

    def hold(self, *keys):
        return lambda: setattr(self, "held", set(keys))


@pytest.fixture
def keyboard(monkeypatch, tmp_path):
    """Open windows nowhere, on a clock that only frames advance, and follow the script of a `Keyboard`."""
    keyboard, now = Keyboard(), [0.0]

    def init(game, ride, *arguments, **options):
        real_init(game, ride, *arguments, **options, clock=lambda: now[0])
        keyboard.game, keyboard.ride, keyboard.dt = game, ride, ride.dt

    def read(devices, *arguments):
        keyboard.advance()
        return real_read(devices, *arguments)

    def wait(pacer):
        now[0] += keyboard.dt / SHOWN_A_STEP

    real_init, real_read = Game.__init__, Devices.read
    monkeypatch.setenv("SDL_VIDEODRIVER", "dummy")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setattr(Game, "__init__", init)
    monkeypatch.setattr(Devices, "read", read)
    monkeypatch.setattr(Pacer, "wait", wait)
    monkeypatch.setattr(pygame.key, "get_pressed", lambda: keyboard)
    yield keyboard
    assert not pygame.display.get_init(), "the window was left open"


def test_the_command_says_what_was_recorded_and_how_to_go_on(tmp_path, keyboard, run):
    keyboard.at = defaultdict(
        list,
        {
            1: [pygame.K_r, keyboard.hold(pygame.K_RIGHT)],
            4: [keyboard.hold(pygame.K_a)],
            9: [keyboard.hold()],
            41: [pygame.K_ESCAPE],
        },
    )
    out = tmp_path / "my laps"
    code, said, _ = run(play, "--out", out, "--track", 3, "--vehicle", "car-dynamic", "--camera", "front")
    assert code == 0
    assert f"Recorded 2.0 s, 1 lap, into {out}\n" in said
    assert "To learn from: 2.0 s" in said
    assert f"python -m agents.train --data '{out}' --backbone pilotnet" in said
    (lap,), _ = read_laps(out)
    assert get_vehicle(lap.info.vehicle) == VEHICLES["car-dynamic"]
    assert lap.info.driver == "human"
    assert keyboard.ride.frame.shape == (66, 200, 3)
    assert (lap.columns["steering"][:3] > 0).all()
    assert lap.columns["steering"][8] < 0
    assert lap.columns["steering"][-1] == 0


def test_a_key_is_in_the_action_of_the_lap_within_two_control_periods(tmp_path, keyboard, run):
    pressed_after = []

    def press():
        pressed_after.append(keyboard.ride.recorder.steps)
        keyboard.held = {pygame.K_LEFT}

    real_draw, frames = Game._draw, [0]

    def draw(game, share, now):
        # In each of the frames between two steps once.
        frames[0] += 1
        if frames[0] in (40, 80, 120, 101, 61):
            press()
        elif frames[0] in (50, 70, 90, 110, 130):
            keyboard.held = set()
        real_draw(game, share, now)

    keyboard.at = defaultdict(list, {1: [pygame.K_r], 60: [pygame.K_ESCAPE]})
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Game, "_draw", draw)
        assert run(play, "--out", tmp_path / "laps", "--track", 3, "--size", "320x180")[0] == 0
    steering = read_laps(tmp_path / "laps")[0][0].columns["steering"]
    turned = np.diff(steering, prepend=np.float32(0)) < 0
    for steps in pressed_after:
        # Row `steps` begins less than one period after the key went down: it must show it, or the next at the latest.
        assert np.flatnonzero(turned[steps:])[0] <= 1


def test_keys_rewind_mark_pause_and_take_the_next_track(tmp_path, keyboard, run):
    seen = []
    keyboard.at = defaultdict(
        list,
        {
            1: [pygame.K_r],
            140: [pygame.K_BACKSPACE, pygame.K_v, pygame.K_h],
            200: [pygame.K_n, pygame.K_r],
            230: [lambda: seen.append(keyboard.ride.recorder.steps), pygame.K_ESCAPE],
        },
    )
    code, said, _ = run(play, "--out", tmp_path / "laps", "--size", "320x180", "--no-auto-rewind")
    assert code == 0
    first, second = read_laps(tmp_path / "laps")[0]
    assert (~first.good).sum() == 100
    assert first.info.track_name != second.info.track_name
    assert "2 laps" in said
    assert keyboard.game._shows_help
    assert keyboard.game._camera.view == "wide"


def test_a_paused_game_stands_still_and_records_nothing(tmp_path, keyboard, run):
    frames = [0]

    def press_again(game, share, now):
        frames[0] += 1
        if frames[0] == 150:
            pygame.event.post(pygame.event.Event(pygame.KEYDOWN, key=pygame.K_p))
        real_draw(game, share, now)

    real_draw = Game._draw
    keyboard.at = defaultdict(list, {1: [pygame.K_r], 21: [pygame.K_p], 41: [pygame.K_ESCAPE]})
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Game, "_draw", press_again)
        assert run(play, "--out", tmp_path / "laps", "--track", 3, "--size", "320x180")[0] == 0
    (lap,), _ = read_laps(tmp_path / "laps")
    assert len(lap) == 40
    assert (np.hypot(*np.diff(lap.poses[:, :2], axis=0).T) < 0.6).all()


def test_nothing_recorded_leaves_nothing_behind(tmp_path, keyboard, run):
    keyboard.at[3].append(pygame.K_ESCAPE)
    code, said, faults = run(play, "--out", tmp_path / "laps", "--size", "320x180")
    assert (code, faults) == (0, "")
    assert "Recorded" not in said
    assert not (tmp_path / "laps").exists()


def test_laps_are_added_and_one_of_a_dead_recorder_is_recovered(tmp_path, keyboard, run):
    laps = tmp_path / "laps"
    laps.mkdir()
    (laps / "lap-000001.arrows").write_bytes(partial_lap(laps, made_up_lap(60)))
    keyboard.at = defaultdict(list, {1: [pygame.K_r], 11: [pygame.K_ESCAPE]})
    code, said, _ = run(play, "--out", laps, "--size", "320x180")
    assert code == 0
    assert f"{laps / 'lap-000001.parquet'}: recovered 3.0 s" in said
    assert [len(lap) for lap in read_laps(laps)[0]] == [60, 10]


def test_closing_the_window_and_an_interrupt_keep_the_lap(tmp_path, keyboard, run):
    def interrupt():
        raise KeyboardInterrupt

    def close():
        pygame.event.post(pygame.event.Event(pygame.QUIT))

    for at, (end, expected) in enumerate([(close, 0), (interrupt, 130)]):
        keyboard.steps = 0
        keyboard.at = defaultdict(list, {1: [pygame.K_r], 12: [end]})
        code, _, _ = run(play, "--out", tmp_path / str(at), "--size", "320x180")
        assert code == expected
        (lap,), _ = read_laps(tmp_path / str(at))
        assert lap.complete
        assert len(lap) in (10, 11)


def test_the_same_seed_draws_the_same_tracks(tmp_path, keyboard, run):
    def names(folder, seed):
        keyboard.steps = 0
        keyboard.at = defaultdict(list, {1: [pygame.K_r], 3: [pygame.K_n], 4: [pygame.K_r], 6: [pygame.K_ESCAPE]})
        assert run(play, "--out", folder, "--seed", seed, "--size", "320x180")[0] == 0
        return [lap.info.track_name for lap in read_laps(folder)[0]]

    first = names(tmp_path / "1", 7)
    assert len(set(first)) == 2
    assert names(tmp_path / "2", 7) == first
    assert names(tmp_path / "3", 8) != first


def test_a_policy_drives_through_its_own_camera_at_its_own_rate(tmp_path, keyboard, run, one_torch_thread):
    policy = make_policy(control_hz=10.0)
    policy.save(tmp_path / "mine")
    keyboard.at = defaultdict(list, {1: [pygame.K_r], 11: [pygame.K_ESCAPE]})
    options = ("--out", tmp_path / "laps", "--track", 3, "--size", "320x180")
    assert run(play, "--policy", tmp_path / "mine", *options)[0] == 0
    assert keyboard.ride.frame.shape == (64, 64, 3)
    (lap,), _ = read_laps(tmp_path / "laps")
    assert (lap.info.control_hz, lap.info.driver) == (10.0, "mine")
    assert lap.columns["steering"].std() > 0
    assert not lap.good.any()


@pytest.fixture
def onnx_file(tmp_path):
    """A policy as agents.export writes it."""
    policy = make_policy(control_hz=10.0)
    write_onnx(tmp_path / "mine.onnx", policy, {"config": asdict(policy.config), "exported": {"version": 1}})
    return tmp_path / "mine.onnx"


def test_an_exported_file_drives_as_its_policy_does_and_a_person_takes_the_wheel(tmp_path, keyboard, run, onnx_file):
    make_policy(control_hz=10.0).save(tmp_path / "mine")
    laps = []
    for policy in (onnx_file, tmp_path / "mine"):
        keyboard.steps = 0
        keyboard.at = defaultdict(
            list,
            {
                1: [pygame.K_r],
                11: [keyboard.hold(pygame.K_RIGHT)],
                16: [keyboard.hold()],
                31: [pygame.K_ESCAPE],
            },
        )
        out = tmp_path / f"laps of {policy.name}"
        options = ("--track", 3, "--size", "320x180", "--no-auto-rewind")
        assert run(play, "--policy", policy, "--out", out, *options)[0] == 0
        laps += read_laps(out)[0]
    exported, folder = laps
    assert (exported.info.control_hz, exported.info.driver) == (10.0, "mine")
    # The folder's network computes with 16 bits, and what it sees next depends on it.
    assert exported.columns["steering"][0] == pytest.approx(folder.columns["steering"][0], abs=0.02)
    driven, also = (lap.columns["mark"] & MARK_CORRECTION > 0 for lap in laps)
    np.testing.assert_array_equal(driven, also)
    assert driven.sum() >= 5
    assert not driven[:9].any()
    assert (exported.columns["steering"][~driven] == exported.columns["policy_steering"][~driven]).all()
    assert exported.columns["policy_steering"].std() > 0


def test_what_an_exported_file_looks_at_cannot_be_shown_and_one_sentence_says_why(keyboard, run, tmp_path, onnx_file):
    said = []
    keyboard.at = defaultdict(
        list, {1: [pygame.K_l], 6: [lambda: said.extend(keyboard.game._messages), pygame.K_ESCAPE]}
    )
    code, _, faults = run(play, "--policy", onnx_file, "--out", tmp_path / "laps", "--track", 3, "--size", "320x180")
    assert (code, faults) == (0, "")
    words = [message for message, _ in said]
    assert "What it looks at is read from its layers, which a file hides: use its folder" in words


def test_recorded_laps_are_seen_again(tmp_path, keyboard, run):
    keyboard.at = defaultdict(list, {1: [pygame.K_r], 61: [pygame.K_ESCAPE]})
    assert run(play, "--out", tmp_path / "laps", "--track", 3, "--size", "320x180")[0] == 0
    (lap,), _ = read_laps(tmp_path / "laps")
    places = []
    keyboard.steps = 0
    keyboard.at = defaultdict(
        list,
        {
            11: [lambda: places.append(keyboard.ride.pose(0.0)), pygame.K_UP],
            20: [pygame.K_SPACE, pygame.K_ESCAPE],
        },
    )
    assert run(play, "--replay", tmp_path / "laps", "--size", "320x180")[:2] == (
        0,
        "Driving. R records, H lists all keys, Escape ends.\n",
    )
    np.testing.assert_allclose(places[0], lap.poses[10], atol=1e-9)
    assert keyboard.ride.rate == 2.0
    assert keyboard.ride.paused


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--track", "nowhere.csv"), "nowhere.csv"),
        (("--difficulty", "odd"), "difficulty: unknown name 'odd'"),
        (("--camera", "rear"), "camera: unknown name 'rear'. Known: topdown, front, left, right."),
        (("--vehicle", "lorry"), "vehicle: unknown name 'lorry'"),
        (("--policy", "nowhere"), "--policy: 'nowhere' is neither a policy's folder nor an .onnx or .tflite file."),
        (("--policy", "expert"), "--policy: 'expert' is neither a policy's folder nor an .onnx or .tflite file."),
        (("--policy", "nowhere.onnx"), "policy: there is no file nowhere.onnx."),
        (("--replay", "nowhere"), "nowhere is not there"),
        (("--env", "Nothing-v9"), "--env Nothing-v9: it cannot be made"),
        (("--size", "huge"), "--size: expected width x height in pixels as in 1280x720, got 'huge'"),
        (("--env", "CarRacing-v3", "--replay", "x"), "--replay and --env: expected one of them"),
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


def test_an_unknown_key_in_the_controls_file_is_one_sentence(tmp_path, keyboard, run):
    (tmp_path / "config" / "drivesim").mkdir(parents=True)
    (tmp_path / "config" / "drivesim" / "controls.json").write_text('{"dead_zoone": 0.2}')
    code, _, said = run(play, "--out", tmp_path / "laps")
    assert code == 2
    assert "controls.json: unknown key 'dead_zoone'. Known: dead_zone, turn_rate, return_rate, wheels" in said
    assert said.count("\n") == 1


def run_alone(tmp_path, code):
    hidden = ("DISPLAY", "WAYLAND_DISPLAY", "SDL_VIDEODRIVER")
    environment = {name: value for name, value in os.environ.items() if name not in hidden}
    return subprocess.run(
        [sys.executable, "-c", f"import sys; sys.argv = ['play.py', '--out', 'laps']\n{code}"],
        cwd=tmp_path,
        env={
            **environment,
            "PYTHONPATH": str(ROOT),
            "XDG_CONFIG_HOME": str(tmp_path),
            "XDG_RUNTIME_DIR": str(tmp_path),
        },
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


START = "import play; from drivesim.command import run_command; run_command(play.main, play.Args, play.__doc__)"


@pytest.mark.skipif(sys.platform != "linux", reason="takes the display of Linux away")
@pytest.mark.parametrize(
    ("code", "words"),
    [
        (START, "error: No window can be opened"),
        (f"sys.modules['pygame'] = None\n{START}", "error: A window needs pygame. Install it: pip install pygame-ce"),
    ],
)
def test_without_a_display_or_pygame_the_command_says_one_sentence_and_ends_with_code_2(tmp_path, code, words):
    ran = run_alone(tmp_path, code)
    assert ran.returncode == 2
    assert ran.stderr.startswith(words)
    assert ran.stderr.count("\n") == 1
    assert not (tmp_path / "laps").exists()


def test_an_exported_file_is_driven_without_torch(tmp_path, onnx_file):
    options = ["--policy", str(onnx_file), "--seconds", "0.5", "--size", "320x180", "--track", "3"]
    before = f"import os; os.environ['SDL_VIDEODRIVER'] = 'dummy'; sys.argv += {options}"
    after = "finally: print('torch' in sys.modules)"
    ran = run_alone(tmp_path, f"{before}\ntry: {START}\n{after}")
    assert (ran.returncode, ran.stderr) == (0, "")
    assert ran.stdout.splitlines()[-1] == "False"
