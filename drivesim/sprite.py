"""Sprite: the car as a camera above it sees it, drawn once and laid over every frame."""

from dataclasses import dataclass

import cv2
import numpy as np
from numba import njit

from drivesim.camera import Camera
from drivesim.ground.painting import Image
from drivesim.vehicle import VehicleParams


@dataclass(frozen=True, eq=False)
class Sprite:
    """The car as seen from above, at its place in the image.

    Attributes:
        row: Of the sprite's first row in the image.
        column: Of its first column.
        color: (h, 3 w) uint16, multiplied by alpha.
        transparency: (h, 3 w) uint16, 255 where nothing is drawn.
    """

    row: int
    column: int
    color: np.ndarray
    transparency: np.ndarray

    def draw(self, frames: Image) -> None:
        """Lay it over frames (N, H, W, 3)."""
        rows = frames.reshape(*frames.shape[:2], -1)
        _lay_over(rows, self.row, 3 * self.column, self.color, self.transparency)


@njit(
    "void(uint8[:, :, ::1], int64, int64, uint16[:, ::1], uint16[:, ::1])", nogil=True, cache=True, error_model="numpy"
)
def _lay_over(frames: np.ndarray, top: int, left: int, color: np.ndarray, transparency: np.ndarray) -> None:
    height, width = color.shape
    for n in range(len(frames)):
        for row in range(height):
            under = frames[n, top + row, left : left + width]
            for i in range(width):
                # (c * a + b * (255 - a)) / 255, in the rounding that needs no division.
                mixed = np.uint16(under[i]) * transparency[row, i] + color[row, i]
                under[i] = (mixed + (mixed >> 8) + 1) >> 8


def car_sprite(camera: Camera, vehicle: VehicleParams) -> Sprite | None:
    """Draw the car once, large, and shrink it to its place; None where it lies outside the image."""
    fine = 16
    pixel_from_ground = np.linalg.inv(camera.ground_from_pixel())
    front = (vehicle.length + vehicle.wheelbase) / 2 - vehicle.cg_to_rear
    rear = front - vehicle.length
    half = vehicle.width / 2

    def polygon(x0: float, x1: float, y: float) -> np.ndarray:
        ground = np.array([[x0, y, 1.0], [x0, -y, 1.0], [x1, -y, 1.0], [x1, y, 1.0]]).T
        return (pixel_from_ground @ ground)[:2].T

    body = polygon(rear, front, half)
    low = np.floor(body.min(axis=0)).astype(int) - 1
    high = np.ceil(body.max(axis=0)).astype(int) + 2
    low, high = np.maximum(low, 0), np.minimum(high, [camera.width, camera.height])
    width, height = high - low
    if width <= 0 or height <= 0:
        return None
    canvas = np.zeros((height * fine, width * fine, 4), np.uint8)
    length = front - rear
    for shape, paint in (
        (body, (200, 30, 40, 255)),
        (polygon(rear + 0.62 * length, rear + 0.76 * length, 0.8 * half), (25, 30, 40, 255)),
        (polygon(rear + 0.12 * length, rear + 0.22 * length, 0.8 * half), (25, 30, 40, 255)),
    ):
        cv2.fillPoly(canvas, [np.rint((shape - low + 0.5) * fine - 0.5).astype(np.int32)], paint)
    small = cv2.resize(canvas.astype(np.float32), (int(width), int(height)), interpolation=cv2.INTER_AREA)
    # The canvas is black where transparent, so its average is already multiplied by alpha.
    color = np.rint(small[..., :3] * 255).astype(np.uint16).reshape(len(small), -1)
    transparency = np.rint(255 - small[..., 3:]).astype(np.uint16).repeat(3, axis=2).reshape(color.shape)
    return Sprite(int(low[1]), int(low[0]), color, transparency)
