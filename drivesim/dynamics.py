"""Dynamics: what a car's makers did not say: load, grip, tyres, slack, wind and how its camera is held, by episode."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

import numpy as np

from drivesim.errors import DrivesimError, check_name
from drivesim.namespaces import Namespace
from drivesim.vehicle import VehicleState

# The least and the largest value of each number; and as it is built.
_LIMITS = {
    "mass": (0.3, 3.0, 1.0),
    "grip": (0.1, 1.0, 1.0),
    "tyres": (0.2, 3.0, 1.0),
    "lag": (0.1, 10.0, 1.0),
    "steering_offset": (-0.2, 0.2, 0.0),
    "wind": (-10.0, 10.0, 0.0),
    "sensor_delay": (0.0, 0.5, 0.0),
    "vibration": (0.0, 0.5, 0.0),
}

# A camera shakes at these, Hz, ahead, aside and about the vertical, and by so many radians to a metre.
_SHAKES = (7.3, 9.1, 5.7)
_TURN = 0.15


def _is_within(value: Any, low: float, high: float) -> bool:
    is_number = isinstance(value, int | float | np.number) and not isinstance(value, bool)
    return is_number and low <= float(value) <= high


@dataclass(frozen=True)
class Dynamics:
    """How a car is in an episode, beside what its `VehicleParams` say.

    Attributes:
        mass: Of what the car weighs, 0.3 to 3: engine and brakes move more or less of it, and so do the tyres.
        grip: Of the friction between tyre and road, 0.1 to 1; the weather's comes on top.
        tyres: Of their cornering stiffness, 0.2 to 3; of a car with slip.
        lag: Of the steering's time constant, 0.1 to 10.
        steering_offset: Of the road wheels where the wheel is straight, radians, -0.2 to 0.2, positive left.
        wind: That blows east: what it accelerates a car with slip by, across its axis, m/s^2, -10 to 10.
        sensor_delay: How late frames are, seconds, up to 0.5: they are seen from as far back as the car comes in that
            time at the speed that it has.
        vibration: Of the camera, metres, up to 0.5; and 0.15 radians of turn to a metre.
    """

    mass: float = 1.0
    grip: float = 1.0
    tyres: float = 1.0
    lag: float = 1.0
    steering_offset: float = 0.0
    wind: float = 0.0
    sensor_delay: float = 0.0
    vibration: float = 0.0

    def __post_init__(self) -> None:
        """Refuse what can't be, all at once."""
        faults = [
            f"{name}={getattr(self, name)!r} (from {low} to {high})"
            for name, (low, high, _) in _LIMITS.items()
            if not _is_within(getattr(self, name), low, high)
        ]
        if faults:
            raise DrivesimError(f"dynamics: out of range: {'; '.join(faults)}.")

    def to_dict(self) -> dict[str, float]:
        """Return them as plain values, fit for JSON."""
        return asdict(self)

    @property
    def is_seen(self) -> bool:
        """Whether they change where frames are seen from."""
        return bool(self.sensor_delay or self.vibration)


@dataclass(frozen=True)
class DynamicsRange:
    """From where to where each number of `Dynamics` is drawn, evenly.

    Attributes:
        mass: See `Dynamics`, as for all.
        grip: Share.
        tyres: Share.
        lag: Share.
        steering_offset: Radians.
        wind: m/s^2.
        sensor_delay: Seconds.
        vibration: Metres.
    """

    mass: tuple[float, float] = (0.85, 1.25)
    grip: tuple[float, float] = (0.88, 1.0)
    tyres: tuple[float, float] = (0.85, 1.15)
    lag: tuple[float, float] = (0.8, 1.8)
    steering_offset: tuple[float, float] = (-0.008, 0.008)
    wind: tuple[float, float] = (-0.4, 0.4)
    sensor_delay: tuple[float, float] = (0.0, 0.05)
    vibration: tuple[float, float] = (0.0, 0.02)

    def __post_init__(self) -> None:
        """Refuse ranges that hold what can't be, or nothing."""
        faults = []
        for name, (low, high, _) in _LIMITS.items():
            pair = getattr(self, name)
            fits = isinstance(pair, tuple) and len(pair) == 2 and all(_is_within(value, low, high) for value in pair)
            if not (fits and pair[0] <= pair[1]):
                faults.append(f"{name}={pair!r} (two numbers from {low} to {high}, the smaller one first)")
        if faults:
            raise DrivesimError(f"dynamics: out of range: {'; '.join(faults)}.")

    def draw(self, rng: np.random.Generator) -> Dynamics:
        """Draw how a car is."""
        return Dynamics(**{field.name: float(rng.uniform(*getattr(self, field.name))) for field in fields(self)})


AS_BUILT = Dynamics()

# Named ranges; `fixed` holds the car as it is built alone.
DYNAMICS: Mapping[str, DynamicsRange] = {
    "fixed": DynamicsRange(**{name: (built, built) for name, (_, _, built) in _LIMITS.items()}),
    "mild": DynamicsRange(),
    "wide": DynamicsRange(
        mass=(0.7, 1.6),
        grip=(0.6, 1.0),
        tyres=(0.6, 1.4),
        lag=(0.5, 3.0),
        steering_offset=(-0.02, 0.02),
        wind=(-1.5, 1.5),
        sensor_delay=(0.0, 0.12),
        vibration=(0.0, 0.06),
    ),
}


def get_range(dynamics: str | DynamicsRange | Dynamics) -> DynamicsRange | Dynamics:
    """Return the range of that name, or what was given."""
    return DYNAMICS[check_name("dynamics", dynamics, DYNAMICS)] if isinstance(dynamics, str) else dynamics


def seen_from(vehicle: VehicleState, time: Any, delay: Any, vibration: Any, xp: Namespace) -> tuple[Any, Any, Any]:
    """Return where frames are seen from: where cars were a moment ago, and shaken.

    Args:
        vehicle: One car or many.
        time: Since the episode began, seconds: it says how the camera stands.
        delay: Seconds.
        vibration: Metres.
        xp: The namespace of them all.

    Returns:
        x, y (m) and heading (rad), world.
    """
    ahead, left, turn = (vibration * xp.sin((2 * np.pi * hertz) * time + hertz) for hertz in _SHAKES)
    ahead, left = ahead - delay * vehicle.speed, left - delay * vehicle.lateral_velocity
    cos, sin = xp.cos(vehicle.heading), xp.sin(vehicle.heading)
    x, y = vehicle.x + cos * ahead - sin * left, vehicle.y + sin * ahead + cos * left
    return x, y, vehicle.heading + _TURN * turn - delay * vehicle.yaw_rate
