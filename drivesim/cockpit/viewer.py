"""Viewer: opening a display, and a window that shows frames."""

import os

import numpy as np

from drivesim.errors import DrivesimError

try:
    import pygame
except ImportError as error:
    raise DrivesimError("A window needs pygame. Install it: pip install pygame-ce") from error

# The other modules of a window take pygame from here, so that its lack is one sentence.
__all__ = ["Viewer", "open_display", "picture", "pygame"]

_UNSEEN_DRIVERS = ("dummy", "offscreen", "evdev")


class Viewer:
    """A window for frames of one size.

    Args:
        title: Of the window.
        width: Pixels.
        height: Pixels.

    Raises:
        DrivesimError: Where there is no display.
    """

    def __init__(self, title: str, width: int, height: int) -> None:
        self._screen = open_display(title, width, height)
        self._clock = pygame.time.Clock()

    def show(self, frame: np.ndarray, fps: int) -> None:
        """Show a frame, waiting so that `fps` are shown a second.

        Args:
            frame: (H, W, 3) uint8 RGB, as large as the window.
            fps: Frames a second.
        """
        pygame.event.get()  # The window answers the desktop only when its events are read.
        self._screen.blit(picture(frame), (0, 0))
        pygame.display.flip()
        self._clock.tick(fps)

    def close(self) -> None:
        """Close the window."""
        pygame.display.quit()


def open_display(title: str, width: int, height: int, flags: int = 0) -> pygame.Surface:
    """Open a window.

    Raises:
        DrivesimError: Where there is no display.
    """
    try:
        pygame.display.init()
        # Where there is no display SDL takes one that nobody sees; only who asks for it by name wants that.
        if pygame.display.get_driver() in _UNSEEN_DRIVERS and "SDL_VIDEODRIVER" not in os.environ:
            raise pygame.error("no display was found")
        if pygame.display.get_driver() == "x11":
            # Frames are drawn here: through OpenGL, where that is software too, each would cost 5 ms more.
            os.environ.setdefault("SDL_FRAMEBUFFER_ACCELERATION", "0")
        screen = pygame.display.set_mode((width, height), flags)
    except pygame.error as error:
        pygame.display.quit()
        raise DrivesimError(
            f"No window can be opened ({error}). Run it on a machine with a display; without one, "
            "render_mode='rgb_array' gives the frames, and python -m agents.record laps."
        ) from error
    pygame.display.set_caption(title)
    return screen


def picture(frame: np.ndarray) -> pygame.Surface:
    """Return a frame (H, W, 3) uint8 RGB as a surface."""
    return pygame.image.frombuffer(np.ascontiguousarray(frame).data, frame.shape[1::-1], "RGB")
