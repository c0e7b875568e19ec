"""Appearance: the colours and markings of a world."""

import colorsys
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from drivesim.errors import DrivesimError, check_name

Color = tuple[int, int, int]

LINE_STYLES = ("none", "solid", "dashed")

# Where road and ground differ by less than this in the mean of their channels, no lines would leave nothing to see.
_LEAST_CONTRAST = 35.0


def _is_within(value: Any, limit: float) -> bool:
    return isinstance(value, int | float | np.number) and 0 <= float(value) <= limit


@dataclass(frozen=True)
class Appearance:
    """How a world looks. Colours are RGB, 0 to 255.

    Attributes:
        ground: Beside the road.
        ground_grain: Amplitude of its mottling, grey levels.
        road: Its surface.
        road_grain: Amplitude of its mottling, grey levels.
        edge_line: Colour of the lines along both edges.
        edge_line_width: Metres; 0 for none.
        center_line: Colour of the line along the centre.
        center_line_style: `none`, `solid` or `dashed`.
        center_line_width: Metres.
        sky: At the zenith.
        horizon: Where sky and ground meet.
        grain_seed: Which of the mottling patterns.
    """

    ground: Color = (96, 140, 70)
    ground_grain: float = 14.0
    road: Color = (104, 104, 108)
    road_grain: float = 6.0
    edge_line: Color = (235, 235, 230)
    edge_line_width: float = 0.25
    center_line: Color = (235, 200, 80)
    center_line_style: str = "dashed"
    center_line_width: float = 0.2
    sky: Color = (110, 160, 215)
    horizon: Color = (205, 220, 230)
    grain_seed: int = 0

    def __post_init__(self) -> None:
        """Refuse values that can't be painted, all at once."""
        check_name("appearance.center_line_style", self.center_line_style, LINE_STYLES)
        faults = []
        for name in ("ground", "road", "edge_line", "center_line", "sky", "horizon"):
            color = getattr(self, name)
            if not (isinstance(color, tuple | list) and len(color) == 3 and all(_is_within(c, 255) for c in color)):
                faults.append(f"{name}={color!r} (three numbers from 0 to 255)")
        for name in ("ground_grain", "road_grain", "edge_line_width", "center_line_width"):
            if not _is_within(getattr(self, name), 100):
                faults.append(f"{name}={getattr(self, name)!r} (from 0 to 100)")
        if faults:
            raise DrivesimError(f"appearance: out of range: {'; '.join(faults)}.")

    @classmethod
    def random(cls, rng: np.random.Generator) -> "Appearance":
        """Draw a look in which the road can be told from the ground."""
        while True:
            ground, road = _random_color(rng, 0.55), _random_color(rng, 0.25)
            contrast = np.abs(np.subtract(ground, road)).mean()
            if contrast >= _LEAST_CONTRAST:
                break
        has_edges = rng.random() < 0.75
        return cls(
            ground=ground,
            ground_grain=float(rng.uniform(2, 22)),
            road=road,
            road_grain=float(rng.uniform(1, 10)),
            edge_line=_paint_color(rng),
            edge_line_width=float(rng.uniform(0.12, 0.4)) if has_edges else 0.0,
            center_line=_paint_color(rng),
            center_line_style=str(rng.choice(LINE_STYLES, p=[0.4, 0.2, 0.4])),
            center_line_width=float(rng.uniform(0.12, 0.35)),
            sky=_random_color(rng, 0.5),
            horizon=_random_color(rng, 0.2),
            grain_seed=int(rng.integers(8)),
        )

    @classmethod
    def preset(cls, name: str) -> "Appearance":
        """Return a named look: see `PRESETS`."""
        return PRESETS[check_name("appearance", name, PRESETS)]

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> "Appearance":
        """Rebuild a look from `to_dict`'s values, as read from JSON."""
        arguments: dict[str, Any] = {name: tuple(v) if isinstance(v, list) else v for name, v in values.items()}
        try:
            return cls(**arguments)
        except TypeError as error:
            known = ", ".join(cls.__dataclass_fields__)
            raise DrivesimError(f"appearance: expected some of {known}; got {sorted(values)}.") from error

    def to_dict(self) -> dict[str, Any]:
        """Return the look as plain values, fit for JSON."""
        return asdict(self)


PRESETS = {
    "meadow": Appearance(),
    "desert": Appearance(
        ground=(206, 172, 120), road=(112, 100, 92), center_line_style="solid", sky=(120, 170, 220), grain_seed=1
    ),
    "snow": Appearance(
        ground=(232, 236, 242),
        ground_grain=6.0,
        road=(88, 90, 96),
        edge_line_width=0.0,
        sky=(170, 185, 200),
        grain_seed=2,
    ),
    "city": Appearance(
        ground=(148, 140, 132), ground_grain=8.0, road=(58, 60, 64), center_line=(240, 240, 240), grain_seed=3
    ),
    "plain": replace(Appearance(), ground_grain=0.0, road_grain=0.0, edge_line_width=0.0, center_line_style="none"),
}


def _random_color(rng: np.random.Generator, most_saturated: float) -> Color:
    hue, saturation, value = rng.random(), rng.uniform(0, most_saturated), rng.uniform(0.15, 0.95)
    return _rgb(hue, saturation, value)


def _paint_color(rng: np.random.Generator) -> Color:
    """White or yellow road paint, fresh or faded."""
    if rng.random() < 0.7:
        return _rgb(0.12, float(rng.uniform(0, 0.06)), float(rng.uniform(0.75, 1.0)))
    return _rgb(0.13, float(rng.uniform(0.5, 0.85)), float(rng.uniform(0.75, 1.0)))


def _rgb(hue: float, saturation: float, value: float) -> Color:
    red, green, blue = colorsys.hsv_to_rgb(hue, saturation, value)
    return round(255 * red), round(255 * green), round(255 * blue)
