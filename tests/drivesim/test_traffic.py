"""The plan of what is on a road: what it refuses, and that it survives JSON."""

import json

import numpy as np
import pytest

from drivesim.errors import DrivesimError
from drivesim.traffic import COLUMNS, EMPTY, MOST_THINGS, Thing, Traffic, check_count

CAR = Thing("car", 40.0, -0.1, speed=8.0, color=(10, 20, 30))
CONE = Thing("cone", 12.0, 2.0, length=0.4, width=0.4, height=0.7)


def test_what_stands_comes_first():
    traffic = Traffic((CAR, CONE))
    assert traffic.things == (CONE, CAR)
    assert traffic.standing == 1
    assert traffic.table.shape == (2, COLUMNS)
    assert not EMPTY
    assert EMPTY.table.shape == (0, COLUMNS)


def test_traffic_survives_json():
    traffic = Traffic((CAR, CONE))
    assert Traffic.from_dict(json.loads(json.dumps(traffic.to_dict()))) == traffic
    assert EMPTY.to_dict() == {}
    assert Traffic.from_dict({}) == EMPTY


def test_mirrored_twice_it_is_itself():
    traffic = Traffic((CAR, CONE))
    assert traffic.mirrored() != traffic
    assert traffic.mirrored().mirrored() == traffic


def test_all_faults_of_a_thing_are_told_at_once():
    with pytest.raises(DrivesimError, match=r"s=nan.*speed=-1.*width=0.*direction=0.*color=\(1, 2\)"):
        Thing("car", float("nan"), 0.0, direction=0, speed=-1, width=0, color=(1, 2))
    with pytest.raises(DrivesimError, match="cone, barrier, car"):
        Thing("cow", 0.0, 0.0)


@pytest.mark.parametrize(
    "values",
    [
        {"things": 3},
        {"things": [3]},
        {"things": [{"kind": "car"}]},
        {"things": [{"kind": "car", "s": 0.0, "lateral": 0.0, "color": 7}]},
        {"things": [{"kind": "car", "s": "0", "lateral": 0.0, "color": [1, 2, 3]}]},
        {"things": [{"kind": "car", "s": 0.0, "lateral": 0.0, "color": [1, 2, 3], "wings": 2}]},
        {"cows": []},
        {"things": [{}] * (MOST_THINGS + 1)},
    ],
)
def test_what_is_no_traffic_is_refused(values):
    with pytest.raises(DrivesimError, match="traffic"):
        Traffic.from_dict(values)


@pytest.mark.parametrize("count", [-1, 65, 2.0, True, "8", None])
def test_a_number_of_things_that_cannot_be_is_refused(count):
    with pytest.raises(DrivesimError, match="traffic: expected a whole number from 0 to 64"):
        check_count("traffic", count)


def test_numbers_of_numpy_are_numbers():
    assert check_count("traffic", np.int64(3)) == 3
