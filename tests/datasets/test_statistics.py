"""Statistics of laps that were made up so that the answers are known."""

from dataclasses import replace

import numpy as np
import pytest

from datasets.schema import MARK_BAD, MARK_CORRECTION, Lap
from datasets.statistics import histogram, idle, remarkable, statistics, stretches, twins, vehicle_name
from drivesim.vehicle import VEHICLES
from tests.datasets.laps import HZ, circle_lap


def named(lap, name, **changes):
    return replace(lap, name=name, **changes)


def standing(*seconds, total=20):
    """A lap that stands in the stretches given, seconds each."""
    speed = np.full(total * HZ, 10.0)
    for start, stop in seconds:
        speed[round(start * HZ) : round(stop * HZ)] = 0.2
    return circle_lap(total * HZ, speed=speed)


@pytest.mark.parametrize(
    ("flags", "expected"),
    [
        ([], []),
        ([False, False], []),
        ([True, True], [(0, 2)]),
        ([True, False, True, True, False], [(0, 1), (2, 4)]),
        ([False, True], [(1, 2)]),
    ],
)
def test_stretches_are_where_flags_are_set_in_a_row(flags, expected):
    assert stretches(flags) == expected


def test_a_car_is_idle_when_it_stands_for_more_than_two_seconds():
    assert stretches(idle(standing((0, 3), (5, 7), (9, 11.1), (18, 20)))) == [(0, 3 * HZ), (9 * HZ, round(11.1 * HZ))]
    assert stretches(idle(standing((17, 20)))) == [(17 * HZ, 20 * HZ)]
    assert not idle(standing()).any()


def test_a_lap_that_begins_late_is_idle_by_its_own_clock():
    lap = standing((1, 4))
    late = Lap(lap.info, lap.columns | {"time": lap.columns["time"] + 100}, True, "late")
    assert [stretch.seconds for stretch in remarkable(late)] == [pytest.approx((1.0, 4.0))]


def test_what_deserves_a_look_is_told_in_its_order():
    speed, lateral, mark = np.full(400, 10.0), np.zeros(400), np.full(400, MARK_CORRECTION, np.uint8)
    speed[200:260], lateral[100:120], mark[90:120] = 0.0, -3.5, MARK_BAD
    found = remarkable(circle_lap(400, speed=speed, lateral_error=lateral, mark=mark))
    assert [(part.what, part.start, part.stop) for part in found] == [
        ("marked bad", 90, 120),
        ("off the road", 100, 120),
        ("idle", 200, 260),
    ]
    assert found[1].seconds == pytest.approx((5.0, 6.0))
    assert {part.lap for part in found} == {"circle"}


def test_what_the_driver_wanted_is_the_label_and_without_one_the_action():
    lap = circle_lap(3, steering=[0.1, 0.2, 0.3], steering_label=[0.5, np.nan, -0.5])
    np.testing.assert_allclose(lap.wanted("steering"), [0.5, 0.2, -0.5])


def test_every_value_falls_into_one_bin_the_ends_too():
    values = np.concatenate([[-1.0, 1.0], np.linspace(-1, 1, 1001)])
    found = histogram(values, -1.0, 1.0)
    assert found.counts.sum() == len(values)
    assert len(found.edges) == len(found.counts) + 1
    assert found.counts[0] > 1 and found.counts[-1] > 1
    assert found.edges[0] == -1 and found.edges[-1] == 1


def test_twins_are_the_same_drive_whatever_its_marks_and_name():
    lap = circle_lap(50)
    marked = named(lap, "b", columns=lap.columns | {"mark": np.full(50, MARK_BAD, np.uint8)})
    other = named(circle_lap(50, radius=38.0), "c")
    elsewhere = named(circle_lap(50, info={"track_points": lap.info.track_points * 2}), "d")
    assert twins([named(lap, "a"), marked, other, elsewhere]) == [["a", "b"]]
    assert twins([lap, other]) == []


def test_the_statistics_of_laps_are_those_of_all_their_steps():
    lap = circle_lap(100, radius=39.0)
    other = circle_lap(
        300, radius=37.0, info={"driver": "expert", "vehicle": vars(VEHICLES["rc"])}, speed=np.full(300, 8.0)
    )
    bad = named(circle_lap(100, mark=np.full(100, MARK_BAD)), "bad", complete=False)
    found = statistics([named(lap, "one"), named(other, "two"), bad])
    assert (found.laps, found.steps, found.good_steps) == (3, 500, 400)
    assert found.minutes == pytest.approx(500 / HZ / 60)
    assert found.drivers == {"expert": 3}
    assert found.tracks == {"circle": 3}
    assert found.vehicles == {"car": 2, "rc": 1}
    assert found.lateral_rms == pytest.approx(np.sqrt((200 * 1 + 300 * 9) / 500))
    assert found.steering.counts.sum() == found.speed.counts.sum() == 500
    assert found.speed.edges[-1] == 10.0
    assert found.cut_off == ["bad"]
    assert found.twins == [["one", "bad"]]
    assert [(part.lap, part.what) for part in found.stretches] == [("bad", "marked bad")]


def test_a_car_that_is_no_preset_is_called_other():
    assert vehicle_name(circle_lap(2, info={"vehicle": vars(VEHICLES["car"]) | {"mass": 1600.0}})) == "other"
