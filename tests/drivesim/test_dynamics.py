"""How a car is in an episode: drawn within its range, felt by the car, and the same for one car and many."""

import gymnasium
import numpy as np
import pytest

import drivesim  # noqa: F401  (registers the environments)
from drivesim.dynamics import AS_BUILT, DYNAMICS, Dynamics, DynamicsRange, seen_from
from drivesim.env import DriveEnv, SteerEnv
from drivesim.errors import DrivesimError
from drivesim.namespaces import FLOATS, NUMPY
from drivesim.vehicle import VehicleState
from drivesim.world import World, WorldSource
from tests.drivesim.test_vector_env import SHORT, assert_observations_agree, make_singles


def drive(dynamics: Dynamics, pedal: float = 0.5, steering: float = 0.0, steps: int = 40, vehicle: str = "car"):
    """Return an environment after some steps on a wide road."""
    world = WorldSource([0], "easy").all()[0]
    env = DriveEnv(camera=None, vehicle=vehicle, off_road_margin=20.0)
    env.reset(seed=0, options={"world": World(world.track, world.appearance, dynamics=dynamics), "speed": 12.0})
    for _ in range(steps):
        env.step([steering, pedal])
    return env


def test_every_draw_lies_in_its_range():
    rng = np.random.default_rng(0)
    for name, limits in DYNAMICS.items():
        for own in (limits.draw(rng) for _ in range(50)):
            assert all(low <= getattr(own, field) <= high for field, (low, high) in vars(limits).items())
            assert (own == AS_BUILT) == (name == "fixed")


def test_what_cannot_be_is_refused_at_once():
    with pytest.raises(DrivesimError, match=r"mass=9.*grip=nan.*vibration=-1"):
        Dynamics(mass=9, grip=float("nan"), vibration=-1)
    with pytest.raises(DrivesimError, match=r"mass=\(2, 1\).*lag=3"):
        DynamicsRange(mass=(2, 1), lag=3)
    with pytest.raises(DrivesimError, match="fixed, mild, wide"):
        SteerEnv(dynamics="wild")


def test_a_heavy_car_gains_and_loses_speed_more_slowly():
    speeds = [drive(Dynamics(mass=mass), steps=20).state.vehicle.speed for mass in (0.8, 1.0, 1.5)]
    assert speeds == sorted(speeds, reverse=True)
    speeds = [drive(Dynamics(mass=mass), pedal=-0.5, steps=10).state.vehicle.speed for mass in (0.8, 1.0, 1.5)]
    assert speeds == sorted(speeds)


def test_less_grip_brakes_less():
    slow, fast = (drive(Dynamics(grip=grip), pedal=-1.0, steps=20).state.vehicle.speed for grip in (1.0, 0.3))
    assert fast > slow + 2


def test_the_wheel_that_is_straight_turns_the_car_by_its_offset():
    env = drive(Dynamics(steering_offset=0.05), steps=20)
    assert env.state.vehicle.steering_angle == pytest.approx(0.05, abs=1e-3)
    assert env.state.vehicle.yaw_rate > 0.1


def test_a_slack_steering_comes_late():
    angles = [drive(Dynamics(lag=lag), steering=-0.3, steps=3).state.vehicle.steering_angle for lag in (1.0, 4.0)]
    assert angles[1] < 0.7 * angles[0]


def test_soft_tyres_and_wind_move_a_car_with_slip():
    turned = {
        name: drive(own, steering=-0.2, steps=15, vehicle="car-dynamic").state.vehicle
        for name, own in (("built", AS_BUILT), ("soft", Dynamics(tyres=0.4)), ("wind", Dynamics(wind=3.0)))
    }
    assert abs(turned["soft"].lateral_velocity - turned["built"].lateral_velocity) > 0.02
    assert abs(turned["wind"].lateral_velocity - turned["built"].lateral_velocity) > 0.02


def test_frames_come_late_by_the_way_that_was_driven():
    car = VehicleState(1.0, 2.0, np.pi / 2, 10.0, 0.0, 0.2, 0.0)
    np.testing.assert_allclose(seen_from(car, 0.0, 0.1, 0.0, FLOATS), [1.0, 1.0, np.pi / 2 - 0.02], atol=1e-12)
    assert seen_from(car, 1.0, 0.0, 0.0, FLOATS) == (1.0, 2.0, np.pi / 2)


def test_a_camera_shakes_no_farther_than_it_says():
    time = np.arange(0, 5, 0.05)
    car = VehicleState(*np.zeros((7, len(time))))
    seen = np.column_stack(seen_from(car, time, 0.0, 0.1, NUMPY))
    assert (np.abs(seen) <= [0.1, 0.1, 0.015]).all()
    assert (seen.std(axis=0) > [0.05, 0.05, 0.005]).all()


@pytest.mark.parametrize("name", ["drivesim/Steer-v0", "drivesim/Drive-v0"])
def test_many_cars_are_as_many_environments(name):
    arguments = {**SHORT, "vehicle": "car-dynamic", "dynamics": "wide", "camera": "topdown"}
    ours = gymnasium.make_vec(name, 5, "vector_entry_point", **arguments)
    singles = make_singles(name, ours.autoreset_mode, **arguments)
    assert_observations_agree(ours.reset(seed=0)[0], singles.reset(seed=0)[0])
    rng = np.random.default_rng(0)
    for _ in range(60):
        action = rng.uniform(-0.3, 0.3, ours.action_space.shape)
        assert_observations_agree(ours.step(action)[0], singles.step(action)[0])


def test_randomizing_everything_draws_them_and_looks_alone_do_not():
    def drawn(**how):
        source, rng = WorldSource([0, 1], "easy", **how), np.random.default_rng(0)
        return [source.draw(rng).dynamics for _ in range(4)]

    assert len({*drawn(randomize="all")}) == 4
    assert drawn(randomize="all") == drawn(randomize="all")
    assert {*drawn(randomize="looks")} == {AS_BUILT}
    assert {*drawn(randomize="all", dynamics=Dynamics(mass=1.1))} == {Dynamics(mass=1.1)}
    assert len({*drawn(dynamics="mild")}) == 4
