"""Road files: roads, a camera and a car as a browser takes them: pictures, tables of numbers, and plain values."""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from drivesim.ground.painting import paint
from drivesim.ground.texture import GroundTexture
from drivesim.ground.window import CELL, Window
from drivesim.render import Band, Renderer
from drivesim.road_table import track_rows
from drivesim.sprite import Sprite
from drivesim.track import Track
from drivesim.world import World

# The picture that a person sees is painted as finely as this, metres a pixel, and has sides of at most so many pixels:
# what the graphics of a phone take.
_FINEST, _LONGEST_SIDE = 0.1, 4096

# Ground around the road in that picture, metres.
_MARGIN = 60.0

_WEBP_QUALITY = 90


def write_road(folder: Path, number: int, world: World, renderers: Sequence[Renderer]) -> dict[str, Any]:
    """Write a road's files.

    Args:
        folder: Of the page. The files go into a folder of the road's number in `roads`: its name may be any.
        number: Of the road.
        world: The road and its look.
        renderers: Of the network's cameras.

    Returns:
        What the page must know of it, plain JSON, with the files' names relative to `folder`.
    """
    track, look = world.track, world.appearance
    place = folder / "roads" / str(number)
    place.mkdir(parents=True)
    table = place / "table.f64"
    table.write_bytes(track_rows(track).astype("<f8").tobytes())
    return {
        "name": track.name,
        "length": track.length,
        "spacing": track.spacing,
        "table": table.relative_to(folder).as_posix(),
        "look": {"sky": look.sky, "horizon": look.horizon, "ground": look.ground},
        "grounds": [
            _write_ground(folder, place / f"camera-{i}", world.texture(renderer))
            for i, renderer in enumerate(renderers)
        ],
        "picture": _write_picture(folder, place / "picture.webp", world),
        "outline": _outline(track),
    }


def camera_values(renderer: Renderer) -> dict[str, Any]:
    """Return a camera's bands of rows, each with its homography, and the car that is drawn over them; plain JSON."""
    camera = renderer.camera
    return {
        "width": camera.width,
        "height": camera.height,
        "looks_down": camera.looks_down,
        "span": camera.span,
        "mount": camera.mount,
        "yaw": float(np.radians(camera.yaw)),
        "levels": max((band.level for band in renderer.bands), default=0) + 1,
        "bands": [_band_values(band) for band in renderer.bands],
        "sprite": None if renderer.sprite is None else _sprite_values(renderer.sprite),
    }


def _band_values(band: Band) -> dict[str, Any]:
    values = {name: value for name, value in asdict(band).items() if name != "ground"}
    return {**values, "ground": band.ground.ravel().tolist()}


def _sprite_values(sprite: Sprite) -> dict[str, Any]:
    return {
        "row": sprite.row,
        "column": sprite.column,
        "width": sprite.color.shape[1] // 3,
        "color": sprite.color.ravel().tolist(),
        "transparency": sprite.transparency.ravel().tolist(),
    }


def _write_ground(folder: Path, place: Path, ground: GroundTexture) -> dict[str, Any]:
    """Write the pages of the network's ground without loss."""
    place.mkdir()
    pages = []
    columns, rows = ground.grid.tolist()
    for row in range(rows):
        for column in range(columns):
            page, path = ground.page(column, row), place / f"{column}-{row}.png"
            _write_image(path, page.levels[0], [cv2.IMWRITE_PNG_COMPRESSION, 6])
            pages.append({"file": path.relative_to(folder).as_posix(), "left": page.left, "top": page.top})
    return {
        "resolution": ground.resolution,
        "grid": [columns, rows],
        "cell": ground.cell.tolist(),
        "low": ground.low.tolist(),
        "pages": pages,
    }


def _write_picture(folder: Path, path: Path, world: World) -> dict[str, Any]:
    """Write the ground once more, as finely as a person would like to see it."""
    edges = np.concatenate(world.track.edges())
    low, high = edges.min(axis=0) - _MARGIN, edges.max(axis=0) + _MARGIN
    resolution = max(_FINEST, float((high - low).max()) / _LONGEST_SIDE)
    width, height = (np.floor((high - low) / resolution / CELL).astype(int) * CELL).tolist()
    left, bottom = np.floor(low / resolution).astype(int).tolist()
    image = paint(world.track, world.appearance, Window(left, bottom, width, height, resolution))
    _write_image(path, image, [cv2.IMWRITE_WEBP_QUALITY, _WEBP_QUALITY])
    return {
        "file": path.relative_to(folder).as_posix(),
        "left": left * resolution,
        "top": (bottom + height) * resolution,
        "width": width * resolution,
        "height": height * resolution,
    }


def _outline(track: Track) -> list[list[float]]:
    """The centreline's points, some metres apart, for a map."""
    points = track.centerline[:: max(round(3.0 / track.spacing), 1)]
    return np.round(points, 2).tolist()


def _write_image(path: Path, image: np.ndarray, options: list[int]) -> None:
    # The ground is opaque: its fourth channel is there for the speed of the warp.
    done, encoded = cv2.imencode(path.suffix, cv2.cvtColor(image, cv2.COLOR_RGBA2BGR), options)
    assert done
    path.write_bytes(encoded.tobytes())
