"""Render: frames of many cameras at once, warped from ground textures on a pool of threads.

The frame contract: a frame is the ground texture sampled bilinearly at each pixel's place on the ground, from the mip
level of the pixel's row; far ahead, the mean of several such samples; rows that show no ground are sky; then the car is
drawn, what else is on the road (see `drivesim.solids`), and weather over all of it (see `drivesim.veil`). uint8 RGB,
height x width x 3.
"""

import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import pairwise

import cv2
import numpy as np

from drivesim.appearance import Appearance
from drivesim.camera import Camera
from drivesim.errors import DrivesimError
from drivesim.geometry import Floats, pose_matrix
from drivesim.ground.painting import Image
from drivesim.ground.texture import GroundTexture, Page
from drivesim.opencv_threads import SINGLE_THREADED
from drivesim.solids import draw_solids
from drivesim.sprite import car_sprite
from drivesim.track import Track
from drivesim.traffic_table import Others
from drivesim.vehicle import VehicleParams
from drivesim.veil import draw_veils, veil_of
from drivesim.warp import fits, warp_affine
from drivesim.weather import Weather

_WARP = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP


def _count_free_references() -> int:
    """What `sys.getrefcount` says, in a loop over a list, of an array that nothing but the list holds."""
    for array in [np.empty(1)]:
        return sys.getrefcount(array)
    raise AssertionError


# Interpreters differ in how many references of their own they count.
_FREE_REFERENCES = _count_free_references()


@dataclass(frozen=True, eq=False)
class Band:
    """Rows of the image that are sampled alike.

    Attributes:
        start: The first row.
        stop: The row after the last.
        level: The mip level.
        samples: To a row.
        resolution: Of that level, metres a texel.
        ground: (3, 3) float64, from `column sample 1` of the band to homogeneous `x y w`, ego, metres.
    """

    start: int
    stop: int
    level: int
    samples: int
    resolution: float
    ground: Floats


class Renderer:
    """Draws what a camera sees from cars.

    Attributes:
        camera: The camera on every car.
        bands: Of its image, from the first row that shows ground to the last.
        sprite: The car, where it is drawn over the image.

    Args:
        camera: The camera on every car.
        vehicle: The car, drawn where the camera shows it.
        threads: Threads that draw; 1 draws on the caller's.
    """

    def __init__(self, camera: Camera, vehicle: VehicleParams, threads: int = 1) -> None:
        if threads < 1:
            raise DrivesimError(f"threads: expected 1 or more, got {threads}.")
        self.camera, self.vehicle, self.threads = camera, vehicle, threads
        self.bands = _bands(camera)
        self._levels = max(band.level for band in self.bands) + 1 if self.bands else 1
        self.sprite = car_sprite(camera, vehicle) if camera.looks_down and camera.shows_car else None
        self._buffers: list[Image] = []
        # The caller's thread draws too.
        self._pool = ThreadPoolExecutor(threads - 1, "drivesim-render") if threads > 1 else None

    def texture(self, track: Track, appearance: Appearance, weather: Weather | None = None) -> GroundTexture:
        """Paint the ground for this camera, to be seen through a weather; None is clear."""
        margin = self.camera.view_distance + track.width_left.max()
        veil = None if weather is None else veil_of(weather, self.camera, appearance)
        return GroundTexture(track, appearance, self.camera.resolution, self._levels, margin, veil)

    def draw(self, textures: Sequence[GroundTexture], poses: Floats, others: Others | None = None) -> Image:
        """Draw one frame a car.

        Args:
            textures: N grounds made by `texture`; cars may share one.
            poses: (N, 3) float64, x y heading, metres and radians, world.
            others: What else is on the N roads; None for nothing.

        Returns:
            (N, height, width, 3) uint8. The array is the caller's: its memory is used again only after every
            reference to it is gone.
        """
        frames = self._free_buffer(len(poses))
        with SINGLE_THREADED:
            self._draw_all(frames, textures, poses, others)
        return frames

    def copy(self, frames: Image) -> Image:
        """Return a copy of frames that `draw` made; its memory is used again as theirs is."""
        copied = self._free_buffer(len(frames))
        np.copyto(copied, frames)
        return copied

    def _draw_all(self, frames: Image, textures: Sequence[GroundTexture], poses: Floats, others: Others | None) -> None:
        """Spread the cars over the threads."""
        if self._pool is None or len(poses) < 2 * self.threads:
            self._draw_into(frames, textures, poses, others)
            return
        cuts = np.linspace(0, len(poses), self.threads + 1).astype(int)
        chunks = [
            (frames[a:b], textures[a:b], poses[a:b], None if others is None else others.of(slice(a, b)))
            for a, b in pairwise(cuts)
        ]
        jobs = [self._pool.submit(self._draw_into, *chunk) for chunk in chunks[1:]]
        self._draw_into(*chunks[0])
        for job in jobs:
            job.result()

    def close(self) -> None:
        """Stop the threads."""
        if self._pool is not None:
            self._pool.shutdown()

    def _free_buffer(self, count: int) -> Image:
        """An array that nobody else holds: fresh memory would cost a page fault every 4 kB."""
        for buffer in self._buffers:
            if len(buffer) == count and sys.getrefcount(buffer) == _FREE_REFERENCES:
                return buffer
        buffer = np.empty((count, self.camera.height, self.camera.width, 3), np.uint8)
        self._buffers = [*self._buffers[-3:], buffer]
        return buffer

    def _draw_into(
        self, frames: Image, textures: Sequence[GroundTexture], poses: Floats, others: Others | None
    ) -> None:
        pages = [
            texture.only_page or texture.page_at(x, y)
            for texture, (x, y, _) in zip(textures, poses.tolist(), strict=True)
        ]
        if self.camera.looks_down:
            self._draw_down(frames, pages, poses)
        else:
            self._draw_ahead(frames, pages, poses)
            self._draw_sky(frames, textures)
        feet = None if others is None else draw_solids(frames, others, poses, self.camera)
        veils = [texture.veil for texture in textures]
        if any(veils):
            draw_veils(frames, veils, poses, self.camera, feet)

    def _draw_down(self, frames: Image, pages: list[Page], poses: Floats) -> None:
        (band,) = self.bands
        matrices = self._matrices(band, pages, poses)
        sources = np.array([page.sources[band.level] for page in pages])
        height, width = self.camera.height, self.camera.width
        inside = fits(sources, matrices, height, width)
        if inside.all():
            warp_affine(sources, matrices, frames)
        else:
            for i, page in enumerate(pages):
                if inside[i]:
                    warp_affine(sources[i : i + 1], matrices[i : i + 1], frames[i : i + 1])
                    continue
                # Far from the road the view reaches over the painted ground, whose border is repeated there.
                image, size = page.levels[band.level], (width, height)
                warped = cv2.warpAffine(image, matrices[i], size, None, _WARP, cv2.BORDER_REPLICATE)
                cv2.cvtColor(warped, cv2.COLOR_RGBA2RGB, frames[i])
        if self.sprite is not None:
            self.sprite.draw(frames)

    def _draw_ahead(self, frames: Image, pages: list[Page], poses: Floats) -> None:
        height, width = self.camera.height, self.camera.width
        warps = [self._matrices(band, pages, poses) for band in self.bands]
        scratch = np.empty((height, width, 4), np.uint8)
        for i, page in enumerate(pages):
            for band, matrices in zip(self.bands, warps, strict=True):
                rows = band.stop - band.start
                target = scratch[band.start : band.stop]
                size = (width, rows * band.samples)
                fine = cv2.warpPerspective(
                    page.levels[band.level],
                    matrices[i],
                    size,
                    target if band.samples == 1 else None,
                    _WARP,
                    cv2.BORDER_REPLICATE,
                )
                if band.samples > 1:
                    cv2.resize(fine, (width, rows), target, interpolation=cv2.INTER_AREA)
            cv2.cvtColor(scratch, cv2.COLOR_RGBA2RGB, frames[i])

    def _matrices(self, band: Band, pages: list[Page], poses: Floats) -> Floats:
        """Matrices from the band's pixels to texels: (N, 2, 3) looking down, (N, 3, 3) in perspective."""
        resolution = band.resolution
        corners = np.array([(page.left, page.top) for page in pages])
        matrix = pose_matrix(poses) @ band.ground
        texel = np.empty_like(matrix)
        # column = (x - left) / resolution - 1/2; row = (top - y) / resolution - 1/2, in homogeneous coordinates.
        w = matrix[:, 2]
        texel[:, 0] = matrix[:, 0] / resolution - (corners[:, :1] / resolution + 0.5) * w
        texel[:, 1] = (corners[:, 1:] / resolution - 0.5) * w - matrix[:, 1] / resolution
        texel[:, 2] = w
        return texel[:, :2] if self.camera.looks_down else texel

    def _draw_sky(self, frames: Image, textures: Sequence[GroundTexture]) -> None:
        rows = self.bands[0].start if self.bands else self.camera.height
        height = (np.arange(rows, 0, -1) / max(rows, 1))[:, None]
        for frame, texture in zip(frames, textures, strict=True):
            look = texture.appearance
            frame[:rows] = np.rint(np.multiply(look.horizon, 1 - height) + np.multiply(look.sky, height))[:, None]


def _bands(camera: Camera) -> list[Band]:
    """Cut the rows that show ground into bands of one mip level and number of samples each."""
    rows = np.flatnonzero(camera.ground_rows())
    if len(rows) == 0:
        return []
    sharpness = np.log2(np.maximum(camera.footprints()[rows] / camera.resolution, 1.0))
    level = np.minimum(np.rint(sharpness).astype(int), 6)
    samples = camera.samples_per_row()[rows]
    cuts = np.flatnonzero((np.diff(level) != 0) | (np.diff(samples) != 0)) + 1
    starts, stops = np.r_[0, cuts], np.r_[cuts, len(rows)]
    return [
        _band(camera, int(rows[start]), int(rows[stop - 1]) + 1, int(level[start]), int(samples[start]))
        for start, stop in zip(starts, stops, strict=True)
    ]


def _band(camera: Camera, start: int, stop: int, level: int, samples: int) -> Band:
    ground = camera.ground_from_pixel()
    # Sample k of the band is row start + (k + 1/2) / samples - 1/2 of the image.
    ground[:, 2] += (start + 0.5 / samples - 0.5) * ground[:, 1]
    ground[:, 1] /= samples
    return Band(start, stop, level, samples, camera.resolution * 2**level, ground)
