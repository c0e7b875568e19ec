"""Varied looks: of every kind, the same from the same seed, and with a road that can be seen."""

import numpy as np
import pytest

from drivesim.appearance import CENTER_LINE_STYLES, KERBS, SURROUNDINGS, Appearance
from drivesim.errors import DrivesimError
from drivesim.palette import in_palette
from drivesim.variety import varied_look


def drawn(count: int, seed: int = 0, palette: str = "any") -> list[Appearance]:
    rng = np.random.default_rng(seed)
    return [varied_look(rng, palette) for _ in range(count)]


def test_the_same_generator_draws_the_same_looks():
    assert drawn(20) == drawn(20)
    assert drawn(20) != drawn(20, seed=1)


def test_varied_looks_have_all_that_looks_can_have():
    looks = drawn(300)
    assert {look.surroundings for look in looks} == set(SURROUNDINGS)
    assert {look.center_line_style for look in looks} == set(CENTER_LINE_STYLES)
    assert {look.kerbs for look in looks} == set(KERBS)
    for name in (
        *("patches", "cracks", "tar_lines", "tire_marks", "wear", "paint_fade", "gravel_width", "crossings", "arrows"),
        *("trees", "buildings", "side_roads", "decoy_lines"),
    ):
        share = np.mean([getattr(look, name) > 0 for look in looks])
        assert 0.1 < share < 0.95, name


def test_a_road_that_looks_like_its_ground_has_solid_lines():
    for look in drawn(400):
        if np.abs(np.subtract(look.ground, look.road)).mean() < 35:
            assert look.edge_line_width > 0
            assert look.edge_line_style == "solid"


def test_train_and_test_looks_have_no_colour_in_common():
    colors = {}
    for palette in ("train", "test"):
        rng = np.random.default_rng(0)
        looks = drawn(150, palette=palette) + [Appearance.random(rng, palette) for _ in range(150)]
        colors[palette] = {color for look in looks for color in (look.ground, look.road)}
        assert all(in_palette(color, palette) for color in colors[palette])
    assert not colors["train"] & colors["test"]
    assert not any(in_palette(color, "test") for color in colors["train"])


def test_every_colour_belongs_to_one_of_the_palettes():
    rng = np.random.default_rng(0)
    for color in rng.integers(0, 256, (500, 3)).tolist():
        assert in_palette(tuple(color), "any")
        assert in_palette(tuple(color), "train") != in_palette(tuple(color), "test")


def test_an_unknown_palette_is_told_the_known_ones():
    with pytest.raises(DrivesimError, match=r"palette.*'pastel'.*any, train, test"):
        drawn(1, palette="pastel")
