"""Minimap: a road from above, what was driven of it, and the car."""

from itertools import pairwise

import numpy as np

from drivesim.cockpit.paintbox import AMBER, BLUE, GREEN, RED, WHITE, Color, dot, polyline
from drivesim.cockpit.readings import Readings
from drivesim.cockpit.viewer import pygame
from drivesim.geometry import Floats
from drivesim.track import Track

_COLORS: dict[str, Color] = {"driven": BLUE, "recorded": GREEN, "policy": AMBER, "bad": RED}
_ROAD: Color = (96, 104, 118)

# Between two places of the line that lie farther apart, metres, the car was put elsewhere.
_JUMP = 12.0


class Minimap:
    """Draws the minimap of a size; what does not change is drawn once."""

    def __init__(self) -> None:
        self._key: tuple[object, ...] = ()
        self._road = pygame.Surface((1, 1), pygame.SRCALPHA)
        self._map = self._road

    def draw(self, screen: pygame.Surface, box: pygame.Rect, readings: Readings) -> None:
        """Draw the minimap into a square of the screen."""
        track, line = readings.track, readings.line
        if track is None:
            return
        scale, middle = _fit(track, box.width)
        key: tuple[object, ...] = (id(track), box.size)
        if key != self._key[:2]:
            self._road = pygame.Surface(box.size, pygame.SRCALPHA)
            width = max(round(2 * readings.half_width * scale), box.width // 50, 2)
            polyline(self._road, _pixels(track.centerline[::4], scale, middle, box), _ROAD, width, closed=True)
            start = _pixels(track.centerline[:1], scale, middle, box)[0]
            self._road.blit(dot(max(width // 2, 2), WHITE), start - max(width // 2, 2) - 1)
        key += (len(line), line[-1] if line else None)
        if key != self._key:
            self._map = self._road.copy()
            self._draw_line(readings, scale, middle, box)
            self._key = key
        screen.blit(self._map, box)
        if readings.car is not None:
            self._draw_car(screen, box, readings.car, scale, middle)

    def _draw_line(self, readings: Readings, scale: float, middle: Floats, box: pygame.Rect) -> None:
        places = readings.line
        runs: list[tuple[str, list[tuple[float, float]]]] = []
        for before, after in pairwise(places):
            if np.hypot(after.x - before.x, after.y - before.y) > _JUMP:
                runs.append((after.kind, []))
            elif runs and runs[-1][0] == after.kind and runs[-1][1]:
                runs[-1][1].append((after.x, after.y))
            else:
                runs.append((after.kind, [(before.x, before.y), (after.x, after.y)]))
        for kind, points in runs:
            if points:
                width = max(box.width // 90, 2)
                polyline(self._map, _pixels(np.array(points), scale, middle, box), _COLORS[kind], width)

    def _draw_car(
        self, screen: pygame.Surface, box: pygame.Rect, car: tuple[float, float, float], scale: float, middle: Floats
    ) -> None:
        x, y = _pixels(np.array([car[:2]]), scale, middle, box)[0] + box.topleft
        size = max(box.width / 26, 4.0)
        ahead = np.array([np.cos(car[2]), -np.sin(car[2])])
        aside = np.array([-ahead[1], ahead[0]])
        tip, tail = np.array([x, y]) + 1.4 * size * ahead, np.array([x, y]) - size * ahead
        arrow = [tip, tail + 0.8 * size * aside, np.array([x, y]) - 0.5 * size * ahead, tail - 0.8 * size * aside]
        pygame.draw.polygon(screen, WHITE, arrow)
        pygame.draw.aalines(screen, (14, 17, 23), True, arrow)


def _fit(track: Track, size: int) -> tuple[float, Floats]:
    """Pixels a metre, and the world point in the middle of the map."""
    low, high = track.centerline.min(axis=0), track.centerline.max(axis=0)
    room = 2 * float(max(track.width_left.max(), track.width_right.max()))
    return 0.92 * size / (float((high - low).max()) + room), (low + high) / 2


def _pixels(points: Floats, scale: float, middle: Floats, box: pygame.Rect) -> Floats:
    return (points - middle) * [scale, -scale] + np.array(box.size) / 2
