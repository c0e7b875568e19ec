"""Viewer: a pygame window that shows frames."""

import numpy as np

from drivesim.errors import DrivesimError

try:
    import pygame
except ImportError as error:
    raise DrivesimError("A window needs pygame. Install it: pip install pygame-ce") from error


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
            self._screen = pygame.display.set_mode((width, height))
        except pygame.error as error:
            raise DrivesimError(
                f"No window can be opened ({error}). On a machine without a display use render_mode='rgb_array'."
            ) from error
        pygame.display.set_caption(title)
        self._clock = pygame.time.Clock()

    def show(self, frame: np.ndarray, fps: int) -> None:
        """Show a frame (H, W, 3) uint8 RGB, waiting so that `fps` are shown a second."""
        surface = pygame.image.frombuffer(np.ascontiguousarray(frame).tobytes(), frame.shape[1::-1], "RGB")
        self._screen.blit(surface, (0, 0))
        pygame.event.pump()
        pygame.display.flip()
        self._clock.tick(fps)

    def close(self) -> None:
        """Close the window."""
        pygame.display.quit()
