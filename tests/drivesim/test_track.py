"""The geometry of a road, on a circle where all is known and on generated roads."""

import numpy as np
import pytest

from drivesim.geometry import wrap_angle
from drivesim.track import INNER_EDGE_LIMIT, MAX_SPACING, Track
from drivesim.track_generation import generate_track

RADIUS = 60.0


def circle(radius: float = RADIUS, left: float = 3.0, right: float = 5.0, clockwise: bool = False) -> Track:
    """Return a circular road around the origin that starts at (radius, 0)."""
    angle = np.linspace(0, -2 * np.pi if clockwise else 2 * np.pi, 120, endpoint=False)
    points = [radius * np.cos(angle), radius * np.sin(angle), np.full(120, left), np.full(120, right)]
    return Track.from_points(np.column_stack(points), "circle")


def arc_difference(a, b, length):
    """Return a - b along a closed road, in [-length / 2, length / 2)."""
    return (np.asarray(a) - b + length / 2) % length - length / 2


@pytest.fixture(scope="module", params=["easy", "medium", "hard"])
def track(request) -> Track:
    return generate_track(7, request.param)


@pytest.fixture(scope="module")
def beside(track) -> tuple[np.ndarray, np.ndarray]:
    """Arc lengths and lateral offsets all over the road, from edge to edge."""
    rng = np.random.default_rng(0)
    s = rng.uniform(0, track.length, 3000)
    left, right = track.width_at(s)
    return s, rng.uniform(-right, left)


def test_a_circle_is_as_long_as_its_circumference():
    assert circle().length == pytest.approx(2 * np.pi * RADIUS, rel=1e-6)


@pytest.mark.parametrize(("clockwise", "sign"), [(False, 1.0), (True, -1.0)])
def test_a_circle_bends_by_its_radius_and_to_the_left_if_counter_clockwise(clockwise, sign):
    track = circle(clockwise=clockwise)
    np.testing.assert_allclose(track.curvature, sign / RADIUS, rtol=1e-3)
    np.testing.assert_allclose(track.curvature_at([0.0, 1.23, -4.5, 1000.0]), sign / RADIUS, rtol=1e-3)


def test_a_circle_is_driven_along_its_tangent():
    s = np.linspace(-100, 700, 333)
    angle = s / RADIUS
    track = circle()
    np.testing.assert_allclose(wrap_angle(track.heading_at(s) - angle - np.pi / 2), 0.0, atol=1e-4)
    np.testing.assert_allclose(track.position(s), RADIUS * np.column_stack([np.cos(angle), np.sin(angle)]), atol=1e-3)


def test_the_edges_of_a_circle_are_circles():
    left, right = circle(left=3.0, right=5.0).edges()
    np.testing.assert_allclose(np.hypot(*left.T), RADIUS - 3.0, atol=1e-4)
    np.testing.assert_allclose(np.hypot(*right.T), RADIUS + 5.0, atol=1e-4)


@pytest.mark.parametrize("clockwise", [False, True])
def test_the_inner_edge_of_a_tight_bend_stops_short_of_its_centre(clockwise):
    track = circle(radius=5.0, left=8.0, right=8.0, clockwise=clockwise)
    left, right = track.edges()
    inner, outer = (right, left) if clockwise else (left, right)
    np.testing.assert_allclose(np.hypot(*inner.T), (1 - INNER_EDGE_LIMIT) * 5.0, atol=1e-2)
    np.testing.assert_allclose(np.hypot(*outer.T), 13.0, atol=1e-2)


def test_left_of_a_counter_clockwise_circle_is_inside():
    track = circle()
    assert np.hypot(*track.position(10.0, 2.0)) == pytest.approx(RADIUS - 2, abs=1e-4)
    s, lateral = track.local_coordinates([0.0, RADIUS + 4])
    assert s == pytest.approx(RADIUS * np.pi / 2, abs=1e-3)
    assert lateral == pytest.approx(-4.0, abs=1e-4)


def test_widths_change_evenly_from_point_to_point():
    points = circle().points.copy()
    points[10, 2:], points[11, 2:] = (2.0, 4.0), (4.0, 8.0)
    track = Track.from_points(points, "bulge")
    left, right = track.width_at(track.length / 120 * np.array([10.25, 10.5, 10.75]))
    np.testing.assert_allclose(left, [2.5, 3.0, 3.5], atol=1e-2)
    np.testing.assert_allclose(right, [5.0, 6.0, 7.0], atol=1e-2)


def test_samples_lie_at_equal_distances_and_close_the_road(track):
    step = np.hypot(*(np.roll(track.centerline, -1, axis=0) - track.centerline).T)
    assert track.spacing <= MAX_SPACING
    np.testing.assert_allclose(step, track.spacing, rtol=2e-3)
    assert track.length == pytest.approx(step.sum(), rel=1e-4)


def test_a_narrow_road_is_sampled_more_finely():
    track = circle(radius=3.0, left=0.4, right=0.4)
    assert track.spacing <= 0.1
    assert track.length == pytest.approx(6 * np.pi, rel=1e-6)


def test_the_centerline_passes_through_the_points_it_is_built_from(track):
    s, lateral = track.local_coordinates(track.points[:, :2])
    np.testing.assert_allclose(lateral, 0.0, atol=1e-3)
    np.testing.assert_allclose(arc_difference(s[0], 0.0, track.length), 0.0, atol=1e-9)
    assert np.all(np.diff(s[1:]) > 0)


def test_the_heading_is_the_direction_of_the_centerline(track):
    ahead = track.position(track.spacing * np.arange(len(track.heading)) + 0.01) - track.centerline
    np.testing.assert_allclose(wrap_angle(np.arctan2(*ahead.T[::-1]) - track.heading), 0.0, atol=1e-3)


def test_the_curvature_is_the_change_of_heading(track):
    turn = wrap_angle(np.roll(track.heading, -1) - track.heading)
    mean = (track.curvature + np.roll(track.curvature, -1)) / 2
    np.testing.assert_allclose(turn / track.spacing, mean, atol=1e-3)


def test_the_curvature_is_the_change_of_heading_however_few_the_points():
    # Between points this far apart the spline's parameter runs up to 5% faster than its arc length.
    track = Track.from_points(circle().points[::20], "hexagon")
    step = np.hypot(*(np.roll(track.centerline, -1, axis=0) - track.centerline).T)
    turn = wrap_angle(np.roll(track.heading, -1) - track.heading)
    mean = (track.curvature + np.roll(track.curvature, -1)) / 2
    np.testing.assert_allclose(turn / step, mean, rtol=5e-3)


def test_a_point_beside_the_road_comes_back_from_local_coordinates(track, beside):
    s, lateral = beside
    s_back, lateral_back = track.local_coordinates(track.position(s, lateral))
    # Where two samples are equally near, the arcs from either differ by micrometres.
    np.testing.assert_allclose(arc_difference(s_back, s, track.length), 0.0, atol=2e-5)
    np.testing.assert_allclose(lateral_back, lateral, atol=2e-5)


def test_arc_length_comes_back_within_one_lap(track, beside):
    s, lateral = beside
    s_back, _ = track.local_coordinates(track.position(s + 3 * track.length, lateral))
    assert s_back.min() >= 0
    assert s_back.max() < track.length
    np.testing.assert_allclose(arc_difference(s_back, s, track.length), 0.0, atol=1e-6)
    before_the_line, _ = track.local_coordinates(track.position(-0.1))
    assert before_the_line == pytest.approx(track.length - 0.1, abs=1e-6)


def test_widths_change_evenly_across_the_start_line():
    points = circle().points.copy()
    points[-1, 2] = 6.0
    track = Track.from_points(points, "bulge")
    left, _ = track.width_at(track.length - track.spacing * np.array([0.99, 0.5, 0.01]))
    slope = 3.0 / (track.length / 120)
    np.testing.assert_allclose(left, 3.0 + slope * track.spacing * np.array([0.99, 0.5, 0.01]), rtol=1e-3)


@pytest.mark.parametrize("laps", [-2, 1])
def test_every_query_repeats_after_a_lap(track, beside, laps):
    s, lateral = beside
    later = s + laps * track.length
    np.testing.assert_allclose(track.position(later, lateral), track.position(s, lateral), atol=1e-6)
    np.testing.assert_allclose(wrap_angle(track.heading_at(later) - track.heading_at(s)), 0.0, atol=1e-6)
    np.testing.assert_allclose(track.curvature_at(later), track.curvature_at(s), atol=1e-6)
    np.testing.assert_allclose(track.width_at(later), track.width_at(s), atol=1e-6)


def test_queries_at_the_samples_return_the_samples(track):
    s = track.spacing * np.arange(len(track.centerline))
    np.testing.assert_allclose(track.position(s), track.centerline, atol=1e-9)
    np.testing.assert_allclose(wrap_angle(track.heading_at(s) - track.heading), 0.0, atol=1e-9)
    np.testing.assert_allclose(track.curvature_at(s), track.curvature, atol=1e-9)
    np.testing.assert_allclose(track.width_at(s), [track.width_left, track.width_right], atol=1e-9)


def test_queries_keep_the_shape_of_the_batch(track):
    s = np.linspace(0, 90, 6).reshape(2, 3)
    assert track.position(s).shape == (2, 3, 2)
    assert track.position(s, 1.0).shape == (2, 3, 2)
    assert track.position(5.0, [0.0, 1.0]).shape == (2, 2)
    assert track.heading_at(s).shape == track.curvature_at(s).shape == track.width_at(s)[0].shape == (2, 3)
    assert [part.shape for part in track.local_coordinates(track.position(s))] == [(2, 3), (2, 3)]


def test_a_pose_stands_beside_the_line_and_turned_from_it(track):
    x, y, heading = track.pose(33.0, lateral=1.5, heading_error=0.3)
    s, lateral = track.local_coordinates([x, y])
    assert s == pytest.approx(33.0)
    assert lateral == pytest.approx(1.5)
    assert wrap_angle(heading - track.heading_at(33.0)) == pytest.approx(0.3)


def test_the_edges_lie_at_the_widths_on_either_side(track):
    left, right = track.edges()
    s = track.spacing * np.arange(len(track.centerline))
    np.testing.assert_allclose(left, track.position(s, track.width_left), atol=1e-9)
    np.testing.assert_allclose(right, track.position(s, -track.width_right), atol=1e-9)


def test_a_reversed_road_is_the_same_road_driven_the_other_way():
    points = generate_track(3, "hard").points.copy()
    points[:, 2] *= 1.5
    track = Track.from_points(points, "lopsided")
    back = track.reversed()
    assert back.name == "lopsided-reversed"
    assert back.length == pytest.approx(track.length, rel=1e-9)
    s = np.linspace(0, track.length, 500)
    np.testing.assert_allclose(back.position(-s, -1.0), track.position(s, 1.0), atol=1e-4)
    np.testing.assert_allclose(wrap_angle(back.heading_at(-s) - track.heading_at(s) - np.pi), 0.0, atol=1e-4)
    np.testing.assert_allclose(back.curvature_at(-s), -track.curvature_at(s), atol=1e-4)
    np.testing.assert_allclose(back.width_at(-s), track.width_at(s)[::-1], atol=1e-3)


def test_a_road_reversed_twice_is_the_road_to_the_last_bit(track):
    twice = track.reversed().reversed()
    for field in ("points", "centerline", "heading", "curvature", "width_left", "width_right"):
        assert getattr(twice, field).tobytes() == getattr(track, field).tobytes(), field


def test_the_same_points_give_the_same_road_whatever_their_memory_layout(track):
    again = Track.from_points(np.asfortranarray(track.points), "again")
    assert again.centerline.tobytes() == track.centerline.tobytes()
    assert again.points.flags.c_contiguous
