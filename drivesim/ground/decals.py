"""Decals: what lies on a road besides its lines, drawn once on a straight strip that the road repeats.

The strip runs along the road's arc length and across its lateral offset, so that a decal bends with the road. It is
as long as a whole number of repetitions closes the lap.
"""

from functools import lru_cache

import cv2
import numpy as np

from drivesim.appearance import Appearance
from drivesim.ground.noise import seamless_noise

Image = np.ndarray
Floats32 = np.ndarray

# Decals are drawn in pixels of one of these sides, metres, the coarser for a ground coarser than `_COARSE`, and shrunk
# to the ground's; strips repeat after about so many metres.
_PIXELS = (0.1, 0.2)
_COARSE = 0.3
_LONGEST = 250.0

# Nothing is drawn this near to the strip's ends, metres: it would be cut off.
_END = 7.0

# A strip reaches no farther than this to either side of the centreline, metres.
_WIDEST = 16.0

# Points that are drawn have this many bits behind the point.
_SHIFT = 4

_FEATURES = ("patches", "cracks", "tar_lines", "tire_marks", "wear", "crossings", "arrows", "decoy_lines", "paint_fade")

# Channels of a strip.
_DARK, _LIGHT, _PAINT, _WORN = range(4)


class Strip:
    """The decals of one look on roads of one length and width.

    Attributes:
        image: (H, W, 4) uint8, from left to right of the road down, along it across, and repeated: grey levels to take
            from the surface and to add to it; the share of paint, of 255: crossings, arrows, and lines that lead
            nowhere; and how worn all paint is, of 255.
        period: Its length, metres.
        half: How far it reaches to either side of the centreline, metres.
        fade: The share of paint that is gone where it is worn altogether.

    Args:
        look: With its features.
        length: Of the road, metres.
        half_width: How far the road reaches to either side of its centreline, metres.
        middle: How far left of the centreline the middle between the edges lies, metres.
        lane: Width of a lane, metres.
        resolution: Of the ground, metres a pixel.
    """

    def __init__(
        self, look: Appearance, length: float, half_width: float, middle: float, lane: float, resolution: float
    ) -> None:
        self.period = length / max(round(length / _LONGEST), 1)
        self.half = min(half_width + 0.5, _WIDEST)
        self.fade = look.paint_fade
        pixel = _PIXELS[resolution > _COARSE]
        image = _draw(look, self.period, self.half, middle, lane, pixel)
        size = (max(round(self.period / resolution), 1), max(round(2 * self.half / resolution), 1))
        if resolution > pixel:
            image = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
        self.image = image


def has_decals(look: Appearance) -> bool:
    """Whether a look asks for any."""
    return any(getattr(look, name) > 0 for name in _FEATURES)


@lru_cache(maxsize=16)
def decal_strip(
    look: Appearance, length: float, half_width: float, middle: float, lane: float, resolution: float
) -> Strip:
    """Return a strip; the pages of a ground share it. See `Strip` for the arguments."""
    return Strip(look, length, half_width, middle, lane, resolution)


def _draw(look: Appearance, period: float, half: float, middle: float, lane: float, pixel: float) -> Image:
    """Draw a strip: (rows from left to right of the road, columns along it, 4) uint8."""
    shape = (round(2 * half / pixel), round(period / pixel))
    channels = [np.zeros(shape, np.uint8) for _ in range(4)]
    canvas = _Canvas(channels, period, half, look, pixel)
    if look.wear:
        _draw_wear(canvas, look.wear, middle, lane)
    _draw_patches(canvas)
    _draw_cracks(canvas)
    _draw_tar_lines(canvas)
    _draw_tire_marks(canvas, middle, lane)
    _draw_decoy_lines(canvas)
    _draw_crossings(canvas)
    _draw_arrows(canvas, middle, lane)
    if look.paint_fade:
        channels[_WORN] = _worn(canvas.rng("paint_fade"), period, half, shape)
    return cv2.merge(channels)


class _Canvas:
    """A strip that is drawn on in metres: arc length and lateral offset."""

    def __init__(self, channels: list[Image], period: float, half: float, look: Appearance, pixel: float) -> None:
        self.channels, self.period, self.half, self.look, self.pixel = channels, period, half, look, pixel
        self._scale = np.array([2**_SHIFT, -(2**_SHIFT)]) / pixel
        self._origin = 2**_SHIFT * np.array([-0.5, half / pixel - 0.5])

    def rng(self, feature: str) -> np.random.Generator:
        """The generator of a feature: what one draws leaves the others alone."""
        return np.random.default_rng([self.look.detail_seed, 0xDECA, _FEATURES.index(feature)])

    def places(self, feature: str, rng: np.random.Generator) -> np.ndarray:
        """Arc lengths of a feature's places."""
        mean = getattr(self.look, feature) * self.period / 100.0
        count = int(mean) + int(rng.random() < mean % 1)
        return rng.uniform(_END, max(self.period - _END, _END + 1e-3), count)

    def pixels(self, points: np.ndarray) -> np.ndarray:
        """Points (..., 2), metres, as fixed-point pixels."""
        return np.rint(points * self._scale + self._origin).astype(np.int32)

    def fill(self, channel: int, points: np.ndarray, value: float) -> None:
        cv2.fillPoly(self.channels[channel], [self.pixels(points)], value, cv2.LINE_AA, _SHIFT)

    def line(self, channel: int, points: np.ndarray, value: float, width: float = 0.1) -> None:
        """Draw a line (K, 2); one thinner than a pixel is paler instead."""
        thickness = max(round(width / self.pixel), 1)
        value *= min(width / (thickness * self.pixel), 1.0)
        cv2.polylines(self.channels[channel], [self.pixels(points)], False, value, thickness, cv2.LINE_AA, _SHIFT)


def _box(s: float, lateral: float, length: float, width: float, turn: float = 0.0) -> np.ndarray:
    """Corners (4, 2) of a rectangle around a place, `turn` radians turned from the road."""
    corners = 0.5 * np.array([(-length, -width), (length, -width), (length, width), (-length, width)])
    cos, sin = np.cos(turn), np.sin(turn)
    return corners @ np.array([(cos, sin), (-sin, cos)]) + (s, lateral)


def _draw_wear(canvas: _Canvas, wear: float, middle: float, lane: float) -> None:
    """Darken where wheels roll, lighten between, more in some places than in others."""
    rows, columns = canvas.channels[_DARK].shape
    lateral = canvas.half - (np.arange(rows) + 0.5) * canvas.pixel
    centers = (middle - lane / 2, middle + lane / 2) if 2 * lane < 2 * canvas.half else (middle,)
    tracks, oil = np.zeros(rows), np.zeros(rows)
    for center in centers:
        for wheel in (-0.85, 0.85):
            tracks += np.exp(-(((lateral - center - wheel) / 0.38) ** 2))
        oil += np.exp(-(((lateral - center) / 0.3) ** 2))
    along = seamless_noise(canvas.rng("wear"), 2, max(round(canvas.period / 12), 4), 1, columns)[0]
    uneven = np.clip(0.75 + 0.3 * along, 0.2, 1.4)
    dust = np.clip(np.abs(lateral - middle) / canvas.half, 0, 1) ** 4
    np.multiply.outer(wear * (30 * tracks + 14 * oil), uneven, out=canvas.channels[_DARK], casting="unsafe")
    np.multiply.outer(wear * 26 * dust, 1.5 - uneven, out=canvas.channels[_LIGHT], casting="unsafe")


def _draw_patches(canvas: _Canvas) -> None:
    rng = canvas.rng("patches")
    for s in canvas.places("patches", rng):
        length, width = rng.uniform(1.2, 9.0), rng.uniform(0.8, 3.2)
        lateral = rng.uniform(-1, 1) * max(canvas.half - 0.7 - width / 2, 0.2)
        shape = _box(s, lateral, length, width, rng.normal(0, 0.03))
        if rng.random() < 0.65:
            canvas.fill(_DARK, shape, rng.uniform(16, 40))
            canvas.fill(_LIGHT, shape, 0)
        else:
            canvas.fill(_LIGHT, shape, rng.uniform(10, 26))
            canvas.fill(_DARK, shape, 0)
        canvas.line(_DARK, np.vstack([shape, shape[:1]]), rng.uniform(50, 70))


def _draw_cracks(canvas: _Canvas) -> None:
    rng = canvas.rng("cracks")
    for s in canvas.places("cracks", rng):
        steps = int(rng.integers(8, 26))
        bearing = rng.choice((0.0, np.pi / 2), p=(0.35, 0.65)) + rng.normal(0, 0.4)
        start = np.array([s, rng.uniform(-0.8, 0.8) * canvas.half])
        walk = _walk(rng, start, bearing, steps, 0.3, 0.5)
        canvas.line(_DARK, walk, rng.uniform(55, 85))
        for at in rng.integers(1, steps, 2):
            branch = _walk(rng, walk[at], bearing + rng.choice((-1, 1)) * rng.uniform(0.6, 1.3), 7, 0.28, 0.5)
            canvas.line(_DARK, branch, rng.uniform(40, 65))


def _draw_tar_lines(canvas: _Canvas) -> None:
    rng = canvas.rng("tar_lines")
    for s in canvas.places("tar_lines", rng):
        across = rng.random() < 0.6
        start = np.array([s, canvas.half if across else rng.uniform(-0.7, 0.7) * canvas.half])
        bearing = (-np.pi / 2 if across else 0.0) + rng.normal(0, 0.12)
        steps = int(2 * canvas.half / 0.5) if across else int(rng.integers(10, 40))
        walk = _walk(rng, start, bearing, steps, 0.5, 0.22)
        canvas.line(_DARK, walk, rng.uniform(48, 68), rng.choice((0.1, 0.2)))


def _draw_tire_marks(canvas: _Canvas, middle: float, lane: float) -> None:
    rng = canvas.rng("tire_marks")
    for s in canvas.places("tire_marks", rng):
        length = min(rng.uniform(8, 26), canvas.period - 2 * _END)
        start = min(max(s - length / 2, 1.0), canvas.period - length - 1.0)
        along = np.linspace(0, 1, 13)
        side = rng.choice((-0.5, 0.5)) * lane
        drift = rng.normal(0, 0.8) * along**2 + rng.normal(0, 0.3) * along
        value, gauge = rng.uniform(26, 52), 1.5
        for wheel in (-gauge / 2, gauge / 2):
            points = np.column_stack([start + length * along, middle + side + wheel + drift])
            # It begins and ends faintly.
            for first, last, share in ((0, 13, 0.4), (2, 11, 0.75), (4, 9, 1.0)):
                canvas.line(_DARK, points[first:last], share * value, 0.2)


def _draw_decoy_lines(canvas: _Canvas) -> None:
    """Lines that were painted over or end nowhere, aslant."""
    rng = canvas.rng("decoy_lines")
    for s in canvas.places("decoy_lines", rng):
        length = min(rng.uniform(4, 12), 2 * (min(s, canvas.period - s) - 1))
        shape = _box(s, rng.uniform(-0.8, 0.8) * canvas.half, length, rng.uniform(0.12, 0.25), rng.normal(0, 0.16))
        canvas.fill(_PAINT, shape, rng.uniform(60, 200))


def _draw_crossings(canvas: _Canvas) -> None:
    rng = canvas.rng("crossings")
    for s in canvas.places("crossings", rng):
        canvas.fill(_PAINT, _box(s, 0.0, 5.4, 2 * canvas.half), 0)
        bars = np.arange(-np.floor(canvas.half), canvas.half + 0.1)
        for lateral in bars:
            canvas.fill(_PAINT, _box(s, lateral, 3.0, 0.5), 255)


def _draw_arrows(canvas: _Canvas, middle: float, lane: float) -> None:
    rng = canvas.rng("arrows")
    arrow = np.array([(-2.0, 0.09), (0.4, 0.09), (0.4, 0.42), (2.0, 0.0), (0.4, -0.42), (0.4, -0.09), (-2.0, -0.09)])
    two_way = canvas.look.center_line_style != "none"
    for s in canvas.places("arrows", rng):
        if not two_way:
            canvas.fill(_PAINT, arrow + np.array([s, middle]), 255)
            continue
        canvas.fill(_PAINT, arrow + np.array([s, middle - lane / 2]), 255)
        canvas.fill(_PAINT, -arrow + np.array([s, middle + lane / 2]), 255)


def _walk(
    rng: np.random.Generator, start: np.ndarray, bearing: float, steps: int, step: float, bend: float
) -> np.ndarray:
    """A line that wanders: (steps + 1, 2) metres."""
    bearings = bearing + np.cumsum(rng.normal(0, bend, steps)) * 0.5 + rng.normal(0, bend, steps)
    moves = step * np.column_stack([np.cos(bearings), np.sin(bearings)])
    return np.vstack([start, start + np.cumsum(moves, axis=0)])


def _worn(rng: np.random.Generator, period: float, half: float, shape: tuple[int, int]) -> Image:
    """Where paint is worn: in blotches, and in grains within them; 0 to 255."""
    blotches = rng.integers(0, 256, (max(round(2 * half / 1.4), 3), max(round(period / 2.4), 3)), np.uint8)
    grains = rng.integers(0, 256, (max(round(2 * half / 0.2), 3), max(round(period / 0.2), 3)), np.uint8)
    size = shape[::-1]
    large, small = (cv2.resize(each, size, interpolation=cv2.INTER_LINEAR) for each in (blotches, grains))
    return cv2.addWeighted(large, 1.0, small, 0.8, -115)
