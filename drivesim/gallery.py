"""python -m drivesim.gallery --out gallery

Draw a gallery of worlds: named looks and weathers, and traffic, from above and through the windscreen, single pictures
and a sheet of all of them; and a sheet of worlds as `randomize="all"` draws them, seen as small as a network sees them.
"""

from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
import PIL.Image

from drivesim.appearance import Appearance
from drivesim.camera import Camera, get_camera
from drivesim.command import is_taken, run_command
from drivesim.crowd import draw_traffic
from drivesim.errors import DrivesimError
from drivesim.ground.painting import Image
from drivesim.render import Renderer
from drivesim.simulation import Rules
from drivesim.track_generation import generate_track
from drivesim.traffic_table import seen_on
from drivesim.vehicle import get_vehicle
from drivesim.weather import WEATHERS
from drivesim.world import World, WorldSource

# A scene: what it is called, its look, its weather, the road's seed, and where on the road, a share of the lap.
Scene = tuple[str, str, str, int, float]

SCENES: tuple[Scene, ...] = (
    ("countryside", "countryside", "clear", 8, 0.29),
    ("town", "town", "clear", 6, 0.65),
    ("circuit", "circuit", "clear", 4, 0.17),
    ("dunes", "dunes", "clear", 6, 0.53),
    ("winter", "winter", "clear", 4, 0.18),
    ("airfield", "airfield", "clear", 4, 0.16),
    ("sunset", "countryside", "sunset", 6, 0.17),
    ("fog", "countryside", "fog", 4, 0.53),
    ("rain", "town", "rain", 4, 0.41),
    ("after rain", "circuit", "after-rain", 6, 0.87),
    ("snowfall", "winter", "snowfall", 4, 0.29),
    ("night", "town", "night", 4, 0.87),
)

# Scenes with traffic, on the right of two lanes, and the traffic's seed.
CROWDED: tuple[tuple[Scene, int], ...] = (
    (("traffic", "town", "clear", 6, 0.152), 0),
    (("road works", "countryside", "clear", 8, 0.242), 3),
    (("traffic in fog", "countryside", "fog", 4, 0.152), 0),
)
_CARS, _OBSTACLES = 16, 10

_ABOVE = Camera(width=480, height=320, span=84.0, mount=(10.0, 0.0, 0.0))
_AHEAD = Camera(width=480, height=200, fov=78.0, mount=(0.4, 0.0, 1.5), pitch=5.5, reach=140.0)

# The sheets: pictures of this width, in this many columns, so many pixels apart.
_TILE_WIDTH, _COLUMNS, _GAP = 322, 3, 8
_RANDOM_WORLDS, _RANDOM_COLUMNS = 54, 9
_PAPER, _INK = (24, 26, 30), (236, 238, 240)


@dataclass
class Args:
    """Options of the command."""

    out: Path
    """Folder for the pictures; made new."""


def main(args: Args) -> None:
    """Draw the pictures."""
    if is_taken(args.out):
        raise DrivesimError(f"--out: {args.out} exists and is not empty. Choose another folder or remove it.")
    try:
        args.out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DrivesimError(f"--out: {args.out} can't be made: {error.strerror}. Choose another place.") from error
    tiles = []
    for scene, crowd in [*((scene, None) for scene in SCENES), *CROWDED]:
        above, ahead = draw_scene(scene, crowd)
        name = scene[0].replace(" ", "-")
        _write(args.out / f"{name}-above.png", above)
        _write(args.out / f"{name}-ahead.png", ahead)
        tiles.append(tile(scene[0], above, ahead))
    _write_sheet(args.out / "gallery.png", contact_sheet(tiles, _COLUMNS))
    _write_sheet(args.out / "random.png", contact_sheet(draw_random_worlds(), _RANDOM_COLUMNS))
    print(f"Drew {2 * len(tiles)} pictures, gallery.png and random.png into {args.out}")


def draw_scene(scene: Scene, crowd: int | None = None) -> tuple[Image, Image]:
    """Draw a scene from above and through the windscreen: (320, 480, 3) and (200, 480, 3) uint8 RGB.

    Args:
        scene: What to draw.
        crowd: Seed of its traffic; None for an empty road.
    """
    _, name, weather, seed, share = scene
    track, look, others = generate_track(seed, "medium"), Appearance.preset(name), None
    if crowd is not None:
        track, look = track.lane("right"), replace(look, center_line_place="middle")
        rng = np.random.default_rng(crowd)
        traffic = draw_traffic(track, rng, _CARS, _OBSTACLES, Rules(cruise_speed=None))
        others = seen_on(track, traffic, traffic.table[None, :, 0])
    world = World(track, look, WEATHERS[weather])
    pose = track.pose(share * track.length, lateral=-0.3 if crowd is None else 0.0)
    frames = []
    for camera in (_ABOVE, _AHEAD):
        renderer = Renderer(camera, get_vehicle("car"))
        frames.append(renderer.draw([world.texture(renderer)], pose[None], others)[0])
    return frames[0], frames[1]


def draw_random_worlds() -> list[Image]:
    """Draw worlds as `randomize="all"` draws them: (96, 96, 3) uint8 RGB each."""
    camera, rng = get_camera("topdown"), np.random.default_rng(0)
    renderer = Renderer(camera, get_vehicle("car"))
    frames = []
    for world in WorldSource(range(_RANDOM_WORLDS), "mixed", randomize="all").all():
        pose = world.track.pose(rng.uniform(0, world.track.length), rng.uniform(-0.5, 0.5))
        frames.append(renderer.draw([world.texture(renderer)], pose[None])[0].copy())
    return frames


def tile(name: str, above: Image, ahead: Image) -> Image:
    """Put a scene's pictures over one another, with its name."""
    label = np.full((24, _TILE_WIDTH, 3), _PAPER, np.uint8)
    cv2.putText(label, name, (1, 17), cv2.FONT_HERSHEY_SIMPLEX, 0.5, _INK, 1, cv2.LINE_AA)
    small = []
    for picture in (above, ahead):
        height = round(picture.shape[0] * _TILE_WIDTH / picture.shape[1])
        small.append(cv2.resize(picture, (_TILE_WIDTH, height), interpolation=cv2.INTER_AREA))
    return np.vstack([label, small[0], np.full((3, _TILE_WIDTH, 3), _PAPER, np.uint8), small[1]])


def contact_sheet(tiles: list[Image], columns: int) -> Image:
    """Put tiles of one size side by side and under one another."""
    height, width, _ = tiles[0].shape
    rows = -(-len(tiles) // columns)
    size = (rows * (height + _GAP) + _GAP, columns * (width + _GAP) + _GAP, 3)
    sheet = np.full(size, _PAPER, np.uint8)
    for number, each in enumerate(tiles):
        top = _GAP + number // columns * (height + _GAP)
        left = _GAP + number % columns * (width + _GAP)
        sheet[top : top + height, left : left + width] = each
    return sheet


def _write_sheet(path: Path, image: Image) -> None:
    # 256 colours do, and make the file a third as large.
    sheet = PIL.Image.fromarray(image)
    sheet.quantize(palette=sheet.quantize(256, kmeans=4)).save(path, optimize=True)


def _write(path: Path, image: Image) -> None:
    done, encoded = cv2.imencode(".png", cv2.cvtColor(image, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_PNG_COMPRESSION, 9])
    assert done
    path.write_bytes(encoded.tobytes())


if __name__ == "__main__":
    run_command(main, Args, __doc__)
