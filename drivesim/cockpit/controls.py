"""Controls: what a person asks for at the wheel, and how keys and axes become it."""

import math
from dataclasses import dataclass, field

# The pedals that keys work move this much a second when pressed, and when let go.
_PRESS_RATE, _RELEASE_RATE = 4.0, 6.0

# From this speed on, m/s, the same key turns the wheel more gently.
_GENTLE_FROM = 10.0

# Sticks are short: near their middle they steer more finely than at their end.
_STICK_EXPONENT = 1.6


@dataclass(frozen=True)
class Demand:
    """What a person asks for in one control step.

    Attributes:
        steering: -1 full left ... +1 full right.
        pedal: -1 full brake ... +1 full throttle.
        steers: Whether a hand is at the wheel: a steering key is held, a stick or a wheel turned.
        presses: Whether a foot is on a pedal.
    """

    steering: float = 0.0
    pedal: float = 0.0
    steers: bool = False
    presses: bool = False


@dataclass(frozen=True)
class Axis:
    """An axis of a device, and its values at both ends.

    Attributes:
        axis: Its number.
        start: Its value at full left, or where the pedal is up.
        end: Its value at full right, or where the pedal is down.
    """

    axis: int
    start: float
    end: float

    def share(self, value: float) -> float:
        """Return where between both ends a value lies: 0 to 1."""
        return min(max((value - self.start) / (self.end - self.start), 0.0), 1.0)


@dataclass(frozen=True)
class Calibration:
    """How a steering wheel is read.

    Attributes:
        name: Of the device, for whoever reads the file.
        steering: Of the wheel.
        throttle: Of the pedal, where there is one.
        brake: Of the pedal, where there is one.
    """

    name: str
    steering: Axis
    throttle: Axis | None = None
    brake: Axis | None = None


@dataclass(frozen=True)
class Settings:
    """How devices are read.

    Attributes:
        dead_zone: Share of a stick's or wheel's way that counts as its middle, and of a trigger's or pedal's as up.
        turn_rate: A held key turns the wheel this much a second; the wheel's whole range is 2.
        return_rate: The wheel comes back this much a second when the key is let go.
        wheels: Calibrations by the device's GUID.
    """

    dead_zone: float = 0.1
    turn_rate: float = 1.6
    return_rate: float = 2.5
    wheels: dict[str, Calibration] = field(default_factory=dict)


def turn_wheel(wheel: float, keys: float, speed: float, dt: float, settings: Settings) -> float:
    """Return where the wheel is after a step of held or released keys.

    Args:
        wheel: Where it was, -1 to 1.
        keys: -1 left, 0 none, +1 right.
        speed: Of the car, m/s.
        dt: Length of the step, seconds.
        settings: Its rates.
    """
    back = settings.return_rate * dt
    if not keys:
        return wheel - min(max(wheel, -back), back)
    gentle = _GENTLE_FROM / max(speed, _GENTLE_FROM)
    turned = keys * gentle * settings.turn_rate * dt
    if wheel * keys < 0:  # the other way comes first, as if it were let go
        turned += keys * min(abs(wheel), back)
    return min(max(wheel + turned, -1.0), 1.0)


def press_pedal(pedal: float, keys: float, dt: float) -> float:
    """Return where the pedals are after a step: -1 full brake, +1 full throttle; `keys` as in `turn_wheel`."""
    if pedal * keys < 0:  # the foot changes pedals at once
        pedal = 0.0
    step = (_PRESS_RATE if keys else _RELEASE_RATE) * dt
    return pedal + min(max(keys - pedal, -step), step)


def beyond_dead_zone(value: float, dead_zone: float) -> float:
    """Return an axis's value with nothing in the middle and still 1 at its end."""
    return math.copysign(max(abs(value) - dead_zone, 0.0) / (1.0 - dead_zone), value)


def stick_demand(stick: float, left_trigger: float, right_trigger: float, dead_zone: float) -> Demand:
    """Return what a gamepad asks for: stick in -1..1, triggers in 0..1, the right one is the throttle."""
    turned = beyond_dead_zone(stick, dead_zone)
    steering = math.copysign(abs(turned) ** _STICK_EXPONENT, turned)
    pedal = beyond_dead_zone(right_trigger, dead_zone) - beyond_dead_zone(left_trigger, dead_zone)
    return Demand(steering, pedal, steering != 0, pedal != 0)


def wheel_demand(axes: list[float], calibration: Calibration, dead_zone: float) -> Demand:
    """Return what a steering wheel and its pedals ask for."""

    def value(axis: Axis | None) -> float:
        return 0.0 if axis is None or axis.axis >= len(axes) else axis.share(axes[axis.axis])

    # A wheel is turned far: its dead zone is a tenth of a stick's, and it steers in proportion.
    steering = beyond_dead_zone(2.0 * value(calibration.steering) - 1.0, dead_zone / 10)
    pedal = beyond_dead_zone(value(calibration.throttle), dead_zone) - beyond_dead_zone(
        value(calibration.brake), dead_zone
    )
    return Demand(steering, pedal, abs(steering) > dead_zone, pedal != 0)
