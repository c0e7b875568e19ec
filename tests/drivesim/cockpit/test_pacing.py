"""Frames at an even rate, on a clock of our own."""

import pytest

from drivesim.cockpit.pacing import Pacer


class Clock:
    def __init__(self):
        self.now = 0.0
        self.slept = []

    def __call__(self):
        return self.now

    def sleep(self, seconds):
        self.slept.append(seconds)
        self.now += seconds


def make_pacer(rate=50):
    clock = Clock()
    return Pacer(rate, clock, clock.sleep), clock


def test_frames_come_at_the_rate_however_long_they_take_to_draw():
    pacer, clock = make_pacer()
    ends = []
    for busy in (0.001, 0.019, 0.005, 0.012):
        clock.now += busy
        pacer.wait()
        ends.append(clock.now)
    assert ends == pytest.approx([0.02, 0.04, 0.06, 0.08])
    assert pacer.rate() == pytest.approx(50)
    assert pacer.busy == pytest.approx(0.0085)


def test_a_late_frame_is_not_made_up_for():
    pacer, clock = make_pacer()
    clock.now += 0.5
    pacer.wait()
    assert clock.slept == []
    clock.now += 0.001
    pacer.wait()
    assert clock.now == pytest.approx(0.52)


def test_the_slowest_hundredth_is_told_apart_from_the_mean():
    pacer, clock = make_pacer()
    for frame in range(200):
        clock.now += 0.1 if frame in (50, 60) else 0.001
        pacer.wait()
    assert pacer.low() == pytest.approx(10)
    assert pacer.rate() == pytest.approx(200 / (2 * 0.1 + 198 * 0.02), rel=0.01)
    assert pacer.rate(60) == pytest.approx(50)


def test_starting_again_forgets_the_frames_before():
    pacer, clock = make_pacer()
    clock.now += 3.0
    pacer.wait()
    pacer.start()
    assert (pacer.rate(), pacer.low(), pacer.busy) == (0.0, 0.0, 0.0)
    pacer.wait()
    assert pacer.rate() == pytest.approx(50)
