"""How others drive: gaps of the intelligent driver model, no collision among them, and boxes that meet."""

import numpy as np
import pytest

from drivesim.crowd import draw_traffic
from drivesim.flow import ACCELERATION, DECELERATION, REST_GAP, TIME_HEADWAY, idm_acceleration
from drivesim.namespaces import NUMPY
from drivesim.road_table import RoadTable
from drivesim.simulation import Rules, start_state
from drivesim.track import Track
from drivesim.track_generation import generate_track
from drivesim.traffic import Thing, Traffic
from drivesim.traffic_table import TrafficTable, seen_on

RULES = Rules(cruise_speed=None)
ANGLE = np.linspace(0, 2 * np.pi, 60, endpoint=False)
RING = Track.from_points(np.column_stack([100 * np.cos(ANGLE), 100 * np.sin(ANGLE), np.full((60, 2), 5.0)]), "ring")


def place(track: Track, traffic: Traffic, s: float = 0.0, lateral: float = 0.0, speed: float = 0.0):
    """Return a table with one road, the road, and the learner's state."""
    roads, table = RoadTable(1), TrafficTable(1)
    roads.assign(0, track)
    table.assign(0, traffic)
    at = np.array([s])
    table.start(np.array([0]), at, roads.road)
    state = start_state(roads.road, at, np.array([lateral]), np.zeros(1), np.array([speed]), NUMPY)
    return table, roads.road, state


def go(table, road, state, seconds: float) -> bool:
    """Drive the others while the learner stays where it is; returns whether it was hit."""
    hit = False
    for _ in range(round(seconds * 20)):
        hit |= bool(table.advance(state, road, RULES, np.ones(1, bool))[0])
    return hit


def idm(speed, desired=20.0, gap=1e6, closing=0.0):
    return idm_acceleration(speed, desired, gap, closing, REST_GAP, TIME_HEADWAY, ACCELERATION, DECELERATION)


def test_on_a_free_road_the_desired_speed_is_kept():
    assert idm(20.0) == pytest.approx(0.0, abs=1e-6)
    assert idm(0.0) == pytest.approx(ACCELERATION, abs=1e-6)
    assert idm(25.0) < 0 < idm(15.0)


def test_behind_another_the_gap_is_that_of_the_model():
    # Treiber et al. 2000, equation 7: the equilibrium gap at a speed.
    gap = (REST_GAP + TIME_HEADWAY * 10.0) / np.sqrt(1 - (10.0 / 20.0) ** 4)
    assert idm(10.0, gap=gap) == pytest.approx(0.0, abs=1e-9)
    assert idm(10.0, gap=0.8 * gap) < 0
    assert idm(10.0, gap=gap, closing=5.0) < -1


def test_a_car_comes_to_its_speed_and_follows_a_slower_one():
    traffic = Traffic((Thing("car", 30.0, 0.0, speed=12.0), Thing("car", 60.0, 0.0, speed=6.0)))
    # The learner is out of the way.
    table, road, state = place(RING, traffic, lateral=4.0)
    go(table, road, state, 120)
    fast, slow = table.others.speed[0]
    assert slow == pytest.approx(6.0, abs=0.05)
    assert fast == pytest.approx(6.0, abs=0.1)
    gap = (table.others.s[0, 1] - table.others.s[0, 0]) % RING.length - 4.5
    assert gap == pytest.approx((REST_GAP + TIME_HEADWAY * 6) / np.sqrt(1 - 0.5**4), rel=0.05)


def test_cars_stop_behind_a_learner_that_stands():
    traffic = Traffic(tuple(Thing("car", s, 0.0, speed=10.0) for s in (100.0, 200.0, 300.0)))
    table, road, state = place(RING, traffic)
    assert not go(table, road, state, 90)
    assert table.others.speed[0].max() < 0.05
    gaps = np.diff(np.sort(table.others.s[0].astype(float)))
    assert gaps.min() > 4.5 + 0.9 * REST_GAP


def test_a_learner_in_the_other_lane_stops_those_that_come():
    track = generate_track(0, "easy").lane("right")
    table, road, _ = place(track, Traffic((Thing("car", 200.0, 0.0, direction=-1, speed=10.0),)))
    across = float(track.width_left[0] - track.width_right[0])
    wrong = start_state(road, np.array([100.0]), np.array([across]), np.zeros(1), np.zeros(1), NUMPY)
    assert not go(table, road, wrong, 60)
    assert 104.5 < float(table.others.s[0, 0]) < 115
    assert table.others.speed[0, 0] < 0.1


def test_bends_are_taken_no_faster_than_is_comfortable():
    tight = Track.from_points(np.column_stack([20 * np.cos(ANGLE), 20 * np.sin(ANGLE), np.full((60, 2), 5.0)]), "tight")
    table, road, state = place(tight, Traffic((Thing("car", 40.0, 0.0, speed=20.0, bend=3.0),)), lateral=4.0)
    go(table, road, state, 60)
    assert table.others.speed[0, 0] == pytest.approx(np.sqrt(3.0 * 20), rel=0.03)


@pytest.mark.parametrize("lane", ["center", "right", "left"])
@pytest.mark.parametrize("seed", range(2))
def test_nobody_ever_touches_anybody(lane, seed):
    track = generate_track(seed, ("easy", "hard")[seed]).lane(lane)
    traffic = draw_traffic(track, np.random.default_rng(seed), 16, 10, RULES)
    table, road, _ = place(track, traffic)
    nobody = start_state(road, np.zeros(1), np.array([1000.0]), np.zeros(1), np.zeros(1), NUMPY)
    for _ in range(40):
        assert not go(table, road, nobody, 1.5)
        others = table.others
        at = others.poses[0, :, :2]
        near = np.hypot(*(at[:, None] - at).transpose(2, 0, 1)) < 6
        for i in range(int(others.standing[0]), len(traffic)):
            for j in np.flatnonzero(near[i, :i]).tolist():
                assert not np.any(inside(others, j, corners(others, i))), (i, j)
                assert not np.any(inside(others, i, corners(others, j))), (i, j)
    assert table.others.speed[0, traffic.standing :].min() > 2


def corners(others, i):
    x, y, heading, _ = others.poses[0, i]
    length, width = others.things[0, i, 4:6]
    along, across = np.meshgrid(np.linspace(-0.5, 0.5, 5) * length, np.linspace(-0.5, 0.5, 3) * width)
    cos, sin = np.cos(heading), np.sin(heading)
    return np.stack([x + cos * along - sin * across, y + sin * along + cos * across], axis=-1).reshape(-1, 2)


def inside(others, i, points):
    x, y, heading, _ = others.poses[0, i]
    length, width = others.things[0, i, 4:6]
    dx, dy = points[:, 0] - x, points[:, 1] - y
    along, across = np.cos(heading) * dx + np.sin(heading) * dy, np.cos(heading) * dy - np.sin(heading) * dx
    return (np.abs(along) < length / 2) & (np.abs(across) < width / 2)


def test_a_hit_is_where_two_boxes_have_a_point_in_common():
    car, rng = RULES.vehicle, np.random.default_rng(0)
    hits = 0
    for _ in range(300):
        thing = Thing("car", 10.0, float(rng.uniform(-4, 4)), length=4.0, width=1.8)
        table, road, _ = place(RING, Traffic((thing,)))
        s, lateral, turn = rng.uniform(4, 16), rng.uniform(-1, 1), rng.uniform(-3, 3)
        state = start_state(road, np.array([s]), np.array([lateral]), np.array([turn]), np.zeros(1), NUMPY)
        hit = bool(table.advance(state, road, RULES, np.ones(1, bool))[0])
        x, y, heading = state.vehicle.x[0], state.vehicle.y[0], state.vehicle.heading[0]
        middle = car.wheelbase / 2 - car.cg_to_rear
        along, across = np.meshgrid(
            middle + np.linspace(-0.5, 0.5, 91) * car.length, np.linspace(-0.5, 0.5, 37) * car.width
        )
        cos, sin = np.cos(heading), np.sin(heading)
        points = np.stack([x + cos * along - sin * across, y + sin * along + cos * across], axis=-1).reshape(-1, 2)
        shared = inside(table.others, 0, points).any()
        # The grid has a point every 5 cm: boxes that share less than that may be missed by it.
        assert hit or not shared
        assert shared or not hit or _nearly(table.others, points)
        hits += hit
    assert 30 < hits < 270


def _nearly(others, points) -> bool:
    grown = others._replace(things=others.things + np.array([0, 0, 0, 0, 0.15, 0.15, *[0] * 6]))
    return bool(inside(grown, 0, points).any())


def test_where_traffic_is_follows_from_arc_lengths_alone():
    track = generate_track(1, "medium").lane("right")
    traffic = draw_traffic(track, np.random.default_rng(1), 8, 6, RULES)
    table, road, state = place(track, traffic)
    go(table, road, state, 5)
    again = seen_on(track, traffic, table.others.s)
    np.testing.assert_array_equal(again.poses, table.others.poses)
