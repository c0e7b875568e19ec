"""Appearance: the colours and markings of a world."""

import colorsys
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from drivesim.errors import DrivesimError, check_name
from drivesim.palette import in_palette

Color = tuple[int, int, int]

LINE_STYLES = ("none", "solid", "dashed")
CENTER_LINE_STYLES = (*LINE_STYLES, "double")
SURROUNDINGS = ("plain", "grass", "sand", "snow", "concrete", "city")
KERBS = ("none", "stone", "racing")

# What a look says by a name, and the names that there are.
_CHOICES = {
    "surroundings": SURROUNDINGS,
    "edge_line_style": LINE_STYLES,
    "center_line_style": CENTER_LINE_STYLES,
    "center_line_place": ("centerline", "middle"),
    "kerbs": KERBS,
}

# The largest value of what a look says by a number; 0 is the least.
_LIMITS = {
    "ground_grain": 100,
    "road_grain": 100,
    "edge_line_width": 100,
    "center_line_width": 100,
    "patches": 20,
    "cracks": 20,
    "tar_lines": 20,
    "tire_marks": 20,
    "wear": 1,
    "paint_fade": 1,
    "gravel_width": 10,
    "crossings": 5,
    "arrows": 10,
    "trees": 60,
    "buildings": 20,
    "side_roads": 5,
    "decoy_lines": 20,
    "shadows": 1,
    "sun_azimuth": 360,
}

# Where road and ground differ by less than this in the mean of their channels, no lines would leave nothing to see.
_LEAST_CONTRAST = 35.0


def _is_within(value: Any, limit: float) -> bool:
    return isinstance(value, int | float | np.number) and not isinstance(value, bool) and 0 <= float(value) <= limit


@dataclass(frozen=True)
class Appearance:
    """How a world looks. Colours are RGB, 0 to 255; numbers of things are those to 100 m of road.

    Attributes:
        ground: Beside the road.
        ground_grain: Amplitude of its mottling, grey levels.
        road: Its surface.
        road_grain: Amplitude of its mottling, grey levels.
        edge_line: Colour of the lines along both edges.
        edge_line_width: Metres; 0 for none.
        center_line: Colour of the line along the centre.
        center_line_style: `none`, `solid`, `dashed` or `double`.
        center_line_width: Metres.
        sky: At the zenith.
        horizon: Where sky and ground meet.
        grain_seed: Which of the mottling patterns.
        surroundings: What the ground is: `plain` (mottled), `grass`, `sand`, `snow`, `concrete` or `city`.
        detail_seed: Of the places and shapes of everything below.
        patches: Mended places in the road.
        cracks: In the road.
        tar_lines: Cracks that were sealed.
        tire_marks: Of cars that braked or slid.
        wear: How far wheels have darkened their tracks, 0 to 1.
        edge_line_style: `solid`, `dashed` or `none`.
        center_line_place: On the `centerline`, which cars follow, or in the `middle` between the edges, as on a road
            with two lanes.
        paint_fade: How much of the paint is worn away, 0 to 1.
        kerbs: `none`, `stone` along both edges, or `racing`, red and white in bends.
        gravel_width: Of strips of gravel beside the road, metres.
        crossings: For pedestrians.
        arrows: Of each lane.
        trees: Or what grows there instead; beside the road.
        buildings: Beside the road.
        side_roads: That branch off and end.
        decoy_lines: Painted lines that lead nowhere.
        shadows: How dark those of trees and buildings are, 0 to 1.
        sun_azimuth: Where the light comes from, degrees counter-clockwise from the east.
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
    surroundings: str = "plain"
    detail_seed: int = 0
    patches: float = 0.0
    cracks: float = 0.0
    tar_lines: float = 0.0
    tire_marks: float = 0.0
    wear: float = 0.0
    edge_line_style: str = "solid"
    center_line_place: str = "centerline"
    paint_fade: float = 0.0
    kerbs: str = "none"
    gravel_width: float = 0.0
    crossings: float = 0.0
    arrows: float = 0.0
    trees: float = 0.0
    buildings: float = 0.0
    side_roads: float = 0.0
    decoy_lines: float = 0.0
    shadows: float = 0.5
    sun_azimuth: float = 125.0

    def __post_init__(self) -> None:
        """Refuse values that can't be painted, all at once."""
        for name, known in _CHOICES.items():
            check_name(f"appearance.{name}", getattr(self, name), known)
        faults = []
        for name in ("ground", "road", "edge_line", "center_line", "sky", "horizon"):
            color = getattr(self, name)
            if not (isinstance(color, tuple | list) and len(color) == 3 and all(_is_within(c, 255) for c in color)):
                faults.append(f"{name}={color!r} (three numbers from 0 to 255)")
        for name, limit in _LIMITS.items():
            if not _is_within(getattr(self, name), limit):
                faults.append(f"{name}={getattr(self, name)!r} (from 0 to {limit})")
        for name in ("grain_seed", "detail_seed"):
            value = getattr(self, name)
            if not (isinstance(value, int | np.integer) and value >= 0):
                faults.append(f"{name}={value!r} (an integer from 0)")
        if faults:
            raise DrivesimError(f"appearance: out of range: {'; '.join(faults)}.")

    @classmethod
    def random(cls, rng: np.random.Generator, palette: str = "any") -> "Appearance":
        """Draw colours and lines, such that the road can be told from the ground.

        Args:
            rng: Of the look.
            palette: `any`, or `train` or `test`, which have no colour of ground or road in common.
        """
        while True:
            ground, road = random_color(rng, 0.55), random_color(rng, 0.25)
            if is_told_apart(ground, road) and in_palette(ground, palette) and in_palette(road, palette):
                break
        has_edges = rng.random() < 0.75
        return cls(
            ground=ground,
            ground_grain=float(rng.uniform(2, 22)),
            road=road,
            road_grain=float(rng.uniform(1, 10)),
            edge_line=paint_color(rng),
            edge_line_width=float(rng.uniform(0.12, 0.4)) if has_edges else 0.0,
            center_line=paint_color(rng),
            center_line_style=str(rng.choice(LINE_STYLES, p=[0.4, 0.2, 0.4])),
            center_line_width=float(rng.uniform(0.12, 0.35)),
            sky=random_color(rng, 0.5),
            horizon=random_color(rng, 0.2),
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
    "countryside": Appearance(
        ground=(98, 136, 66),
        surroundings="grass",
        road=(98, 98, 101),
        edge_line_width=0.15,
        center_line=(232, 230, 222),
        center_line_width=0.15,
        patches=4.0,
        cracks=4.0,
        wear=0.6,
        paint_fade=0.35,
        trees=26.0,
        buildings=0.8,
        side_roads=0.5,
        sky=(96, 150, 212),
    ),
    "dunes": Appearance(
        ground=(208, 174, 122),
        surroundings="sand",
        road=(112, 104, 98),
        road_grain=8.0,
        center_line_style="double",
        center_line_width=0.14,
        edge_line_width=0.15,
        gravel_width=1.6,
        cracks=6.0,
        tar_lines=5.0,
        wear=0.5,
        paint_fade=0.5,
        trees=7.0,
        sky=(98, 152, 214),
        horizon=(226, 214, 190),
    ),
    "winter": Appearance(
        ground=(216, 224, 235),
        surroundings="snow",
        road=(92, 94, 100),
        edge_line_style="dashed",
        center_line=(228, 228, 226),
        center_line_style="dashed",
        paint_fade=0.55,
        wear=0.9,
        tar_lines=4.0,
        trees=18.0,
        buildings=0.6,
        shadows=0.42,
        sky=(150, 176, 204),
        horizon=(224, 230, 236),
    ),
    "airfield": Appearance(
        ground=(160, 158, 152),
        surroundings="concrete",
        road=(84, 84, 86),
        edge_line=(240, 214, 90),
        edge_line_width=0.2,
        center_line_style="none",
        tire_marks=7.0,
        tar_lines=4.0,
        patches=2.0,
        decoy_lines=6.0,
        arrows=1.0,
        wear=0.4,
        paint_fade=0.25,
        side_roads=0.6,
    ),
    "town": Appearance(
        ground=(152, 148, 141),
        surroundings="city",
        road=(78, 79, 82),
        edge_line_width=0.12,
        center_line=(236, 234, 228),
        kerbs="stone",
        crossings=0.9,
        arrows=1.2,
        patches=5.0,
        tar_lines=5.0,
        cracks=2.0,
        wear=0.5,
        paint_fade=0.25,
        trees=9.0,
        buildings=6.0,
        side_roads=0.6,
        horizon=(212, 216, 220),
    ),
    "circuit": Appearance(
        ground=(86, 130, 62),
        ground_grain=10.0,
        surroundings="grass",
        road=(74, 75, 79),
        center_line_style="none",
        edge_line_width=0.2,
        kerbs="racing",
        gravel_width=4.0,
        tire_marks=6.0,
        wear=0.7,
        trees=5.0,
    ),
}


def is_told_apart(ground: Color, road: Color) -> bool:
    """Tell whether a road's colour differs from the ground's by enough to be seen without lines."""
    return bool(np.abs(np.subtract(ground, road)).mean() >= _LEAST_CONTRAST)


def random_color(rng: np.random.Generator, most_saturated: float) -> Color:
    """Draw a colour of any hue."""
    hue, saturation, value = rng.random(), rng.uniform(0, most_saturated), rng.uniform(0.15, 0.95)
    return rgb(hue, saturation, value)


def paint_color(rng: np.random.Generator) -> Color:
    """Draw white or yellow road paint, fresh or faded."""
    if rng.random() < 0.7:
        return rgb(0.12, float(rng.uniform(0, 0.06)), float(rng.uniform(0.75, 1.0)))
    return rgb(0.13, float(rng.uniform(0.5, 0.85)), float(rng.uniform(0.75, 1.0)))


def rgb(hue: float, saturation: float, value: float) -> Color:
    """Return a colour of the HSV model, each from 0 to 1."""
    red, green, blue = colorsys.hsv_to_rgb(hue, saturation, value)
    return round(255 * red), round(255 * green), round(255 * blue)
