"""Conditions: what each makes of a course, of a car on it, and of a camera."""

import numpy as np
import pytest

from agents.expert import ExpertDriver
from agents.rollout import Course, drive, make_env
from agents.stress.stresses import STRESSES
from drivesim.camera import CAMERAS
from tests.agents.drives import Steady, ring_world


@pytest.mark.parametrize(("name", "severity", "expected"), [("slow", 5, 7.0), ("fast", 5, 13.0), ("fast", 1, 10.6)])
def test_a_speed_is_a_share_of_the_usual_one(name, severity, expected):
    course = STRESSES[name].course(Course(), STRESSES[name].values[severity - 1])
    env = make_env(1, course)
    assert env.rules.cruise_speed == pytest.approx(expected)
    slower = STRESSES[name].course(Course(scenario={"cruise_speed": 5.0}), 0.8)
    assert slower.scenario["cruise_speed"] == pytest.approx(4.0)


def test_grip_and_wind_are_of_a_car_with_slip_that_is_the_same_otherwise():
    for name, field, value in (("low-grip", "friction", 0.3), ("wind", "width", 1.5)):
        course = Course(scenario={"vehicle": {"width": 1.5}, "control_hz": 10.0})
        env = make_env(1, STRESSES[name].course(course, STRESSES[name].values[4]))
        assert env.rules.vehicle.model == "dynamic"
        assert getattr(env.rules.vehicle, field) == value
        assert env.rules.vehicle.width == 1.5
        assert env.rules.control_hz == 10.0
        assert env.rules.wind == (3.0 if name == "wind" else 0.0)


def test_a_wind_blows_a_car_towards_the_east():
    course = Course(time_limit=3.0, scenario={"vehicle": "car-dynamic"})
    windy = STRESSES["wind"].course(course, 3.0)
    # It starts at (60, 0), where the road goes north.
    calm, blown = (drive(Steady(), [ring_world(60.0, 12.0)], each)[0] for each in (course, windy))
    drift = blown.columns["x"] - calm.columns["x"]
    assert drift[-1] > 0.5
    assert (np.diff(drift) >= 0).all()


def test_cars_start_beside_the_line_within_the_road_and_turned_to_either_side():
    worlds = [ring_world(30.0, 3.0), ring_world(40.0, 5.0)]
    course = STRESSES["start-aside"].course(Course(time_limit=0.1), 0.8)
    for driven, side, room in zip(drive(ExpertDriver(), worlds, course), (1, -1), (2.1, 4.1), strict=True):
        assert driven.columns["lateral_error"][0] == pytest.approx(side * 0.8 * room, abs=0.1)
        assert driven.columns["clearance"][0] > 0
        assert driven.columns["speed"][0] == 10.0
    course = STRESSES["start-turned"].course(Course(time_limit=0.1), 20.0)
    turned = [driven.columns["heading_error"][0] for driven in drive(ExpertDriver(), worlds, course)]
    assert turned == pytest.approx([np.radians(20), -np.radians(20)])


def test_a_camera_from_above_is_moved_and_one_ahead_is_tilted():
    above, ahead = CAMERAS["topdown"], CAMERAS["front"]
    assert STRESSES["shift"].mount(ahead, 0.5).mount == (0.6, 0.5, 1.4)
    assert STRESSES["pitch"].mount(ahead, 3.0).pitch == ahead.pitch + 3.0
    assert STRESSES["pitch"].mount(above, 3.0).mount[0] == pytest.approx(9.6 - 38.4 * np.tan(np.radians(3)))
    assert STRESSES["roll"].mount(above, 4.0).yaw == 4.0
    assert STRESSES["roll"].mount(ahead, 4.0) is None
