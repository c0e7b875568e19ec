"""Pure pursuit against closed forms."""

import numpy as np
import pytest

from drivesim.pursuit import pursuit_curvature
from drivesim.vehicle import VEHICLES

CAR = VEHICLES["car"]


def poses_at(*rows):
    return np.array(rows, float).reshape(-1, 3)


def rear_axle(poses):
    return poses[:, :2] - CAR.cg_to_rear * np.column_stack([np.cos(poses[:, 2]), np.sin(poses[:, 2])])


def test_a_target_straight_ahead_asks_for_no_curvature():
    headings = np.linspace(-np.pi, np.pi, 9)
    poses = np.column_stack([np.full(9, 12.0), np.full(9, -7.0), headings])
    ahead = np.linspace(2, 50, 9)
    targets = poses[:, :2] + ahead[:, None] * np.column_stack([np.cos(headings), np.sin(headings)])
    np.testing.assert_allclose(pursuit_curvature(poses, targets, CAR), 0.0, atol=1e-14)


@pytest.mark.parametrize("radius", [5.0, 40.0, -40.0, 1e4])
def test_a_target_on_the_circle_of_the_rear_axle_asks_for_exactly_that_circle(radius):
    rng = np.random.default_rng(0)
    poses = np.column_stack([rng.uniform(-100, 100, (20, 2)), rng.uniform(-np.pi, np.pi, 20)])
    # The centre lies to the left of the rear axle; the target a bit of the circle farther on.
    left = np.column_stack([-np.sin(poses[:, 2]), np.cos(poses[:, 2])])
    center = rear_axle(poses) + radius * left
    turned = rng.uniform(0.05, 2.5, 20) * np.sign(radius)
    bearing = poses[:, 2] - np.pi / 2 + turned
    targets = center + radius * np.column_stack([np.cos(bearing), np.sin(bearing)])
    np.testing.assert_allclose(pursuit_curvature(poses, targets, CAR), 1 / radius, rtol=1e-9)


def test_a_target_to_the_left_asks_for_a_left_bend_and_its_mirror_image_for_the_opposite():
    poses = poses_at((0, 0, 0), (0, 0, 0))
    left, right = pursuit_curvature(poses, np.array([[10.0, 2.0], [10.0, -2.0]]), CAR)
    assert left > 0
    assert right == -left
