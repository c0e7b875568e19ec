"""What every command line does around its own work: exit codes, help, and one sentence for wrong use."""

import sys
from dataclasses import dataclass

import pytest

from drivesim.command import run_command
from drivesim.errors import DrivesimError


@dataclass
class Args:
    """Options of the command."""

    name: str
    """Whom to greet."""
    times: int = 1
    """How often."""


@pytest.fixture
def start(monkeypatch, capsys):
    """Return a function that runs a command line: exit code, standard output, standard error."""

    def run(main, *arguments):
        monkeypatch.setattr(sys, "argv", ["greet.py", *arguments])
        with pytest.raises(SystemExit) as caught:
            run_command(main, Args, "python greet.py --name you\n\nGreet someone.")
        return caught.value.code, *capsys.readouterr()

    return run


def test_a_command_is_given_its_options_and_ends_with_code_0(start):
    given = []
    code, out, err = start(given.append, "--name", "Ann", "--times", "3")
    assert (code, out, err) == (0, "", "")
    assert given == [Args("Ann", 3)]


@pytest.mark.parametrize("code", [0, 1, 7])
def test_a_command_ends_with_the_code_that_it_returns(start, code):
    assert start(lambda _: code, "--name", "Ann")[0] == code


def test_wrong_input_is_one_sentence_and_code_2(start):
    def main(_):
        raise DrivesimError("--times: expected 1 or more, got 0.")

    assert start(main, "--name", "Ann") == (2, "", "error: --times: expected 1 or more, got 0.\n")


def test_an_interrupt_is_one_word_and_code_130(start):
    def main(_):
        raise KeyboardInterrupt

    assert start(main, "--name", "Ann") == (130, "", "interrupted\n")


def test_a_fault_of_the_program_is_not_hidden(monkeypatch):
    def main(_):
        raise ValueError("a bug")

    monkeypatch.setattr(sys, "argv", ["greet.py", "--name", "Ann"])
    with pytest.raises(ValueError, match="a bug"):
        run_command(main, Args, None)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((), "--name"),
        (("--name", "Ann", "--loud"), "--loud"),
        (("--name", "Ann", "--times", "often"), "often"),
    ],
)
def test_options_that_cannot_be_read_are_named_with_code_2_before_any_work(start, arguments, words):
    def main(_):
        raise AssertionError

    code, out, err = start(main, *arguments)
    assert code == 2
    assert words in err
    assert out == ""


def test_help_shows_the_description_and_every_option(start):
    code, out, _ = start(None, "--help")
    assert code == 0
    for part in ("python greet.py --name you", "Greet someone.", "--name", "Whom to greet.", "--times", "How often."):
        assert part in out
