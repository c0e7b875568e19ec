"""Sightlines: what weather must know of a camera: how far it looks, how flat, and where its headlights fall."""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from drivesim.camera import Camera
from drivesim.geometry import Floats
from drivesim.ground.noise import Floats32

# The sky is looked at through no more air than this, metres.
_FARTHEST = 900.0

# A camera that looks down hangs so many times as high as it sees wide.
_HEIGHT = 0.25


@dataclass(frozen=True, eq=False)
class Sightlines:
    """A camera's.

    Attributes:
        is_ground: (H,) 1.0 where a row shows ground.
        distance: (H,) metres that are looked through.
        grazing: (H,) 0 where the ground is seen from above, 1 at a grazing angle.
        glare: (H,) how well the ground of a row mirrors the sun.
        lamps: (H, 3 W) float32, light of the headlights, 0 to 1.
        bearing: (W,) of the columns, radians to the left of the car's axis; looking down, metres to its left.
        ahead: (H,) metres ahead of the car, of the rows' middles.
    """

    is_ground: Floats
    distance: Floats
    grazing: Floats
    glare: Floats
    lamps: Floats32
    bearing: Floats
    ahead: Floats


@lru_cache(maxsize=16)
def sightlines_of(camera: Camera) -> Sightlines:
    """Return the sightlines of a camera."""
    column, row = np.meshgrid(np.arange(camera.width), np.arange(camera.height))
    pixels = np.stack([column, row, np.ones_like(row)], axis=-1).astype(np.float64)
    at = pixels @ camera.ground_from_pixel().T
    is_ground = camera.ground_rows()
    w = np.where(is_ground[:, None], at[..., 2], 1.0)
    x, y = at[..., 0] / w, at[..., 1] / w
    middle = camera.width // 2
    if camera.looks_down:
        height = _HEIGHT * float(camera.span or 0.0)
        distance = np.hypot(x[:, middle], height)
        grazing = np.full(camera.height, 0.15)
        glare = np.full(camera.height, 0.3)
        bearing = y[0]
    else:
        height = camera.mount[2]
        distance = np.hypot(x[:, middle], height)
        above = np.maximum(np.flatnonzero(is_ground).min(initial=camera.height) - np.arange(camera.height), 0)
        # The sky is looked at through the more air the lower.
        elevation = np.arctan(above / camera.focal_length)
        distance = np.where(is_ground, distance, np.minimum(38.0 / np.maximum(np.sin(elevation), 1e-3), _FARTHEST))
        grazing = np.exp(-6.0 * height / np.maximum(distance, 1e-6))
        glare = np.exp(-1.5 * height / np.maximum(distance, 1e-6))
        bearing = np.arctan2((middle - 0.5 - np.arange(camera.width)), camera.focal_length) + np.radians(camera.yaw)
    lamps = np.where(is_ground[:, None], _headlights(x, y), 0.0)
    return Sightlines(
        is_ground=is_ground.astype(float),
        distance=distance,
        grazing=grazing,
        glare=glare,
        lamps=np.ascontiguousarray(np.repeat(lamps, 3, axis=1), np.float32),
        bearing=bearing,
        ahead=x[:, middle],
    )


def _headlights(x: Floats, y: Floats) -> Floats:
    """Light on the ground `x` metres ahead and `y` left of the car: two cones, and what they scatter."""
    light = np.zeros_like(x)
    for lamp in (-0.65, 0.65):
        ahead, aside = x - 2.1, y - lamp
        distance = np.hypot(ahead, aside)
        turn = np.arctan2(aside + 0.04 * ahead, ahead)
        # It meets the ground some metres ahead, and fades from there.
        cone = np.exp(-((turn / 0.3) ** 2)) + 0.25 * np.exp(-((turn / 0.62) ** 2))
        light += 0.62 * cone * np.exp(-distance / 19.0) * np.clip((distance - 0.4) / 3.0, 0, 1) * (ahead > 0)
    light += 0.16 * np.exp(-np.hypot(x - 1.0, y) / 5.0)
    return np.minimum(light, 1.0)
