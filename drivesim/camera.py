"""Camera: a homography from pixels to the ground.

Image: row down, column right, pixel centres at integer coordinates. Ego frame: x forward, y left, z up, metres.
"""

from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from drivesim.errors import DrivesimError, check_name
from drivesim.geometry import Floats

MAX_PIXELS = 4096

# A sample's ground is at most this many times longer than wide, as far as the most samples to a row allow.
LONGEST_SAMPLE = 4.0
MAX_SAMPLES = 16


@dataclass(frozen=True)
class Camera:
    """A camera fixed to the car: looking straight down (`span`) or ahead in perspective (`fov`).

    Attributes:
        width: Pixels.
        height: Pixels.
        span: Metres of ground across the image's width, seen from straight above; or None.
        fov: Horizontal field of view, degrees, of a pinhole camera; or None.
        mount: x forward, y left, z up from the car's centre of gravity on the ground, metres: the pinhole, or the
            point under the image's centre of a camera looking down.
        pitch: Degrees down from the horizontal (perspective only).
        yaw: Degrees to the left of straight ahead.
        reach: How far the ground is drawn, metres (perspective only).
        shows_car: Whether the car itself is drawn (looking down only).
    """

    width: int
    height: int
    span: float | None = None
    fov: float | None = None
    mount: tuple[float, float, float] = (0.0, 0.0, 1.4)
    pitch: float = 0.0
    yaw: float = 0.0
    reach: float = 80.0
    shows_car: bool = True

    def __post_init__(self) -> None:
        """Refuse cameras that see nothing, with all faults at once."""
        faults = []
        for name in ("width", "height"):
            if not (isinstance(getattr(self, name), int) and 1 <= getattr(self, name) <= MAX_PIXELS):
                faults.append(f"{name}={getattr(self, name)!r} (an integer from 1 to {MAX_PIXELS})")
        if (self.span is None) == (self.fov is None):
            faults.append(f"span={self.span!r}, fov={self.fov!r} (exactly one of them)")
        if self.span is not None and not 0 < self.span < 1e4:
            faults.append(f"span={self.span!r} (positive metres)")
        if self.fov is not None and not 1 <= self.fov <= 170:
            faults.append(f"fov={self.fov!r} (from 1 to 170 degrees)")
        if len(self.mount) != 3 or not np.all(np.isfinite(self.mount)):
            faults.append(f"mount={self.mount!r} (x, y, z in metres)")
        elif self.fov is not None and self.mount[2] <= 0:
            faults.append(f"mount={self.mount!r} (z above the ground)")
        if not -89 <= self.pitch <= 89:
            faults.append(f"pitch={self.pitch!r} (from -89 to 89 degrees)")
        if not np.isfinite(self.yaw):
            faults.append(f"yaw={self.yaw!r} (finite degrees)")
        if not 1 <= self.reach <= 500:
            faults.append(f"reach={self.reach!r} (from 1 to 500 metres)")
        if not faults and not self.ground_rows().any():
            faults.append(f"pitch={self.pitch!r}, reach={self.reach!r} (no row shows ground)")
        if faults:
            raise DrivesimError(f"camera: {'; '.join(faults)}.")

    @property
    def looks_down(self) -> bool:
        """Whether the camera looks straight down, so that its homography is affine."""
        return self.span is not None

    def ground_from_pixel(self) -> Floats:
        """Return the (3, 3) homography from `column row 1` to homogeneous `x y w`, ego, metres.

        In perspective `w` is positive below the horizon and negative above it.
        """
        center = np.array([(self.width - 1) / 2, (self.height - 1) / 2])
        yaw = np.radians(self.yaw)
        turn = np.array([[np.cos(yaw), -np.sin(yaw), 0], [np.sin(yaw), np.cos(yaw), 0], [0, 0, 1]])
        move = np.array([[1, 0, self.mount[0]], [0, 1, self.mount[1]], [0, 0, 1]])
        if self.span is not None:
            scale = self.span / self.width
            down = np.array([[0, -scale, scale * center[1]], [-scale, 0, scale * center[0]], [0, 0, 1]])
            return move @ turn @ down
        focal, pitch = self.focal_length, np.radians(self.pitch)
        ray = np.array([[1 / focal, 0, -center[0] / focal], [0, 1 / focal, -center[1] / focal], [0, 0, 1]])
        height = self.mount[2]
        # A ray `right down 1` points along x = cos - down sin, y = -right, and falls by sin + down cos.
        meet = np.array(
            [
                [0, -height * np.sin(pitch), height * np.cos(pitch)],
                [-height, 0, 0],
                [0, np.cos(pitch), np.sin(pitch)],
            ]
        )
        return move @ turn @ meet @ ray

    @property
    def focal_length(self) -> float:
        """Of the pinhole, pixels."""
        if self.fov is None:
            raise DrivesimError("camera: a camera looking straight down has no focal length; give it fov, not span.")
        return self.width / 2 / np.tan(np.radians(self.fov) / 2)

    @property
    def resolution(self) -> float:
        """Metres of ground a pixel where the camera sees finest: what its texture is painted at."""
        if self.span is not None:
            return self.span / self.width
        # Finer than this the texture of a usual track would take more memory than the picture gains.
        return float(max(self.footprints().min(initial=np.inf, where=self.ground_rows()), 0.15))

    @property
    def view_distance(self) -> float:
        """How far from the car the farthest pixel that shows ground lies, metres."""
        rows = np.array([0.0, self.height - 1.0])
        if not self.looks_down:
            seen = np.flatnonzero(self.ground_rows())
            rows = seen[[0, -1]].astype(float) if len(seen) else rows[:0]
        corners = np.array([[column, row, 1.0] for column in (0.0, self.width - 1.0) for row in rows]).reshape(-1, 3)
        x, y, w = self.ground_from_pixel() @ corners.T
        return float(np.hypot(x / w, y / w).max(initial=1.0))

    def ground_rows(self) -> np.ndarray:
        """Return which rows show ground: (height,) bool. The rows above are sky and what is out of reach."""
        if self.looks_down:
            return np.ones(self.height, bool)
        fall = self._fall()
        return fall > self.mount[2] / self.reach

    def samples_per_row(self) -> np.ndarray:
        """Return how many samples, one behind the other, make a pixel of each row: (height,) powers of 2.

        Far ahead a pixel covers ground that is much longer than wide; one sample of it would be blurred or shimmer.
        """
        if self.span is not None:
            return np.ones(self.height, np.int64)
        with np.errstate(divide="ignore"):
            length = np.clip(1.0 / np.maximum(self._fall(), 1e-9) / LONGEST_SAMPLE, 1.0, MAX_SAMPLES)
        return 2 ** np.ceil(np.log2(length)).astype(np.int64)

    def footprints(self) -> Floats:
        """Return the side of the square of ground that a sample of each row covers: (height,) metres; inf for sky."""
        if self.span is not None:
            return np.full(self.height, self.span / self.width)
        fall = self._fall()
        # A pixel covers h / (f w) across and h / (f w^2) along, w being the fall of its ray.
        with np.errstate(divide="ignore", invalid="ignore"):
            side = self.mount[2] / (self.focal_length * fall**1.5) / np.sqrt(self.samples_per_row())
        return np.where(fall > 0, side, np.inf)

    def to_dict(self) -> dict[str, Any]:
        """Return the camera as plain values, fit for JSON."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> "Camera":
        """Rebuild a camera from `to_dict`'s values, as read from JSON."""
        try:
            return cls(**{**values, "mount": tuple(values["mount"])})
        except (TypeError, KeyError) as error:
            known = ", ".join(cls.__dataclass_fields__)
            raise DrivesimError(f"camera: expected {known}; got {sorted(values)}.") from error

    def _fall(self) -> Floats:
        """How far the ray through each row's centre falls per unit ahead: (height,)."""
        down = (np.arange(self.height) - (self.height - 1) / 2) / self.focal_length
        pitch = np.radians(self.pitch)
        return np.sin(pitch) + down * np.cos(pitch)


_FRONT = Camera(width=200, height=66, fov=90.0, mount=(0.6, 0.0, 1.4), pitch=8.0)

# `topdown` sees 9.6 m behind the car and 28.8 m ahead; `front` has DAVE-2's 66 x 200 pixels (Bojarski et al. 2016).
CAMERAS = {
    "topdown": Camera(width=96, height=96, span=38.4, mount=(9.6, 0.0, 0.0)),
    "front": _FRONT,
    "left": replace(_FRONT, mount=(0.6, 0.7, 1.4)),
    "right": replace(_FRONT, mount=(0.6, -0.7, 1.4)),
}


def get_camera(camera: str | Camera) -> Camera:
    """Return the preset of that name, or the camera itself."""
    return camera if isinstance(camera, Camera) else CAMERAS[check_name("camera", camera, CAMERAS)]
