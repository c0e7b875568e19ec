"""Roads: the table of roads on a torch device, kept like the host's: see `drivesim.road_table`."""

import numpy as np
import torch

from drivesim.road_table import Road, RoadTable
from drivesim.world import World


class DeviceRoads:
    """The roads of many cars; rows are uploaded once a track.

    Attributes:
        road: Under every car, on the device.

    Args:
        cars: Number of cars.
        device: Where.
    """

    def __init__(self, cars: int, device: torch.device) -> None:
        self._host = RoadTable(cars)
        self._device = device
        self._uploaded = 0
        self._table = self._host.road.table
        self.road = self._on_device()

    def assign(self, cars: np.ndarray, worlds: list[World]) -> None:
        """Put cars (K,) on the roads of worlds, one each."""
        for car, world in zip(cars.tolist(), worlds, strict=True):
            self._host.assign(car, world.track, world.weather.grip, world.dynamics)
        host = self._host.road
        if host.table is not self._table:
            self._table, self._uploaded = host.table, self._host.used
            self.road = self._on_device()
            return
        new = slice(self._uploaded, self._host.used)
        self.road.table[new] = torch.from_numpy(host.table[new]).to(self._device)
        self._uploaded = self._host.used
        chosen = torch.from_numpy(cars).to(self._device)
        for column, values in zip(self.road[1:], host[1:], strict=True):
            column[chosen] = torch.from_numpy(values[cars]).to(self._device)

    def _on_device(self) -> Road:
        # Copies: on the CPU a tensor would be the host's own memory.
        return Road(*(torch.from_numpy(each.copy()).to(self._device) for each in self._host.road))
