"""Weather: light, fog, rain, snow, night and wet roads, and the grip that goes with them."""

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from drivesim.errors import DrivesimError, check_name

# The least and the largest value of each number.
_RANGES = {
    "brightness": (0.2, 1.6),
    "rain": (0.0, 1.0),
    "snow": (0.0, 1.0),
    "night": (0.0, 1.0),
    "wetness": (0.0, 1.0),
    "grip": (0.1, 1.0),
}
_LEAST_VISIBILITY, _TINTS = 10.0, (0.5, 1.5)


@dataclass(frozen=True)
class Weather:
    """What lies between a world and its cameras, and how its road holds.

    Attributes:
        brightness: What the light is multiplied by, 0.2 to 1.6.
        tint: What red, green and blue are multiplied by besides, 0.5 to 1.5 each.
        visibility: Where fog leaves a twentieth of the contrast, metres from 10 on; None for no fog.
        rain: How much falls, 0 to 1.
        snow: How much falls, 0 to 1.
        night: 0 by day, 1 where headlights alone give light.
        wetness: Of the ground, which darkens and reflects the sky and the sun, 0 to 1.
        grip: What the friction between tyre and road is multiplied by, 0.1 to 1.
        seed: Of the drops and flakes.
    """

    brightness: float = 1.0
    tint: tuple[float, float, float] = (1.0, 1.0, 1.0)
    visibility: float | None = None
    rain: float = 0.0
    snow: float = 0.0
    night: float = 0.0
    wetness: float = 0.0
    grip: float = 1.0
    seed: int = 0

    def __post_init__(self) -> None:
        """Refuse weather that can't be, all at once."""
        faults = [
            f"{name}={getattr(self, name)!r} (from {low:g} to {high:g})"
            for name, (low, high) in _RANGES.items()
            if not _is_within(getattr(self, name), low, high)
        ]
        low, high = _TINTS
        is_three = isinstance(self.tint, tuple | list) and len(self.tint) == 3
        if not (is_three and all(_is_within(each, low, high) for each in self.tint)):
            faults.append(f"tint={self.tint!r} (three numbers from {low:g} to {high:g})")
        if self.visibility is not None and not _is_within(self.visibility, _LEAST_VISIBILITY, 1e6):
            faults.append(f"visibility={self.visibility!r} (metres from {_LEAST_VISIBILITY:g}, or None)")
        is_integer = isinstance(self.seed, int | np.integer) and not isinstance(self.seed, bool)
        if not (is_integer and 0 <= self.seed < 2**63):
            faults.append(f"seed={self.seed!r} (an integer from 0, below 2^63)")
        if faults:
            raise DrivesimError(f"weather: out of range: {'; '.join(faults)}.")

    @classmethod
    def random(cls, rng: np.random.Generator) -> "Weather":
        """Draw a weather: fair or overcast, mist, rain, snowfall, by day, at dusk or at night."""
        kind = rng.choice(("fair", "overcast", "fog", "rain", "snow"), p=(0.35, 0.15, 0.16, 0.2, 0.14))
        hour = rng.choice(("day", "dusk", "night"), p=(0.66, 0.16, 0.18))
        warm = rng.uniform(0.0, 0.16) if hour == "dusk" else rng.normal(0.0, 0.03)
        values: dict[str, Any] = {
            "brightness": float(rng.uniform(0.75, 1.25)),
            "tint": tuple(np.clip([1 + warm, 1 + 0.2 * warm, 1 - warm], *_TINTS).tolist()),
            "night": float(rng.uniform(0.55, 0.95)) if hour == "night" else 0.0,
            "seed": int(rng.integers(2**31)),
        }
        amount = float(rng.uniform(0.2, 1.0))
        if kind == "overcast":
            values |= {"brightness": float(rng.uniform(0.6, 0.9)), "visibility": float(rng.uniform(250, 600))}
        elif kind == "fog":
            values |= {"visibility": float(np.exp(rng.uniform(np.log(45), np.log(260)))), "grip": 0.9}
        elif kind == "rain":
            values |= {"rain": amount, "wetness": min(0.4 + 0.6 * amount, 1.0), "grip": 0.85 - 0.2 * amount}
            values |= {"visibility": float(rng.uniform(120, 400)), "brightness": float(rng.uniform(0.6, 0.9))}
        elif kind == "snow":
            values |= {"snow": amount, "grip": 0.7 - 0.25 * amount, "visibility": float(rng.uniform(90, 300))}
        return cls(**values)

    @classmethod
    def preset(cls, name: str) -> "Weather":
        """Return a named weather: see `WEATHERS`."""
        return WEATHERS[check_name("weather", name, WEATHERS)]

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> "Weather":
        """Rebuild a weather from `to_dict`'s values, as read from JSON; nothing at all is clear."""
        arguments: dict[str, Any] = {name: tuple(v) if isinstance(v, list) else v for name, v in values.items()}
        try:
            return cls(**arguments)
        except TypeError as error:
            known = ", ".join(cls.__dataclass_fields__)
            raise DrivesimError(f"weather: expected some of {known}; got {sorted(values)}.") from error

    def to_dict(self) -> dict[str, Any]:
        """Return the weather as plain values, fit for JSON."""
        return asdict(self)

    @property
    def is_seen(self) -> bool:
        """Whether it changes any frame."""
        unseen = Weather(grip=self.grip, seed=self.seed)
        return self != unseen


def _is_within(value: Any, low: float, high: float) -> bool:
    is_number = isinstance(value, int | float | np.number) and not isinstance(value, bool)
    return is_number and low <= float(value) <= high


CLEAR = Weather()

WEATHERS = {
    "clear": CLEAR,
    "sunset": Weather(brightness=0.92, tint=(1.16, 0.96, 0.74), visibility=420.0),
    "overcast": Weather(brightness=0.78, tint=(0.96, 1.0, 1.04), visibility=500.0),
    "fog": Weather(brightness=0.95, visibility=75.0, grip=0.9),
    "rain": Weather(
        brightness=0.76, tint=(0.95, 1.0, 1.06), visibility=190.0, rain=0.7, wetness=0.85, grip=0.7, seed=1
    ),
    "after-rain": Weather(brightness=1.02, tint=(1.05, 1.0, 0.92), visibility=600.0, wetness=1.0, grip=0.75),
    "snowfall": Weather(brightness=0.9, tint=(0.97, 1.0, 1.05), visibility=130.0, snow=0.7, grip=0.5, seed=2),
    "night": Weather(night=0.9),
    "storm": Weather(night=0.88, visibility=260.0, rain=1.0, wetness=1.0, grip=0.6, seed=3),
}
