"""Quantities: how metrics are written for people, with names, units and digits."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Quantity:
    """How a metric is written.

    Attributes:
        label: Its name in words.
        unit: Its unit; empty for none.
        digits: After the decimal point.
        is_share: Whether it is written in per cent.
        meaning: One sentence; empty where the label says it.
        short: Its name where there is little room; empty for the label.
    """

    label: str
    unit: str = ""
    digits: int = 3
    is_share: bool = False
    meaning: str = ""
    short: str = ""

    def text(self, value: float, signed: bool = False) -> str:
        """Write a value, without its unit."""
        if not np.isfinite(value):
            return "–"
        number = f"{100 * value if self.is_share else value:{'+' if signed else ''}.{self.digits}f}"
        # A true minus sign is as wide as the plus.
        return number.replace("-", "−") + ("%" if self.is_share else "")


_QUANTITIES = {
    "autonomy": Quantity(
        "Autonomy", meaning="1 − 6 s × interventions / seconds driven; one at 1 m from the centreline."
    ),
    "interventions": Quantity("Interventions", digits=0),
    "interventions_per_km": Quantity(
        "Interventions", "per km", meaning="The car is put back at 1 m from the centreline."
    ),
    "departures": Quantity("Departures", digits=0),
    "departures_per_km": Quantity(
        "Departures", "per km", meaning="A wheel leaves the road, driven without interventions."
    ),
    "tracks_without_departure": Quantity("Tracks without a departure", digits=1, is_share=True),
    "lap_completed": Quantity("Lap", digits=0, meaning="Completed without a departure."),
    "laps_completed": Quantity("Laps completed", digits=1, is_share=True, meaning="Without a departure."),
    "cross_track_error_mean": Quantity(
        "Distance to the centreline",
        "m",
        meaning="Mean over a track's steps, then over tracks.",
        short="Distance, mean",
    ),
    "cross_track_error_p95": Quantity(
        "Distance, 95th percentile", "m", meaning="Mean over tracks.", short="Distance, 95%"
    ),
    "cross_track_error_max": Quantity(
        "Distance, largest", "m", 2, meaning="The worst moment of all tracks.", short="Distance, largest"
    ),
    "steering_change": Quantity(
        "Steering change", "per s", meaning="Mean change of the action, which is from −1 to 1."
    ),
    "mean_speed": Quantity("Speed", "m/s", 2),
    "progress_against_expert": Quantity(
        "Progress against the expert",
        short="Against the expert",
        meaning="Metres a second, as a ratio to the scripted expert's on the same tracks.",
    ),
    "distance": Quantity("Driven", "m", 0),
    "elapsed": Quantity("Time", "s", 1),
}


def quantity_of(name: str) -> Quantity:
    """Return how a metric is written; one that is unknown, by its name."""
    return _QUANTITIES.get(name, Quantity(name.replace("_", " ").capitalize()))
