"""Virtual environments of their own for packages that can't live beside ours, or are too large for every test run."""

import os
import subprocess
import sys
from pathlib import Path

import pytest


def environment(folder, name, *requirements, beside_ours=False):
    """Return the Python of an environment that holds packages; skip the test where they can't be installed.

    Args:
        folder: For environments.
        name: Of this one.
        requirements: What pip installs, one call each; a later one may overrule what an earlier one asked for.
        beside_ours: Whether the packages of the running Python can be imported there too.
    """
    place = Path(folder) / name
    python = place / "bin" / "python"
    if not (place / "whole").exists():
        commands = [[sys.executable, "-m", "venv", place]]
        commands += [[python, "-m", "pip", "install", "-q", *words.split()] for words in requirements]
        for i, command in enumerate(commands):
            made = subprocess.run(command, capture_output=True, text=True, check=False)
            if made.returncode:
                pytest.skip(f"{' '.join(requirements)} can't be installed: {made.stderr.strip()[-300:]}")
            if i == 0 and beside_ours:
                _see_ours(place)
        (place / "whole").touch()
    return python


def environments_folder(tmp_path_factory):
    """Return where environments go: a temporary folder or, to be kept, the one that DRIVESIM_VENVS names."""
    named = os.environ.get("DRIVESIM_VENVS")
    return Path(named) if named else tmp_path_factory.mktemp("environments")


def _see_ours(place):
    (packages,) = place.glob("lib/python*/site-packages")
    ours = [path for path in sys.path if path.endswith("site-packages")]
    (packages / "ours.pth").write_text("\n".join(ours))
