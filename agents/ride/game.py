"""Game: the loop between a window and what is driven in it.

What is driven goes on in control steps; the window shows what lies between the last two of them, sixty times a second.
Keys and axes are read right before each control step, so that they are in its action.
"""

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol

import numpy as np

from drivesim.cockpit.controls import Demand
from drivesim.cockpit.devices import Devices
from drivesim.cockpit.follow_camera import FollowCamera
from drivesim.cockpit.hud import Hud
from drivesim.cockpit.readings import Readings
from drivesim.cockpit.window import FRAME_RATE, Window
from drivesim.geometry import Floats
from drivesim.world import World

# After a longer standstill, such as a window being moved, the time is not made up for, seconds.
_LONGEST_FRAME = 0.25

_MESSAGE_SECONDS, _FADE_SECONDS = 4.0, 0.8
_SHOWN_MESSAGES = 4

# A frame that takes longer than this share of its time is drawn coarser.
_BUSY_SHARE = 0.95
_FIRST_FRAMES = 120


class Ride(Protocol):
    """What is driven, or played, in a window.

    Attributes:
        paused: Whether it stands.
        messages: To be shown; taken out by the window.
    """

    paused: bool
    messages: list[str]

    @property
    def dt(self) -> float:
        """Length of a control step, seconds."""

    @property
    def speed(self) -> float:
        """Of the car, m/s."""

    @property
    def steering(self) -> float:
        """Applied in the last step."""

    @property
    def pedal(self) -> float:
        """Applied in the last step."""

    @property
    def inset(self) -> np.ndarray | None:
        """(h, w, 3) uint8 RGB: what is shown in the corner."""

    def press(self, key: str) -> None:
        """Do what a key stands for."""

    def step(self, demand: Demand) -> None:
        """Go on by one control step."""

    def readings(self, share: float) -> Readings:
        """Return what the instruments show, at a share of the way between the last two steps."""

    def close(self) -> None:
        """End what is being recorded."""


class Ground(Protocol):
    """A ride on a road, which the window draws itself."""

    @property
    def world(self) -> World:
        """Where it is."""

    def pose(self, share: float) -> Floats:
        """Return x y heading, metres and radians, world, at a share of the way between the last two steps."""


class Game:
    """Shows a ride in a window until it is ended.

    Args:
        ride: What is driven.
        window: To show it in.
        devices: To steer with.
        hud: Over the picture.
        draw: Makes the picture (h, w, 3) of the ride, for the window's size, at a share of the way between two steps.
        camera: Of the views that may be changed, if there are several.
        shows_rate: Whether the frames a second are shown.
        clock: Seconds.
    """

    def __init__(
        self,
        ride: Ride,
        window: Window,
        devices: Devices,
        hud: Hud,
        draw: Callable[[tuple[int, int], float], np.ndarray],
        camera: FollowCamera | None = None,
        shows_rate: bool = False,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        self._ride, self._window, self._devices, self._hud, self._draw_ride = ride, window, devices, hud, draw
        self._camera, self._shows_rate, self._clock = camera, shows_rate, clock
        self._messages: list[tuple[str, float]] = []
        self._shows_help = False
        self._corner = ""
        self._frames = 0

    def run(self, seconds: float | None = None) -> None:
        """Go on until Escape, until the window is closed, or for so many seconds."""
        # The first picture takes longer: ground is painted, and code compiled.
        self._draw(0.0, self._clock())
        self._window.pacer.start()
        started = last = self._clock()
        behind = 0.0
        while self._answer_keys():
            now = self._clock()
            if seconds is not None and now - started >= seconds:
                return
            if not self._ride.paused:
                behind += min(now - last, _LONGEST_FRAME)
            last = now
            while behind >= self._ride.dt and not self._ride.paused:
                if not self._answer_keys():
                    return
                ride = self._ride
                ride.step(self._devices.read(ride.steering, ride.pedal, ride.speed, ride.dt))
                behind -= ride.dt
            self._draw(min(behind / self._ride.dt, 1.0), now)

    def _answer_keys(self) -> bool:
        """Do what was pressed since the last time; False where it was the end."""
        is_calibrating = self._devices.calibrating is not None
        for key in self._window.keys(self._devices.handle):
            if key == "quit" or (key == "escape" and not is_calibrating):
                return False
            if is_calibrating:
                continue
            if key == "p":
                self._ride.paused = not self._ride.paused
            elif key == "v" and self._camera is not None:
                self._ride.messages.append(f"View: {self._camera.next_view()}")
            elif key == "h":
                self._shows_help = not self._shows_help
            elif key == "c":
                self._devices.calibrate()
            elif key == "f11":
                self._window.toggle_full_screen()
            elif key == "f12":
                self._save_picture()
            else:
                self._ride.press(key)
        return True

    def _draw(self, share: float, now: float) -> None:
        window, ride = self._window, self._ride
        window.paint(self._draw_ride(window.size, share))
        self._hud.draw(
            window.screen, ride.readings(share), now, ride.inset, self._shown(now), self._corner, self._shows_help
        )
        window.flip()
        self._frames += 1
        pacer = window.pacer
        if self._shows_rate and self._frames % 30 == 0:
            self._corner = f"{pacer.rate(60):.0f} fps, {1000 * pacer.busy:.1f} ms a frame"
        is_checked = self._frames > _FIRST_FRAMES and self._frames % 30 == 0
        if is_checked and pacer.busy > _BUSY_SHARE / FRAME_RATE and self._camera is not None and self._camera.coarsen():
            self._frames = 0

    def _shown(self, now: float) -> Sequence[tuple[str, float]]:
        """The messages of the last seconds and their opacity, and what stays."""
        for source in (self._ride.messages, self._devices.messages):
            self._messages += [(words, now + _MESSAGE_SECONDS) for words in source]
            source.clear()
        self._messages = [(words, until) for words, until in self._messages[-_SHOWN_MESSAGES:] if until > now]
        lasting = [("Paused: P goes on", 1.0)] if self._ride.paused else []
        if self._devices.calibrating is not None:
            lasting.append((self._devices.calibrating.prompt, 1.0))
        return lasting + [(words, min((until - now) / _FADE_SECONDS, 1.0)) for words, until in self._messages]

    def _save_picture(self) -> None:
        """Write what is shown into the current folder, under a name of its own."""
        number = 1
        while (path := Path(f"drivesim-{number:03}.png")).exists():
            number += 1
        self._window.save(str(path))
        self._ride.messages.append(f"Saved {path}")


def draw_ground(ride: Ground, camera: FollowCamera) -> Callable[[tuple[int, int], float], np.ndarray]:
    """Return what draws a ride on a road through a camera that follows it."""

    def draw(size: tuple[int, int], share: float) -> np.ndarray:
        speed, others = getattr(ride, "speed", 0.0), getattr(ride, "others", None)
        return camera.draw(ride.world, ride.pose(share), size, speed, others)

    return draw
