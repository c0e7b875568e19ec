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
computer export the policy first (`python -m agents.export`): an exported file needs no torch.
"""

from pathlib import Path

import numpy as np

from agents.frame_driver import FrameDriver
from agents.load_driver import load_frame_driver
from datasets.frame_fit import FrameFit, fit_frame
from drivesim.errors import DrivesimError


class DrivesimPilot:
    """A part of a Donkeycar's vehicle loop that drives.

    The car's picture is fitted to the policy's camera. A policy that learned from a car's pictures knows how they were
    fitted. For others, or where `crop` is given, that is cut away; what is then too wide for the camera's proportions
    is cut left and right alike, what is too high at the top, where the sky is; and the rest is resized. The policy
    must have learned from pictures like that.

    Args:
        policy: A policy's folder, an exported file, or a driver that sees frames (such as a `Monitor`).
        throttle: For policies that steer alone, -1 to 1. One that works the pedal too gives its own: -1 full brake,
            which a Donkeycar's speed controller may take for reverse.
        crop: Pixels of the car's picture to cut away at the top, right, bottom and left; None for what the policy
            learned with.
        threads: Threads that compute an action of an exported file.

    Raises:
        DrivesimError: If the policy can't be read.
    """

    def __init__(
        self,
        policy: Path | str | FrameDriver,
        throttle: float = 0.2,
        crop: tuple[int, int, int, int] | None = None,
        threads: int | None = None,
    ) -> None:
        if not -1 <= throttle <= 1:
            raise DrivesimError(f"throttle: expected a number from -1 to 1, got {throttle}.")
        if crop is not None and (len(crop) != 4 or min(crop) < 0):
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
        frame = self._fit(image_arr)
        speeds = np.array([speed], np.float64) if self._takes_speed else None
        action = self.driver.predict(self._history.push([frame[None]]), speeds)[0]
        return float(action[0]), float(action[1]) if len(action) > 1 else self.throttle

    def _fit(self, image: np.ndarray) -> np.ndarray:
        camera = self.driver.camera
        if self.crop is not None:
            return fit_frame(image, camera.height, camera.width, self.crop)
        fit = self.driver.config.fit or FrameFit(keeps_shape=True)
        return fit.apply(image, camera.height, camera.width)

    def shutdown(self) -> None:
        """Stop: from here on the wheel is straight and the throttle 0."""
        self._is_running = False
