"""Machine: what a figure was measured on."""

import os
import platform
from importlib.metadata import version
from pathlib import Path
from typing import Any

import drivesim
from agents.provenance import commit

_CPU_INFO = Path("/proc/cpuinfo")


def about_this_run(*packages: str) -> dict[str, Any]:
    """Return the machine, the versions of drivesim and of some packages, and the commit: plain JSON."""
    versions = {name: version(name) for name in packages}
    return {"machine": machine(), "versions": {"drivesim": drivesim.__version__, **versions}, "commit": commit()}


def machine() -> str:
    """Return the processor, how many cores there are, and the Python, in words."""
    return f"{_processor()}, {os.cpu_count()} cores, Python {platform.python_version()}"


def _processor() -> str:
    lines = _CPU_INFO.read_text(encoding="utf-8").splitlines() if _CPU_INFO.is_file() else []
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()
