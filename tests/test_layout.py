"""What may import what, held by parsing every module; and what a wheel ships."""

import ast
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from fnmatch import fnmatch
from pathlib import Path, PurePosixPath

import pytest

ROOT = Path(__file__).resolve().parent.parent
FORBIDDEN_LAYERS = {
    "drivesim": {"datasets", "agents", "play", "benchmarks"},
    "datasets": {"agents", "play", "benchmarks"},
    "agents": {"play", "benchmarks"},
    "play": {"benchmarks"},
    "benchmarks": set(),
}
# Reads the weights of a package, known by their SHA-256, and takes tensors alone out of them.
VERIFIED_LOAD = ("agents/models/backbones.py", "torch.load(path, weights_only=True, map_location='cpu')")
PYGAME_MODULES = {"drivesim/cockpit/viewer.py", "drivesim/cockpit/devices.py"}
# What is drawn in a window takes pygame from `viewer`, and is imported where a window is opened.
WINDOW_MODULES = {
    f"drivesim/cockpit/{name}.py" for name in ("viewer", "window", "devices", "paintbox", "minimap", "hud")
}
# What computes on a torch device; imported where one is asked for.
TORCH_MODULES = ("drivesim/render_torch.py", "drivesim/device/*.py")
PICKLES = {"pickle", "dill", "cloudpickle", "joblib", "shelve"}
DRAWERS = {"utils", "util", "common", "helpers", "helper", "types", "misc"}


def modules() -> list[str]:
    """Return the paths of all modules of the layers, relative to the checkout, with forward slashes."""
    found = [path for layer in FORBIDDEN_LAYERS for path in (ROOT / layer).rglob("*.py")]
    found += [path for layer in FORBIDDEN_LAYERS if (path := ROOT / f"{layer}.py").exists()]
    return sorted(path.relative_to(ROOT).as_posix() for path in found)


def imported_names(tree: ast.AST) -> Iterator[str]:
    """Yield the dotted names that a module imports at its top or in a function; relative imports stay in a layer."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Call) and ast.unparse(node.func).endswith(("import_module", "__import__")):
            yield from (argument.value for argument in node.args[:1] if isinstance(argument, ast.Constant))


def unpickling_calls(tree: ast.AST) -> Iterator[str]:
    """Yield the calls in a module that would unpickle: torch.load under any alias, and allow_pickle=True."""
    loads = {"torch.load"}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            loads |= {f"{alias.asname}.load" for alias in node.names if alias.name == "torch" and alias.asname}
        elif isinstance(node, ast.ImportFrom) and node.module == "torch":
            loads |= {alias.asname or alias.name for alias in node.names if alias.name == "load"}
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            allowed = [ast.unparse(keyword.value) for keyword in node.keywords if keyword.arg == "allow_pickle"]
            if ast.unparse(node.func) in loads or allowed not in ([], ["False"]):
                yield ast.unparse(node)


def faults(path: str, source: str) -> list[str]:
    """Return a sentence for each rule that the module at `path`, relative to the checkout, breaks."""
    tree = ast.parse(source, path)
    layer = PurePosixPath(path).parts[0].removesuffix(".py")
    said = []
    for name in imported_names(tree):
        top = name.split(".")[0]
        if top in FORBIDDEN_LAYERS[layer]:
            said.append(f"{path} imports {name}: imports go drivesim <- datasets <- agents <- play.py, benchmarks last")
        if layer == "drivesim" and not is_of_torch(path) and {"torch", "torchvision"} & {*name.split(".")}:
            said.append(f"{path} imports {name}: drivesim imports torch in {' and '.join(TORCH_MODULES)} alone")
        if top == "pygame" and path not in PYGAME_MODULES:
            said.append(f"{path} imports {name}: only {' and '.join(sorted(PYGAME_MODULES))} import pygame")
        if top in PICKLES:
            said.append(f"{path} imports {name}: nothing is unpickled")
    calls = [call for call in unpickling_calls(tree) if (path, call) != VERIFIED_LOAD]
    said += [f"{path} calls {call}: nothing is unpickled" for call in calls]
    return said


def is_of_torch(path: str) -> bool:
    """Say whether a module of drivesim may import torch."""
    return any(fnmatch(path, pattern) for pattern in TORCH_MODULES)


def is_drawer(path: str) -> bool:
    """Say whether a module or one of its folders is named after no noun."""
    return any(part.removesuffix(".py").strip("_") in DRAWERS for part in PurePosixPath(path).parts)


def packages_in_a_wheel(project: dict) -> set[str]:
    """Return the top-level folders with modules that setuptools would take, by the `include` of pyproject.toml."""
    patterns = project["tool"]["setuptools"]["packages"]["find"]["include"]
    folders = {PurePosixPath(path).parts[0] for path in modules() if "/" in path} | {"tests"}
    return {folder for folder in folders if any(fnmatch(folder, pattern) for pattern in patterns)}


def test_every_module_keeps_to_the_layout():
    paths = modules()
    assert "drivesim/geometry.py" in paths
    said = [fault for path in paths for fault in faults(path, (ROOT / path).read_text(encoding="utf-8"))]
    assert not said, "\n".join(said)


def test_no_module_is_a_drawer_for_odds_and_ends():
    paths = modules() + [path.relative_to(ROOT).as_posix() for path in (ROOT / "tests").rglob("*.py")]
    drawers = [path for path in paths if is_drawer(path)]
    assert not drawers, f"name the noun that each of these is about: {', '.join(drawers)}"


def test_a_drawer_is_told_from_a_noun():
    assert is_drawer("agents/utils.py")
    assert is_drawer("drivesim/_helpers.py")
    assert is_drawer("datasets/common/lap.py")
    assert not is_drawer("drivesim/track_types.py")


def test_importing_drivesim_loads_neither_torch_nor_pygame():
    skipped = {path for path in modules() if is_of_torch(path)} | WINDOW_MODULES
    names = [
        path.removesuffix(".py").replace("/", ".").removesuffix(".__init__")
        for path in modules()
        if path not in skipped
    ]
    code = "\n".join(f"import {name}" for name in names if name.startswith("drivesim"))
    code += "\nimport sys; print(*sorted({'torch', 'pygame'} & {*sys.modules}))"
    ran = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    assert not ran.stdout.strip()


def test_a_wheel_ships_drivesim_alone():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    assert packages_in_a_wheel(project) == {"drivesim"}
    assert "py-modules" not in project["tool"]["setuptools"]


def test_a_wheel_that_took_every_folder_would_be_noticed():
    takes_all = {"tool": {"setuptools": {"packages": {"find": {"include": ["*"]}}}}}
    assert packages_in_a_wheel(takes_all) > {"drivesim"}


@pytest.mark.parametrize(
    ("path", "source"),
    [
        ("drivesim/env.py", "import datasets.schema"),
        ("drivesim/env.py", "from agents.policy import Driver"),
        ("drivesim/env.py", "def drive():\n    from agents import expert"),
        ("drivesim/env.py", "import importlib\nimportlib.import_module('agents.expert')"),
        ("datasets/frames.py", "import play"),
        ("agents/train.py", "from benchmarks import throughput"),
        ("play.py", "import benchmarks.throughput"),
        ("drivesim/render.py", "def render():\n    import torch"),
        ("drivesim/render.py", "from torchvision.transforms import v2"),
        ("drivesim/simulation.py", "import array_api_compat.torch as xp"),
        ("drivesim/env.py", "import pygame"),
        ("agents/saliency.py", "from pygame import Surface"),
        ("play.py", "import pygame"),
        ("datasets/recording.py", "import pickle"),
        ("agents/policy.py", "from cloudpickle import loads"),
        ("agents/policy.py", "import torch\ntorch.load('policy.pt')"),
        ("agents/models/backbones.py", "import torch\ntorch.load('policy.pt')"),
        ("agents/policy.py", "import torch as t\nt.load('policy.pt', weights_only=True)"),
        ("agents/policy.py", "from torch import load as read\nread('policy.pt')"),
        ("datasets/frames.py", "import numpy as np\nnp.load('lap.npy', allow_pickle=True)"),
    ],
)
def test_a_module_that_breaks_a_rule_is_found(path, source):
    assert len(faults(path, source)) == 1


@pytest.mark.parametrize(
    ("path", "source"),
    [
        ("drivesim/env.py", "from drivesim import render_torch\nfrom .camera import Camera"),
        ("drivesim/render_torch.py", "import torch"),
        ("drivesim/device/veil.py", "from torch import Tensor"),
        ("drivesim/cockpit/viewer.py", "import pygame"),
        ("datasets/frames.py", "import torch\nfrom drivesim.camera import Camera"),
        ("agents/train.py", "from datasets import frames\nfrom . import policy"),
        ("play.py", "from drivesim.cockpit.window import Window\nfrom agents.policy import Policy"),
        ("benchmarks/quality.py", "from agents import evaluate"),
        ("agents/policy.py", "import torch, json\njson.load(open('policy.json'))\ntorch.hub.list('x')"),
    ],
)
def test_a_module_that_keeps_the_rules_is_left_alone(path, source):
    assert faults(path, source) == []
