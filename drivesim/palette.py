"""Palette: which colours belong to training worlds and which to test worlds, where they are to share none."""

import colorsys

from drivesim.errors import check_name

PALETTES = ("any", "train", "test")

# Colours are cut into fields of hue and lightness, which go to training and test in turn like a chessboard's.
_HUES, _VALUES = 6, 6


def in_palette(color: tuple[int, int, int], palette: str) -> bool:
    """Tell whether a colour belongs to a palette: `any`, or `train` or `test`, which have no colour in common."""
    check_name("palette", palette, PALETTES)
    hue, _, value = colorsys.rgb_to_hsv(*(channel / 255 for channel in color))
    is_even = (min(int(hue * _HUES), _HUES - 1) + min(int(value * _VALUES), _VALUES - 1)) % 2 == 0
    return palette == "any" or is_even == (palette == "train")
