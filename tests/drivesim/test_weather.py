"""Weathers: what can be and what can't, and what they leave of a car's grip."""

import json

import numpy as np
import pytest

from drivesim.appearance import Appearance
from drivesim.env import SteerEnv
from drivesim.errors import DrivesimError
from drivesim.track_generation import generate_track
from drivesim.vector_env import DriveVectorEnv, SteerVectorEnv
from drivesim.weather import WEATHERS, Weather
from drivesim.world import World


def test_the_same_generator_draws_the_same_weathers():
    def drawn(seed: int) -> list[Weather]:
        rng = np.random.default_rng(seed)
        return [Weather.random(rng) for _ in range(30)]

    assert drawn(0) == drawn(0)
    assert drawn(0) != drawn(1)


def test_random_weathers_are_of_every_kind():
    rng = np.random.default_rng(0)
    drawn = [Weather.random(rng) for _ in range(300)]
    for share in (
        np.mean([each.rain > 0 for each in drawn]),
        np.mean([each.snow > 0 for each in drawn]),
        np.mean([each.night > 0 for each in drawn]),
        np.mean([each.visibility is not None and each.visibility < 100 for each in drawn]),
        np.mean([each.grip < 1 for each in drawn]),
    ):
        assert 0.05 < share < 0.6


@pytest.mark.parametrize("name", WEATHERS)
def test_a_weather_comes_back_from_json(name):
    weather = Weather.preset(name)
    assert Weather.from_dict(json.loads(json.dumps(weather.to_dict()))) == weather


def test_no_weather_at_all_is_clear_and_is_not_seen():
    assert Weather.from_dict({}) == WEATHERS["clear"]
    assert not Weather(grip=0.5).is_seen
    assert Weather(rain=0.1).is_seen


@pytest.mark.parametrize(
    ("values", "fault"),
    [
        ({"brightness": 0.0}, r"brightness=0.0 \(from 0.2 to 1.6\)"),
        ({"rain": -0.1}, r"rain=-0.1 \(from 0 to 1\)"),
        ({"night": float("nan")}, "night=nan"),
        ({"tint": (1.0, 1.0)}, r"tint=\(1.0, 1.0\) \(three numbers"),
        ({"tint": (1.0, 1.0, 9.0)}, "tint="),
        ({"visibility": 1.0}, r"visibility=1.0 \(metres from 10, or None\)"),
        ({"grip": 0}, "grip=0 "),
        ({"seed": -1}, "seed=-1"),
        ({"seed": 2**64}, "seed=18446744073709551616"),
        ({"wetness": True}, "wetness=True"),
    ],
)
def test_weather_that_cannot_be_is_refused(values, fault):
    with pytest.raises(DrivesimError, match=fault):
        Weather(**values)


def test_all_faults_are_named_at_once():
    with pytest.raises(DrivesimError, match=r"rain=2 .*snow=3 "):
        Weather(rain=2, snow=3)


def test_an_unknown_name_is_told_the_known_ones():
    with pytest.raises(DrivesimError, match=r"'hail'.*clear.*night"):
        Weather.preset("hail")
    with pytest.raises(DrivesimError, match=r"brightness.*'wind'"):
        Weather.from_dict({"wind": 3})


TRACK = generate_track(4, "medium")
STEERING = {"vehicle": "car-dynamic", "camera": None, "cruise_speed": 16.0, "off_road_margin": 20.0}


def headings(grips: list[float]) -> np.ndarray:
    """Return where cars head after half a second of hard steering, each on a road of its own grip."""
    env = SteerVectorEnv(len(grips), **STEERING)
    worlds = [World(TRACK, Appearance(), Weather(grip=grip)) for grip in grips]
    env.reset(seed=0, options={"worlds": worlds})
    for _ in range(10):
        env.step(np.full((len(grips), 1), 0.4))
    return env.state.vehicle.heading


def test_a_car_turns_less_where_the_weather_leaves_less_grip():
    clear, wet, icy = headings([1.0, 0.6, 0.3]) - TRACK.heading_at(0.0)
    assert clear < wet < icy < 0


def test_one_car_slips_as_one_of_many_does():
    env = SteerEnv(**STEERING)
    env.reset(seed=0, options={"world": World(TRACK, Appearance(), Weather(grip=0.5))})
    for _ in range(10):
        env.step([0.4])
    assert env.state.vehicle.heading == pytest.approx(headings([1.0, 0.5])[1], abs=1e-9)


def test_less_grip_brakes_less_hard():
    env = DriveVectorEnv(2, camera=None, vehicle="car", off_road_margin=20.0)
    env.reset(
        seed=0, options={"worlds": [World(TRACK, Appearance(), Weather(grip=g)) for g in (1.0, 0.3)], "speed": 20.0}
    )
    for _ in range(10):
        env.step(np.tile([[0.0, -1.0]], (2, 1)))
    dry, icy = env.state.vehicle.speed
    assert dry < icy - 1


def test_a_car_that_is_put_into_another_world_has_its_grip():
    env = SteerVectorEnv(2, **STEERING)
    env.reset(seed=0, options={"worlds": [World(TRACK, Appearance(), Weather(grip=0.5))] * 2})
    assert env.road.grip.tolist() == [0.5, 0.5]
    env.reset(options={"worlds": [World(TRACK, Appearance())] * 2, "reset_mask": np.array([True, False])})
    assert env.road.grip.tolist() == [1.0, 0.5]
