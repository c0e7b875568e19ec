"""Views: which steps are learned from, and that their labels lead back to the driven path."""

import numpy as np
import pytest

from datasets.schema import MARK_BAD, MARK_CORRECTION, MARK_POLICY
from datasets.views import NARROWEST, Spread, line_of
from drivesim.geometry import to_ego, wrap_angle
from drivesim.namespaces import NUMPY
from drivesim.vehicle import VehicleState, step_vehicle
from tests.datasets.laps import CAR, HZ, circle_lap

AHEAD = 16  # steps of the circle that a lookahead of 0.8 s takes
GIVEN = Spread(lateral=1.0, heading=1.0, limit=np.inf)


class Draws:
    """Stands for a Generator whose normal draws are given: metres to the left, radians to the left."""

    def __init__(self, lateral, turn):
        self.values = np.array(np.broadcast_arrays(lateral, turn), float).reshape(2, -1)

    def standard_normal(self, shape):
        return np.broadcast_to(self.values, shape)


def line_from(lap, lookahead=0.8):
    return line_of(lap, lookahead)


def kept(lap, lookahead=0.8):
    """The steps of a lap that are learned from."""
    poses = line_from(lap, lookahead).poses
    return np.flatnonzero((lap.poses[:, None] == poses[None]).all(axis=2).any(axis=1)).tolist()


def test_the_label_of_a_view_on_the_line_is_the_drivers_own():
    rng = np.random.default_rng(0)
    lap = circle_lap(steering_label=rng.uniform(-1, 1, 200).astype(np.float32))
    line, steps = line_from(lap), np.arange(100)
    poses, labels = line.view(steps, Spread(lateral=0.0, heading=0.0), rng)
    np.testing.assert_allclose(labels, lap.columns["steering_label"][:100], atol=1e-12)
    np.testing.assert_array_equal(poses[:, :2], lap.poses[:100, :2])
    np.testing.assert_allclose(poses[:, 2], wrap_angle(lap.poses[:100, 2]), atol=1e-12)


@pytest.mark.parametrize("mirrored", [False, True])
def test_a_view_to_the_left_or_turned_left_is_steered_to_the_right_and_the_more_the_farther(mirrored):
    line = line_from(circle_lap())
    line = line.mirrored() if mirrored else line
    step = np.zeros(5, int)
    amounts = np.array([-1.0, -0.5, 0.0, 0.5, 1.0])
    for draws in (Draws(amounts, 0.0), Draws(0.0, 0.2 * amounts)):
        _, labels = line.view(step, GIVEN, draws)
        assert (np.diff(labels) > 0.01).all()
        assert labels[2] == line.steering[0]


def test_a_view_stands_where_its_shift_says():
    lap = circle_lap()
    poses, _ = line_from(lap).view(np.array([10, 20]), GIVEN, Draws([1.5, -0.5], [0.1, -0.2]))
    np.testing.assert_allclose(to_ego(poses[:, :2], lap.poses[[10, 20]]), [[0, 1.5], [0, -0.5]], atol=1e-12)
    np.testing.assert_allclose(wrap_angle(poses[:, 2] - lap.poses[[10, 20], 2]), [0.1, -0.2], atol=1e-12)


@pytest.mark.parametrize("mirrored", [False, True])
def test_a_car_that_follows_the_labels_from_beside_the_line_comes_back_to_the_driven_path(mirrored):
    # The driver cut the corner by a metre: it is the driven path that they come back to, not the road's middle.
    line = line_from(circle_lap(300, radius=39.0, road_radius=40.0))
    line = line.mirrored() if mirrored else line
    beside = Draws([0.0, 2.0, -2.0, 0.0, 0.0, 1.5, -1.5], [0.0, 0.0, 0.0, 0.25, -0.25, 0.25, -0.25])
    poses, _ = line.view(np.full(7, 5), GIVEN, beside)
    bend = wrap_angle(line.poses[1, 2] - line.poses[0, 2]) / np.hypot(*(line.poses[1] - line.poses[0])[:2])
    zero = np.zeros(7)
    state = VehicleState(*poses.T, zero + 10.0, zero, zero, zero)
    worst = zero
    for control_step in range(10 * HZ):
        poses = np.column_stack([state.x, state.y, state.heading])
        nearest = np.hypot(*(poses[:, None, :2] - line.poses[None, :, :2]).T).argmin(axis=0)
        ahead, left = to_ego(poses[:, :2], line.poses[nearest]).T
        turn = wrap_angle(poses[:, 2] - line.poses[nearest, 2] - bend * ahead)
        _, steering = line.view(nearest, GIVEN, Draws(left, turn))
        for _ in range(5):
            state = step_vehicle(state, steering, (10 / CAR.max_speed) ** 2, CAR, 0.01, NUMPY)
        if control_step >= 5 * HZ:
            worst = np.maximum(worst, np.abs(np.hypot(state.x, state.y) - 39.0))
    assert nearest.min() > 150
    assert worst.max() < 0.02, worst


def test_from_beside_a_straight_line_a_label_leads_the_rear_axle_through_the_target():
    along, zero = 0.5 * np.arange(200), np.zeros(200)
    straight = dict(x=along * np.cos(0.7), y=along * np.sin(0.7), heading=zero + 0.7, steering_label=zero)
    line = line_from(circle_lap(**straight))
    poses, steering = line.view(np.full(3, 20), GIVEN, Draws([1.0, -1.5, 0.5], [0.1, 0.0, -0.2]))
    zero = np.zeros(3)
    state = VehicleState(*poses.T, zero + 10.0, zero, zero, -steering * CAR.max_steering_angle)
    nearest = zero + np.inf
    for _ in range(1200):
        state = step_vehicle(state, steering, (10 / CAR.max_speed) ** 2, CAR, 0.001, NUMPY)
        rear_x = state.x - CAR.cg_to_rear * np.cos(state.heading)
        rear_y = state.y - CAR.cg_to_rear * np.sin(state.heading)
        nearest = np.minimum(nearest, np.hypot(rear_x - line.targets[20, 0], rear_y - line.targets[20, 1]))
    assert nearest.max() < 0.01, nearest


def test_shifts_have_the_spread_asked_for_and_are_cut_at_its_limit():
    lap, spread = circle_lap(), Spread(lateral=0.5, heading=0.1, limit=2.0)
    steps = np.resize(np.arange(150), 6000)
    poses, labels = line_from(lap).view(steps, spread, np.random.default_rng(0))
    ahead, left = to_ego(poses[:, :2], lap.poses[steps]).T
    turn = wrap_angle(poses[:, 2] - lap.poses[steps, 2])
    np.testing.assert_allclose(ahead, 0.0, atol=1e-9)
    for amount, deviation in ((left, 0.5), (turn, 0.1)):
        assert np.abs(amount).max() == pytest.approx(2 * deviation)
        assert amount.std() == pytest.approx(deviation, rel=0.1)
        assert abs(amount.mean()) < 0.05 * deviation
    assert abs(np.corrcoef(left, turn)[0, 1]) < 0.05
    assert np.abs(poses[:, 2]).max() <= np.pi and np.abs(labels).max() <= 1.0


def test_far_beside_the_line_the_steering_is_full_and_no_more():
    for own in (0.9, -0.9):
        line = line_from(circle_lap(steering_label=np.full(200, own)))
        _, labels = line.view(np.zeros(2, int), GIVEN, Draws(np.sign(own) * np.array([0.0, 2.0]), 0.0))
        np.testing.assert_allclose(labels, [own, np.sign(own)])


def test_views_are_the_same_for_the_same_seed_and_leave_the_line_as_it_was():
    line, steps = line_from(circle_lap()), np.arange(50)
    before = line.poses.copy()
    first, second, other = (line.view(steps, Spread(), np.random.default_rng(seed)) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first[0], second[0])
    np.testing.assert_array_equal(first[1], second[1])
    assert not np.array_equal(first[0], other[0])
    np.testing.assert_array_equal(line.poses, before)


def test_the_targets_lie_a_lookahead_ahead_on_the_driven_path():
    lap = circle_lap()
    for lookahead in (0.8, 1.5):
        line = line_from(lap, lookahead)
        later = to_ego(line.targets, np.zeros(3))
        np.testing.assert_allclose(np.hypot(*later.T), 39.0, atol=0.01)
        angle = wrap_angle(np.arctan2(*later.T[::-1]) - np.arctan2(line.poses[:, 1], line.poses[:, 0]))
        np.testing.assert_allclose(39.0 * angle, 10 * lookahead, atol=0.01)


def test_a_waiting_car_looks_ahead_to_where_it_will_drive():
    lap = circle_lap()
    waits = {name: lap.columns[name].copy() for name in ("x", "y", "heading", "speed")}
    for name, values in waits.items():
        values[:40] = 0.0 if name == "speed" else values[40]
    line = line_from(circle_lap(**waits))
    np.testing.assert_allclose(np.hypot(*(line.targets - line.poses[:, :2])[:40].T), 2 * CAR.wheelbase, atol=0.05)
    _, labels = line.view(np.arange(40), GIVEN, Draws(0.5, 0.0))
    assert np.isfinite(labels).all() and (labels > line.steering[0]).all()


def test_the_last_lookahead_is_left_out():
    assert kept(circle_lap(200)) == list(range(200 - AHEAD))
    assert kept(circle_lap(200), lookahead=1.6) == list(range(200 - 2 * AHEAD))
    for steps in (1, 2, AHEAD):
        assert len(line_from(circle_lap(steps))) == 0


def test_bad_steps_are_left_out_and_so_are_those_whose_way_ahead_is_bad():
    mark = np.full(200, MARK_CORRECTION, np.uint8)
    mark[100:110] |= MARK_BAD
    assert kept(circle_lap(mark=mark)) == [*range(100 - AHEAD), *range(110, 200 - AHEAD)]
    mark = np.where(np.arange(200) < 100, MARK_POLICY, MARK_CORRECTION)
    assert kept(circle_lap(mark=mark)) == [*range(100, 200 - AHEAD)]
    assert len(line_from(circle_lap(mark=np.full(200, MARK_BAD)))) == 0


def test_steps_before_a_jump_are_left_out():
    longer = circle_lap(300)
    cut = {
        name: np.concatenate([longer.columns[name][:100], longer.columns[name][200:]])
        for name in ("x", "y", "heading", "s")
    }
    lap = circle_lap(200, **cut)
    assert kept(lap) == [*range(100 - AHEAD), *range(100, 200 - AHEAD)]
    line = line_from(lap)
    assert np.hypot(*(line.targets - line.poses[:, :2]).T).max() < 8.1


def test_where_the_label_is_unknown_the_applied_action_stands_for_it():
    applied = np.linspace(-0.5, 0.5, 200).astype(np.float32)
    wanted = np.where(np.arange(200) % 3 == 0, np.nan, -applied).astype(np.float32)
    lap = circle_lap(steering=applied, steering_label=wanted)
    assert kept(lap) == list(range(200 - AHEAD))
    np.testing.assert_array_equal(line_from(lap).steering, np.where(np.isnan(wanted), applied, wanted)[: 200 - AHEAD])


def test_the_mirrored_line_of_the_mirrored_line_is_the_line():
    line = line_from(circle_lap())
    twice = line.mirrored().mirrored()
    np.testing.assert_array_equal(twice.track.points, line.track.points)
    for name in ("poses", "steering", "targets"):
        np.testing.assert_array_equal(getattr(twice, name), getattr(line, name))


def test_mirrored_views_are_the_views_mirrored_and_their_labels_negated():
    rng = np.random.default_rng(0)
    line, steps = line_from(circle_lap()), np.arange(150)
    lateral, turn = 0.7 * rng.standard_normal(150), 0.1 * rng.standard_normal(150)
    poses, labels = line.view(steps, GIVEN, Draws(lateral, turn))
    mirrored, mirrored_labels = line.mirrored().view(steps, GIVEN, Draws(-lateral, -turn))
    np.testing.assert_allclose(mirrored, poses * [1, -1, -1], atol=1e-9)
    np.testing.assert_allclose(mirrored_labels, -labels, atol=1e-9)
    assert np.abs(labels).max() < 1.0


def test_the_mirrored_road_is_as_wide_on_the_other_side():
    line = line_from(circle_lap(info={"track_points": circle_lap().track.points * [1, 1, 1.5, 1]}))
    xy = line.poses[:, :2]
    s, lateral = line.track.local_coordinates(xy)
    mirrored_s, mirrored_lateral = line.mirrored().track.local_coordinates(xy * [1, -1])
    np.testing.assert_allclose(mirrored_s, s, atol=1e-6)
    np.testing.assert_allclose(mirrored_lateral, -lateral, atol=1e-6)
    assert line.track.width_at(0.0) == (6.0, 4.0)
    assert line.mirrored().track.width_at(0.0) == (4.0, 6.0)


@pytest.mark.parametrize(("scale", "width"), [(0.7, 1.0), (1.5, 1.4)])
def test_a_resized_line_is_driven_with_the_steering_of_its_own_curvature(scale, width):
    line, resized = line_of(circle_lap(), 0.8), line_of(circle_lap(), 0.8, scale, width)
    assert resized.track.length == pytest.approx(scale * line.track.length, rel=1e-6)
    np.testing.assert_allclose(resized.track.width_left.mean(), scale * width * line.track.width_left.mean(), rtol=1e-6)
    limit = line.vehicle.max_steering_angle
    driven, wanted = np.tan(line.steering[:100] * limit), np.tan(resized.steering[:100] * limit)
    np.testing.assert_allclose(wanted, driven / scale, rtol=1e-9)


def test_the_way_back_to_a_resized_line_is_as_far_ahead_as_ever():
    line, resized = line_of(circle_lap(), 0.8), line_of(circle_lap(), 0.8, 1.5)
    ahead = [np.hypot(*(each.targets - each.poses[:, :2]).T).mean() for each in (line, resized)]
    # As chords of arcs of different radii they differ a little.
    assert ahead[1] == pytest.approx(ahead[0], rel=0.02)


def test_a_resized_road_stays_wide_enough_for_the_car():
    resized = line_of(circle_lap(), 0.8, 0.5, 0.3)
    narrowest = (resized.track.width_left + resized.track.width_right).min()
    assert narrowest == pytest.approx(NARROWEST * resized.vehicle.width, rel=1e-6)


# The past of a view

STRAIGHT_ON = Spread(lateral=0.0, heading=0.0, bend=0.0)


def past_of(lap, steps, spread=STRAIGHT_ON, *, past=3, stride=2, seed=0, **size):
    """Views of some steps, and where a car would have come from to be there."""
    line, rng, steps = line_of(lap, 0.8, past=past, stride=stride, **size), np.random.default_rng(seed), np.array(steps)
    views, _ = line.view(steps, spread, rng)
    return views, line.came_from(steps, views, spread, rng)


def test_the_past_of_a_view_on_the_line_is_what_was_driven_and_a_laps_start_stands_for_what_was_before():
    lap = circle_lap()
    _, past = past_of(lap, [50, 3, 0])
    for poses, at in zip(past, ([48, 46, 44], [1, 0, 0], [0, 0, 0]), strict=True):
        np.testing.assert_allclose(poses[:, :2], lap.poses[at, :2], atol=1e-9)
        np.testing.assert_allclose(wrap_angle(poses[:, 2] - lap.poses[at, 2]), 0.0, atol=1e-9)


def test_the_past_of_a_view_moves_with_it_as_one_rigid_body():
    spread = Spread(lateral=1.0, heading=0.3, bend=0.0)
    steps = np.arange(40, 60)
    there, driven = past_of(circle_lap(), steps)
    views, past = past_of(circle_lap(), steps, spread)
    assert np.hypot(*(views - there)[:, :2].T).max() > 1.0
    np.testing.assert_allclose(
        to_ego(past[..., :2], views[:, None]), to_ego(driven[..., :2], there[:, None]), atol=1e-9
    )
    turned = wrap_angle(past[..., 2] - views[:, None, 2]) - wrap_angle(driven[..., 2] - there[:, None, 2])
    np.testing.assert_allclose(turned, 0.0, atol=1e-9)


def test_the_past_of_a_mirrored_view_is_mirrored():
    lap = circle_lap()
    line = line_of(lap, 0.8, past=2, stride=3)
    steps = np.array([40])
    views, _ = line.mirrored().view(steps, STRAIGHT_ON, np.random.default_rng(0))
    past = line.mirrored().came_from(steps, views, STRAIGHT_ON, np.random.default_rng(0))
    np.testing.assert_allclose(past[0, :, :2], lap.poses[[37, 34], :2] * [1, -1], atol=1e-9)
    np.testing.assert_allclose(wrap_angle(past[0, :, 2] + lap.poses[[37, 34], 2]), 0.0, atol=1e-9)


def test_no_past_reaches_over_a_jump_but_one_that_was_driven_badly_is_past_all_the_same():
    lap = circle_lap()
    marks = np.zeros(200, np.uint8)
    marks[40:48] = MARK_BAD
    whole = circle_lap(mark=marks)
    line = line_of(whole, 0.8, past=2, stride=1)
    first = kept(whole).index(48)
    np.testing.assert_allclose(line.past[first], whole.poses[[47, 46]], atol=1e-9)
    broken = circle_lap(x=np.where(np.arange(200) < 48, lap.columns["x"] + 20.0, lap.columns["x"]))
    line = line_of(broken, 0.8, past=2, stride=1)
    steps = kept(broken)
    np.testing.assert_allclose(line.past[steps.index(48)], broken.poses[[48, 48]], atol=1e-9)
    np.testing.assert_allclose(line.past[steps.index(49)], broken.poses[[48, 48]], atol=1e-9)


@pytest.mark.parametrize("scale", [0.8, 1.0, 1.25])
def test_on_a_resized_road_a_car_came_as_fast_as_it_drove(scale):
    lap = circle_lap()
    views, past = past_of(lap, [60, 61, 80], past=2, stride=4, scale=scale, width=1.0)
    apart = np.hypot(*(past[:, 0] - views)[:, :2].T)
    np.testing.assert_allclose(apart, 4 * 10.0 / HZ, rtol=2e-2)
    # And along the line: the chord of a circle that is so much larger.
    radius = np.hypot(*past[..., :2].T)
    np.testing.assert_allclose(radius, 39.0 * scale, atol=0.02)
    assert (np.abs(wrap_angle(past[:, 0, 2] - views[:, 2]) + 4 * 10.0 / HZ / (39.0 * scale)) < 0.01).all()


def test_a_bent_past_tells_of_another_steering_than_the_label():
    lap, steps = circle_lap(), np.full(400, 60)
    line, bent = line_of(lap, 0.8, past=1, stride=4), Spread(lateral=0.5, heading=0.1, bend=0.02)
    rng = np.random.default_rng(1)
    views, labels = line.view(steps, bent, rng)
    past = line.came_from(steps, views, bent, rng)
    turned = wrap_angle(past[:, 0, 2] - views[:, 2])
    way = 4 * 10.0 / HZ
    # Turned by its curvature's share of the way: so much about what was driven, and unlike what the label asks for.
    assert turned.std() == pytest.approx(0.02 * way, rel=0.1)
    assert turned.mean() == pytest.approx(wrap_angle(lap.poses[56, 2] - lap.poses[60, 2]), abs=0.01)
    assert abs(np.corrcoef(turned, labels)[0, 1]) < 0.15
    # The end of a curved way lies aside by half its turn.
    aside = to_ego(past[:, 0, :2], views)[:, 1]
    slope = np.polyfit(turned - turned.mean(), aside, 1)[0]
    assert slope == pytest.approx(-way / 2, rel=0.05)
