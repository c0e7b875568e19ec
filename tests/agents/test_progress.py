"""Progress bars: for terminals alone."""

import io

import pytest
from rich.console import Console

from agents.progress import progress_bar


@pytest.mark.parametrize("is_terminal", [True, False])
def test_a_bar_is_shown_on_a_terminal_and_nothing_is_written_into_a_file(is_terminal):
    text = io.StringIO()
    with progress_bar(Console(file=text, force_terminal=is_terminal, width=80), "driving 3 tracks") as tell:
        tell(0.5)
        tell(1.0)
    assert ("driving 3 tracks" in text.getvalue()) == is_terminal
    assert is_terminal or text.getvalue() == ""
