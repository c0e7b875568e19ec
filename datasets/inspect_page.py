"""Inspection page: what laps hold, as one HTML file that needs no other.

The pictures are drawn as SVG in the page, and as PNG in its data URIs; names from laps are escaped by the template.
"""

import base64
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from jinja2 import Environment, FileSystemLoader

from datasets.lap_world import others_of, world_of
from datasets.schema import Lap
from datasets.statistics import Histogram, Statistics
from drivesim.camera import CAMERAS
from drivesim.errors import DrivesimError
from drivesim.geometry import Floats
from drivesim.render import Renderer
from drivesim.track import Track
from drivesim.vehicle import get_vehicle

# The driven line's colours, and how far from the centreline each begins, metres.
COLORS = ("#2a78d6", "#1baf7a", "#eda100", "#eb6834", "#e34948")
LIMITS = (0.0, 0.25, 0.5, 1.0, 2.0)

_MOST_MAPS, _MOST_FRAMES = 60, 8
_MOST_POINTS = 600
_BAR_WIDTH, _BARS_HEIGHT = 20, 120


def write_page(path: Path, laps: Sequence[Lap], found: Statistics, lost: Sequence[str] = ()) -> None:
    """Write the page of some laps.

    Args:
        path: Of the file.
        laps: To draw.
        found: Their statistics.
        lost: Sentences about files that could not be read.

    Raises:
        DrivesimError: If the file cannot be written.
    """
    on_track: dict[bytes, list[Lap]] = {}
    for lap in laps:
        on_track.setdefault(lap.info.track_points.tobytes(), []).append(lap)
    groups = list(on_track.values())
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent), autoescape=True, trim_blocks=True, lstrip_blocks=True
    )
    page = environment.get_template("inspect_page.html.jinja").render(
        found=found,
        lost=lost,
        histograms=[
            ("Steering, -1 full left to +1 full right", bars(found.steering)),
            ("Speed, m/s", bars(found.speed)),
        ],
        scale=list(zip(COLORS, LIMITS, strict=True)),
        maps=[track_map(group) for group in groups[:_MOST_MAPS]],
        maps_left_out=max(len(groups) - _MOST_MAPS, 0),
        frames=frames(laps),
    )
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(page, encoding="utf-8")
    except OSError as error:
        raise DrivesimError(f"--html: {path} can't be written ({error.strerror}). Choose another place.") from error


def bars(histogram: Histogram) -> dict[str, Any]:
    """Return a histogram as rectangles: `width`, `height` of the picture, and of each bar its place and its words."""
    most = max(int(histogram.counts.max()), 1)
    found = []
    for i, count in enumerate(histogram.counts.tolist()):
        height = round(_BARS_HEIGHT * count / most, 1)
        words = f"{histogram.edges[i]:.2f} to {histogram.edges[i + 1]:.2f}: {count:,} steps"
        found.append({"x": i * _BAR_WIDTH, "y": round(_BARS_HEIGHT - height, 1), "height": height, "words": words})
    return {
        "width": len(found) * _BAR_WIDTH,
        "height": _BARS_HEIGHT,
        "bar_width": _BAR_WIDTH - 2,
        "bars": found,
        "low": f"{histogram.edges[0]:g}",
        "high": f"{histogram.edges[-1]:g}",
    }


def track_map(laps: Sequence[Lap]) -> dict[str, Any]:
    """Return a track and what was driven on it, as paths in a picture whose y points down.

    Args:
        laps: On one track.

    Returns:
        `name`, `laps` (names), `box` (the SVG's viewBox), `edges` (2 closed paths) and `lines` (colour, path).
    """
    track: Track = laps[0].track
    edges = [edge[:: max(len(edge) // _MOST_POINTS, 1)] for edge in track.edges()]
    driven = np.concatenate([*edges, *(lap.poses[:, :2] for lap in laps)]) * [1, -1]
    low, high = driven.min(axis=0) - 5, driven.max(axis=0) + 5
    return {
        "name": laps[0].info.track_name,
        "laps": ", ".join(lap.name for lap in laps),
        "box": " ".join(f"{value:.1f}" for value in (*low, *(high - low))),
        "edges": [_path(edge) + "Z" for edge in edges],
        "lines": [line for lap in laps for line in colored_line(lap)],
    }


def colored_line(lap: Lap) -> list[tuple[str, str]]:
    """Return the driven line of a lap as pieces of one colour each: the colour, and the path."""
    shown = np.arange(0, len(lap), max(len(lap) // _MOST_POINTS, 1))
    xy = lap.poses[shown, :2]
    level = np.digitize(np.abs(lap.columns["lateral_error"][shown]), LIMITS[1:])
    changes = [0, *(np.flatnonzero(np.diff(level)) + 1).tolist(), len(level)]
    # A piece reaches to the first point of the next one, so that there is no gap.
    return [(COLORS[level[start]], _path(xy[start : stop + 1])) for start, stop in pairwise(changes)]


def _path(xy: Floats) -> str:
    """The `d` of an SVG path through points (P, 2), metres, world."""
    return "M" + "L".join(f"{x:.1f} {-y:.1f}" for x, y in xy)


def frames(laps: Sequence[Lap]) -> list[dict[str, str]]:
    """Return frames of laps evenly chosen, as data URIs with their words."""
    shown = np.unique(np.linspace(0, len(laps) - 1, _MOST_FRAMES).astype(int))
    found = []
    for place, index in enumerate(shown.tolist()):
        lap = laps[index]
        step = (len(lap) - 1) * (place + 1) // (len(shown) + 1)
        try:
            world = world_of(lap)
            renderer = Renderer(CAMERAS["topdown"], get_vehicle(lap.info.vehicle))
        except DrivesimError:  # of another program: there is nothing to draw it with
            continue
        at = np.array([step])
        frame = renderer.draw([world.texture(renderer)], lap.poses[at], others_of(lap, at))[0]
        renderer.close()
        seconds = lap.columns["time"][step] - lap.columns["time"][0]
        words = f"{lap.name}, {seconds:.1f} s, steering {lap.columns['steering'][step]:+.2f}"
        found.append({"source": _data_uri(frame), "words": words})
    return found


def _data_uri(frame: np.ndarray) -> str:
    _, png = cv2.imencode(".png", frame[..., ::-1])
    return "data:image/png;base64," + base64.b64encode(png.tobytes()).decode()
