"""HUD: the instruments over a window's picture, as large as the window is high."""

from collections.abc import Sequence

import numpy as np

from drivesim.cockpit.minimap import Minimap
from drivesim.cockpit.paintbox import AMBER, BLUE, GREEN, GREY, RED, WHITE, Color, dot, panel, steering_wheel, text
from drivesim.cockpit.readings import Readings
from drivesim.cockpit.viewer import picture, pygame

# The window's height for which sizes are given, pixels.
_HEIGHT = 720
_WHEEL_TURN = 135.0

HELP = (
    ("arrows, WASD", "steer, throttle, brake"),
    ("R", "record, and stop recording"),
    ("Backspace", "back five seconds, marked bad"),
    ("N", "next track"),
    ("V", "another view"),
    ("P", "pause"),
    ("L", "what the policy looks at"),
    ("C", "calibrate a steering wheel"),
    ("F11, F12", "full screen, save a picture"),
    ("H", "this help"),
    ("Escape", "end; laps are saved"),
)
REPLAY_HELP = (
    ("P, Space", "pause, and go on"),
    ("Left, Right", "a step back or on; playing, a second"),
    ("Up, Down", "faster, slower"),
    ("Home", "from the start"),
    ("N", "next lap"),
    ("V", "another view"),
    ("F11", "full screen"),
    ("H", "this help"),
    ("Escape", "end"),
)


class Hud:
    """Draws the instruments.

    Args:
        keys: And what they do, for the help.
    """

    def __init__(self, keys: Sequence[tuple[str, str]] = HELP) -> None:
        self._minimap = Minimap()
        self._keys = keys
        self._unit = 1.0

    def draw(
        self,
        screen: pygame.Surface,
        readings: Readings,
        now: float,
        inset: np.ndarray | None = None,
        messages: Sequence[tuple[str, float]] = (),
        corner: str = "",
        shows_help: bool = False,
    ) -> None:
        """Draw all of it.

        Args:
            screen: To draw on.
            readings: What the instruments show.
            now: Seconds: the REC light blinks.
            inset: (h, w, 3) uint8 RGB, what the car's camera sees.
            messages: And their opacity, 0 to 1.
            corner: Words under the lap times.
            shows_help: Whether the keys are listed.
        """
        self._unit = min(screen.get_height() / _HEIGHT, screen.get_width() / 960)
        self._draw_times(screen, readings, corner)
        self._draw_dashboard(screen, readings)
        if readings.track is not None:
            side, edge = self._px(190), self._px(16)
            box = pygame.Rect(edge, screen.get_height() - edge - side, side, side)
            screen.blit(panel(side, side, self._px(14)), box)
            self._minimap.draw(screen, box.inflate(-self._px(14), -self._px(14)), readings)
        if inset is not None:
            self._draw_inset(screen, inset)
        self._draw_status(screen, readings, now)
        self._draw_messages(screen, messages)
        if shows_help:
            self._draw_help(screen)
        else:
            hint = text("H  help", self._px(20), GREY)
            screen.blit(hint, hint.get_rect(bottomright=np.array(screen.get_size()) - self._px(18)))

    def _px(self, size: float) -> int:
        return max(round(size * self._unit), 1)

    def _draw_times(self, screen: pygame.Surface, readings: Readings, corner: str) -> None:
        """Lap, its time, and the best, in the upper left corner."""
        rows: list[tuple[str, str, Color]] = []
        if readings.lap is not None:
            rows.append(("LAP", str(readings.lap), WHITE))
        if readings.lap_time is not None:
            rows.append(("TIME", clock(readings.lap_time), WHITE))
        if readings.last is not None:
            rows.append(("LAST" if readings.lap else "OF", clock(readings.last), WHITE))
        if readings.lap is not None and readings.track is not None:
            rows.append(("BEST", "–" if readings.best is None else clock(readings.best), AMBER))
        if not rows:
            return
        edge, line = self._px(16), self._px(30)
        width = self._px(176)
        screen.blit(panel(width, line * len(rows) + self._px(14), self._px(14)), (edge, edge))
        for at, (name, value, color) in enumerate(rows):
            y = edge + self._px(7) + round(line * (at + 0.5))
            label, number = text(name, self._px(19), GREY), text(value, self._px(31), color)
            screen.blit(label, label.get_rect(midleft=(edge + self._px(14), y)))
            screen.blit(number, number.get_rect(midright=(edge + width - self._px(14), y)))
        if corner:
            note = text(corner, self._px(19), WHITE)
            screen.blit(note, (edge + self._px(14), edge + line * len(rows) + self._px(22)))

    def _draw_dashboard(self, screen: pygame.Surface, readings: Readings) -> None:
        """Wheel, speed, pedal and the distance from the centreline, at the bottom."""
        if readings.steering is None:
            return
        width, height = self._px(352), self._px(112)
        box = pygame.Rect(0, 0, width, height)
        box.midbottom = (screen.get_width() // 2, screen.get_height() - self._px(16))
        screen.blit(panel(width, height, self._px(14)), box)
        lower = readings.lateral is not None
        middle = box.top + (self._px(42) if lower else height // 2)
        wheel = steering_wheel(self._px(70), _WHEEL_TURN * readings.steering)
        hub = box.left + self._px(54), middle
        screen.blit(wheel, wheel.get_rect(center=hub))
        if readings.policy_steering is not None and np.isfinite(readings.policy_steering):
            self._draw_wish(screen, hub, readings.policy_steering)
        percent = text(f"{readings.steering:+.2f}", self._px(20), GREY)
        screen.blit(percent, percent.get_rect(midleft=(box.left + self._px(98), middle)))
        if readings.speed is not None:
            number = text(f"{3.6 * readings.speed:.0f}", self._px(66), WHITE)
            screen.blit(number, number.get_rect(midright=(box.left + self._px(226), middle)))
            unit = text("km/h", self._px(21), GREY)
            screen.blit(unit, unit.get_rect(midleft=(box.left + self._px(234), middle + self._px(9))))
        if readings.pedal is not None:
            self._draw_pedal(screen, box.right - self._px(36), middle, readings.pedal)
        if readings.lateral is not None:
            self._draw_lateral(screen, box, readings)

    def _draw_wish(self, screen: pygame.Surface, hub: tuple[int, int], steering: float) -> None:
        """Where the policy would turn the mark of the wheel to."""
        turn = np.radians(_WHEEL_TURN * steering)
        at = np.array(hub) + self._px(38) * np.array([np.sin(turn), -np.cos(turn)])
        mark = dot(self._px(4), BLUE)
        screen.blit(mark, mark.get_rect(center=np.rint(at).astype(int).tolist()))

    def _draw_pedal(self, screen: pygame.Surface, x: int, y: int, pedal: float) -> None:
        """A bar up for throttle, down for brake."""
        half, width = self._px(33), self._px(14)
        bar = pygame.Rect(0, 0, width, 2 * half)
        bar.center = (x, y)
        pygame.draw.rect(screen, (52, 58, 70), bar, border_radius=self._px(5))
        long = round(abs(pedal) * half)
        if long:
            top = y - long if pedal > 0 else y
            filled = pygame.Rect(bar.left, top, width, long)
            pygame.draw.rect(screen, GREEN if pedal > 0 else RED, filled, border_radius=self._px(4))
        pygame.draw.line(screen, GREY, (bar.left - self._px(4), y), (bar.right + self._px(3), y))

    def _draw_lateral(self, screen: pygame.Surface, box: pygame.Rect, readings: Readings) -> None:
        """Where the car is between the edges of the road."""
        lateral = float(readings.lateral or 0.0)
        y, half = box.bottom - self._px(20), self._px(118)
        x = box.left + self._px(24) + half
        pygame.draw.line(screen, (70, 77, 92), (x - half, y), (x + half, y), self._px(4))
        for at, size in ((-1.0, 8), (0.0, 5), (1.0, 8)):
            end = x + round(at * half)
            pygame.draw.line(screen, GREY, (end, y - self._px(size)), (end, y + self._px(size)), self._px(2))
        share = float(np.clip(-lateral / max(readings.half_width, 0.1), -1.15, 1.15))
        color = GREEN if abs(share) < 0.45 else AMBER if abs(share) < 0.8 else RED
        mark = dot(self._px(7), color)
        screen.blit(mark, mark.get_rect(center=(x + round(share * half), y)))
        words = text(f"{lateral:+.2f} m", self._px(22), WHITE)
        screen.blit(words, words.get_rect(midright=(box.right - self._px(14), y)))

    def _draw_inset(self, screen: pygame.Surface, inset: np.ndarray) -> None:
        """What the camera sees, pixel by pixel, in the upper right corner."""
        high, wide = inset.shape[:2]
        share = min(self._px(192) / high, self._px(300) / wide)
        size = max(round(wide * share), 1), max(round(high * share), 1)
        edge, rim, foot = self._px(16), self._px(6), self._px(26)
        box = pygame.Rect(0, edge, size[0] + 2 * rim, size[1] + rim + foot)
        box.right = screen.get_width() - edge
        screen.blit(panel(box.width, box.height, self._px(10)), box)
        screen.blit(pygame.transform.scale(picture(inset), size), (box.left + rim, box.top + rim))
        words = text(f"camera  {wide} × {high}", self._px(18), GREY)
        screen.blit(words, words.get_rect(center=(box.centerx, box.bottom - foot // 2)))

    def _draw_status(self, screen: pygame.Surface, readings: Readings, now: float) -> None:
        """The REC light and who drives, at the top."""
        parts: list[pygame.Surface] = []
        gap = self._px(12)
        if readings.recording:
            is_lit = now % 1.0 < 0.5
            parts += [dot(self._px(8), RED if is_lit else (92, 34, 38)), text("REC", self._px(28), WHITE)]
        if readings.recorded:
            parts.append(text(f"{readings.recorded:.1f} s", self._px(28), WHITE if readings.recording else GREY))
        if readings.driver:
            color = GREEN if "correct" in readings.driver else BLUE if "Policy" in readings.driver else GREY
            parts.append(text(readings.driver, self._px(24), color))
        if not parts:
            return
        width, height = sum(part.get_width() + gap for part in parts) + gap, self._px(44)
        box = pygame.Rect(0, self._px(16), width, height)
        box.centerx = screen.get_width() // 2
        screen.blit(panel(width, height, height // 2), box)
        x = box.left + gap
        for part in parts:
            screen.blit(part, part.get_rect(midleft=(x, box.centery)))
            x += part.get_width() + gap
        if readings.progress is not None:
            line = box.left + height // 2, box.bottom - self._px(3)
            end = line[0] + round((box.width - height) * readings.progress)
            pygame.draw.line(screen, BLUE, line, (end, line[1]), self._px(3))

    def _draw_messages(self, screen: pygame.Surface, messages: Sequence[tuple[str, float]]) -> None:
        """Lines that fade, below the REC light."""
        y = self._px(76)
        for words, opacity in messages:
            line = text(words, self._px(26), WHITE)
            if line.get_width() > screen.get_width() * 0.9:
                line = pygame.transform.smoothscale_by(line, screen.get_width() * 0.9 / line.get_width())
            under = panel(line.get_width() + self._px(28), self._px(38), self._px(12))
            for surface in (under, line):
                surface.set_alpha(round(255 * opacity))
                screen.blit(surface, surface.get_rect(center=(screen.get_width() // 2, y + self._px(19))))
                surface.set_alpha(255)
            y += self._px(44)

    def _draw_help(self, screen: pygame.Surface) -> None:
        """All keys, in the middle."""
        line = self._px(33)
        box = pygame.Rect(0, 0, self._px(520), line * len(self._keys) + self._px(36))
        box.center = screen.get_rect().center
        for _ in range(2):  # twice as dark: it is to be read
            screen.blit(panel(box.width, box.height, self._px(18)), box)
        for at, (key, does) in enumerate(self._keys):
            y = box.top + self._px(18) + round(line * (at + 0.5))
            name, words = text(key, self._px(25), AMBER), text(does, self._px(25), WHITE)
            screen.blit(name, name.get_rect(midright=(box.left + self._px(186), y)))
            screen.blit(words, words.get_rect(midleft=(box.left + self._px(206), y)))


def clock(seconds: float) -> str:
    """Return seconds as minutes and seconds."""
    tenths = int(seconds * 10)
    return f"{tenths // 600}:{tenths // 10 % 60:02}.{tenths % 10}"
