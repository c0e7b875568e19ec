"""Ground texture: a track in one look, painted once as a picture that cameras are warped from.

A texture is a grid of square pages, each painted when a camera first comes to it. A usual track is one page; a large
circuit is several, and the oldest are given up when they hold too much memory. Pages overlap by what a camera can see,
so that every frame comes from one page.
"""

from collections import OrderedDict
from dataclasses import dataclass
from functools import cached_property
from threading import Lock

import cv2
import numpy as np

from drivesim.appearance import Appearance
from drivesim.ground.painting import Image, paint
from drivesim.ground.window import CELL, Window
from drivesim.track import Track
from drivesim.veil import Veil
from drivesim.warp import Source, source_of

PAGE_PIXELS = 2048

# One for all textures: a lock of its own could not be copied with an environment.
_PAINTING = Lock()
MEMORY_LIMIT = 96 * 2**20


@dataclass(frozen=True, eq=False)
class Page:
    """A painted square of ground.

    Attributes:
        levels: Mip levels, each (H, W, 4) uint8 RGBA, half as fine as the one before.
        left: World x of the left border, metres.
        top: World y of the top border, metres.
        resolution: Metres a pixel of level 0.
    """

    levels: tuple[Image, ...]
    left: float
    top: float
    resolution: float

    @cached_property
    def sources(self) -> tuple[Source, ...]:
        """The levels as `warp` takes them."""
        return tuple(source_of(level) for level in self.levels)


class GroundTexture:
    """The ground of one world at one resolution.

    Attributes:
        grid: Columns and rows of pages: (2,) int.
        cell: Width and height of the part of a page that its cars are in, the rest being margin: (2,) int, pixels.
        low: Of the first page's part, its lower left corner from the world's origin: (2,) int, pixels.
        only_page: The page of a ground that has one.
        veil: The weather that its frames are seen through; None for none.

    Args:
        track: The road.
        appearance: Its look.
        resolution: Metres a pixel of the finest level.
        levels: Number of mip levels.
        margin: How far beyond the road's bounding box a camera may see, metres; also the overlap of pages.
        veil: The weather that its frames are seen through; None for none.
    """

    def __init__(
        self,
        track: Track,
        appearance: Appearance,
        resolution: float,
        levels: int,
        margin: float,
        veil: Veil | None = None,
    ) -> None:
        self.track, self.appearance, self.veil = track, appearance, veil
        self.resolution, self.level_count = resolution, levels
        # Pages meet pixel on pixel in every mip level, and hold whole cells of painting.
        step = max(CELL, 2 ** (levels - 1))
        margin_pixels = int(np.ceil(margin / resolution / step)) * step
        left, right = track.edges()
        low = np.minimum(left.min(axis=0), right.min(axis=0)) / resolution
        high = np.maximum(left.max(axis=0), right.max(axis=0)) / resolution
        extent = np.ceil(high - low).astype(int)
        room = max(PAGE_PIXELS - 2 * margin_pixels, PAGE_PIXELS // 4)
        self.grid = np.maximum(np.ceil(extent / room).astype(int), 1)
        self.cell = -(-extent // self.grid // step) * step
        self._margin = margin_pixels
        # In whole pixels from the world's origin, so that pages meet pixel on pixel.
        self.low = np.floor(low).astype(int)
        self._pages: OrderedDict[tuple[int, int], Page] = OrderedDict()
        self.only_page = self.page(0, 0) if self.grid.prod() == 1 else None

    def page_at(self, x: float, y: float) -> Page:
        """Return the page for a camera on a car at world `x`, `y`, painting it where it is new."""
        if self.only_page is not None:
            return self.only_page
        column = int((x / self.resolution - self.low[0]) // self.cell[0])
        row = int((y / self.resolution - self.low[1]) // self.cell[1])
        column, row = min(max(column, 0), self.grid[0] - 1), min(max(row, 0), self.grid[1] - 1)
        page = self._pages.get((column, row))
        # Nobody who has their page waits while another thread paints its neighbour.
        if page is not None and _PAINTING.locked():
            return page
        with _PAINTING:
            return self.page(column, row)

    @property
    def memory(self) -> int:
        """Bytes of painted pages."""
        return sum(level.nbytes for page in self._pages.values() for level in page.levels)

    def page(self, column: int, row: int) -> Page:
        """Return a page by its place in the grid, painting it where it is new."""
        page = self._pages.get((column, row))
        if page is None:
            corner = self.low + np.array([column, row]) * self.cell - self._margin
            width, height = self.cell + 2 * self._margin
            window = Window(int(corner[0]), int(corner[1]), int(width), int(height), self.resolution)
            image = paint(self.track, self.appearance, window)
            page = Page(
                levels=_mip_levels(image, self.level_count),
                left=float(corner[0] * self.resolution),
                top=float((corner[1] + height) * self.resolution),
                resolution=self.resolution,
            )
            self._pages[column, row] = page
            while self.memory > MEMORY_LIMIT and len(self._pages) > 1:
                self._pages.popitem(last=False)
        else:
            self._pages.move_to_end((column, row))
        return page


def _mip_levels(image: Image, count: int) -> tuple[Image, ...]:
    levels = [image]
    for _ in range(count - 1):
        height, width = levels[-1].shape[:2]
        even = levels[-1][: height // 2 * 2, : width // 2 * 2]
        levels.append(cv2.resize(even, (width // 2, height // 2), interpolation=cv2.INTER_AREA))
    return tuple(levels)
