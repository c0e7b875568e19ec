"""The window, on a display that is not there."""

import numpy as np
import pygame
import pytest

from drivesim.cockpit.window import Window


@pytest.fixture
def window(monkeypatch):
    monkeypatch.setenv("SDL_VIDEODRIVER", "dummy")
    window = Window("a test", 320, 180)
    pygame.event.clear()
    yield window
    window.close()


def post(kind, **values):
    pygame.event.post(pygame.event.Event(kind, **values))


def on_screen():
    return pygame.surfarray.array3d(pygame.display.get_surface()).swapaxes(0, 1)


def test_keys_are_told_once_by_their_names_in_their_order(window):
    for key in (pygame.K_r, pygame.K_BACKSPACE, pygame.K_F11):
        post(pygame.KEYDOWN, key=key)
    post(pygame.KEYUP, key=pygame.K_x)
    post(pygame.QUIT)
    assert window.keys(lambda event: None) == ["r", "backspace", "f11", "quit"]
    assert window.keys(lambda event: None) == []


def test_a_button_stands_for_the_key_that_is_named_for_it(window):
    post(pygame.CONTROLLERBUTTONDOWN, button=1, instance_id=0)
    post(pygame.KEYDOWN, key=pygame.K_v)
    named = window.keys(lambda event: "n" if event.type == pygame.CONTROLLERBUTTONDOWN else None)
    assert named == ["n", "v"]


def test_a_frame_fills_the_window_pixel_by_pixel_or_fitted(window):
    frame = np.random.default_rng(0).integers(0, 256, (180, 320, 3), dtype=np.uint8)
    window.paint(frame)
    np.testing.assert_array_equal(on_screen(), frame)
    window.paint(np.full((90, 90, 3), 200, np.uint8))
    assert (on_screen()[:, 75:245] == 200).all()
    assert (on_screen()[:, :65] < 30).all()


def test_full_screen_goes_there_and_back_to_the_window_s_size(window):
    window.toggle_full_screen()
    assert pygame.display.is_fullscreen()
    window.toggle_full_screen()
    assert not pygame.display.is_fullscreen()
    assert window.size == (320, 180)


def test_a_resized_window_is_drawn_at_its_new_size_and_not_smaller_than_the_instruments_need(window):
    pygame.display.set_mode((400, 300), pygame.RESIZABLE)
    assert window.size == (400, 300)
    post(pygame.VIDEORESIZE, w=100, h=300, size=(100, 300))
    window.keys(lambda event: None)
    assert window.size == (320, 300)


def test_what_is_shown_can_be_saved(window, tmp_path):
    window.paint(np.full((180, 320, 3), (10, 20, 200), np.uint8))
    window.save(str(tmp_path / "shot.png"))
    assert pygame.image.load(tmp_path / "shot.png").get_at((5, 5))[:3] == (10, 20, 200)
