"""Render on a torch device: the frame contract of `drivesim.render`, for thousands of cars at once.

Every place of ground that a pixel samples lies where it lies from the car, whatever the car: a table says it once. A
car's pose then turns and moves the table onto its page, and the texels are gathered and mixed in integers, as bytes.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from drivesim.appearance import Appearance
from drivesim.camera import Camera
from drivesim.device.ground_pool import GroundPool
from drivesim.device.sampling import mean_of_lines, sample, unpack
from drivesim.device.veil import VeilTable
from drivesim.errors import DrivesimError
from drivesim.ground.texture import GroundTexture
from drivesim.render import Renderer
from drivesim.sprite import Sprite
from drivesim.track import Track
from drivesim.vehicle import VehicleParams
from drivesim.weather import Weather

# Samples that are drawn at once: what lies in a processor's cache, and what fills a GPU; and what each takes meanwhile,
# bytes.
_CHUNK = {"cpu": 2**18, "cuda": 2**25}
_SAMPLE_BYTES = 64

# Draws on frames (N, H, W, 3) uint8 in place, given the poses (N, 3) float64 of the cars that see them and which of
# the cars in `draw` they are.
Layer = Callable[[Tensor, Tensor, slice], None]


def torch_device(name: str) -> torch.device:
    """Return a torch device by its name, such as `cpu` or `cuda:1`.

    Raises:
        DrivesimError: If there is no such device.
    """
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise DrivesimError(f"device: expected cpu, cuda or cuda:N, got {name!r}.") from error
    if device.type == "cuda" and not torch.cuda.is_available():
        raise DrivesimError("device: cuda was asked for, and torch finds no GPU. Use another device, or none.")
    if device.type not in _CHUNK:
        raise DrivesimError(f"device: expected cpu, cuda or cuda:N, got {name!r}.")
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        raise DrivesimError(f"device: torch finds {torch.cuda.device_count()} GPUs, got {name!r}.")
    # By its number: what is current differs between threads.
    return torch.device("cuda", torch.cuda.current_device()) if name == "cuda" else device


class TorchRenderer:
    """Draws what a camera sees from cars.

    Attributes:
        camera: The camera on every car.
        device: Where frames are drawn.
        layers: What is drawn over the ground and the sky, in turn, before the weather: the car where the camera shows
            it. Whoever has more to draw, such as other cars, adds to it.

    Args:
        camera: The camera on every car.
        vehicle: The car, drawn where the camera shows it.
        device: Where.
        compiled: Whether `torch.compile` fuses the sampling first.
    """

    def __init__(
        self, camera: Camera, vehicle: VehicleParams, device: torch.device | str = "cpu", compiled: bool = False
    ) -> None:
        self.camera = camera
        self.device = torch_device(device) if isinstance(device, str) else device
        self._painter = Renderer(camera, vehicle)
        self.layers: list[Layer] = []
        if self._painter.sprite is not None:
            self.layers.append(_sprite_layer(self._painter.sprite, self.device))
        bands = self._painter.bands
        self._cuts = [(band.stop - band.start, band.samples) for band in bands]
        self._sky_rows = bands[0].start if bands else camera.height
        places, levels = _places(self._painter)
        # Of every line of samples; ground (2, L, W), metres ahead of and left of the car.
        self._ground = torch.from_numpy(places).to(self.device, torch.float32)
        self._levels = torch.from_numpy(levels).to(self.device)
        self._texel = (camera.resolution * 2.0**self._levels).float()[:, None]
        self.pool = GroundPool(int(levels.max(initial=0)) + 1, camera.resolution, self.device)
        self._veils = VeilTable(camera, self.device)
        self._skies = torch.zeros(0, self._sky_rows, 3, dtype=torch.uint8, device=self.device)
        self._sample_ground: Any = torch.compile(_ground_frames, dynamic=True) if compiled else _ground_frames

    @property
    def memory(self) -> int:
        """Bytes of the grounds, and of what drawing takes besides frames."""
        return 4 * len(self.pool.texels) + _SAMPLE_BYTES * _CHUNK[self.device.type]

    def texture(self, track: Track, appearance: Appearance, weather: Weather | None = None) -> GroundTexture:
        """Paint the ground for this camera on the host: see `Renderer.texture`."""
        return self._painter.texture(track, appearance, weather)

    def draw(self, textures: Sequence[GroundTexture], poses: Tensor | np.ndarray) -> Tensor:
        """Draw one frame a car.

        Args:
            textures: N grounds made by `texture`; cars may share one.
            poses: (N, 3) float64, x y heading, metres and radians, world.

        Returns:
            (N, height, width, 3) uint8 on the device, the caller's.
        """
        poses = torch.as_tensor(poses, dtype=torch.float64).to(self.device)
        return self.draw_on(self.enter(textures), poses)

    def enter(self, textures: Sequence[GroundTexture]) -> Tensor:
        """Bring grounds to the device, the new ones; returns the number of each: (N,) int64, for `draw_on`."""
        numbers, new = self.pool.numbers(textures)
        if self.pool.grounds > len(self._skies):
            skies = torch.zeros(self.pool.grounds, self._sky_rows, 3, dtype=torch.uint8, device=self.device)
            skies[: len(self._skies)] = self._skies
            self._skies = skies
        of_new = dict(zip(textures, numbers, strict=True))
        for ground in new:
            number = of_new[ground]
            self._veils.tell(number, ground.veil)
            self._skies[number] = torch.from_numpy(self._sky(ground.appearance)).to(self.device)
        return torch.tensor(numbers, dtype=torch.int64, device=self.device)

    def draw_on(self, numbers: Tensor, poses: Tensor) -> Tensor:
        """Draw one frame a car, on grounds by their numbers (N,); see `draw`."""
        frames = torch.empty(
            len(poses), self.camera.height, self.camera.width, 3, dtype=torch.uint8, device=self.device
        )
        cars = max(_CHUNK[self.device.type] // max(self._ground[0].numel(), 1), 1)
        for first in range(0, len(poses), cars):
            chunk = slice(first, first + cars)
            frames[chunk] = self._draw_chunk(numbers[chunk], poses[chunk], chunk)
        return frames

    def _draw_chunk(self, numbers: Tensor, poses: Tensor, chunk: slice) -> Tensor:
        sky = self._skies[numbers][:, :, None].expand(-1, -1, self.camera.width, -1)
        parts = [sky]
        if self._cuts:
            pages = self.pool.pages_at(numbers, poses[:, 0], poses[:, 1])
            places, levels = self.pool.places, self._levels
            at = (numbers[:, None], pages[:, None], levels)
            corner = places.corner[numbers, pages]
            parts.append(
                self._sample_ground(
                    self.pool.texels,
                    places.offset[at][..., None],
                    places.height[at][..., None],
                    places.width[at][..., None],
                    # From the page's corner, right and down; small enough for single precision.
                    torch.stack([poses[:, 0] - corner[:, 0], corner[:, 1] - poses[:, 1]]).float()[..., None, None],
                    torch.stack([poses[:, 2].cos(), poses[:, 2].sin()]).float()[..., None, None],
                    self._ground,
                    self._texel,
                    self._cuts,
                )
            )
        below = self.camera.height - self._sky_rows - sum(rows for rows, _ in self._cuts)
        assert below == 0, "the rows that show ground reach down to the last"
        frames = torch.cat(parts, dim=1)
        for layer in self.layers:
            layer(frames, poses, chunk)
        return frames if self._veils.is_empty else self._veils.lay_over(frames, numbers, poses)

    def _sky(self, look: Appearance) -> np.ndarray:
        """The colours of the rows above the ground: (rows, 3) uint8."""
        rows = self._sky_rows
        height = (np.arange(rows, 0, -1) / max(rows, 1))[:, None]
        return np.rint(np.multiply(look.horizon, 1 - height) + np.multiply(look.sky, height)).astype(np.uint8)


def _places(renderer: Renderer) -> tuple[np.ndarray, np.ndarray]:
    """Where on the ground a camera's lines of samples lie: (2, L, W) metres ahead and left; and their levels (L,)."""
    width = renderer.camera.width
    places, levels = [np.zeros((2, 0, width))], [np.zeros(0, np.int64)]
    for band in renderer.bands:
        lines = (band.stop - band.start) * band.samples
        column, line = np.meshgrid(np.arange(width), np.arange(lines))
        x, y, w = np.einsum("ij,jlw->ilw", band.ground, np.stack([column, line, np.ones_like(line)]))
        places.append(np.stack([x / w, y / w]))
        levels.append(np.full(lines, band.level))
    return np.concatenate(places, axis=1), np.concatenate(levels)


def _ground_frames(
    texels: Tensor,
    offset: Tensor,
    height: Tensor,
    width: Tensor,
    at: Tensor,
    turn: Tensor,
    ground: Tensor,
    texel: Tensor,
    cuts: list[tuple[int, int]],
) -> Tensor:
    """The rows of frames that show ground: (N, rows, W, 3) uint8.

    Args:
        texels: The pool.
        offset: (N, L, 1) of the image that each line samples, as are `height` and `width`.
        height: Of these.
        width: Of these.
        at: (2, N, 1, 1) of the cars, metres right of and below the page's upper left corner.
        turn: (2, N, 1, 1) cosine and sine of their headings.
        ground: (2, L, W) places, metres ahead of and left of a car.
        texel: (L, 1) metres.
        cuts: Rows of each band, and samples to a row.
    """
    (cos, sin), (ahead, left) = turn, ground
    column = (at[0] + cos * ahead - sin * left) / texel - 0.5
    row = (at[1] - sin * ahead - cos * left) / texel - 0.5
    mixed = sample(texels, offset, height, width, column, row)
    bands = mixed.split([rows * samples for rows, samples in cuts], dim=2)
    means = [mean_of_lines(band, samples) for band, (_, samples) in zip(bands, cuts, strict=True)]
    return unpack(torch.cat(means, dim=2))


def _sprite_layer(sprite: Sprite, device: torch.device) -> Layer:
    """The car, laid over frames."""
    height, width = sprite.color.shape[0], sprite.color.shape[1] // 3
    color, transparency = (
        torch.from_numpy(each.astype(np.int32)).view(height, width, 3).to(device)
        for each in (sprite.color, sprite.transparency)
    )
    rows, columns = slice(sprite.row, sprite.row + height), slice(sprite.column, sprite.column + width)

    def draw(frames: Tensor, poses: Tensor, cars: slice) -> None:
        mixed = frames[:, rows, columns] * transparency + color
        frames[:, rows, columns] = ((mixed + (mixed >> 8) + 1) >> 8).to(torch.uint8)

    return draw
