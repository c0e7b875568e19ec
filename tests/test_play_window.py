"""The whole game on a display of its own, driven by real key presses."""

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import cv2
import numpy as np
import pytest

from datasets.lap_files import read_laps

ROOT = Path(__file__).resolve().parents[1]
NEEDED = ("Xvfb", "xdotool")

# A real display is drawn on, by a process that starts from nothing.
pytestmark = pytest.mark.skipif(
    any(shutil.which(name) is None for name in NEEDED),
    reason="needs Xvfb and xdotool: apt-get install xvfb xdotool",
)


@pytest.fixture(scope="module")
def display():
    """A display that nobody looks at."""
    reading, writing = os.pipe()
    command = ["Xvfb", "-displayfd", str(writing), "-screen", "0", "1280x720x24"]
    with subprocess.Popen(command, pass_fds=[writing], stderr=subprocess.DEVNULL) as server:
        os.close(writing)
        with open(reading) as file:
            name = f":{file.readline().strip()}"
        yield name
        server.terminate()


class Player:
    """play.py in a process of its own, and the keys that are pressed in it."""

    def __init__(self, folder, display, *options):
        self.folder = folder
        unwanted = ("SDL_VIDEODRIVER", "SDL_FRAMEBUFFER_ACCELERATION")
        kept = {name: value for name, value in os.environ.items() if name not in unwanted}
        self.environment = {
            **kept,
            "DISPLAY": display,
            "SDL_VIDEODRIVER": "x11",
            "SDL_RENDER_DRIVER": "software",
            "PYTHONPATH": str(ROOT),
            "XDG_CONFIG_HOME": str(folder / "config"),
        }
        command = [sys.executable, ROOT / "play.py", "--out", "laps", "--track", "3", *options]
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
        self.process = subprocess.Popen(command, cwd=folder, env=self.environment, **pipes)
        self.said = ""
        while "Driving." not in self.said:
            line = self.process.stdout.readline()
            assert line, f"it ended: {self.process.communicate()}"
            self.said += line

    def tell(self, *words):
        return subprocess.run(["xdotool", *words], env=self.environment, capture_output=True, check=False)

    def key(self, *names):
        for name in names:
            assert self.tell("key", name).returncode == 0

    def wait_for(self, condition, what, seconds=60):
        end = time.monotonic() + seconds
        while not condition():
            assert self.process.poll() is None, f"it ended: {self.process.communicate()}"
            assert time.monotonic() < end, f"there was not {what}"
            time.sleep(0.05)

    def recorded(self):
        """Steps that are on the disk."""
        try:
            return sum(len(lap) for lap in read_laps(self.folder / "laps")[0])
        except ValueError:
            return 0

    def end(self):
        try:
            out, err = self.process.communicate(timeout=60)
            return self.process.returncode, self.said + out, err
        finally:
            self.process.kill()


def test_keys_drive_record_rewind_mark_and_save_a_lap(tmp_path, display):
    player = Player(tmp_path, display, "--fps", "--no-auto-rewind")
    player.key("r")
    player.wait_for(lambda: player.recorded() >= 40, "two seconds of driving")
    player.tell("keydown", "Left")
    time.sleep(0.4)
    player.tell("keyup", "Left")
    player.tell("keydown", "d")
    time.sleep(0.4)
    player.tell("keyup", "d")
    player.wait_for(lambda: player.recorded() >= 140, "seven seconds of driving")
    player.key("BackSpace")
    (lap,), _ = read_laps(tmp_path / "laps")
    steps = len(lap)
    player.wait_for(lambda: player.recorded() >= steps + 40, "two seconds more")
    player.key("F12", "r")
    player.key("n", "r")
    player.wait_for(lambda: len([*(tmp_path / "laps").iterdir()]) == 2, "a second lap")
    player.wait_for(lambda: player.recorded() > steps + 80, "a second of it")
    player.key("Escape")
    code, said, faults = player.end()
    assert (code, faults) == (0, "")
    assert "python -m agents.train --data laps" in said
    assert "frames a second at 1280x720" in said
    laps, lost = read_laps(tmp_path / "laps")
    assert lost == []
    assert all(lap.complete for lap in laps)
    first, second = laps
    steering = first.columns["steering"]
    assert steering.min() < -0.1
    assert steering.max() > 0.1
    assert steering[0] == 0.0
    bad = np.flatnonzero(~first.good)
    assert len(bad) == 100
    assert bad.tolist() == list(range(bad[0], bad[0] + 100))
    np.testing.assert_array_equal(first.poses[bad[-1] + 1], first.poses[bad[0]])
    assert second.good.all()
    picture = cv2.imread(str(tmp_path / "drivesim-001.png"))
    assert picture.shape == (720, 1280, 3)
    assert len(np.unique(picture.reshape(-1, 3), axis=0)) > 500


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_a_closed_terminal_keeps_the_lap(tmp_path, display, number):
    player = Player(tmp_path, display)
    player.key("r")
    player.wait_for(lambda: player.recorded() >= 20, "a second of driving")
    player.process.send_signal(number)
    code, _, faults = player.end()
    assert code == 128 + number
    assert "Traceback" not in faults
    (lap,), lost = read_laps(tmp_path / "laps")
    assert lost == []
    assert lap.complete
    assert len(lap) >= 20


def test_kill_9_loses_at_most_a_second_and_the_next_start_says_what_it_recovered(tmp_path, display):
    player = Player(tmp_path, display)
    player.key("r")
    player.wait_for(lambda: player.recorded() >= 60, "three seconds of driving")
    player.process.kill()
    player.end()
    before = player.recorded()
    again = Player(tmp_path, display, "--seconds", "1")
    code, said, _ = again.end()
    assert code == 0
    assert "lap-000001.parquet: recovered" in said
    (lap,), lost = read_laps(tmp_path / "laps")
    assert lost == []
    assert len(lap) == before >= 60
