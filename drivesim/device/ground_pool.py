"""Ground pool: ground textures on a torch device, all in one array of packed texels, uploaded once each.

A ground's number stays what it is as long as the ground lives; where its pages lie may change. What dies on the host
makes room here. Pages of a large circuit are painted and uploaded when a car first comes to them.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from weakref import WeakKeyDictionary

import numpy as np
import torch
from torch import Tensor

from drivesim.ground.texture import GroundTexture, Page

# Texels of the first pool; it is doubled when it is full.
_FIRST = 2**16


@dataclass
class _Held:
    """What the pool holds of a ground: its number, and its pages by their place among the ground's."""

    number: int
    pages: dict[int, list[tuple[int, int, int]]] = field(default_factory=dict)


@dataclass(frozen=True)
class Places:
    """Where the pages of grounds lie: tables of G grounds, C pages each and L mip levels.

    Attributes:
        offset: (G, C, L) int64, of a page's first texel; -1 where a page is not here.
        height: (G, C, L) int32.
        width: (G, C, L) int32.
        corner: (G, C, 2) float64, world x of the left border and y of the top, metres.
        low: (G, 2) float64, of the first page's part, pixels from the world's origin.
        cell: (G, 2) float64, of a page's part, pixels.
        grid: (G, 2) int64, columns and rows of pages.
    """

    offset: Tensor
    height: Tensor
    width: Tensor
    corner: Tensor
    low: Tensor
    cell: Tensor
    grid: Tensor

    @classmethod
    def empty(cls, grounds: int, pages: int, levels: int, device: torch.device) -> "Places":
        """Return tables without a page."""
        of_pages = (grounds, pages, levels)
        return cls(
            torch.full(of_pages, -1, dtype=torch.int64, device=device),
            torch.ones(of_pages, dtype=torch.int32, device=device),
            torch.ones(of_pages, dtype=torch.int32, device=device),
            torch.zeros(grounds, pages, 2, dtype=torch.float64, device=device),
            torch.zeros(grounds, 2, dtype=torch.float64, device=device),
            torch.ones(grounds, 2, dtype=torch.float64, device=device),
            torch.ones(grounds, 2, dtype=torch.int64, device=device),
        )

    def grown(self, grounds: int, pages: int) -> "Places":
        """Return larger tables with the same pages."""
        larger = Places.empty(grounds, pages, self.offset.shape[2], self.offset.device)
        for name, old in vars(self).items():
            getattr(larger, name)[tuple(slice(size) for size in old.shape)] = old
        return larger


class GroundPool:
    """Grounds of one camera.

    Attributes:
        texels: (T,) int32, packed RGBA.
        places: Where the pages lie in it.

    Args:
        levels: Mip levels of the grounds.
        resolution: Metres a texel of the finest.
        device: Where.
    """

    def __init__(self, levels: int, resolution: float, device: torch.device) -> None:
        self.levels, self.resolution, self.device = levels, resolution, device
        self.texels = torch.zeros(0, dtype=torch.int32, device=device)
        self.places = Places.empty(1, 1, levels, device)
        self._held: WeakKeyDictionary[GroundTexture, _Held] = WeakKeyDictionary()
        self._used = 0

    @property
    def grounds(self) -> int:
        """How many numbers there are."""
        return len(self.places.grid)

    def numbers(self, grounds: Sequence[GroundTexture]) -> tuple[list[int], list[GroundTexture]]:
        """Return the number of each ground, and the grounds that are new: their pages are uploaded."""
        new = [ground for ground in dict.fromkeys(grounds) if ground not in self._held]
        for ground in new:
            self._enter(ground)
        return [self._held[ground].number for ground in grounds], new

    def pages_at(self, numbers: Tensor, x: Tensor, y: Tensor) -> Tensor:
        """Return which of their grounds' pages cars at world `x`, `y` (N,) are on: (N,) int64.

        What isn't here yet is painted and uploaded; where every ground is one page, the host is not waited for.
        """
        if self.places.offset.shape[1] == 1:
            return torch.zeros_like(numbers)
        at = torch.stack([x, y], dim=1) / self.resolution - self.places.low[numbers]
        grid = self.places.grid[numbers]
        cell = torch.clamp((at / self.places.cell[numbers]).floor().long(), torch.zeros_like(grid), grid - 1)
        pages = cell[:, 1] * grid[:, 0] + cell[:, 0]
        missing = self.places.offset[numbers, pages, 0] < 0
        if bool(missing.any()):
            self._fetch(*(values[missing].tolist() for values in (numbers, pages, x, y)))
        return pages

    def _enter(self, ground: GroundTexture) -> None:
        """Give a ground a number; its only page is uploaded at once."""
        taken = {held.number for held in self._held.values()}
        number = next(number for number in range(len(taken) + 1) if number not in taken)
        pages = int(ground.grid.prod())
        _, most, _ = self.places.offset.shape
        if number >= self.grounds or pages > most:
            grounds = self.grounds if number < self.grounds else 2 * self.grounds
            self.places = self.places.grown(grounds, max(pages, most))
        held = self._held[ground] = _Held(number)
        self.places.offset[number] = -1
        for table, values in ((self.places.low, ground.low), (self.places.cell, ground.cell)):
            table[number] = torch.from_numpy(values.astype(np.float64)).to(self.device)
        self.places.grid[number] = torch.from_numpy(ground.grid.astype(np.int64)).to(self.device)
        if ground.only_page is not None:
            self._upload(held, 0, ground.only_page)

    def _fetch(self, numbers: list[int], pages: list[int], x: list[float], y: list[float]) -> None:
        """Upload the pages that cars at these places are on."""
        of_number = {held.number: (ground, held) for ground, held in self._held.items()}
        for number, page, *at in zip(numbers, pages, x, y, strict=True):
            ground, held = of_number[number]
            if page not in held.pages:
                self._upload(held, page, ground.page_at(*at))

    def _upload(self, held: _Held, number: int, page: Page) -> None:
        count = sum(level.shape[0] * level.shape[1] for level in page.levels)
        if self._used + count > len(self.texels):
            self._make_room(count)
        held.pages[number] = []
        for level in page.levels:
            height, width, _ = level.shape
            packed = np.ascontiguousarray(level).view(np.int32).reshape(-1)
            self.texels[self._used : self._used + len(packed)] = torch.from_numpy(packed).to(self.device)
            held.pages[number].append((self._used, height, width))
            self._used += len(packed)
        self._tell_places(held, number)
        corner = torch.tensor([page.left, page.top], dtype=torch.float64, device=self.device)
        self.places.corner[held.number, number] = corner

    def _tell_places(self, held: _Held, number: int) -> None:
        values = np.array(held.pages[number])
        tables = (self.places.offset, self.places.height, self.places.width)
        for table, column in zip(tables, values.T, strict=True):
            table[held.number, number] = torch.from_numpy(column.copy()).to(self.device, table.dtype)

    def _make_room(self, count: int) -> None:
        """Move what lives to a new array, as large again as needed where the old one is too small."""
        living = list(self._held.values())
        needed = count + sum(h * w for held in living for page in held.pages.values() for _, h, w in page)
        size = max(len(self.texels), _FIRST)
        texels = torch.zeros(size if 2 * needed <= size else 2 * needed, dtype=torch.int32, device=self.device)
        self._used = 0
        for held in living:
            for number, page in held.pages.items():
                moved = []
                for start, height, width in page:
                    end = self._used + height * width
                    texels[self._used : end] = self.texels[start : start + height * width]
                    moved.append((self._used, height, width))
                    self._used = end
                held.pages[number] = moved
                self._tell_places(held, number)
        self.texels = texels
