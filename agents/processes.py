"""Processes: the same work on many things, several at once, each process with a core of its own."""

from collections.abc import Callable, Generator, Iterable
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing import get_context
from typing import Any, TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


def in_processes(
    work: Callable[[Item], Result],
    items: Iterable[Item],
    processes: int,
    begin: Callable[..., None] | None = None,
    given: tuple[Any, ...] = (),
) -> Generator[Result, None, None]:
    """Yield what is made of the items, as they are done; where it is closed early, no further one is begun.

    Args:
        work: A function of a module.
        items: What it takes.
        processes: How many.
        begin: Called once in every process, before it works.
        given: What that is called with.
    """
    # Forked processes would share the threads of torch and OpenCV.
    pool = ProcessPoolExecutor(processes, get_context("spawn"), begin, given)
    try:
        for done in as_completed([pool.submit(work, item) for item in items]):
            yield done.result()
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
