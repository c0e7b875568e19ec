"""Every command has help, and every command line that is written down anywhere is one that runs."""

import ast
import importlib
import inspect
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import tyro

from benchmarks.fuzzing.command_lines import find_commands

ROOT = Path(__file__).resolve().parents[1]
_COMMAND_LINE = re.compile(r"python (-m (drivesim|agents|datasets|benchmarks)\.\w+|play\.py)[^`]*")
GUARD = "if __name__ == '__main__':\n    run_command(main, Args, __doc__)"


COMMANDS = find_commands()


def written_lines():
    """Return (where, command line) for every command line in documents and in the modules' docstrings."""
    documents = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), ROOT / "Makefile"]
    found = []
    for path in [*documents, *COMMANDS.values()]:
        text = path.read_text(encoding="utf-8")
        if path.suffix == ".py":
            text = ast.get_docstring(ast.parse(text)) or ""
        for line in text.splitlines():
            found += [(path.name, match[0]) for match in _COMMAND_LINE.finditer(line)]
    return found


def parse(line):
    """Read a command line as its command would; return the module's name."""
    _, *words = shlex.split(line, comments=True)
    name, arguments = (words[1], words[2:]) if words[0] == "-m" else ("play", words[1:])
    assert name in COMMANDS, f"{name} is no command: {line}"
    tyro.cli(importlib.import_module(name).Args, args=arguments)
    return name


def test_the_commands_are_found():
    expected = {"agents.record", "agents.train", "agents.evaluate", "datasets.inspect", "datasets.trim", "play"}
    assert set(COMMANDS) >= expected | {"benchmarks.throughput"}


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_shows_help_with_every_option_explained(name, run):
    module = importlib.import_module(name)
    code, said, _ = run(module, "--help")
    assert code == 0
    words = " ".join(re.sub(r"[│╭╮╰╯─]", " ", said).split())
    # The class where it is written, which may be a module of its own.
    (written,) = ast.parse(inspect.getsource(module.Args)).body
    assert isinstance(written, ast.ClassDef)
    body = written.body
    options = {node.target.id: ast.unparse(node.annotation) for node in body if isinstance(node, ast.AnnAssign)}
    assert options
    for option, kind in options.items():
        assert (option.upper() if "Positional" in kind else f"--{option.replace('_', '-')}") in words
    # Each field is followed by its docstring.
    fields = [index for index, node in enumerate(body) if isinstance(node, ast.AnnAssign)]
    explained = [isinstance(body[i + 1], ast.Expr) for i in fields if i + 1 < len(body)]
    assert explained == [True] * len(fields)


@pytest.mark.parametrize("name", COMMANDS)
def test_a_commands_docstring_opens_with_a_line_that_its_options_know(name):
    first = (ast.get_docstring(ast.parse(COMMANDS[name].read_text(encoding="utf-8"))) or "").splitlines()[0]
    assert first.startswith("python play.py " if name == "play" else f"python -m {name} ")
    assert parse(first) == name


@pytest.mark.parametrize("name", COMMANDS)
def test_a_module_that_is_a_command_runs_as_one(name):
    assert ast.unparse(ast.parse(COMMANDS[name].read_text(encoding="utf-8")).body[-1]) == GUARD


def test_help_is_shown_in_a_process_of_its_own():
    command = [sys.executable, "-m", "agents.record", "--help"]
    ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)
    assert ran.returncode == 0, ran.stderr
    assert "--laps" in ran.stdout


@pytest.mark.parametrize(("where", "line"), written_lines())
def test_a_command_line_that_is_written_down_is_one_that_runs(where, line):
    parse(line)


@pytest.mark.parametrize(
    "line", ["python -m agents.fly --out x", "python -m agents.record --height 3", "python play.py --policy"]
)
def test_a_command_line_that_does_not_run_would_be_noticed(line):
    with pytest.raises((AssertionError, SystemExit)):
        parse(line)
