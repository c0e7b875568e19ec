"""The window of a moving picture, on a display that is not there."""

import importlib
import sys

import numpy as np
import pygame
import pytest

from drivesim.cockpit.viewer import Viewer
from drivesim.errors import DrivesimError

WIDTH, HEIGHT = 200, 120


@pytest.fixture
def viewer(monkeypatch):
    monkeypatch.setenv("SDL_VIDEODRIVER", "dummy")
    viewer = Viewer("a test", WIDTH, HEIGHT)
    pygame.event.clear()
    yield viewer
    viewer.close()


def make_frame(height=HEIGHT, width=WIDTH, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


def on_screen():
    return pygame.surfarray.array3d(pygame.display.get_surface()).swapaxes(0, 1)


def test_a_window_shows_a_frame_pixel_by_pixel(viewer):
    frame = make_frame()
    viewer.show(frame, 1000)
    np.testing.assert_array_equal(on_screen(), frame)
    assert pygame.display.get_caption()[0] == "a test"
    viewer.show(frame[:, ::-1], 1000)
    np.testing.assert_array_equal(on_screen(), frame[:, ::-1])


def test_frames_are_shown_no_faster_than_was_asked(viewer, monkeypatch):
    ticks = []
    monkeypatch.setattr(viewer, "_clock", type("Clock", (), {"tick": staticmethod(ticks.append)}))
    viewer.show(make_frame(), 25)
    assert ticks == [25]


def test_a_window_can_be_opened_again_after_it_was_closed(viewer):
    viewer.close()
    assert not pygame.display.get_init()
    again = Viewer("again", 40, 30)
    again.show(make_frame(30, 40), 1000)
    assert on_screen().shape == (30, 40, 3)


def test_no_display_is_refused_with_the_way_out(monkeypatch):
    monkeypatch.setenv("SDL_VIDEODRIVER", "nonexistent")
    with pytest.raises(DrivesimError, match=r"No window can be opened .*render_mode='rgb_array'"):
        Viewer("a test", WIDTH, HEIGHT)


def test_without_pygame_the_install_line_is_given(monkeypatch):
    monkeypatch.setitem(sys.modules, "pygame", None)
    monkeypatch.delitem(sys.modules, "drivesim.cockpit.viewer")
    with pytest.raises(DrivesimError, match=r"A window needs pygame\. Install it: pip install pygame-ce"):
        importlib.import_module("drivesim.cockpit.viewer")
