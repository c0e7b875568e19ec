"""Veil: weather over frames on a torch device; what it is made of is worked out once a ground in `drivesim.veil`."""

import math

import numpy as np
import torch
from torch import Tensor

from drivesim.camera import Camera
from drivesim.sightlines import sightlines_of
from drivesim.specks import ROOM, speck_sheets
from drivesim.veil import Veil

# As in `drivesim.veil`: how far from the sun's image, and how wide, the glare lies, of a camera's span; in perspective
# radians.
_REACH, _WIDTH, _WIDTH_AHEAD = 0.32, 0.2, 0.13

_FACTOR = np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)


class VeilTable:
    """The veils of numbered grounds over one camera's frames.

    Attributes:
        is_empty: Whether no ground that was told of has a veil.

    Args:
        camera: That the frames are of.
        device: Where.
    """

    def __init__(self, camera: Camera, device: torch.device) -> None:
        self.camera, self.device = camera, device
        self.is_empty = True
        scene = sightlines_of(camera)
        self._lamps = torch.from_numpy(scene.lamps[:, ::3].copy()).to(device)
        self._ahead, self._bearing = (torch.from_numpy(each).to(device) for each in (scene.ahead, scene.bearing))
        sheets = speck_sheets(camera.width, camera.height, camera.looks_down)[:, :, ::3]
        self._sheets = torch.from_numpy(np.ascontiguousarray(sheets)).to(device)
        self._colors = torch.zeros(0, 6, 3, device=device)
        self._rows = torch.zeros(0, 5, camera.height, device=device)
        # Sheet and opacity of the specks, and where the sun stands.
        self._specks = torch.zeros(0, 3, dtype=torch.float64, device=device)
        self._seeds = torch.zeros(0, dtype=torch.int64, device=device)

    def tell(self, number: int, veil: Veil | None) -> None:
        """Give a ground its veil; None for none."""
        if number >= len(self._seeds):
            self._grow(2 * number + 1)
        if veil is None:
            # Every colour is multiplied by one, and nothing is added.
            self._colors[number], self._rows[number], self._seeds[number] = 0.0, 0.0, 0
            self._colors[number, 0], self._rows[number, 0] = 1.0, 1.0
            specks = [-1.0, 0.0, math.nan]
        else:
            self.is_empty = False
            self._colors[number] = torch.from_numpy(veil.colors[:, :3].copy()).to(self.device)
            self._rows[number] = torch.from_numpy(veil.rows).to(self.device)
            self._seeds[number] = veil.seed
            specks = [float(veil.sheet), veil.opacity, math.nan if veil.sun is None else float(veil.sun)]
        self._specks[number] = torch.tensor(specks, dtype=torch.float64, device=self.device)

    def _grow(self, count: int) -> None:
        for name in ("_colors", "_rows", "_specks", "_seeds"):
            old = getattr(self, name)
            larger = torch.zeros(count, *old.shape[1:], dtype=old.dtype, device=self.device)
            larger[: len(old)] = old
            setattr(self, name, larger)

    def lay_over(self, frames: Tensor, numbers: Tensor, poses: Tensor) -> Tensor:
        """Return frames (N, H, W, 3) uint8 seen through the veils of their grounds.

        Args:
            frames: As they are drawn.
            numbers: (N,) of the grounds.
            poses: (N, 3) float64 of the cars.
        """
        colors = self._colors[numbers][:, :, None, None]
        day, lamp, fog, sky, sun = self._rows[numbers].unbind(1)
        specks = self._specks[numbers]
        light = colors[:, 0] * day[..., None, None] + colors[:, 1] * (lamp[..., None] * self._lamps)[..., None]
        values = frames * light + colors[:, 2] * fog[..., None, None] + colors[:, 3] * sky[..., None, None]
        glare_rows, glare_columns = self._glare(specks[:, 2], poses)
        glare = (sun * glare_rows)[..., None] * glare_columns[:, None]
        values = values + colors[:, 4] * glare[..., None]
        share = (
            self._falling(specks[:, 0].long(), self._seeds[numbers], poses)
            * (specks[:, 1] / 255).float()[:, None, None]
        )
        values = values + (colors[:, 5] - values) * share[..., None]
        return (values.clamp(max=255.0) + 0.5).to(torch.uint8)

    def _glare(self, sun: Tensor, poses: Tensor) -> tuple[Tensor, Tensor]:
        """The sun on wet ground: what rows (N, H) and columns (N, W) make of it."""
        shines = ~sun.isnan()[:, None]
        bearing = (sun.nan_to_num() - poses[:, 2])[:, None]
        if self.camera.looks_down:
            span = float(self.camera.span or 0.0)
            ahead, left = self.camera.mount[0], self.camera.mount[1]
            along = (self._ahead - ahead - _REACH * span * bearing.cos()) / (_WIDTH * span)
            across = (self._bearing - left - _REACH * span * bearing.sin()) / (_WIDTH * span)
            rows, columns = torch.exp(-(along**2)), torch.exp(-(across**2))
        else:
            apart = (self._bearing - bearing + math.pi) % (2 * math.pi) - math.pi
            columns = torch.exp(-((apart / _WIDTH_AHEAD) ** 2))
            rows = torch.ones_like(poses[:, :1]).expand(-1, self.camera.height)
        return torch.where(shines, rows, 0.0).float(), columns.float()

    def _falling(self, sheet: Tensor, seeds: Tensor, poses: Tensor) -> Tensor:
        """Opacity of the specks before each pixel, (N, H, W) float32 up to 255; none where there is no sheet."""
        top, left = _places(seeds, poses)
        _, height, width = self._sheets.shape
        rows = top[:, None] + torch.arange(self.camera.height, device=self.device)
        columns = left[:, None] + torch.arange(self.camera.width, device=self.device)
        start = sheet.clamp(min=0)[:, None, None] * (height * width)
        falling = self._sheets.flatten()[start + rows[:, :, None] * width + columns[:, None]]
        return torch.where(sheet[:, None, None] >= 0, falling.float(), 0.0)


def _places(seeds: Tensor, poses: Tensor) -> tuple[Tensor, Tensor]:
    """As `drivesim.specks.speck_places`, bit for bit: (N,) rows and columns."""
    first, second = (int(factor.astype(np.int64)) for factor in _FACTOR)
    mixed = seeds
    for value in poses.contiguous().view(torch.int64).unbind(1):
        mixed = (mixed ^ value) * first
        mixed = (mixed ^ _shifted(mixed, 29)) * second
        mixed = mixed ^ _shifted(mixed, 32)
    # The remainder of a number without a sign: twice that of its half, and its last bit.
    row = (2 * (_shifted(mixed, 1) % ROOM) + (mixed & 1)) % ROOM
    return row, _shifted(mixed, 20) % ROOM


def _shifted(values: Tensor, bits: int) -> Tensor:
    """Shift int64 to the right as if they had no sign."""
    return (values >> bits) & ((1 << (64 - bits)) - 1)
