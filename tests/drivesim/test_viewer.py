"""The window, on a display that is not there: what it shows, and which keys it tells."""

import importlib
import sys

import numpy as np
import pygame
import pytest

from drivesim.errors import DrivesimError
from drivesim.viewer import Viewer

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


def press(key):
    pygame.event.post(pygame.event.Event(pygame.KEYDOWN, key=key))


def test_a_window_shows_a_frame_pixel_by_pixel(viewer):
    frame = make_frame()
    viewer.show(frame, 1000)
    np.testing.assert_array_equal(on_screen(), frame)
    assert pygame.display.get_caption()[0] == "a test"
    viewer.show(frame[:, ::-1], 1000)
    np.testing.assert_array_equal(on_screen(), frame[:, ::-1])


def test_an_inset_is_shown_at_twice_its_size_in_the_upper_right_corner(viewer):
    frame, inset = make_frame(), make_frame(20, 30, seed=1)
    viewer.show(frame, 1000, inset)
    expected = frame.copy()
    expected[10:50, WIDTH - 70 : WIDTH - 10] = inset.repeat(2, axis=0).repeat(2, axis=1)
    np.testing.assert_array_equal(on_screen(), expected)


def test_lines_of_text_stand_below_one_another_in_the_upper_left_corner(viewer):
    frame = np.full((HEIGHT, WIDTH, 3), 128, np.uint8)
    viewer.show(frame, 1000, lines=("12 km/h",))
    one = (on_screen() != 128).any(axis=2)
    viewer.show(frame, 1000, lines=("12 km/h", "12 km/h"))
    two = (on_screen() != 128).any(axis=2)
    rows, columns = np.flatnonzero(one.any(axis=1)), np.flatnonzero(one.any(axis=0))
    assert (rows[0], columns[0]) == (10, 10)
    assert rows[-1] < 40
    assert (on_screen()[one] == 255).any()
    assert np.flatnonzero(two.any(axis=1))[-1] == rows[-1] + len(rows)
    np.testing.assert_array_equal(two.any(axis=0), one.any(axis=0))


def test_frames_are_shown_no_faster_than_was_asked(viewer, monkeypatch):
    ticks = []
    monkeypatch.setattr(viewer, "_clock", type("Clock", (), {"tick": staticmethod(ticks.append)}))
    viewer.show(make_frame(), 25)
    assert ticks == [25]


def test_keys_are_told_once_by_their_names_in_their_order(viewer):
    for key in (pygame.K_r, pygame.K_n, pygame.K_ESCAPE):
        press(key)
    pygame.event.post(pygame.event.Event(pygame.KEYUP, key=pygame.K_x))
    assert viewer.pressed() == ["r", "n", "escape"]
    assert viewer.pressed() == []


def test_closing_the_window_is_told_as_quit(viewer):
    pygame.event.post(pygame.event.Event(pygame.QUIT))
    assert viewer.pressed() == ["quit"]


@pytest.mark.parametrize(
    ("keys", "steering", "pedal"),
    [
        ((), 0, 0),
        ((pygame.K_LEFT,), -1, 0),
        ((pygame.K_a,), -1, 0),
        ((pygame.K_RIGHT,), 1, 0),
        ((pygame.K_d,), 1, 0),
        ((pygame.K_a, pygame.K_LEFT), -1, 0),
        ((pygame.K_LEFT, pygame.K_RIGHT), 0, 0),
        ((pygame.K_UP,), 0, 1),
        ((pygame.K_w, pygame.K_d), 1, 1),
        ((pygame.K_DOWN,), 0, -1),
        ((pygame.K_s, pygame.K_UP), 0, 0),
        ((pygame.K_x,), 0, 0),
    ],
)
def test_held_arrows_and_letters_steer_and_work_the_pedal(viewer, monkeypatch, keys, steering, pedal):
    class Down:
        def __getitem__(self, key):
            return key in keys

    monkeypatch.setattr(pygame.key, "get_pressed", Down)
    assert viewer.held() == (steering, pedal)


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
    monkeypatch.delitem(sys.modules, "drivesim.viewer")
    with pytest.raises(DrivesimError, match=r"A window needs pygame\. Install it: pip install pygame-ce"):
        importlib.import_module("drivesim.viewer")
