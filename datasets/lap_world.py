"""The world that a lap was driven in, from what the lap says of it."""

import numpy as np

from datasets.schema import Lap
from drivesim.appearance import Appearance
from drivesim.traffic_table import Others, seen_on
from drivesim.weather import Weather
from drivesim.world import World


def world_of(lap: Lap) -> World:
    """Return the track, the look, the weather and the traffic of a lap.

    Raises:
        DrivesimError: If its look, its weather or its traffic is none that this drivesim knows.
    """
    look, weather = Appearance.from_dict(lap.info.appearance), Weather.from_dict(lap.info.weather)
    return World(lap.track, look, weather, lap.traffic)


def others_of(lap: Lap, steps: np.ndarray) -> Others | None:
    """Return where the traffic of a lap was at some steps (K,): K roads; None where there was none."""
    return seen_on(lap.track, lap.traffic, lap.others[steps]) if lap.traffic else None
