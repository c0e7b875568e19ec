"""Report drawings: a road with its driven line, and bars, as SVG whose colours the page's style sheet gives.

Coordinates are whole decimetres, y down; classes name what a stroke is.
"""

from collections.abc import Sequence
from itertools import pairwise

import cv2
import numpy as np
from markupsafe import Markup

from agents.rollout import Drive
from drivesim.geometry import Floats

# Where one colour of the driven line gives way to the next: metres from the centreline.
ERROR_STEPS = (0.1, 0.2, 0.35, 0.5, 1.0)

# Lines are simplified by less than this, metres: a fraction of a pixel of the largest map.
_TOLERANCE = 0.15

# Around a road, as a share of its extent; the arrow at the start, likewise.
_MARGIN, _ARROW = 0.06, 0.025

_SCALE_BAR = 50.0


def track_map(driven: Drive, title: str) -> Markup:
    """Draw a road, the driven line coloured by its distance to the centreline, and where a wheel left the road."""
    edges = [_decimetres(edge) for edge in driven.world.track.edges()]
    line = _decimetres(np.column_stack([driven.columns["x"], driven.columns["y"]]))
    everything = np.vstack([*edges, line])
    margin = _MARGIN * np.ptp(everything, axis=0).max()
    low, high = everything.min(axis=0) - margin, everything.max(axis=0) + margin
    side = (high - low).max()
    # Square, so that all maps of a page are of one size, with the road in its middle; alone it may be cut closer.
    left, top = np.rint((low + high - side) / 2).astype(int)
    box = " ".join(f"{number:.0f}" for number in (*low, *(high - low)))
    parts = [Markup('<path class="road" d="{}"/>').format(" ".join(_path(edge, closed=True) for edge in edges))]
    for level, pieces in enumerate(_pieces_by_level(line, driven)):
        if pieces:
            parts.append(Markup('<path class="line e{}" d="{}"/>').format(level, " ".join(map(_path, pieces))))
    parts.append(Markup('<path class="start" d="{}"/>').format(_start_line(driven, side / 10)))
    if len(left_road := driven.departure_steps):
        dots = " ".join(f"M{x} {y}h0" for x, y in line[left_road])
        parts.append(Markup('<path class="departure" d="{}"/>').format(dots))
    parts.append(
        Markup('<path class="scale" d="M{:.0f} {:.0f}h{:.0f}"/>').format(
            low[0] + margin / 4, high[1] - margin / 4, 10 * _SCALE_BAR
        )
    )
    return Markup(
        '<svg class="map" viewBox="{} {} {:.0f} {:.0f}" data-box="{}" role="img" aria-label="{}">{}</svg>'
    ).format(left, top, side, side, box, title, Markup("").join(parts))


def bar_chart(labels: Sequence[str], values: Sequence[float], texts: Sequence[str], title: str, axis: str) -> Markup:
    """Draw bars with a text above each.

    Args:
        labels: Under the bars; an empty one is left out.
        values: Heights, 0 or more.
        texts: Above the bars.
        title: For who can't see it.
        axis: What the labels are of.
    """
    width, height, foot = 420.0, 200.0, 40.0
    step = width / len(values)
    tallest = max(*values, 1e-9)
    parts = []
    for i, (label, value, text) in enumerate(zip(labels, values, texts, strict=True)):
        tall = (height - foot - 24) * value / tallest
        x, middle = i * step, (i + 0.5) * step
        parts.append(
            Markup('<rect class="bar" x="{:.1f}" y="{:.1f}" width="{:.1f}" height="{:.1f}" rx="1.5"/>').format(
                x + 0.08 * step, height - foot - tall, 0.84 * step, tall
            )
        )
        for y, name, words in ((height - foot - tall - 5, "count", text), (height - foot + 15, "tick", label)):
            if words:
                parts.append(Markup('<text class="{}" x="{:.1f}" y="{:.1f}">{}</text>').format(name, middle, y, words))
    parts.append(Markup('<path class="axis" d="M0 {0:.1f}H{1:.1f}"/>').format(height - foot + 0.5, width))
    parts.append(Markup('<text class="name" x="{:.1f}" y="{:.1f}">{}</text>').format(width / 2, height - 5, axis))
    return Markup('<svg class="chart" viewBox="0 0 {:.0f} {:.0f}" role="img" aria-label="{}">{}</svg>').format(
        width, height, title, Markup("").join(parts)
    )


def error_chart(drives: Sequence[Drive]) -> Markup:
    """Draw how the distance to the centreline is spread over all steps of the drives."""
    edges = np.append(np.arange(0.0, 1.0001, 0.1), np.inf)
    error = np.abs(np.concatenate([driven.columns["lateral_error"] for driven in drives]))
    shares = np.histogram(error, edges)[0] / len(error)
    labels = [f"{low:.1f}+" if high == np.inf else f"{low:.1f}" for low, high in pairwise(edges.tolist())]
    texts = [_percent(share) for share in shares.tolist()]
    return bar_chart(
        labels, shares.tolist(), texts, "Share of the driven time by distance", "metres from the centreline, from"
    )


def autonomy_chart(autonomy: Floats) -> Markup:
    """Draw how many tracks reached which autonomy."""
    edges = np.array([0.0, 0.5, 0.8, 0.9, 0.95, 0.98, 1.0, np.inf])
    counts = np.histogram(autonomy, edges)[0]
    labels = [f"{low:g}" for low in edges[:-1].tolist()]
    texts = [str(count) if count else "" for count in counts.tolist()]
    return bar_chart(labels, counts.tolist(), texts, "Number of tracks by autonomy", "autonomy of a track, from")


def _percent(share: float) -> str:
    if share == 0:
        return ""
    return f"{share:.0%}" if share >= 0.01 else "<1%"


def _decimetres(xy: Floats) -> np.ndarray:
    """World metres, y up, to whole decimetres, y down: (N, 2) int."""
    return np.rint(xy * (10, -10)).astype(np.int64)


def _simplified(points: np.ndarray, closed: bool) -> np.ndarray:
    found = cv2.approxPolyDP(points.astype(np.float32)[:, None], 10 * _TOLERANCE, closed)
    return found[:, 0].astype(np.int64)


def _path(points: np.ndarray, closed: bool = False) -> str:
    """A line as SVG path data, in steps from point to point, which are short numbers."""
    points = _simplified(points, closed)
    steps = "".join(f"l{x} {y}" for x, y in np.diff(points, axis=0).tolist())
    return f"M{points[0, 0]} {points[0, 1]}{steps}{'z' if closed else ''}"


def _pieces_by_level(line: np.ndarray, driven: Drive) -> list[list[np.ndarray]]:
    """Cut the driven line where its colour changes or the car was put back; each piece reaches to the next."""
    level = np.digitize(np.abs(driven.columns["lateral_error"]), ERROR_STEPS)
    jumps = driven.put_back[:-1]
    cuts = np.flatnonzero((np.diff(level) != 0) | jumps) + 1
    pieces: list[list[np.ndarray]] = [[] for _ in range(len(ERROR_STEPS) + 1)]
    for start, stop in pairwise([0, *cuts.tolist(), len(line)]):
        reaches_on = stop < len(line) and not jumps[stop - 1]
        piece = line[start : stop + 1] if reaches_on else line[start:stop]
        if len(piece) > 1:
            pieces[level[start]].append(piece)
    return pieces


def _start_line(driven: Drive, side: float) -> str:
    """A bar across the road where the lap begins, and an arrow's head in the direction of travel; `side` in metres."""
    track = driven.world.track
    left, right = track.width_at(0.0)
    pose, size = track.pose(0.0), _ARROW * side
    shape = np.array([[0, left], [0, -right], [0.3, 0.5], [1.4, 0.0], [0.3, -0.5]], float)
    shape[2:] *= size
    cos, sin = np.cos(pose[2]), np.sin(pose[2])
    points = _decimetres(pose[:2] + shape @ np.array([[cos, sin], [-sin, cos]])).tolist()
    bar, head = points[:2], points[2:]
    return "".join(f"M{'L'.join(f'{x} {y}' for x, y in part)}" for part in (bar, head)) + "z"
