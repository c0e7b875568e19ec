"""Paintbox: text, panels and gauges for a window, drawn smoothly and kept."""

from functools import lru_cache

import cv2
import numpy as np

from drivesim.cockpit.viewer import pygame

Color = tuple[int, int, int]

WHITE: Color = (244, 246, 250)
GREY: Color = (158, 166, 178)
RED: Color = (240, 62, 62)
GREEN: Color = (92, 208, 130)
AMBER: Color = (255, 190, 64)
BLUE: Color = (92, 176, 255)

# Of panels: colour and opacity.
_PANEL = (14, 17, 23, 178)
_PANEL_EDGE = (255, 255, 255, 26)

# Shapes are drawn this many times as large and shrunk: pygame draws them with jagged edges.
_FINE = 4


@lru_cache(maxsize=64)
def _font(size: int, bold: bool) -> pygame.font.Font:
    pygame.font.init()
    font = pygame.font.Font(None, size)
    font.set_bold(bold)
    return font


@lru_cache(maxsize=512)
def text(words: str, size: int, color: Color = WHITE, bold: bool = False) -> pygame.Surface:
    """Return a line of text; `size` is the height of a line in pixels.

    It is set large and shrunk: set small, letters stand on whole pixels, too near or too far from one another.
    """
    fine = _font(max(size, 8) * _FINE, bold).render(words, True, color)
    return shrunk(fine)


@lru_cache(maxsize=64)
def panel(width: int, height: int, radius: int) -> pygame.Surface:
    """Return a translucent panel with round corners."""
    fine = pygame.Surface((width * _FINE, height * _FINE), pygame.SRCALPHA)
    for color, inset in ((_PANEL_EDGE, 0), (_PANEL, _FINE)):
        box = fine.get_rect().inflate(-2 * inset, -2 * inset)
        pygame.draw.rect(fine, color, box, border_radius=radius * _FINE)
    return shrunk(fine)


def shrunk(fine: pygame.Surface) -> pygame.Surface:
    """Return a shape that was drawn large at its own size."""
    return pygame.transform.smoothscale(fine, (max(fine.get_width() // _FINE, 1), max(fine.get_height() // _FINE, 1)))


@lru_cache(maxsize=8)
def _steering_wheel(size: int) -> pygame.Surface:
    side = size * _FINE
    fine = pygame.Surface((side, side), pygame.SRCALPHA)
    middle, radius, rim = side / 2, side * 0.46, max(side // 11, 2)
    for spoke in (0.0, np.pi, np.pi / 2):
        end = middle + radius * 0.92 * np.cos(spoke), middle + radius * 0.92 * np.sin(spoke)
        pygame.draw.line(fine, GREY, (middle, middle), end, rim)
    pygame.draw.circle(fine, WHITE, (middle, middle), radius, rim)
    pygame.draw.circle(fine, GREY, (middle, middle), side * 0.13)
    # The mark at the top tells which way is straight ahead.
    pygame.draw.rect(fine, AMBER, (middle - rim * 0.45, middle - radius, rim * 0.9, rim))
    return shrunk(fine)


def steering_wheel(size: int, turn: float) -> pygame.Surface:
    """Return a steering wheel turned by degrees to the right."""
    return pygame.transform.rotozoom(_steering_wheel(size), -turn, 1.0)


@lru_cache(maxsize=32)
def dot(radius: int, color: Color) -> pygame.Surface:
    """Return a disc."""
    side = (2 * radius + 2) * _FINE
    fine = pygame.Surface((side, side), pygame.SRCALPHA)
    pygame.draw.circle(fine, color, (side / 2, side / 2), radius * _FINE)
    return shrunk(fine)


def polyline(surface: pygame.Surface, points: np.ndarray, color: Color, width: int, closed: bool = False) -> None:
    """Draw a smooth line through points (N, 2), pixels, over a surface with opacity."""
    pixels = pygame.surfarray.pixels_alpha(surface)
    mask = np.zeros((surface.get_height(), surface.get_width()), np.uint8)
    cv2.polylines(mask, [np.rint(points * 16).astype(np.int32)], closed, 255, width, cv2.LINE_AA, shift=4)
    share = mask.T.astype(np.uint16)
    colors = pygame.surfarray.pixels3d(surface)
    opacity = pixels.astype(np.uint16)
    after = np.maximum(opacity, share)
    mixed = colors * (255 - share)[..., None] + np.array(color, np.uint16) * share[..., None]
    # Where nothing was drawn there is no colour to mix with.
    colors[...] = np.where((opacity == 0)[..., None], np.array(color, np.uint8), mixed // 255)
    pixels[...] = after
