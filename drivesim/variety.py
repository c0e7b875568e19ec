"""Variety: looks drawn from all that a look can have, as different from one another as real roads are."""

import numpy as np

from drivesim.appearance import Appearance, Color, is_told_apart, paint_color, random_color, rgb
from drivesim.palette import in_palette

RANDOMIZE = ("none", "looks", "all")

# How often each kind of surroundings is drawn; `plain` has any colour, so that nothing is learned about the others'.
_SURROUNDINGS = {"plain": 0.3, "grass": 0.2, "sand": 0.12, "snow": 0.12, "concrete": 0.12, "city": 0.14}

# Least and most hue, saturation and value of the grounds.
_GROUNDS = {
    "grass": ((0.17, 0.40), (0.22, 0.62), (0.28, 0.68)),
    "sand": ((0.06, 0.14), (0.25, 0.55), (0.50, 0.88)),
    "snow": ((0.0, 1.0), (0.0, 0.08), (0.80, 0.97)),
    "concrete": ((0.0, 1.0), (0.0, 0.12), (0.38, 0.82)),
    "city": ((0.0, 1.0), (0.0, 0.16), (0.32, 0.72)),
}


def varied_look(rng: np.random.Generator, palette: str = "any") -> Appearance:
    """Draw a look: surroundings, a road more or less used, lines, scenery and stray lines.

    The road can be told from the ground by its colour, or else by solid lines along its edges.

    Args:
        rng: Of the look.
        palette: `any`, or `train` or `test`, which have no colour of ground or road in common.
    """
    surroundings = str(rng.choice(list(_SURROUNDINGS), p=list(_SURROUNDINGS.values())))
    ground, road, needs_lines = _ground_and_road(rng, surroundings, palette)
    has_edges = needs_lines or rng.random() < 0.7

    def some(share: float, most: float) -> float:
        return float(rng.uniform(0, most)) if rng.random() < share else 0.0

    return Appearance(
        ground=ground,
        ground_grain=float(rng.uniform(4, 22)),
        road=road,
        road_grain=float(rng.uniform(1, 10)),
        edge_line=paint_color(rng),
        edge_line_width=float(rng.uniform(0.12, 0.35)) if has_edges else 0.0,
        edge_line_style="solid" if needs_lines or rng.random() < 0.7 else "dashed",
        center_line=paint_color(rng),
        center_line_style=str(rng.choice(("none", "solid", "dashed", "double"), p=(0.3, 0.15, 0.4, 0.15))),
        center_line_width=float(rng.uniform(0.12, 0.3)),
        sky=random_color(rng, 0.5),
        horizon=random_color(rng, 0.2),
        grain_seed=int(rng.integers(8)),
        surroundings=surroundings,
        detail_seed=int(rng.integers(2**31)),
        patches=some(0.6, 6),
        cracks=some(0.6, 6),
        tar_lines=some(0.5, 6),
        tire_marks=some(0.5, 6),
        wear=some(0.7, 1),
        paint_fade=some(0.5, 0.5 if needs_lines else 0.85),
        kerbs=str(rng.choice(("none", "stone", "racing"), p=(0.7, 0.15, 0.15))),
        gravel_width=some(0.3, 4),
        crossings=some(0.3, 1),
        arrows=some(0.3, 1.5),
        trees=some(0.7, 18),
        buildings=some(0.8 if surroundings == "city" else 0.3, 6 if surroundings == "city" else 1.5),
        side_roads=some(0.45, 0.8),
        decoy_lines=some(0.4, 5),
        shadows=float(rng.uniform(0.2, 0.65)),
        sun_azimuth=float(rng.uniform(0, 360)),
    )


def _ground_and_road(rng: np.random.Generator, surroundings: str, palette: str) -> tuple[Color, Color, bool]:
    """Colours of ground and road, and whether these alone would not tell the road."""
    while True:
        ground = random_color(rng, 0.55)
        if surroundings != "plain":
            ground = rgb(*(float(rng.uniform(*limits)) for limits in _GROUNDS[surroundings]))
        # Asphalt is grey; one road in five is of something else.
        road = random_color(rng, 0.3)
        if rng.random() < 0.8:
            road = rgb(float(rng.random()), float(rng.uniform(0, 0.07)), float(rng.uniform(0.16, 0.7)))
        contrast = float(np.abs(np.subtract(ground, road)).mean())
        if contrast >= 14 and in_palette(ground, palette) and in_palette(road, palette):
            return ground, road, not is_told_apart(ground, road)
