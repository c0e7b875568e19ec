"""Lap drives: laps as stored drives, their pictures drawn when they are asked for."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from datasets.formats.drive import SIDES, Pictures, Side, StoredDrive
from datasets.lap_world import others_of, world_of
from datasets.schema import Lap
from drivesim.camera import CAMERAS, Camera
from drivesim.ground.texture import GroundTexture
from drivesim.render import Renderer
from drivesim.vehicle import get_vehicle


class LapPainter:
    """Draws what a camera sees on laps; it holds one road at a time, of which each may take 80 MB.

    Args:
        camera: To see them through.
        threads: Threads that draw.
    """

    def __init__(self, camera: Camera, threads: int = 1) -> None:
        self.camera, self._threads = camera, threads
        self._lap: Lap | None = None
        self._renderer: Renderer | None = None
        self._texture: GroundTexture | None = None

    def draw(self, lap: Lap, steps: np.ndarray) -> np.ndarray:
        """Return what is seen at some steps: (B, H, W, 3) uint8 RGB."""
        if lap is not self._lap or self._renderer is None:
            self._texture = None
            self._renderer = Renderer(self.camera, get_vehicle(lap.info.vehicle), self._threads)
            self._texture = world_of(lap).texture(self._renderer)
            self._lap = lap
        assert self._texture is not None
        return self._renderer.draw([self._texture] * len(steps), lap.poses[steps], others_of(lap, steps))


@dataclass(frozen=True, eq=False)
class LapPictures:
    """What a camera sees at some steps of a lap, drawn when it is asked for.

    Attributes:
        painter: Draws.
        lap: Whose steps.
        start: The first step.
        count: How many steps.
    """

    painter: LapPainter
    lap: Lap
    start: int
    count: int

    def __len__(self) -> int:
        """Return how many there are."""
        return self.count

    def read(self, indices: Sequence[int]) -> list[np.ndarray]:
        """Return some of them, each (H, W, 3) uint8 RGB."""
        return [*self.painter.draw(self.lap, self.start + np.array(indices, int))]


def drives_of_laps(
    laps: Sequence[Lap], camera: Camera, with_sides: bool = False, threads: int = 1
) -> tuple[list[StoredDrive], int]:
    """Return the stretches of laps that are to be learned from as drives.

    The actions are what the driver wanted, without the noise that a recorder may have added.

    Args:
        laps: In order.
        camera: To see them through.
        with_sides: Whether cameras on the left and right see them too.
        threads: Threads that draw.

    Returns:
        The drives, and how many steps are left out, since they are marked bad or a policy drove.
    """
    painter = LapPainter(camera, threads)
    beside = {name: LapPainter(_beside(camera, name), threads) for name in SIDES if with_sides}
    drives = []
    for lap in laps:
        edges = np.flatnonzero(np.diff(np.concatenate([[0], lap.good.astype(int), [0]])))
        for number, (start, stop) in enumerate(edges.reshape(-1, 2).tolist(), 1):
            drives.append(_drive(lap, start, stop, f"{lap.name} {number}", painter, beside))
    return drives, sum(map(len, laps)) - sum(map(len, drives))


def _beside(camera: Camera, side: str) -> Camera:
    """The camera, as far beside as the preset of that name."""
    x, _, z = camera.mount
    return replace(camera, mount=(x, CAMERAS[side].mount[1], z))


def _drive(
    lap: Lap, start: int, stop: int, name: str, painter: LapPainter, beside: Mapping[str, LapPainter]
) -> StoredDrive:
    count, time = stop - start, lap.columns["time"][start:stop]

    def pictures(of: LapPainter) -> Pictures:
        return LapPictures(of, lap, start, count)

    return StoredDrive(
        name,
        pictures(painter),
        (painter.camera.height, painter.camera.width),
        lap.wanted("steering")[start:stop],
        lap.wanted("pedal")[start:stop],
        lap.columns["speed"][start:stop].astype(np.float64),
        time - time[0],
        {side: Side(np.arange(count), pictures(of)) for side, of in beside.items()},
    )
