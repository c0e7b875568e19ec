"""The instruments: that they show what they are told, where they are to be looked for."""

from dataclasses import replace

import numpy as np
import pygame
import pytest

from drivesim.cockpit.hud import HELP, Hud, clock
from drivesim.cockpit.paintbox import AMBER, GREEN, RED
from drivesim.cockpit.readings import Driven, Readings
from drivesim.world import WorldSource

SIZE = (1280, 720)
TRACK = WorldSource(track=3).draw(np.random.default_rng(0)).track
READINGS = Readings(
    steering=0.0,
    pedal=0.0,
    speed=10.0,
    lap=1,
    lap_time=12.3,
    lateral=0.0,
    recorded=0.0,
    track=TRACK,
    car=tuple(TRACK.pose(0.0)),
)
# Left, top, right, bottom as shares of the window.
TIMES, STATUS, INSET = (0, 0, 0.2, 0.3), (0.3, 0, 0.7, 0.1), (0.75, 0, 1, 0.4)
MAP, DASHBOARD = (0, 0.65, 0.2, 1), (0.35, 0.8, 0.65, 1)


@pytest.fixture
def show(monkeypatch):
    monkeypatch.setenv("SDL_VIDEODRIVER", "dummy")
    pygame.display.init()
    hud = Hud()

    def show(readings=READINGS, size=SIZE, now=0.0, **options):
        screen = pygame.Surface(size)
        screen.fill((90, 120, 90))
        hud.draw(screen, readings, now, **options)
        return pygame.surfarray.array3d(screen).swapaxes(0, 1).astype(int)

    yield show
    pygame.display.quit()


def changed(before, after):
    """Bounding box of the pixels that differ, as shares of the window; None where all are the same."""
    rows, columns = np.nonzero((before != after).any(axis=2))
    if not len(rows):
        return None
    height, width = before.shape[:2]
    return columns.min() / width, rows.min() / height, columns.max() / width, rows.max() / height


def within(box, outer):
    return box[0] >= outer[0] and box[1] >= outer[1] and box[2] <= outer[2] and box[3] <= outer[3]


def count(picture, color):
    return int((np.abs(picture - color).max(axis=2) < 12).sum())


@pytest.mark.parametrize(
    ("change", "where"),
    [
        ({"steering": 0.5}, DASHBOARD),
        ({"policy_steering": -0.5}, DASHBOARD),
        ({"pedal": 0.7}, DASHBOARD),
        ({"speed": 33.0}, DASHBOARD),
        ({"lateral": 1.5}, DASHBOARD),
        ({"lap": 2}, TIMES),
        ({"lap_time": 61.0}, TIMES),
        ({"best": 50.0}, TIMES),
        ({"last": 50.0}, TIMES),
        ({"car": tuple(TRACK.pose(200.0))}, MAP),
        ({"line": [Driven(*TRACK.position(s), "driven") for s in (0.0, 3.0, 6.0)]}, MAP),
        ({"recording": True}, STATUS),
        ({"driver": "Policy drives"}, STATUS),
        ({"recorded": 12.3}, STATUS),
    ],
)
def test_each_reading_is_shown_in_its_place(show, change, where):
    box = changed(show(), show(replace(READINGS, **change)))
    assert box is not None
    assert within(box, where)


def test_the_rec_light_blinks_once_a_second_while_it_is_recorded(show):
    recording = replace(READINGS, recording=True)
    lit = [count(show(recording, now=now), RED) for now in (0.1, 0.4, 0.6, 0.9, 1.1)]
    assert [number > 100 for number in lit] == [True, True, False, False, True]
    assert count(show(now=0.1), RED) == 0


def test_throttle_is_green_and_brake_red(show):
    assert count(show(replace(READINGS, pedal=1.0)), GREEN) > 300 + count(show(), GREEN)
    assert count(show(replace(READINGS, pedal=-1.0)), RED) > 300


def test_the_mark_moves_to_the_side_that_the_car_is_on(show):
    places = []
    for lateral in (2.0, 0.0, -2.0):
        picture = show(replace(READINGS, lateral=lateral))[640:]
        # Green in the middle of the road, amber or red near its edges.
        near = np.abs(picture[..., None, :] - np.array([GREEN, AMBER, RED])).max(axis=3).min(axis=2) < 12
        places.append(np.nonzero(near[:, 480:730])[1].mean())
    assert places[0] < places[1] - 30 < places[2] - 60


def test_the_inset_shows_the_frame_pixel_by_pixel(show):
    frame = np.random.default_rng(0).integers(0, 256, (6, 8, 3), dtype=np.uint8)
    picture = show(inset=frame)
    assert within(changed(show(), picture), INSET)
    for color in frame.reshape(-1, 3):
        assert (picture == color).all(axis=2).sum() >= 900


def test_what_was_taken_back_is_red_on_the_map_and_no_line_is_drawn_across_a_jump(show):
    line = [Driven(*TRACK.position(s), "bad" if s > 90 else "recorded") for s in np.arange(0.0, 180.0, 3.0)]
    picture = show(replace(READINGS, line=line))
    assert count(picture, RED) > 40
    assert count(picture, GREEN) > 40
    far = [Driven(*TRACK.position(s), "bad") for s in (0.0, TRACK.length / 2)]
    assert count(show(replace(READINGS, line=far)), RED) == 0


def test_messages_fade(show):
    plain, faint, full = show(), show(messages=[("Back 5 s", 0.3)]), show(messages=[("Back 5 s", 1.0)])
    assert 0 < np.abs(faint - plain).sum() < 0.6 * np.abs(full - plain).sum()
    np.testing.assert_array_equal(show(), plain)


def test_the_help_lists_every_key(show):
    box = changed(show(), show(shows_help=True))
    assert box[2] - box[0] > 0.3
    assert {"R", "Backspace", "N", "P", "V", "H", "L", "C", "Escape"} <= {key for key, _ in HELP}


@pytest.mark.parametrize("size", [(320, 180), (640, 480), (500, 900), (2560, 1440)])
def test_instruments_grow_with_the_window_and_stay_inside(show, size):
    frame = np.zeros((66, 200, 3), np.uint8)
    readings = replace(READINGS, recording=True, recorded=100.0, driver="Policy drives", best=50.0, last=51.0)
    messages = [("A rather long message that does not fit into a small window " * 3, 1.0)]
    picture = show(readings, size, inset=frame, messages=messages, shows_help=True)
    assert picture.shape == (size[1], size[0], 3)


def test_readings_that_are_unknown_are_not_shown(show):
    np.testing.assert_array_equal(show(Readings())[:600], np.broadcast_to([90, 120, 90], (600, 1280, 3)))


def test_time_is_told_in_minutes():
    assert [clock(seconds) for seconds in (0, 9.96, 61.05, 600)] == ["0:00.0", "0:09.9", "1:01.0", "10:00.0"]
