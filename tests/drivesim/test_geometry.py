"""Angles and planar poses."""

import numpy as np
import pytest

from drivesim.geometry import between_poses, pose_matrix, to_ego, to_world, wrap_angle

POSES = np.random.default_rng(0).uniform([-50, -50, -10], [50, 50, 10], (40, 3))
POINTS = np.random.default_rng(1).uniform(-30, 30, (40, 2))


def test_a_wrapped_angle_lies_within_half_a_turn_and_points_the_same_way():
    angle = np.linspace(-40, 40, 4001)
    wrapped = wrap_angle(angle)
    assert wrapped.min() >= -np.pi
    assert wrapped.max() < np.pi
    np.testing.assert_allclose(np.exp(1j * wrapped), np.exp(1j * angle), atol=1e-12)


def test_half_a_turn_wraps_to_minus_pi_from_either_side():
    assert wrap_angle(np.pi) == -np.pi
    assert wrap_angle(-np.pi) == -np.pi


def test_the_ego_frame_has_x_ahead_and_y_to_the_left():
    facing_north = [10.0, 20.0, np.pi / 2]
    np.testing.assert_allclose(to_world([1.0, 0.0], facing_north), [10.0, 21.0], atol=1e-12)
    np.testing.assert_allclose(to_world([0.0, 1.0], facing_north), [9.0, 20.0], atol=1e-12)


def test_to_ego_undoes_to_world():
    np.testing.assert_allclose(to_ego(to_world(POINTS, POSES), POSES), POINTS, atol=1e-12)


def test_a_pose_matrix_does_what_to_world_does():
    homogeneous = np.column_stack([POINTS, np.ones(len(POINTS))])
    moved = np.einsum("nij,nj->ni", pose_matrix(POSES), homogeneous)
    np.testing.assert_allclose(moved[:, :2], to_world(POINTS, POSES), atol=1e-12)
    np.testing.assert_array_equal(moved[:, 2], 1.0)


def test_a_pose_matrix_turns_without_stretching():
    turn = pose_matrix(POSES)[:, :2, :2]
    np.testing.assert_allclose(turn @ turn.transpose(0, 2, 1), np.broadcast_to(np.eye(2), turn.shape), atol=1e-12)
    np.testing.assert_allclose(np.linalg.det(turn), 1.0)


@pytest.mark.parametrize("batch", [(), (5,), (2, 3)])
def test_pose_matrices_keep_the_shape_of_the_batch(batch):
    assert pose_matrix(np.zeros((*batch, 3))).shape == (*batch, 3, 3)


@pytest.mark.parametrize("convert", [to_world, to_ego])
def test_points_and_poses_broadcast(convert):
    together = convert(POINTS[:4, None], POSES[None, :3])
    assert together.shape == (4, 3, 2)
    np.testing.assert_array_equal(together[2, 1], convert(POINTS[2], POSES[1]))


def test_between_two_poses_a_car_moves_straight_and_turns_the_shorter_way():
    start, end = np.array([1.0, 2.0, 3.1]), np.array([3.0, -2.0, -3.1])
    np.testing.assert_allclose(between_poses(start, end, 0.0), start)
    np.testing.assert_allclose(between_poses(start, end, 0.25)[:2], [1.5, 1.0])
    half = between_poses(start, end, 0.5)
    assert abs(wrap_angle(half[2] - np.pi)) < 1e-9
    np.testing.assert_allclose(wrap_angle(between_poses(start, end, 1.0)[2] - end[2]), 0.0, atol=1e-12)
