"""Memory: of a torch device; how many cars it holds is said where it is full."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch

from drivesim.errors import DrivesimError


@contextmanager
def told_when_full(device: torch.device, cars: int, needed: Callable[[], tuple[float, float]]) -> Iterator[None]:
    """Say in one sentence that a device's memory is full, and how many cars fit.

    Args:
        device: That holds them.
        cars: That were asked for.
        needed: Returns the bytes that a car takes, and those that all share.

    Raises:
        DrivesimError: Where torch finds no more memory.
    """
    try:
        yield
    except RuntimeError as error:
        if not (isinstance(error, torch.OutOfMemoryError) or "can't allocate memory" in str(error)):
            raise
        total, (of_a_car, shared) = total_memory(device), needed()
        # The last cars would leave no room for what is freed and taken again.
        fit = min(max(int((0.9 * total - shared) / of_a_car), 0), cars - 1)
        raise DrivesimError(
            f"num_envs: {cars} cars don't fit into the {total / 2**30:.1f} GiB of {device}; about {fit} do. "
            "Ask for fewer (--envs), or for a smaller camera."
        ) from error


def total_memory(device: torch.device) -> int:
    """Return a device's memory in bytes."""
    if device.type == "cuda":
        return torch.cuda.mem_get_info(device)[1]
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
