"""CarRacing's expert: it drives, and its pedal keeps to what the tyres can take."""

import gymnasium
import numpy as np
import pytest

from agents.carracing.expert import CarRacingExpert, Tuning, line_of
from agents.carracing.physics import DT, HALF_WIDTH, MASS, TILE_LENGTH, WHEELBASE, leave_undrawn

pytest.importorskip("Box2D")


@pytest.fixture
def unseen():
    """Return CarRacing whose frames are not drawn: the expert does not look at them."""
    env = gymnasium.make("CarRacing-v3")
    leave_undrawn(env)
    yield env
    env.close()


def test_the_physics_are_those_of_the_installed_environment(unseen):
    unseen.reset(seed=1000)
    car = unseen.unwrapped.car
    assert car.hull.mass + sum(wheel.mass for wheel in car.wheels) == pytest.approx(MASS, abs=0.01)
    front, rear = (np.mean([wheel.position for wheel in wheels], axis=0) for wheels in (car.wheels[:2], car.wheels[2:]))
    assert np.linalg.norm(front - rear) == pytest.approx(WHEELBASE, abs=0.01)
    tiles = np.array(unseen.unwrapped.track)[:, 2:4]
    assert np.median(np.linalg.norm(np.diff(tiles, axis=0), axis=1)) == pytest.approx(TILE_LENGTH)
    edge = np.array(unseen.unwrapped.road[5].fixtures[0].shape.vertices)
    assert min(np.linalg.norm(edge - tiles[5], axis=1)) == pytest.approx(HALF_WIDTH, abs=0.1)
    assert unseen.metadata["render_fps"] * DT == 1


def test_it_drives_a_whole_lap_fast(unseen):
    unseen.reset(seed=1000)
    expert = CarRacingExpert(unseen)
    expert.begin()
    total, steps, ended = 0.0, 0, False
    while not ended:
        action = expert.act(None)
        assert unseen.action_space.contains(action)
        _, reward, terminated, truncated, _ = unseen.step(action)
        total, steps, ended = total + reward, steps + 1, terminated or truncated
    assert terminated
    assert total == pytest.approx(1000 - 0.1 * steps, abs=0.01)
    assert total > 915


def test_the_line_is_on_the_road_and_closed(unseen):
    unseen.reset(seed=1001)
    track = unseen.unwrapped.track
    line = line_of(track, Tuning())
    tiles = np.array(track)[:, 2:4]
    away = [np.linalg.norm(tiles - point, axis=1).min() for point in line.points]
    # The nearest tile's middle is up to half a tile farther along.
    assert max(away) < np.hypot(Tuning().most_offset, TILE_LENGTH) + 0.5
    ends = np.linalg.norm(line.points[0] - line.points[-1])
    assert ends == pytest.approx(line.spacing, rel=0.1)


def test_gas_is_let_go_where_the_rear_wheels_spin_and_the_brake_where_they_stand(unseen):
    unseen.reset(seed=1000)
    expert = CarRacingExpert(unseen)
    expert.begin()
    car = unseen.unwrapped.car
    assert expert.demand()[1] > 0
    for wheel in car.wheels[2:]:
        wheel.omega = 100.0
    assert expert.demand()[1] == 0.0
    car.hull.linearVelocity = (np.array([-np.sin(car.hull.angle), np.cos(car.hull.angle)]) * 140).tolist()
    for wheel in car.wheels:
        wheel.omega = 140 / 0.54
    assert expert.demand()[1] < 0
    for wheel in car.wheels:
        wheel.omega = 0.0
    assert expert.demand()[1] == 0.0
