"""Window: resizable, full screen where wanted; its events, and frames at an even rate."""

from collections.abc import Callable

import numpy as np

from drivesim.cockpit.pacing import Pacer
from drivesim.cockpit.viewer import open_display, picture, pygame

FRAME_RATE = 60.0

# Smaller, the instruments would lie on one another.
_LEAST_WIDTH, _LEAST_HEIGHT = 320, 180


class Window:
    """A window that is drawn anew for every frame.

    Attributes:
        pacer: Of its frames.

    Args:
        title: Of the window.
        width: Pixels.
        height: Pixels.
        full_screen: Whether it opens so.

    Raises:
        DrivesimError: Where there is no display.
    """

    def __init__(self, title: str, width: int, height: int, full_screen: bool = False) -> None:
        self._size, self._title = (width, height), title
        open_display(title, width, height, pygame.RESIZABLE)
        pygame.key.set_repeat(0)
        pygame.mouse.set_visible(not full_screen)
        if full_screen:
            self.toggle_full_screen()
        self.pacer = Pacer(FRAME_RATE)

    @property
    def screen(self) -> pygame.Surface:
        """What is drawn on."""
        screen = pygame.display.get_surface()
        assert screen is not None, "the window is closed"
        return screen

    @property
    def size(self) -> tuple[int, int]:
        """Width and height, pixels."""
        return self.screen.get_size()

    def keys(self, handle: Callable[[pygame.event.Event], str | None]) -> list[str]:
        """Return the names of the keys that went down since the last call; `quit` where the window was closed.

        Args:
            handle: Sees every event; may name a key that it stands for, such as a gamepad's button.
        """
        names = []
        for event in pygame.event.get():
            named = handle(event)
            if event.type == pygame.QUIT:
                names.append("quit")
            elif event.type == pygame.KEYDOWN:
                names.append(pygame.key.name(event.key))
            elif event.type == pygame.VIDEORESIZE and min(event.w / _LEAST_WIDTH, event.h / _LEAST_HEIGHT) < 1:
                least = max(event.w, _LEAST_WIDTH), max(event.h, _LEAST_HEIGHT)
                pygame.display.set_mode(least, pygame.RESIZABLE)
            if named:
                names.append(named)
        return names

    def toggle_full_screen(self) -> None:
        """Fill the screen, or go back to a window of the size that it had."""
        if pygame.display.is_fullscreen():
            pygame.display.set_mode(self._size, pygame.RESIZABLE)
        else:
            self._size = self.size
            pygame.display.set_mode((0, 0), pygame.FULLSCREEN)
        pygame.mouse.set_visible(not pygame.display.is_fullscreen())

    def paint(self, frame: np.ndarray) -> None:
        """Fill the window with a frame (H, W, 3) uint8 RGB, scaled up as it is where it has another size."""
        surface, screen = picture(frame), self.screen
        if surface.get_size() == screen.get_size():
            screen.blit(surface, (0, 0))
            return
        share = min(screen.get_width() / surface.get_width(), screen.get_height() / surface.get_height())
        fitted = pygame.transform.smoothscale_by(surface, share)
        screen.fill((16, 17, 20))
        screen.blit(fitted, fitted.get_rect(center=screen.get_rect().center))

    def flip(self) -> None:
        """Show what was drawn, and wait for the time of the next frame."""
        pygame.display.flip()
        self.pacer.wait()

    def save(self, path: str) -> None:
        """Write what is shown as a picture."""
        pygame.image.save(self.screen, path)

    def close(self) -> None:
        """Close the window."""
        pygame.display.quit()
