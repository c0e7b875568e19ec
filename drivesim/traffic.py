"""Traffic: what stands and drives on a road besides the car, as a plan that an episode begins with.

Things that stand are where the plan says. Cars that drive begin at distances from where the learner's car begins, and
follow the road by the intelligent driver model from there on: see `drivesim.flow`.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np

from drivesim.appearance import Color
from drivesim.errors import DrivesimError, check_name
from drivesim.geometry import Floats

KINDS = ("cone", "barrier", "car")

# Of either kind, what an environment can be asked for; and what a road can hold.
MOST_ASKED, MOST_THINGS = 64, 256

# The columns of `Traffic.table`.
S, LATERAL, DIRECTION, SPEED, LENGTH, WIDTH, HEIGHT, RED, GREEN, BLUE, KIND, BEND = range(12)
COLUMNS = 12

# How far a usual car stays from what it passes, metres; the expert keeps the first, others keep the second.
USUAL_WIDTH, USUAL_LENGTH = 1.8, 4.5
MARGIN, OTHERS_MARGIN = 0.5, 0.35


@dataclass(frozen=True)
class Thing:
    """An obstacle, or a car.

    Attributes:
        kind: `cone`, `barrier` or `car`.
        s: Of what stands, arc length; of what drives, how far ahead of the learner's car it begins; metres.
        lateral: Left of the line that is driven, metres; of what comes the other way, of the other lane's middle.
        direction: 1 as the learner drives, -1 the other way, in the other lane.
        speed: That it would like to drive at, m/s; 0 stands.
        length: Metres.
        width: Metres.
        height: Metres.
        color: Of its body, RGB.
        bend: The most lateral acceleration that it takes bends with, m/s^2.
    """

    kind: str
    s: float
    lateral: float
    direction: int = 1
    speed: float = 0.0
    length: float = USUAL_LENGTH
    width: float = USUAL_WIDTH
    height: float = 1.45
    color: Color = (200, 200, 205)
    bend: float = 4.0

    def __post_init__(self) -> None:
        """Refuse what can't stand or drive on a road, with all its faults at once."""
        check_name("kind of thing", self.kind, KINDS)
        faults = []
        for name, low, high in (
            ("s", -1e6, 1e6),
            ("lateral", -100, 100),
            ("speed", 0, 60),
            ("length", 0.02, 30),
            ("width", 0.02, 30),
            ("height", 0.02, 10),
            ("bend", 0.1, 1e6),
        ):
            value = getattr(self, name)
            if not (_is_number(value) and low <= value <= high):
                faults.append(f"{name}={value!r} (from {low:g} to {high:g})")
        if self.direction not in (1, -1) or isinstance(self.direction, bool):
            faults.append(f"direction={self.direction!r} (1 or -1)")
        is_color = isinstance(self.color, tuple) and len(self.color) == 3
        if not (is_color and all(isinstance(c, int | np.integer) and 0 <= c <= 255 for c in self.color)):
            faults.append(f"color={self.color!r} (three whole numbers from 0 to 255)")
        if faults:
            raise DrivesimError(f"traffic: a {self.kind} is out of range: {'; '.join(faults)}.")


@dataclass(frozen=True)
class Traffic:
    """Everything on a road besides the car.

    Attributes:
        things: What stands comes first.
    """

    things: tuple[Thing, ...] = field(default=())

    def __post_init__(self) -> None:
        """Put what stands first, and refuse more than a road can hold."""
        if len(self.things) > MOST_THINGS:
            raise DrivesimError(f"traffic: expected at most {MOST_THINGS} things, got {len(self.things)}.")
        object.__setattr__(self, "things", tuple(sorted(self.things, key=lambda thing: thing.speed > 0)))

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self.things)

    @cached_property
    def standing(self) -> int:
        """How many of them stand."""
        return sum(thing.speed == 0 for thing in self.things)

    @cached_property
    def table(self) -> Floats:
        """(M, 12) float64, the columns as they are numbered above; metres, m/s, m/s^2, grey levels."""
        rows = [
            (
                *(thing.s, thing.lateral, thing.direction, thing.speed, thing.length, thing.width, thing.height),
                *thing.color,
                KINDS.index(thing.kind),
                thing.bend,
            )
            for thing in self.things
        ]
        return np.array(rows, np.float64).reshape(-1, COLUMNS)

    def mirrored(self) -> "Traffic":
        """Return the same on the mirrored road: left is right."""
        return Traffic(tuple(replace(thing, lateral=-thing.lateral) for thing in self.things))

    def to_dict(self) -> dict[str, Any]:
        """Return it as plain values, fit for JSON; nothing on the road is an empty dict."""
        return {"things": [asdict(thing) for thing in self.things]} if self.things else {}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "Traffic":
        """Rebuild it from `to_dict`'s values, as read from JSON.

        Raises:
            DrivesimError: If they are no traffic.
        """
        try:
            if {*values} - {"things"}:
                raise TypeError
            things = values.get("things", [])
            if len(things) > MOST_THINGS:
                raise DrivesimError(f"traffic: expected at most {MOST_THINGS} things, got {len(things)}.")
            return cls(tuple(Thing(**{**thing, "color": tuple(thing["color"])}) for thing in things))
        except (TypeError, KeyError, AttributeError) as error:
            known = ", ".join(Thing.__dataclass_fields__)
            raise DrivesimError(f"traffic: expected `things`, each with {known}; got something else.") from error


EMPTY = Traffic()


def check_count(name: str, count: Any) -> int:
    """Return how many things an environment is asked for, if it is a number that there can be."""
    if isinstance(count, bool) or not (isinstance(count, int | np.integer) and 0 <= count <= MOST_ASKED):
        raise DrivesimError(f"{name}: expected a whole number from 0 to {MOST_ASKED}, got {count!r}.")
    return int(count)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float | np.number) and not isinstance(value, bool) and bool(np.isfinite(value))
