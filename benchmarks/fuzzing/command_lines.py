"""Command lines: every command's options with values that they take, that they don't, and that nobody would give."""

import importlib
import io
import shlex
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any

import numpy as np
import tyro

from benchmarks.fuzzing.mutation import NUMBERS, TEXTS, pick

_ROOT = Path(__file__).resolve().parents[2]
_LAYERS = ("drivesim", "agents", "datasets", "benchmarks")


class RefusalError(ValueError):
    """The command line was refused, and said so."""


class SilenceError(Exception):
    """The command line was refused, and nothing was said."""


class CommandLines:
    """Command lines that are read, and not carried out."""

    def __init__(self, _: Path) -> None:
        self._commands = []
        for name, path in find_commands().items():
            module: Any = importlib.import_module(name)
            first = path.read_text(encoding="utf-8").splitlines()[0].removeprefix('"""').removesuffix('"""')
            words = shlex.split(first)[2 if name == "play" else 3 :]
            fields = [f"--{field.replace('_', '-')}" for field in module.Args.__dataclass_fields__]
            self._commands.append((module.Args, words, fields))

    def __call__(self, number: int, rng: np.random.Generator) -> None:
        """Run a case."""
        arguments, words, fields = self._commands[number % len(self._commands)]
        words = list(words)
        for _ in range(int(rng.integers(1, 5))):
            act, at = rng.random(), int(rng.integers(len(words) + 1))
            if act < 0.5:
                words[at:at] = [pick(rng, fields), self._value(rng)]
            elif act < 0.7 and at < len(words):
                words[at] = self._value(rng)
            elif act < 0.8:
                words.insert(at, pick(rng, (*fields, "--", "-", "--no", "--=", "--out=", "-h=1", "@file")))
            elif at < len(words):
                del words[at]
        said = io.StringIO()
        try:
            with redirect_stdout(said), redirect_stderr(said):
                tyro.cli(arguments, args=words)
        except SystemExit as error:
            if error.code and not said.getvalue().strip():
                raise SilenceError(f"{words} was refused without a word") from error
            raise RefusalError from error

    def _value(self, rng: np.random.Generator) -> str:
        return str(pick(rng, (*NUMBERS, *(text for text in TEXTS if "\x00" not in text), "0.1", "5", "expert")))


def find_commands() -> dict[str, Path]:
    """Return the modules that are commands, by their dotted names."""
    paths = [path for layer in _LAYERS for path in sorted((_ROOT / layer).rglob("*.py"))]
    named = {path.relative_to(_ROOT).as_posix().removesuffix(".py").replace("/", "."): path for path in paths}
    named["play"] = _ROOT / "play.py"
    ends = ("run_command(main, Args, __doc__)\n",)
    return {name: path for name, path in named.items() if path.read_text(encoding="utf-8").endswith(ends)}
