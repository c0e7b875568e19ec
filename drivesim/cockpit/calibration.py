"""Calibration: finding out, step by step, which axes of a steering wheel are which."""

from collections.abc import Sequence

from drivesim.cockpit.controls import Axis, Calibration

STEPS = (
    "Let go of the wheel and the pedals, then press Space",
    "Turn the wheel fully left, then press Space",
    "Turn the wheel fully right, then press Space",
    "Press the throttle down, then press Space (Enter: there is none)",
    "Press the brake down, then press Space (Enter: there is none)",
)

# An axis that moved less than this did not move.
_LEAST_MOVE = 0.3


class CalibrationRun:
    """Asks for one position after the other; the axis that has moved most is the one that was asked for.

    Attributes:
        prompt: What to do now.

    Args:
        name: Of the device.
        axes: Where they are.
    """

    def __init__(self, name: str, axes: Sequence[float]) -> None:
        self._name = name
        self._rest = list(axes)
        self._left: list[float] = []
        self._steering: Axis | None = None
        self._throttle: Axis | None = None
        self._step = 0
        self._fault = ""

    @property
    def prompt(self) -> str:
        """What to do now."""
        return self._fault + STEPS[self._step]

    def take(self, axes: Sequence[float], skip: bool = False) -> Calibration | None:
        """Take the axes where they are now as what was asked for.

        Args:
            axes: Where they are.
            skip: There is no such pedal.

        Returns:
            The calibration when it is done.
        """
        self._fault = ""
        brake = None
        if self._step == 0:
            self._rest = list(axes)
        elif self._step == 1:
            self._left = list(axes)
        elif self._step == 2:
            self._steering = self._moved(self._left, axes)
            if self._steering is None:
                return None
        elif not skip:
            pedal = self._moved(self._rest, axes)
            if pedal is None:
                return None
            if self._step == 3:
                self._throttle = pedal
            brake = pedal
        self._step += 1
        if self._step < len(STEPS) or self._steering is None:
            return None
        return Calibration(self._name, self._steering, self._throttle, brake)

    def _moved(self, start: Sequence[float], end: Sequence[float]) -> Axis | None:
        """The axis that has moved most; None, and a word about it, where none has."""
        taken = {axis.axis for axis in (self._steering, self._throttle) if axis is not None}
        moves = [0.0 if at in taken else abs(b - a) for at, (a, b) in enumerate(zip(start, end, strict=True))]
        most = max(range(len(moves)), key=moves.__getitem__)
        if moves[most] < _LEAST_MOVE:
            self._fault = "Nothing has moved. "
            return None
        return Axis(most, round(start[most], 4), round(end[most], 4))
