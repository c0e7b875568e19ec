"""The line of least bending, and the speeds along it."""

from dataclasses import astuple

import numpy as np
import pytest

from agents.carracing.fastest_line import _lap_time, fastest_offsets
from agents.carracing.racing_line import Limits, offsets_of_least_bending, racing_line, speeds_along

LIMITS = Limits(lateral=100.0, forward=20.0, braking=50.0, top_speed=60.0, power=2000.0)


def stadium(radius=40.0, straight=200.0, step=3.5):
    """Return the middle of a road of two straights and two half circles, counter-clockwise, and its normals."""
    length = 2 * straight + 2 * np.pi * radius
    at = np.arange(0, length, length / round(length / step))
    headings, points = [], []
    for s in at:
        half, s = divmod(s, length / 2)
        angle = max(s - straight, 0.0) / radius
        x = min(s, straight) - straight / 2 + radius * np.sin(angle)
        y = -radius * np.cos(angle)
        sign = -1.0 if half else 1.0
        points.append([sign * x, sign * y])
        headings.append(angle + np.pi * half)
    headings = np.array(headings)
    return np.array(points), np.column_stack([np.sin(headings), -np.cos(headings)])


def test_the_line_stays_on_the_road_and_cuts_the_bends():
    center, normals = stadium()
    offsets = offsets_of_least_bending(center, normals, 6.0, 1e-4)
    assert np.abs(offsets).max() <= 6.0
    line = racing_line(center, normals, 6.0, 1e-4, LIMITS)
    middle = racing_line(center, normals, 1e-6, 1e-4, LIMITS)
    assert np.median(middle.curvature[middle.curvature > 0.01]) == pytest.approx(1 / 40, rel=0.05)
    times = [(each.spacing / each.speed).sum() for each in (line, middle)]
    assert times[0] < 0.98 * times[1]
    # Where a bend is tightest the line is inside, which is left of a road that turns left.
    inside = (center + offsets[:, None] * normals)[np.argmax(center[:, 0])]
    assert inside[0] < center[:, 0].max()


def test_the_speeds_keep_every_limit():
    center, normals = stadium()
    line = racing_line(center, normals, 6.0, 1e-4, LIMITS)
    speed, after = line.speed, np.roll(line.speed, -1)
    assert (speed <= 60.0).all()
    assert (speed**2 * np.abs(line.curvature) <= 100.0 + 1e-6).all()
    change = (after**2 - speed**2) / (2 * line.spacing)
    assert change.max() <= 20.0 + 1e-6
    assert change.min() >= -50.0 - 1e-6
    assert change.max() > 10.0
    assert change.min() < -25.0


def test_power_limits_acceleration_where_the_car_is_fast():
    straight = np.zeros(400)
    straight[:20] = 0.3
    strong, weak = (speeds_along(straight, 1.0, Limits(100.0, 20.0, 50.0, 200.0, power)) for power in (1e6, 200.0))
    assert strong[60:200].mean() > 1.2 * weak[60:200].mean()


def test_the_nearest_point_is_found_near_where_it_was_and_everywhere():
    center, normals = stadium()
    line = racing_line(center, normals, 6.0, 1e-4, LIMITS)
    for index in (0, 5, len(line.points) - 2):
        assert line.nearest(line.points[index] + 0.01) == index
        assert line.nearest(line.points[index] + 0.01, (index - 3) % len(line.points)) == index


def test_the_fastest_line_is_faster_than_that_of_least_bending():
    center, normals = stadium()
    start = offsets_of_least_bending(center, normals, 6.0, 1e-4)
    limits = astuple(LIMITS)
    fastest = fastest_offsets(center, normals, 6.0, limits, start)
    assert np.abs(fastest).max() <= 6.0
    assert _lap_time(fastest, center, normals, *limits) < _lap_time(start, center, normals, *limits)
