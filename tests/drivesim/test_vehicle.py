"""Single-track models against the closed forms that they approximate."""

import json
from dataclasses import asdict, replace

import numpy as np
import pytest

from drivesim.errors import DrivesimError
from drivesim.namespaces import FLOATS, NUMPY
from drivesim.vehicle import GRAVITY, VEHICLES, VehicleParams, VehicleState, get_vehicle, step_vehicle

DT = 0.01
KINEMATIC, DYNAMIC = VehicleParams(), VehicleParams(model="dynamic")
MODELS = [pytest.param(KINEMATIC, id="kinematic"), pytest.param(DYNAMIC, id="dynamic")]


def rolling(speed: float, angle: float = 0.0) -> VehicleState:
    """Return a car at the origin that heads east."""
    return VehicleState(0.0, 0.0, 0.0, speed, 0.0, 0.0, angle)


def drive(state, params, seconds, steering=0.0, pedal=0.0, held_speed=None):
    """Return the states at the end of each physics step, from `state` on."""
    states = [state]
    for _ in range(round(seconds / DT)):
        state = step_vehicle(state, steering, pedal, params, DT, FLOATS)
        if held_speed is not None:
            state = state._replace(speed=held_speed)
        states.append(state)
    return states


def turn_steadily(params, speed, angle, seconds=6.0):
    """Return the state of a car that has held a speed and a wheel angle until nothing changes any more."""
    return drive(rolling(speed, angle), params, seconds, -angle / params.max_steering_angle, held_speed=speed)[-1]


def without_drag(**values) -> VehicleParams:
    """Return a car that air hardly holds back."""
    return VehicleParams(max_speed=1e6, **values)


@pytest.mark.parametrize("angle", [0.05, 0.3, -0.55])
def test_the_rear_axle_of_a_kinematic_car_turns_on_the_radius_that_its_wheels_point_to(angle):
    states = drive(rolling(5.0, angle), KINEMATIC, 4.0, -angle / KINEMATIC.max_steering_angle, held_speed=5.0)
    radius = KINEMATIC.wheelbase / np.tan(angle)
    x, y, heading = (np.array([getattr(state, name) for state in states]) for name in ("x", "y", "heading"))
    rear_x, rear_y = x - KINEMATIC.cg_to_rear * np.cos(heading), y - KINEMATIC.cg_to_rear * np.sin(heading)
    distance = np.hypot(rear_x + KINEMATIC.cg_to_rear, rear_y - radius)
    np.testing.assert_allclose(distance, abs(radius), rtol=2e-3)
    assert states[-1].yaw_rate == pytest.approx(5.0 / radius, rel=1e-3)


@pytest.mark.parametrize("speed", [8.0, 20.0])
@pytest.mark.parametrize("front", [60_000.0, 90_000.0])
def test_a_dynamic_car_turns_steadily_as_its_understeer_gradient_says(speed, front):
    params = replace(DYNAMIC, cornering_stiffness_front=front)
    angle = 0.5 * params.wheelbase / speed**2
    # Rajamani (2012), section 3.3: K = (m / L) (l_r / C_f - l_f / C_r), in rad per m/s^2.
    rear = params.cornering_stiffness_rear
    gradient = params.mass / params.wheelbase * (params.cg_to_rear / front - params.cg_to_front / rear)
    expected = speed * angle / (params.wheelbase + gradient * speed**2)
    assert turn_steadily(params, speed, angle).yaw_rate == pytest.approx(expected, rel=5e-3)


def test_a_dynamic_car_that_crawls_turns_as_a_kinematic_one():
    slow = [turn_steadily(params, 1.5, 0.4) for params in (KINEMATIC, DYNAMIC)]
    np.testing.assert_allclose(slow[1], slow[0], atol=1e-12)


@pytest.mark.parametrize("friction", [0.3, 1.0])
@pytest.mark.parametrize("steering", [-0.6, 0.4])
def test_tyres_never_hold_more_than_friction_allows(friction, steering):
    params = without_drag(model="dynamic", friction=friction)
    states = drive(rolling(25.0), params, 4.0, steering, held_speed=25.0)
    lateral, yaw_rate = (
        np.array([getattr(state, name) for state in states]) for name in ("lateral_velocity", "yaw_rate")
    )
    acceleration = np.diff(lateral) / DT + 25.0 * yaw_rate[:-1]
    assert np.abs(acceleration).max() <= friction * GRAVITY * (1 + 1e-9)
    assert np.abs(acceleration).max() >= 0.9 * friction * GRAVITY


def push(wind, heading, seconds=2.0):
    """Return a dynamic car that has rolled in a wind."""
    car = rolling(10.0)._replace(heading=heading)
    for _ in range(round(seconds / DT)):
        car = step_vehicle(car, 0.0, 0.0, DYNAMIC, DT, FLOATS, wind=wind)
    return car


def test_a_wind_accelerates_a_car_across_its_axis_and_tyres_hold_against_it():
    start = rolling(10.0)._replace(heading=-np.pi / 2)
    first = step_vehicle(start, 0.0, 0.0, DYNAMIC, DT, FLOATS, wind=1.5)
    # It blows east, and the car drives south: from the right.
    assert first.lateral_velocity == pytest.approx(1.5 * DT)
    assert push(1.5, -np.pi / 2).x > 0.1
    assert push(1.5, np.pi / 2).x > 0.1
    # Towards the wind or away from it there is nothing across.
    assert push(1.5, 0.0).y == pytest.approx(0.0, abs=1e-9)
    # Without tyres' stiffness in the way, half a t squared would be three metres.
    assert push(1.5, -np.pi / 2).x < 1.0


def test_no_wind_is_no_other_car():
    assert push(0.0, 0.3) == drive(rolling(10.0)._replace(heading=0.3), DYNAMIC, 2.0)[-1]


def test_braking_takes_grip_from_cornering():
    start = turn_steadily(DYNAMIC, 20.0, 0.1)
    rolls, brakes = (step_vehicle(start, -0.1 / 0.6, pedal, DYNAMIC, DT, FLOATS) for pedal in (0.0, -1.0))
    held = [(after.lateral_velocity - start.lateral_velocity) / DT + 20 * start.yaw_rate for after in (rolls, brakes)]
    assert held[1] < 0.9 * held[0]


@pytest.mark.parametrize("params", MODELS)
@pytest.mark.parametrize("pedal", [-1.0, -0.25])
def test_a_car_stops_within_the_distance_that_its_brakes_need(params, pedal):
    params = replace(params, max_speed=1e6)
    states = drive(rolling(20.0), params, 12.0, pedal=pedal)
    assert states[-1].speed == 0.0
    assert states[-1].x == pytest.approx(20.0**2 / (2 * -pedal * params.max_braking), abs=20.0 * DT)


def test_brakes_hold_no_better_than_the_tyres():
    states = drive(rolling(20.0), without_drag(friction=0.4), 12.0, pedal=-1.0)
    assert states[-1].x == pytest.approx(20.0**2 / (2 * 0.4 * GRAVITY), abs=20.0 * DT)


def test_air_slows_a_coasting_car_as_its_closed_form_says():
    # v' = -a (v / top)^2 gives v(t) = v0 / (1 + a v0 t / top^2).
    speed = drive(rolling(30.0), KINEMATIC, 10.0)[-1].speed
    rate = KINEMATIC.max_acceleration / KINEMATIC.max_speed**2
    assert speed == pytest.approx(30.0 / (1 + rate * 30.0 * 10.0), rel=1e-3)


@pytest.mark.parametrize("params", [*MODELS, pytest.param(VEHICLES["rc"], id="rc")])
def test_full_throttle_approaches_the_top_speed_as_its_closed_form_says(params):
    # v' = a (1 - (v / top)^2) gives v(t) = top tanh(a t / top).
    top, acceleration = params.max_speed, params.max_acceleration
    states = drive(rolling(0.0), params, 60.0, pedal=1.0)
    expected = top * np.tanh(acceleration * DT * np.arange(len(states)) / top)
    np.testing.assert_allclose([state.speed for state in states], expected, atol=2 * acceleration * DT)
    assert states[-1].speed == pytest.approx(top, rel=1e-3)
    assert max(state.speed for state in states) <= top


def test_the_wheels_follow_a_small_command_with_a_first_order_lag():
    target = 0.1
    angles = [state.steering_angle for state in drive(rolling(5.0), KINEMATIC, 1.0, -target / 0.6)]
    kept = 1 - DT / KINEMATIC.steering_time_constant
    np.testing.assert_allclose(angles, target * (1 - kept ** np.arange(len(angles))), atol=1e-12)
    assert angles[10] == pytest.approx(target * (1 - np.exp(-1)), rel=0.05)


@pytest.mark.parametrize("sign", [-1, 1])
def test_the_wheels_turn_no_faster_than_their_rate_and_no_further_than_their_stop(sign):
    angles = np.array([state.steering_angle for state in drive(rolling(5.0), KINEMATIC, 2.0, sign)])
    steps = np.diff(angles) / DT
    assert np.abs(steps).max() == pytest.approx(KINEMATIC.max_steering_rate)
    assert np.all(steps * sign <= 0)
    assert angles[-1] == pytest.approx(-sign * KINEMATIC.max_steering_angle, abs=1e-6)
    assert np.abs(angles).max() <= KINEMATIC.max_steering_angle


def test_a_lag_shorter_than_a_step_does_not_overshoot():
    quick = replace(KINEMATIC, steering_time_constant=1e-4, max_steering_rate=1e6)
    angles = [state.steering_angle for state in drive(rolling(5.0), quick, 0.05, -0.5)]
    np.testing.assert_allclose(angles[1:], 0.3, atol=1e-12)


@pytest.mark.parametrize("params", MODELS)
def test_steering_right_turns_right(params):
    state = drive(rolling(8.0), params, 1.0, steering=0.3)[-1]
    assert state.steering_angle < 0
    assert state.heading < 0
    assert state.y < 0


@pytest.mark.parametrize("params", [*MODELS, pytest.param(VEHICLES["rc"], id="rc")])
def test_left_and_right_are_mirror_images(params):
    left, right = (drive(rolling(8.0), params, 2.0, steering, 0.3)[-1] for steering in (-0.4, 0.4))
    mirrored = right._replace(
        **{name: -getattr(right, name) for name in ("y", "heading", "lateral_velocity", "yaw_rate", "steering_angle")}
    )
    np.testing.assert_allclose(mirrored, left, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("name", VEHICLES)
def test_no_action_drives_a_car_backwards_or_to_infinity(name):
    rng = np.random.default_rng(0)
    state = VehicleState(*np.zeros((7, 200)))
    for step in range(600):
        if step % 20 == 0:
            steering, pedal = rng.uniform(-1, 1, 200), rng.choice([-1.0, -0.2, 0.0, 1.0], 200)
        state = step_vehicle(state, steering, pedal, VEHICLES[name], DT, NUMPY)
        assert np.all((state.speed >= 0) & (state.speed <= VEHICLES[name].max_speed))
    assert np.all(np.isfinite(state))
    assert np.abs(state.lateral_velocity).max() < VEHICLES[name].max_speed


@pytest.mark.parametrize("params", MODELS)
def test_a_car_at_rest_stays_where_it_is(params):
    state = drive(rolling(0.0), params, 1.0, steering=1.0, pedal=-1.0)[-1]
    assert state[:6] == (0.0,) * 6


@pytest.mark.parametrize("name", VEHICLES)
def test_floats_and_arrays_drive_alike(name):
    rng = np.random.default_rng(1)
    many = VehicleState(*rng.uniform(-1, 1, (7, 8)))._replace(speed=rng.uniform(0, 15, 8))
    singles = [VehicleState(*(float(column[car]) for column in many)) for car in range(8)]
    for _ in range(200):
        steering, pedal = rng.uniform(-1, 1, (2, 8))
        many = step_vehicle(many, steering, pedal, VEHICLES[name], DT, NUMPY)
        singles = [
            step_vehicle(state, float(steering[car]), float(pedal[car]), VEHICLES[name], DT, FLOATS)
            for car, state in enumerate(singles)
        ]
    np.testing.assert_allclose(np.array(singles), np.array(many).T, rtol=1e-12, atol=1e-12)


def test_a_finer_step_comes_closer_to_the_same_path():
    def after(dt):
        state = rolling(15.0)
        for _ in range(round(2.0 / dt)):
            state = step_vehicle(state, 0.1, 0.2, DYNAMIC, dt, FLOATS)
        return np.array([state.x, state.y])

    coarse, middle, fine = after(0.01), after(0.005), after(0.0025)
    assert np.hypot(*(coarse - middle)) < 0.1
    assert np.hypot(*(middle - fine)) < 0.6 * np.hypot(*(coarse - middle))


@pytest.mark.parametrize("name", VEHICLES)
def test_many_steps_under_one_action_are_as_many_single_steps(name):
    once = again = rolling(9.0, 0.05)
    once = step_vehicle(once, 0.4, 0.7, VEHICLES[name], DT, FLOATS, 5)
    for _ in range(5):
        again = step_vehicle(again, 0.4, 0.7, VEHICLES[name], DT, FLOATS)
    assert once == again


def test_parameters_come_back_from_json():
    params = replace(DYNAMIC, mass=1234.5)
    assert get_vehicle(json.loads(json.dumps(asdict(params)))) == params
    assert get_vehicle({"length": 3.0}) == VehicleParams(length=3.0)
    with pytest.raises(DrivesimError, match=r"'wings'.*model, length"):
        get_vehicle({"wings": 2})


def test_a_preset_is_found_by_name_and_parameters_pass_through():
    assert get_vehicle("rc") is VEHICLES["rc"]
    assert get_vehicle(DYNAMIC) is DYNAMIC


@pytest.mark.parametrize("name", VEHICLES)
def test_presets_are_cars_that_understeer(name):
    params = VEHICLES[name]
    assert params.cg_to_rear * params.cornering_stiffness_rear > params.cg_to_front * params.cornering_stiffness_front
    assert params.wheelbase < params.length
    assert params.wheelbase / np.tan(params.max_steering_angle) < 10.0


def test_an_unknown_preset_or_model_is_told_the_known_ones():
    with pytest.raises(DrivesimError, match=r"'tank'.*car, car-dynamic, rc"):
        get_vehicle("tank")
    with pytest.raises(DrivesimError, match=r"'hover'.*kinematic, dynamic"):
        VehicleParams(model="hover")


def test_a_car_that_cannot_exist_is_refused_with_all_its_faults():
    with pytest.raises(DrivesimError) as error:
        VehicleParams(length=-1.0, mass=float("nan"), friction="wet", max_speed=float("inf"))
    for fault in ("length=-1.0", "mass=nan", "friction='wet'", "max_speed=inf"):
        assert fault in str(error.value)
