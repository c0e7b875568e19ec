"""Planar poses and 3x3 transforms, batched.

A pose is `x y heading`, metres and radians, world frame: x east, y north, heading counter-clockwise from +x.
The ego frame is ISO 8855: x forward, y left.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]


def wrap_angle(angle: ArrayLike) -> Floats:
    """Wrap angles to [-pi, pi)."""
    wrapped = (np.asarray(angle, np.float64) + np.pi) % (2 * np.pi) - np.pi
    # The remainder of a tiny negative number rounds up to 2 pi itself.
    return np.where(wrapped < np.pi, wrapped, -np.pi)


def between_poses(start: ArrayLike, end: ArrayLike, share: float) -> Floats:
    """Return the pose (3,) at a share of the way between two, along a straight line and the shorter turn."""
    start, end = np.asarray(start, np.float64), np.asarray(end, np.float64)
    move = end - start
    move[2] = wrap_angle(move[2])
    return start + share * move


def pose_matrix(poses: ArrayLike) -> Floats:
    """Return the 3x3 matrices that take homogeneous ego coordinates to the world.

    Args:
        poses: (..., 3) x y heading, metres and radians, world.

    Returns:
        (..., 3, 3) float64.
    """
    poses = np.asarray(poses, np.float64)
    cos, sin = np.cos(poses[..., 2]), np.sin(poses[..., 2])
    matrix = np.zeros((*poses.shape[:-1], 3, 3))
    matrix[..., 0, 0] = cos
    matrix[..., 0, 1] = -sin
    matrix[..., 1, 0] = sin
    matrix[..., 1, 1] = cos
    matrix[..., :2, 2] = poses[..., :2]
    matrix[..., 2, 2] = 1.0
    return matrix


def to_world(points: ArrayLike, pose: ArrayLike) -> Floats:
    """Take ego points (..., 2) to the world, given poses that broadcast with them (..., 3)."""
    points, pose = np.asarray(points, np.float64), np.asarray(pose, np.float64)
    cos, sin = np.cos(pose[..., 2]), np.sin(pose[..., 2])
    x = pose[..., 0] + cos * points[..., 0] - sin * points[..., 1]
    y = pose[..., 1] + sin * points[..., 0] + cos * points[..., 1]
    return np.stack([x, y], axis=-1)


def to_ego(points: ArrayLike, pose: ArrayLike) -> Floats:
    """Take world points (..., 2) to the ego frame of poses that broadcast with them (..., 3)."""
    points, pose = np.asarray(points, np.float64), np.asarray(pose, np.float64)
    cos, sin = np.cos(pose[..., 2]), np.sin(pose[..., 2])
    dx, dy = points[..., 0] - pose[..., 0], points[..., 1] - pose[..., 1]
    return np.stack([cos * dx + sin * dy, cos * dy - sin * dx], axis=-1)
