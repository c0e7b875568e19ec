"""Viewer: a pygame window that shows frames and tells which keys are down."""

import os

import numpy as np

from drivesim.errors import DrivesimError

try:
    import pygame
except ImportError as error:
    raise DrivesimError("A window needs pygame. Install it: pip install pygame-ce") from error

_UNSEEN_DRIVERS = ("dummy", "offscreen", "evdev")

_STEER_LEFT, _STEER_RIGHT = (pygame.K_LEFT, pygame.K_a), (pygame.K_RIGHT, pygame.K_d)
_THROTTLE, _BRAKE = (pygame.K_UP, pygame.K_w), (pygame.K_DOWN, pygame.K_s)


class Viewer:
    """A window.

    Args:
        title: Of the window.
        width: Pixels.
        height: Pixels.

    Raises:
        DrivesimError: Where there is no display.
    """

    def __init__(self, title: str, width: int, height: int) -> None:
        try:
            pygame.display.init()
            # Where there is no display SDL takes one that nobody sees; only who asks for it by name wants that.
            if pygame.display.get_driver() in _UNSEEN_DRIVERS and "SDL_VIDEODRIVER" not in os.environ:
                raise pygame.error("no display was found")
            self._screen = pygame.display.set_mode((width, height))
        except pygame.error as error:
            pygame.display.quit()
            raise DrivesimError(
                f"No window can be opened ({error}). Run it on a machine with a display; without one, "
                "render_mode='rgb_array' gives the frames, and python -m agents.record laps."
            ) from error
        pygame.display.set_caption(title)
        pygame.font.init()
        self._font = pygame.font.Font(None, 26)
        self._clock = pygame.time.Clock()

    def show(self, frame: np.ndarray, fps: int, inset: np.ndarray | None = None, lines: tuple[str, ...] = ()) -> None:
        """Show a frame, waiting so that `fps` are shown a second.

        Args:
            frame: (H, W, 3) uint8 RGB, as large as the window.
            fps: Frames a second.
            inset: (h, w, 3) uint8 RGB, shown at twice its size in the upper right corner.
            lines: Of text, shown in the upper left corner.
        """
        self._screen.blit(_surface(frame), (0, 0))
        if inset is not None:
            picture = pygame.transform.scale_by(_surface(inset), 2)
            self._screen.blit(picture, (self._screen.get_width() - picture.get_width() - 10, 10))
        for row, line in enumerate(lines):
            text = self._font.render(line, True, (255, 255, 255), (20, 20, 20))
            self._screen.blit(text, (10, 10 + row * text.get_height()))
        pygame.display.flip()
        self._clock.tick(fps)

    def pressed(self) -> list[str]:
        """Return the names of the keys that went down since the last call; `quit` where the window was closed."""
        names = []
        for event in pygame.event.get():
            if event.type == pygame.QUIT:
                names.append("quit")
            elif event.type == pygame.KEYDOWN:
                names.append(pygame.key.name(event.key))
        return names

    def held(self) -> tuple[float, float]:
        """Return what the keys ask for: steering (-1 left, 0, +1 right) and pedal (-1 brake, 0, +1 throttle)."""
        keys = pygame.key.get_pressed()

        def down(names: tuple[int, ...]) -> bool:
            return any(keys[name] for name in names)

        return float(down(_STEER_RIGHT) - down(_STEER_LEFT)), float(down(_THROTTLE) - down(_BRAKE))

    def close(self) -> None:
        """Close the window."""
        pygame.display.quit()


def _surface(frame: np.ndarray) -> pygame.Surface:
    return pygame.image.frombuffer(np.ascontiguousarray(frame).tobytes(), frame.shape[1::-1], "RGB")
