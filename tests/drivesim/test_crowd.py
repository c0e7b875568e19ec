"""Traffic drawn for roads: always the same from a seed, apart from the start, and nowhere in the way for good."""

import numpy as np
import pytest

from drivesim.crowd import draw_traffic
from drivesim.simulation import Rules
from drivesim.track import Track
from drivesim.track_generation import generate_track
from drivesim.traffic import MARGIN, Traffic
from drivesim.traffic_table import seen_on, swerves
from drivesim.vehicle import get_vehicle

PEDAL = Rules(cruise_speed=None)


def draw(track: Track, seed: int = 0, cars: int = 8, obstacles: int = 6, rules: Rules = PEDAL) -> Traffic:
    return draw_traffic(track, np.random.default_rng(seed), cars, obstacles, rules)


@pytest.fixture(scope="module", params=["center", "right", "left"])
def track(request):
    return generate_track(3, "medium").lane(request.param)


def test_the_same_seed_draws_the_same_traffic(track):
    assert draw(track) == draw(track)
    assert draw(track) != draw(track, seed=1)


def test_there_is_what_was_asked_for(track):
    traffic = draw(track)
    assert len(traffic) - traffic.standing == 8
    # A row of cones is one obstacle, of three things.
    cones = sum(thing.kind == "cone" for thing in traffic.things)
    assert traffic.standing - cones + cones // 3 == 6
    assert draw(track, cars=0, obstacles=0) == Traffic()


def test_on_two_lanes_half_of_the_cars_come_the_other_way(track):
    directions = [thing.direction for thing in draw(track).things if thing.speed]
    assert directions.count(-1) == (0 if track.name.endswith(("right", "left")) is False else 4)


def test_no_two_cars_of_a_lane_begin_near_each_other_or_near_the_learner(track):
    for seed in range(5):
        traffic = draw(track, seed, cars=20)
        for direction in (1, -1):
            s = sorted(thing.s for thing in traffic.things if thing.speed and thing.direction == direction)
            assert len(s) == len({*s})
            assert np.diff(s).min(initial=np.inf) > 12
            assert min(s, default=100) >= 22
            assert max(s, default=0) <= track.length - 22


def test_a_learner_passes_every_obstacle_within_its_lane(track):
    vehicle = get_vehicle("car")
    for seed in range(20):
        traffic = draw(track, seed, cars=0, obstacles=12)
        others = seen_on(track, traffic, traffic.table[None, :, 0].astype(np.float32))
        path = swerves(others, np.arange(0, track.length, 1.0)[None], np.array([track.length]), vehicle)[0]
        left, right = track.width_at(np.arange(0, track.length, 1.0))
        assert (path + vehicle.width / 2 < left).all()
        assert (path - vehicle.width / 2 > -right).all()
        if not track.name.endswith(("right", "left")):
            continue
        middle = (left - right) / 2
        beyond = (path - middle) * np.sign(middle) + vehicle.width / 2
        assert beyond.max() < 0.35
        beside = swerves(others, others.s.astype(float), np.array([track.length]), vehicle)
        apart = np.abs(beside - others.poses[..., 3]) - (others.things[..., 5] + vehicle.width) / 2
        assert apart.min() > MARGIN - 0.25


def test_with_a_cruise_controller_nobody_ahead_is_slower(track):
    traffic = draw(track, rules=Rules(cruise_speed=12.0))
    assert all(thing.speed >= 12.0 for thing in traffic.things if thing.speed)


def test_a_small_car_meets_small_cars():
    track = generate_track(3, "medium").lane("right")
    traffic = draw(track, rules=Rules(vehicle=get_vehicle("rc"), cruise_speed=None))
    assert max(thing.length for thing in traffic.things) < 0.8


def test_a_short_road_takes_what_it_has_room_for():
    angle = np.linspace(0, 2 * np.pi, 24, endpoint=False)
    ring = Track.from_points(np.column_stack([12 * np.cos(angle), 12 * np.sin(angle), np.full((24, 2), 3.0)]), "ring")
    traffic = draw(ring, cars=64, obstacles=64)
    assert len(traffic) <= 3
