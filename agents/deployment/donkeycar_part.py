"""Donkeycar part: a policy at the wheel of a Donkeycar; donkeycar itself is not needed to import it.

In the car's `manage.py`, with this project's folder on `PYTHONPATH`, in place of the model that `--model` loads:

    from agents.deployment.donkeycar_part import DrivesimPilot

    V.add(
        DrivesimPilot("policy.onnx", throttle=0.2),
        inputs=["cam/image_array"],
        outputs=["pilot/angle", "pilot/throttle"],
        run_condition="run_pilot",
    )

A policy that takes the speed takes it as second input, such as `enc/speed`, in m/s. One that takes past frames
remembers them, and expects to be called at its control rate; one that takes several cameras is refused. On the car's
computer export the policy first (`python -m agents.export`): an .onnx file needs no torch.
"""

from pathlib import Path

import cv2
import numpy as np

from agents.frame_driver import FrameDriver
from agents.load_driver import load_frame_driver
from drivesim.errors import DrivesimError


class DrivesimPilot:
    """A part of a Donkeycar's vehicle loop that drives.

    The car's picture is fitted to the policy's camera: `crop` is cut away; what is then too wide for the camera's
    proportions is cut left and right alike, what is too high at the top, where the sky is; and the rest is resized. The
    policy must have learned from pictures like that.

    Args:
        policy: A policy's folder, an .onnx file, or a driver that sees frames (such as a `Monitor`).
        throttle: For policies that steer alone, -1 to 1. One that works the pedal too gives its own: -1 full brake,
            which a Donkeycar's speed controller may take for reverse.
        crop: Pixels of the car's picture to cut away at the top, right, bottom and left.
        threads: Threads that compute an action of an .onnx file.

    Raises:
        DrivesimError: If the policy can't be read.
    """

    def __init__(
        self,
        policy: Path | str | FrameDriver,
        throttle: float = 0.2,
        crop: tuple[int, int, int, int] = (0, 0, 0, 0),
        threads: int | None = None,
    ) -> None:
        if not -1 <= throttle <= 1:
            raise DrivesimError(f"throttle: expected a number from -1 to 1, got {throttle}.")
        if len(crop) != 4 or min(crop) < 0:
            raise DrivesimError(f"crop: expected pixels at the top, right, bottom and left, got {crop}.")
        self.driver = policy if isinstance(policy, FrameDriver) else load_frame_driver(policy, threads=threads)
        cameras = len(self.driver.config.cameras)
        if cameras > 1:
            raise DrivesimError(
                f"policy: it takes {cameras} cameras, and a Donkeycar has one. Train one for one camera."
            )
        self.throttle, self.crop = throttle, crop
        self._is_running = True
        # The first pass of a network takes longer: better before the car moves.
        (shape,) = self.driver.config.frame_shapes
        self.driver.predict(np.zeros((1, *shape), np.uint8), np.zeros(1) if self._takes_speed else None)
        self._history = self.driver.new_history()

    @property
    def _takes_speed(self) -> bool:
        return self.driver.config.takes_speed

    def run(self, image_arr: np.ndarray | None, speed: float | None = None) -> tuple[float, float]:
        """Drive one step.

        Args:
            image_arr: (H, W, 3) uint8 RGB or (H, W) or (H, W, 1) uint8 grey, of any size; None while the camera starts.
            speed: Of the car, m/s; for policies that take it.

        Returns:
            Angle, -1 full left ... +1 full right, and throttle, -1 ... +1; 0 without a picture or after `shutdown`.
        """
        if image_arr is None or not self._is_running:
            return 0.0, 0.0
        if self._takes_speed and speed is None:
            raise DrivesimError(
                "speed: this policy takes the car's speed: add inputs=['cam/image_array', 'enc/speed']."
            )
        frame = fit_frame(image_arr, self.driver.camera.height, self.driver.camera.width, self.crop)
        speeds = np.array([speed], np.float64) if self._takes_speed else None
        action = self.driver.predict(self._history.push([frame[None]]), speeds)[0]
        return float(action[0]), float(action[1]) if len(action) > 1 else self.throttle

    def shutdown(self) -> None:
        """Stop: from here on the wheel is straight and the throttle 0."""
        self._is_running = False


def fit_frame(image: np.ndarray, height: int, width: int, crop: tuple[int, int, int, int] = (0, 0, 0, 0)) -> np.ndarray:
    """Return a picture of any size as a frame (height, width, 3) uint8; see `DrivesimPilot`."""
    if image.dtype != np.uint8 or image.ndim not in (2, 3) or (image.ndim == 3 and image.shape[2] not in (1, 3)):
        raise DrivesimError(
            f"image_arr: expected (H, W, 3) or (H, W) uint8, got {image.dtype} of {image.shape}. Set IMAGE_DEPTH to 3."
        )
    top, right, bottom, left = crop
    image = image[top : image.shape[0] - bottom, left : image.shape[1] - right]
    if not image.size:
        raise DrivesimError(f"crop: {crop} leaves nothing of the car's picture. Cut away less.")
    high, wide = image.shape[:2]
    kept_height = max(min(high, round(wide * height / width)), 1)
    kept_width = max(min(wide, round(high * width / height)), 1)
    start = (wide - kept_width) // 2
    image = image[high - kept_height :, start : start + kept_width]
    if image.ndim == 2 or image.shape[2] == 1:
        image = np.repeat(image.reshape(*image.shape[:2], 1), 3, axis=2)
    if image.shape[:2] == (height, width):
        return np.ascontiguousarray(image)
    # Shrinking takes the mean of what a pixel covers: other ways leave pixels out.
    way = cv2.INTER_AREA if kept_height >= height else cv2.INTER_LINEAR
    return cv2.resize(np.ascontiguousarray(image), (width, height), interpolation=way)
