"""Follow camera: what a window shows of a car, at the window's own resolution.

The ground ahead is painted by a thread of its own before the car comes to it, so that no frame waits for it.
"""

from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import cv2
import numpy as np

from drivesim.camera import MAX_PIXELS, Camera
from drivesim.geometry import Floats
from drivesim.ground.texture import GroundTexture
from drivesim.render import Renderer
from drivesim.traffic_table import Others
from drivesim.vehicle import VehicleParams
from drivesim.world import World

VIEWS = ("follow", "wide", "windscreen")

# Of the views from above: metres of ground from the lower to the upper border, and how many of them lie behind the car.
_GROUND = {"follow": (82.0, 21.0), "wide": (170.0, 50.0)}

_WINDSCREEN_FOV = 75.0

# A car of another length sees as many of its own lengths.
_USUAL_LENGTH, _LEAST_SCALE = 4.5, 0.4

# The ground is painted this many seconds before the car is there.
_AHEAD = 1.5


class FollowCamera:
    """Cameras on one car, for a window of any size.

    Attributes:
        view: One of `VIEWS`.

    Args:
        vehicle: The car.
    """

    def __init__(self, vehicle: VehicleParams) -> None:
        self.view = VIEWS[0]
        # Share of the window's pixels along each side that are drawn; the picture is scaled up to it.
        self._detail = dict.fromkeys(VIEWS, 1.0)
        self._vehicle = vehicle
        self._drawn: dict[tuple[Any, ...], tuple[Renderer, GroundTexture]] = {}
        self._world: World | None = None
        self._size = (0, 0)
        self._painter = ThreadPoolExecutor(1, "drivesim-ground")
        self._painting: Future[Any] | None = None

    def next_view(self) -> str:
        """Take the next view; return its name."""
        self.view = VIEWS[(VIEWS.index(self.view) + 1) % len(VIEWS)]
        return self.view

    def coarsen(self) -> bool:
        """Draw half as many pixels of this view along each side from now on; False where that is so already."""
        if self._detail[self.view] < 1.0:
            return False
        self._detail[self.view] = 0.5
        return True

    def draw(
        self, world: World, pose: Floats, size: tuple[int, int], speed: float = 0.0, others: Others | None = None
    ) -> np.ndarray:
        """Draw a frame.

        Args:
            world: Where the car is.
            pose: (3,) float64, x y heading, metres and radians, world.
            size: Width and height of the window, pixels.
            speed: Of the car, m/s: the ground ahead is painted in time.
            others: What else is on its road.

        Returns:
            (height, width, 3) uint8 RGB.
        """
        renderer, ground = self._renderer(world, size)
        if ground.only_page is None and (self._painting is None or self._painting.done()):
            reach = _AHEAD * max(speed, 2.0)
            x, y = pose[0] + reach * np.cos(pose[2]), pose[1] + reach * np.sin(pose[2])
            self._painting = self._painter.submit(ground.page_at, float(x), float(y))
        frame = renderer.draw([ground], np.asarray(pose)[None], others)[0]
        if frame.shape[1::-1] != size:
            frame = cv2.resize(frame, size, interpolation=cv2.INTER_LINEAR)
        return frame

    def close(self) -> None:
        """Stop the painting thread."""
        self._painter.shutdown(cancel_futures=True)

    def _renderer(self, world: World, size: tuple[int, int]) -> tuple[Renderer, GroundTexture]:
        if world is not self._world or size != self._size:
            # Grounds are large: those of another window or road are given up.
            self._drawn.clear()
            self._world, self._size = world, size
        key = (self.view, self._detail[self.view])
        if key not in self._drawn:
            share = min(self._detail[self.view], MAX_PIXELS / max(size))
            width, height = (max(int(side * share), 1) for side in size)
            renderer = Renderer(window_camera(self.view, width, height, self._vehicle), self._vehicle)
            self._drawn[key] = renderer, renderer.texture(world.track, world.appearance, world.weather)
        return self._drawn[key]


def window_camera(view: str, width: int, height: int, vehicle: VehicleParams) -> Camera:
    """Return the camera of a view for a window of `width` x `height` pixels."""
    if view == "windscreen":
        # Of a wide window the sides are seen besides, of a high one the sky.
        return Camera(width, height, fov=_WINDSCREEN_FOV, mount=(0.6, 0.0, 1.4), pitch=4.0, reach=100.0)
    scale = max(vehicle.length / _USUAL_LENGTH, _LEAST_SCALE)
    ground, behind = (metres * scale for metres in _GROUND[view])
    return Camera(width, height, span=ground * width / height, mount=(ground / 2 - behind, 0.0, 0.0))
