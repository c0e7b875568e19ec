"""Turns: drivers are evaluated one after the other, until all are, or the user stops it; and the exit code of it."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import Protocol, TypeVar

from rich.console import Console

from agents.evaluation.requirement import Outcome
from agents.progress import progress_bar

INTERRUPTED = 130


class _Result(Protocol):
    """What an evaluation returns: a dataclass."""

    @property
    def complete(self) -> bool:
        """Whether it was not stopped."""


R = TypeVar("R", bound=_Result)


def evaluate_in_turn(console: Console, turns: Iterable[tuple[str, Callable[[Callable[[float], None]], R]]]) -> list[R]:
    """Return the results of the turns until one was stopped, that one with them.

    Args:
        console: Shows the progress.
        turns: What the bar says, and what evaluates, told whom to tell the share that is done.

    Raises:
        KeyboardInterrupt: If the user stops the first before it has a result.
    """
    results: list[R] = []
    for title, evaluate in turns:
        try:
            with progress_bar(console, title) as on_step:
                results.append(evaluate(on_step))
        except KeyboardInterrupt:
            if not results:
                raise
            results[-1] = replace(results[-1], complete=False)  # type: ignore[type-var]
        if not results[-1].complete:
            break
    return results


def exit_code(console: Console, outcomes: Sequence[Outcome], complete: bool) -> int:
    """Say what was missed and whether it was stopped; return the exit code: 0, 1 for a miss, 130 if it was stopped."""
    missed = [outcome for outcome in outcomes if not outcome.is_met]
    for outcome in missed:
        console.print(f"[red]Requirement missed: {outcome}[/red]", soft_wrap=True)
    if not complete:
        console.print("[yellow]Stopped: this is what was driven until then.[/yellow]")
        return INTERRUPTED
    return 1 if missed else 0
