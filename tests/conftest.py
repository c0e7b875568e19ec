"""Fixtures that several test modules share."""

import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

import pytest
import torch

from drivesim.command import run_command


@pytest.fixture(scope="session")
def real_data() -> Path:
    """Return the folder of real recordings and circuits; skip the test where there is none."""
    named = os.environ.get("DRIVESIM_REAL_DATA")
    folder = Path(named) if named else Path(__file__).resolve().parents[2] / "shared" / "real"
    if not folder.is_dir():
        pytest.skip(f"no real data at {folder}: set DRIVESIM_REAL_DATA to the folder that holds tum_tracks/")
    return folder


@pytest.fixture
def run(monkeypatch, capsys) -> Callable[..., tuple[int, str, str]]:
    """Return a function that runs a command in this process: exit code, standard output, standard error."""

    def run_command_line(module: ModuleType, *arguments: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", [f"{module.__name__}.py", *map(str, arguments)])
        capsys.readouterr()
        with pytest.raises(SystemExit) as caught:
            run_command(module.main, module.Args, module.__doc__)
        code = caught.value.code or 0
        assert isinstance(code, int), code
        return code, *capsys.readouterr()

    return run_command_line


@pytest.fixture
def one_torch_thread() -> Iterator[None]:
    """Let torch compute in one thread: the same sums in the same order."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)
