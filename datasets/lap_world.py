"""The world that a lap was driven in, from what the lap says of it."""

from datasets.schema import Lap
from drivesim.appearance import Appearance
from drivesim.weather import Weather
from drivesim.world import World


def world_of(lap: Lap) -> World:
    """Return the track, the look and the weather of a lap.

    Raises:
        DrivesimError: If its look or its weather is none that this drivesim knows.
    """
    return World(lap.track, Appearance.from_dict(lap.info.appearance), Weather.from_dict(lap.info.weather))
