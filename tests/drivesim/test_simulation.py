"""One control step of cars on roads: progress, laps, the ends of episodes, and the road as seen from the car."""

from dataclasses import replace

import numpy as np
import pytest

from drivesim.errors import DrivesimError
from drivesim.geometry import wrap_angle
from drivesim.namespaces import FLOATS, NUMPY
from drivesim.road_table import Road, RoadTable, road_of_one
from drivesim.simulation import (
    MAX_STEP,
    CarState,
    EndReason,
    Rules,
    cars_at,
    centerline_at,
    cruise_pedal,
    project,
    start_state,
    step,
    wheel_clearance,
    where_cars,
)
from drivesim.track import Track
from drivesim.track_generation import generate_track
from drivesim.vehicle import VEHICLES, VehicleParams, VehicleState, step_vehicle

RADIUS = 40.0
CAR = VehicleParams()
QUICK_WHEELS = VehicleParams(steering_time_constant=0.01, max_steering_rate=100.0)


def circle(radius: float = RADIUS, width: float = 4.0, clockwise: bool = False) -> Track:
    """Return a circular road around the origin that starts at (radius, 0)."""
    angle = np.linspace(0, -2 * np.pi if clockwise else 2 * np.pi, 120, endpoint=False)
    points = [radius * np.cos(angle), radius * np.sin(angle), np.full(120, width), np.full(120, width)]
    return Track.from_points(np.column_stack(points), "circle")


def stadium(straight: float = 100.0, radius: float = 20.0, width: float = 4.0) -> Track:
    """Return two straights, the first from the origin to the east, joined by half circles to the left."""
    along = np.arange(0.0, straight, 2.0)
    angle = np.linspace(-np.pi / 2, np.pi / 2, 32)[:-1]
    arc = np.column_stack([straight + radius * np.cos(angle), radius + radius * np.sin(angle)])
    half = np.vstack([np.column_stack([along, np.zeros_like(along)]), arc])
    other = np.array([straight, 2 * radius]) - half
    xy = np.roll(np.vstack([half, other]), -10, axis=0)
    return Track.from_points(np.column_stack([xy, np.full((len(xy), 2), width)]), "stadium")


def many_cars(track: Track, count: int) -> Road:
    """Return the road under cars that share a track."""
    table = RoadTable(count)
    for car in range(count):
        table.assign(car, track)
    return table.road


def follow(state: CarState, road: Road, rules: Rules, steps: int, steer=None, pedal=0.0):
    """Drive along the centreline, or as `steer` says; yield every result until the episode ends."""
    for _ in range(steps):
        steering = keep_to_the_line(state, road, rules) if steer is None else steer
        result = step(state, steering, pedal, road, rules, FLOATS)
        yield result
        if result.end_reason:
            return
        state = result.state


def keep_to_the_line(state: CarState, road: Road, rules: Rules, lateral: float = 0.0) -> float:
    """Return the steering of pure pursuit of a point 6 m ahead, `lateral` metres left of the centreline."""
    x, y, heading = centerline_at(road, state.s + 6.0, FLOATS)
    vehicle = state.vehicle
    dx, dy = x - lateral * np.sin(heading) - vehicle.x, y + lateral * np.cos(heading) - vehicle.y
    left = np.cos(vehicle.heading) * dy - np.sin(vehicle.heading) * dx
    angle = np.arctan(2 * left / (dx**2 + dy**2) * rules.vehicle.wheelbase)
    return float(-np.clip(angle / rules.vehicle.max_steering_angle, -1, 1))


def standing(track: Track, **values: float) -> CarState:
    """Return a car on the road, by default at the start and at rest."""
    start = {"s": 0.0, "lateral": 0.0, "heading_error": 0.0, "speed": 0.0} | values
    return start_state(road_of_one(track), *start.values(), FLOATS)


def shift(track: Track, after, before):
    """Return `after - before` along a closed road."""
    return (np.asarray(after) - before + track.length / 2) % track.length - track.length / 2


@pytest.fixture(scope="module")
def winding() -> Track:
    return generate_track(5, "hard")


@pytest.fixture(scope="module")
def round_road() -> Track:
    return circle()


@pytest.fixture(scope="module")
def oval() -> Track:
    return stadium()


# Where a car is


@pytest.mark.parametrize(("moved", "tolerance"), [(0.0, 3e-5), (0.5, 3e-5), (2.0, 3e-3), (-2.0, 3e-3)])
def test_a_car_that_moved_is_found_where_it_was_put(winding, moved, tolerance):
    rng = np.random.default_rng(0)
    s, lateral = rng.uniform(0, winding.length, 4000), rng.uniform(-5, 5, 4000)
    error = rng.uniform(-1.5, 1.5, 4000)
    xy, nothing = winding.position(s, lateral), np.zeros(4000)
    vehicle = VehicleState(*xy.T, winding.heading_at(s) + error, nothing, nothing, nothing, nothing)
    road = many_cars(winding, 4000)
    gained, found, found_lateral, found_error, left, right = project(s - moved, vehicle, road, NUMPY)
    np.testing.assert_allclose(shift(winding, found, s), 0.0, atol=tolerance)
    np.testing.assert_allclose(gained, moved, atol=tolerance)
    np.testing.assert_allclose(found_lateral, lateral, atol=tolerance)
    np.testing.assert_allclose(found_error, error, atol=tolerance)
    assert np.all((found >= 0) & (found < winding.length))
    np.testing.assert_allclose(left, winding.width_at(s)[0], atol=0.05)
    np.testing.assert_allclose(right, winding.width_at(s)[1], atol=0.05)


def test_a_car_starts_where_and_as_it_is_told_to(winding):
    rng = np.random.default_rng(1)
    s, lateral, error = rng.uniform(0, winding.length, 500), rng.uniform(-3, 3, 500), rng.uniform(-1, 1, 500)
    road = many_cars(winding, 500)
    state = start_state(road, s, lateral, error, np.full(500, 7.0), NUMPY)
    np.testing.assert_allclose(np.column_stack(state.vehicle[:2]), winding.position(s, lateral), atol=1e-4)
    np.testing.assert_allclose(wrap_angle(state.vehicle.heading - winding.heading_at(s) - error), 0.0, atol=1e-4)
    assert np.all(state.vehicle.speed == 7.0)
    gained, *_ = project(s, state.vehicle, road, NUMPY)
    np.testing.assert_allclose(gained, 0.0, atol=1e-4)


def test_the_centerline_is_the_tracks_own(winding):
    s = np.linspace(0, winding.length, 3001)
    x, y, heading = centerline_at(many_cars(winding, len(s)), s, NUMPY)
    np.testing.assert_allclose(np.column_stack([x, y]), winding.position(s), atol=2e-4)
    np.testing.assert_allclose(wrap_angle(heading - winding.heading_at(s)), 0.0, atol=1e-9)


def test_the_heading_error_is_wrapped_however_often_a_car_turns(round_road):
    road = road_of_one(round_road)
    for turns in (-3, 1, 20):
        vehicle = standing(round_road, heading_error=2 * np.pi * turns + 0.3).vehicle
        assert project(0.0, vehicle, road, FLOATS)[3] == pytest.approx(0.3, abs=1e-6)


def test_floats_and_arrays_step_alike(winding):
    rng = np.random.default_rng(2)
    rules = Rules(vehicle=VEHICLES["car-dynamic"], cruise_speed=None, off_road_margin=20.0)
    start = [rng.uniform(0, winding.length, 6), rng.uniform(-2, 2, 6), rng.uniform(-0.2, 0.2, 6), rng.uniform(3, 15, 6)]
    road, roads = road_of_one(winding), many_cars(winding, 6)
    many = start_state(roads, *start, NUMPY)
    singles = [start_state(road, *(float(values[car]) for values in start), FLOATS) for car in range(6)]
    for _ in range(40):
        steering, pedal = rng.uniform(-0.3, 0.3, 6), rng.uniform(-1, 1, 6)
        result = step(many, steering, pedal, roads, rules, NUMPY)
        ones = [step(one, float(steering[i]), float(pedal[i]), road, rules, FLOATS) for i, one in enumerate(singles)]
        many, singles = result.state, [one.state for one in ones]
        np.testing.assert_allclose(result.gained, [one.gained for one in ones], atol=1e-9)
        np.testing.assert_array_equal(result.end_reason, [one.end_reason for one in ones])
    for car, single in enumerate(singles):
        np.testing.assert_allclose([values[car] for values in many.vehicle], single.vehicle, rtol=1e-9, atol=1e-9)
        np.testing.assert_allclose([values[car] for values in many[1:]], single[1:], rtol=1e-9, atol=1e-9)


# Progress


def test_progress_never_falls_and_adds_up_to_what_was_gained(winding):
    rng = np.random.default_rng(3)
    road, rules = road_of_one(winding), Rules(off_road_margin=20.0, stall_time=1e6)
    state, total, last = standing(winding, speed=10.0), 0.0, 0.0
    for _ in range(400):
        result = step(state, float(rng.uniform(-1, 1)), 0.0, road, rules, FLOATS)
        state = result.state
        total += result.gained
        assert result.gained >= 0
        assert state.progress >= last
        assert state.progress >= state.travelled
        assert state.progress == pytest.approx(total, abs=1e-9)
        last = state.progress


def test_driving_the_wrong_way_gains_nothing_and_must_be_made_up_for(oval):
    road, rules = road_of_one(oval), Rules(stall_time=1e6)
    back = list(follow(standing(oval, s=20.0, heading_error=np.pi, speed=10.0), road, rules, 40, steer=0.0))
    assert sum(result.gained for result in back) == 0.0
    assert back[-1].state.travelled == pytest.approx(-20.0, abs=0.01)
    assert back[-1].state.progress == 0.0
    vehicle = back[-1].state.vehicle
    turned = back[-1].state._replace(vehicle=vehicle._replace(heading=vehicle.heading - np.pi))
    forth = [result.gained for result in follow(turned, road, rules, 60)]
    assert sum(forth[:39]) == 0.0
    assert sum(forth) == pytest.approx(10.0, abs=0.1)


def test_reversing_over_the_line_and_coming_back_is_no_lap(oval):
    road, rules = road_of_one(oval), Rules(stall_time=1e6)
    back = list(follow(standing(oval, heading_error=np.pi, speed=10.0), road, rules, 20, steer=0.0))[-1].state
    assert back.s == pytest.approx(oval.length - 10.0, abs=0.01)
    turned = back._replace(vehicle=back.vehicle._replace(heading=back.vehicle.heading - np.pi))
    assert {result.state.lap for result in follow(turned, road, rules, 60)} == {0.0}


def test_a_chord_across_the_infield_gains_no_more_than_the_same_way_along_the_inner_edge():
    track = circle(radius=20.0)
    road, rules = road_of_one(track), Rules(off_road_margin=20.0, stall_time=1e6)
    for turn in np.linspace(0.2, 1.5, 14):
        states = [
            result.state for result in follow(standing(track, heading_error=turn, speed=10.0), road, rules, 80, 0.0)
        ]
        driven = 0.5 * np.arange(1, len(states) + 1)
        worth = 1.1 * driven / (1 - 4.0 / 20.0)
        assert np.all([state.travelled for state in states] <= worth + 1e-6)
        # The car is still followed: it comes out at the chord's other end.
        s, _ = track.local_coordinates([states[-1].vehicle.x, states[-1].vehicle.y])
        assert abs(shift(track, states[-1].s, s)) < 0.01


def test_cutting_over_to_the_other_straight_gains_nothing(oval):
    road, rules = road_of_one(oval), Rules(off_road_margin=20.0, stall_time=1e6)
    states = [
        r.state for r in follow(standing(oval, s=40.0, heading_error=np.pi / 2, speed=10.0), road, rules, 46, 0.0)
    ]
    assert states[-1].vehicle.y > 20.0
    assert states[-1].progress < 0.5


def test_cutting_corners_anywhere_on_a_winding_road_gains_little(winding):
    # Straight on from everywhere, at angles that leave the road: no way across the grass beats the road itself.
    s, turn = (grid.ravel() for grid in np.meshgrid(np.arange(0, winding.length, 5.0), [-1.2, -0.6, 0.6, 1.2]))
    road, rules = many_cars(winding, len(s)), Rules(off_road_margin=20.0, stall_time=1e6)
    state = start_state(road, s, np.zeros(len(s)), turn, np.full(len(s), 10.0), NUMPY)
    running, driven = np.ones(len(s), bool), np.zeros(len(s))
    for _ in range(120):
        result = step(state, np.zeros(len(s)), np.zeros(len(s)), road, rules, NUMPY)
        state = where_cars(running, result.state, state)
        driven += 0.5 * running
        running &= result.end_reason == EndReason.NONE
    inner = 1 - max(winding.width_left.max(), winding.width_right.max()) * np.abs(winding.curvature).max()
    assert np.all(state.travelled <= 1.1 * driven / inner)
    assert np.mean(state.travelled / driven) < 0.7


def test_on_the_road_every_metre_counts_even_along_the_inner_edge():
    track = circle(radius=20.0)
    road, rules = road_of_one(track), Rules(vehicle=QUICK_WHEELS)
    state = standing(track, lateral=3.9, speed=10.0)
    for _ in range(60):
        steering = keep_to_the_line(state, road, rules, lateral=3.9)
        state = step(state, steering, 0.0, road, rules, FLOATS).state
    angle = np.arctan2(state.vehicle.y, state.vehicle.x) % (2 * np.pi)
    assert state.travelled == pytest.approx(20.0 * angle, abs=1e-2)
    assert state.travelled > 1.2 * 30.0


# Laps


@pytest.mark.parametrize("clockwise", [False, True])
@pytest.mark.parametrize("start", [0.0, 33.3])
def test_a_lap_takes_its_length_over_the_speed_to_a_fraction_of_a_step(clockwise, start):
    track = circle(clockwise=clockwise)
    road, rules = road_of_one(track), Rules(control_hz=10.0, laps=3)
    states = [result.state for result in follow(standing(track, s=start, speed=10.0), road, rules, 2000)]
    laps = np.array([state.lap for state in states])
    ends = np.flatnonzero(np.diff(laps, prepend=0.0))
    assert laps[-1] == 3
    assert np.all(np.diff(laps) <= 1)
    for lap, end in enumerate(ends, start=1):
        # Counted in the step in which the whole length has been driven, and the line at `start` been passed.
        assert states[end - 1].progress < lap * track.length <= states[end].progress
        assert 0 <= shift(track, states[end].s, start) < 1.0 + 1e-6
    # The car settles beside the centreline by a few millimetres: the last lap is the steady one.
    radius = np.hypot(states[-1].vehicle.x, states[-1].vehicle.y)
    speed = states[-1].vehicle.speed * np.hypot(1.0, states[-1].vehicle.lateral_velocity / states[-1].vehicle.speed)
    assert states[-1].lap_time == pytest.approx(2 * np.pi * radius / speed, abs=2e-3)
    assert sum(states[end].lap_time for end in ends) == pytest.approx(states[-1].lap_start, abs=1e-9)


def test_lap_times_do_not_depend_on_how_often_one_controls():
    track = circle()
    times = []
    for control_hz in (5.0, 20.0, 100.0):
        road, rules = road_of_one(track), Rules(control_hz=control_hz, vehicle=QUICK_WHEELS)
        # A constant angle, so that every car drives the same circle.
        vehicle = standing(track, speed=10.0).vehicle
        angle = np.arctan(QUICK_WHEELS.wheelbase / np.sqrt(RADIUS**2 - QUICK_WHEELS.cg_to_rear**2))
        slip = np.arctan(QUICK_WHEELS.cg_to_rear * np.tan(angle) / QUICK_WHEELS.wheelbase)
        state = standing(track, heading_error=-slip, speed=10.0)
        state = state._replace(vehicle=state.vehicle._replace(speed=vehicle.speed, steering_angle=angle))
        steer = -angle / QUICK_WHEELS.max_steering_angle
        times.append(list(follow(state, road, rules, 3000, steer))[-1].state.lap_time)
    expected = track.length / (10.0 / np.cos(slip))
    np.testing.assert_allclose(times, expected, atol=3e-3)


def test_no_lap_is_counted_before_the_line(round_road):
    road, rules = road_of_one(round_road), Rules()
    results = list(follow(standing(round_road, speed=10.0), road, rules, 2000))
    assert all(result.state.lap == 0 for result in results[:-1])
    assert results[-2].state.s > round_road.length - 0.6
    assert results[-1].state.s < 0.6
    assert results[-1].end_reason == EndReason.LAP_COMPLETED


# The ends of episodes


def end_of(state: CarState, track: Track, rules: Rules, steps: int = 4000, **how) -> tuple[EndReason, CarState]:
    last = list(follow(state, road_of_one(track), rules, steps, **how))[-1]
    return EndReason(int(last.end_reason)), last.state


def test_an_episode_ends_with_its_last_lap(round_road):
    reason, state = end_of(standing(round_road, speed=10.0), round_road, Rules(laps=2))
    assert (reason, state.lap) == (EndReason.LAP_COMPLETED, 2)


@pytest.mark.parametrize("margin", [0.0, 1.5])
@pytest.mark.parametrize("turn", [0.5, -0.5])
def test_an_episode_ends_where_the_car_leaves_the_road_by_the_margin(oval, margin, turn):
    start = standing(oval, s=20.0, heading_error=turn, speed=5.0)
    reason, state = end_of(start, oval, Rules(cruise_speed=5.0, off_road_margin=margin), steer=0.0)
    assert reason == EndReason.OFF_ROAD
    assert 0 < abs(state.lateral) - 4.0 - margin < 5.0 * 0.05 * np.sin(0.5) + 1e-6


def test_an_episode_ends_when_the_car_stands_still(oval):
    rules = Rules(cruise_speed=None, stall_time=2.0)
    reason, state = end_of(standing(oval, speed=4.0), oval, rules, pedal=-1.0)
    assert reason == EndReason.STALLED
    assert state.time == pytest.approx(state.progress_time + 2.0)
    assert state.vehicle.speed == 0.0


def test_going_back_counts_as_standing_still(oval):
    rules = Rules(stall_time=2.0)
    reason, state = end_of(standing(oval, s=25.0, heading_error=np.pi, speed=10.0), oval, rules)
    assert reason == EndReason.STALLED
    assert state.time == pytest.approx(2.0)


def test_an_episode_ends_at_its_time_limit(oval):
    reason, state = end_of(standing(oval, speed=10.0), oval, Rules(time_limit=3.0))
    assert reason == EndReason.TIME_LIMIT
    assert state.time == pytest.approx(3.0)


def test_without_a_time_limit_the_laps_may_take_as_long_as_at_3_metres_a_second(oval):
    rules = Rules(cruise_speed=2.5, laps=1)
    reason, state = end_of(standing(oval, speed=2.5), oval, rules)
    assert reason == EndReason.TIME_LIMIT
    assert state.time == pytest.approx(oval.length / 3.0, abs=0.051)


def test_a_lap_completed_in_the_last_instant_counts(round_road):
    road = road_of_one(round_road)
    steps = len(list(follow(standing(round_road, speed=10.0), road, Rules(), 2000)))
    reason, _ = end_of(standing(round_road, speed=10.0), round_road, Rules(time_limit=steps * 0.05))
    assert reason == EndReason.LAP_COMPLETED


# Wheels and the road's edge


def test_clearance_on_a_straight_is_the_road_beside_the_body(oval):
    state = standing(oval, s=30.0, lateral=1.2)
    assert wheel_clearance(state, road_of_one(oval), CAR, FLOATS) == pytest.approx(4.0 - 1.2 - 0.9, abs=1e-3)
    state = standing(oval, s=30.0, lateral=-3.6)
    assert wheel_clearance(state, road_of_one(oval), CAR, FLOATS) == pytest.approx(4.0 - 3.6 - 0.9, abs=1e-3)


@pytest.mark.parametrize(
    ("lateral", "error", "expected"),
    [
        # The front axle is 1.2 sin(0.3) = 0.3546 further left, its outer wheel 0.9 cos(0.3) = 0.8598 beside it.
        (1.0, 0.3, 4.0 - 1.0 - 0.3546 - 0.8598),
        # Turned right on the left side, the rear axle is the outer one: 1.5 sin(0.3) = 0.4433.
        (1.0, -0.3, 4.0 - 1.0 - 0.4433 - 0.8598),
        (-1.0, -0.3, 4.0 - 1.0 - 0.3546 - 0.8598),
        (0.0, 0.3, 4.0 - 0.4433 - 0.8598),
    ],
)
def test_clearance_of_a_turned_car_is_that_of_its_outermost_wheel(oval, lateral, error, expected):
    state = standing(oval, s=30.0, lateral=lateral, heading_error=error)
    assert wheel_clearance(state, road_of_one(oval), CAR, FLOATS) == pytest.approx(expected, abs=2e-3)


@pytest.mark.parametrize("lateral", [-2.0, 0.0, 2.5])
@pytest.mark.parametrize("error", [-0.2, 0.0, 0.2])
def test_clearance_in_a_bend_is_measured_at_the_wheels(lateral, error):
    track = circle(radius=20.0)
    state = standing(track, s=17.0, lateral=lateral, heading_error=error)
    vehicle = state.vehicle
    cos, sin = np.cos(vehicle.heading), np.sin(vehicle.heading)
    wheels = [(along, side) for along in (CAR.cg_to_front, -CAR.cg_to_rear) for side in (0.9, -0.9)]
    radii = [np.hypot(vehicle.x + cos * a - sin * b, vehicle.y + sin * a + cos * b) for a, b in wheels]
    expected = min(min(radius - 16.0, 24.0 - radius) for radius in radii)
    assert wheel_clearance(state, road_of_one(track), CAR, FLOATS) == pytest.approx(expected, abs=0.03)


# The cruise controller


@pytest.mark.parametrize("target", [3.0, 10.0, 38.0])
@pytest.mark.parametrize("start", [0.0, 39.0])
def test_the_cruise_controller_reaches_and_holds_its_speed(target, start):
    state, speeds = VehicleState(0.0, 0.0, 0.0, start, 0.0, 0.0, 0.0), []
    for _ in range(6000):
        state = step_vehicle(state, 0.0, cruise_pedal(state.speed, target, CAR, FLOATS), CAR, 0.01, FLOATS)
        speeds.append(state.speed)
    np.testing.assert_allclose(speeds[-2000:], target, atol=0.05)
    assert max(speeds) <= max(start, target + 0.05)


@pytest.mark.parametrize("control_hz", [1.0, 5.0, 20.0])
@pytest.mark.parametrize("start", [0.0, 7.0, 30.0])
def test_the_cruise_controller_holds_its_speed_however_often_it_is_asked(control_hz, start):
    track = circle(radius=200.0)
    rules = Rules(control_hz=control_hz, cruise_speed=7.0, off_road_margin=20.0, stall_time=1e6, time_limit=60.0)
    states = [result.state for result in follow(standing(track, speed=start), road_of_one(track), rules, 4000)]
    settled = [state.vehicle.speed for state in states if state.time > 15.0]
    np.testing.assert_allclose(settled, 7.0, atol=0.05)


def test_the_pedal_is_ignored_under_a_cruise_controller(round_road):
    road, rules, start = road_of_one(round_road), Rules(), standing(round_road, speed=10.0)
    assert step(start, 0.1, 1.0, road, rules, FLOATS) == step(start, 0.1, -1.0, road, rules, FLOATS)


# Many cars, and rules


def test_some_cars_are_picked_and_mixed_with_others(round_road):
    road = many_cars(round_road, 4)
    first = start_state(road, np.arange(4.0), np.zeros(4), np.zeros(4), np.zeros(4), NUMPY)
    second = start_state(road, 10 + np.arange(4.0), np.ones(4), np.zeros(4), np.ones(4), NUMPY)
    mixed = where_cars(np.array([True, False, False, True]), first, second)
    np.testing.assert_array_equal(mixed.s, [0.0, 11.0, 12.0, 3.0])
    np.testing.assert_array_equal(mixed.vehicle.speed, [0.0, 1.0, 1.0, 0.0])
    picked = cars_at(second, np.array([2, 0]))
    np.testing.assert_array_equal(picked.s, [12.0, 10.0])
    np.testing.assert_array_equal(picked.vehicle.x, second.vehicle.x[[2, 0]])
    np.testing.assert_array_equal(cars_at(road, np.array([1])).length, [round_road.length])


def test_physics_run_in_substeps_of_10_ms_or_less():
    assert [Rules(control_hz=hz).substeps for hz in (100.0, 60.0, 20.0, 7.0)] == [1, 2, 5, 15]


def test_rules_that_cannot_be_played_by_are_refused_with_all_their_faults():
    with pytest.raises(DrivesimError) as error:
        Rules(control_hz=0.0, cruise_speed=-1.0, laps=0, off_road_margin=-1.0, stall_time=0.0, time_limit=0.0)
    for name in ("control_hz", "cruise_speed", "laps", "off_road_margin", "stall_time", "time_limit"):
        assert f"{name}=" in str(error.value)


def test_a_wind_is_for_cars_with_slip():
    with pytest.raises(DrivesimError, match=r"wind=1\.0 .*kinematic"):
        Rules(wind=1.0)
    with pytest.raises(DrivesimError, match=r"wind=nan"):
        Rules(vehicle=VehicleParams(model="dynamic"), wind=float("nan"))
    assert Rules(vehicle=VehicleParams(model="dynamic"), wind=-1.0)


def test_control_too_slow_to_follow_the_car_is_refused():
    with pytest.raises(DrivesimError, match=r"control_hz=4\.0"):
        Rules(cruise_speed=None, control_hz=4.0)
    assert Rules(cruise_speed=None, control_hz=CAR.max_speed / MAX_STEP)
    assert Rules(control_hz=2.0)


def test_the_fastest_car_under_the_slowest_control_is_followed():
    track = circle(radius=200.0)
    rules = Rules(vehicle=replace(QUICK_WHEELS, max_speed=40.0), cruise_speed=40.0, control_hz=5.0)
    reason, state = end_of(standing(track, speed=40.0), track, rules)
    assert reason == EndReason.LAP_COMPLETED
    assert state.progress == pytest.approx(track.length, abs=8.0)
