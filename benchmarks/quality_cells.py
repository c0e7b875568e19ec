"""Quality cells: the trainings of the ablation, each with its laps, options and seed, and what is measured of it.

A cell is kept as soon as it is measured; one that was interrupted goes on where its training stopped.
"""

import colorsys
import json
import re
import shutil
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console

from agents import record, train
from agents.evaluation.evaluation import evaluate
from agents.learning.checkpoint import NAME as CHECKPOINT
from agents.learning.material import Material
from agents.models.backbones import LITE0
from agents.policy import Policy
from agents.rollout import Course
from agents.stress.robustness import measure_robustness
from agents.stress.stresses import choose_stresses
from datasets.lap_files import read_laps
from datasets.schema import Lap
from drivesim.appearance import Appearance, Color
from drivesim.errors import DrivesimError
from drivesim.whole_file import whole_file
from drivesim.world import World, WorldSource

METRICS = ("autonomy", "tracks_without_departure", "cross_track_error_mean")

# Laps, and seconds of each: every lap is a road of its own.
AMOUNTS = {"10 s": (1, 10.0), "30 s": (1, 30.0), "3 min": (4, 45.0), "30 min": (40, 45.0)}

# What drives on: the recorded look, colours that no look of the training has, and frames that are not what they were.
SAME_LOOK, OWN_LOOKS = "same look", "looks of their own"
UNSEEN_PALETTE, CORRUPTED = "unseen palette", "corrupted frames"
TRAINED_PALETTE, OTHER_PALETTE = "palette of the training", "palette never seen"
CORRUPTIONS = ("gaussian-noise", "defocus-blur", "darkness", "contrast", "fog", "jpeg")
SEVERITY = 3

# Road and ground differ by this much in the mean of their channels, at least; and are more colourful than any look that
# `Appearance.random` draws (road 0.25, ground 0.55).
_LEAST_CONTRAST, _SATURATION = 50.0, (0.6, 0.9)
_PALETTE_SEED = 0x9A1E

NETWORKS: dict[str, dict[str, Any]] = {
    "PilotNet, new": {},
    "Lite0, new": {"backbone": LITE0, "pretrained": "none"},
    "Lite0, ImageNet, frozen": {"backbone": LITE0, "freeze": True},
    "Lite0, ImageNet, fine-tuned": {"backbone": LITE0},
}

# Each adds to the one before: noise on the expert's steering, and options of the training.
VIEWS: dict[str, tuple[float, dict[str, Any]]] = {
    "no shifted views": (0.0, {"shift": 0.0, "turn": 0.0}),
    "shifted views": (0.0, {}),
    "+ DART": (0.1, {}),
    "+ balance": (0.1, {"balance": 0.5}),
}


# What cloning is without all that is made of the laps: the recorded frames and actions, and nothing else.
PLAIN = {"shift": 0.0, "turn": 0.0, "mirror": False, "looks": 0, "sizes": 1.0, "widths": 1.0, "recolor": 0.0}
CURVE: dict[str, dict[str, Any]] = {"PilotNet, new": {}, "the same, from the recorded frames alone": PLAIN}

# What the laps are seen in again, by options of the training; they are recorded in looks of the training's palette.
PALETTES: dict[str, dict[str, Any]] = {
    "as recorded": {"looks": 0, "recolor": 0.0},
    "other colours": {"palette": "train"},
    "all that looks can have": {"palette": "train", "randomize": "looks"},
}


@dataclass(frozen=True)
class Size:
    """How much is trained and driven.

    Attributes:
        training: Options of agents.train that are the same for all.
        tracks: Unseen roads.
        seconds: On each at most; None for a lap.
        stress_tracks: Roads driven with each corruption.
        stress_seconds: On each of them.
    """

    training: dict[str, Any] = field(default_factory=dict)
    tracks: int = 100
    seconds: float | None = None
    stress_tracks: int = 20
    stress_seconds: float = 20.0


@dataclass(frozen=True)
class Cell:
    """A training of the ablation.

    Attributes:
        group: `networks`, `views`, `curve` or `palettes`.
        row: What is compared.
        amount: Of driving: see `AMOUNTS`.
        driver: Who recorded it.
        noise: On the driver's steering.
        options: Of agents.train, beside those of the size.
        seed: Of the roads, the driving and the training.
    """

    group: str
    row: str
    amount: str
    driver: str
    noise: float
    options: dict[str, Any]
    seed: int

    @property
    def name(self) -> str:
        """For files."""
        return re.sub(r"[^a-z0-9]+", "-", f"{self.group} {self.row} {self.amount} {self.seed}".lower())

    @property
    def conditions(self) -> tuple[str, ...]:
        """What it is measured under."""
        named = {"curve": (OWN_LOOKS,), "palettes": (TRAINED_PALETTE, OTHER_PALETTE)}
        return named.get(self.group, (SAME_LOOK, UNSEEN_PALETTE, CORRUPTED))


def ablation(seeds: range) -> list[Cell]:
    """Return the cells of both tables, seed by seed, so that what is there early is comparable."""
    cells = []
    for seed in seeds:
        for row, options in NETWORKS.items():
            for amount in ("30 s", "3 min", "30 min"):
                cells.append(Cell("networks", row, amount, "human-like", 0.0, options, seed))
        for row, (noise, options) in VIEWS.items():
            cells.append(Cell("views", row, "3 min", "expert", noise, options, seed))
    return cells


def curve(seeds: range) -> list[Cell]:
    """Return the cells of driving against seconds driven."""
    return [
        Cell("curve", row, amount, "human-like", 0.0, options, seed)
        for row, options in CURVE.items()
        for seed in seeds
        for amount in AMOUNTS
    ]


def palettes(seeds: range) -> list[Cell]:
    """Return the cells of what looks in the training are worth where colours were never seen."""
    return [
        Cell("palettes", row, "3 min", "expert", 0.1, options, seed)
        for seed in seeds
        for row, options in PALETTES.items()
    ]


def measured(cell: Cell, size: Size, folder: Path, console: Console) -> dict[str, Any]:
    """Return a cell with what was measured, from its file, or else trained and driven now.

    Raises:
        DrivesimError: If the folder's file is of another cell or size.
    """
    path = folder / "cells" / f"{cell.name}.json"
    wanted = json.loads(json.dumps({"cell": asdict(cell), "size": asdict(size)}))
    if path.exists():
        kept: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        if any(kept.get(name) != value for name, value in wanted.items()):
            raise DrivesimError(f"--out: {path} was measured with other options. Choose another folder.")
        return kept
    laps = _laps(cell, folder / "laps")
    policy = _trained(cell, size, laps, folder / "policies", console)
    found = {condition: _driven(condition, policy, laps, size) for condition in cell.conditions}
    result = {**wanted, "driving": policy.config.driving, "results": found}
    path.parent.mkdir(parents=True, exist_ok=True)
    with whole_file(path) as part:
        part.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    return result


def unseen_look(rng: np.random.Generator) -> Appearance:
    """Draw a look with a road and a ground of strong colours."""
    while True:
        road, ground = _strong_color(rng), _strong_color(rng)
        if np.abs(np.subtract(road, ground)).mean() >= _LEAST_CONTRAST:
            return replace(Appearance.random(rng), road=road, ground=ground)


def _strong_color(rng: np.random.Generator) -> Color:
    red, green, blue = colorsys.hsv_to_rgb(rng.random(), rng.uniform(*_SATURATION), rng.uniform(0.3, 0.95))
    return round(255 * red), round(255 * green), round(255 * blue)


def _laps(cell: Cell, folder: Path) -> list[Lap]:
    """Record a cell's laps, or read those that another cell has recorded."""
    count, seconds = AMOUNTS[cell.amount]
    noisy = f"-{cell.noise:g}" if cell.noise else ""
    is_palette = cell.group == "palettes"
    palette = "-train-palette" if is_palette else ""
    path = folder / f"{cell.driver}{noisy}{palette}-{cell.amount.replace(' ', '')}-{cell.seed}"
    if not path.exists():
        part = path.with_name(f".{path.name}.part")
        shutil.rmtree(part, ignore_errors=True)
        args = record.Args(part, cell.driver, count, seconds, noise=cell.noise, seed=cell.seed)
        look = replace(args, randomize="looks", palette="train") if is_palette else args
        record.main(replace(look, first_seed=100 * cell.seed))
        part.rename(path)
    return read_laps([path])[0]


def _trained(cell: Cell, size: Size, laps: Sequence[Lap], folder: Path, console: Console) -> Policy:
    """Train a cell's policy, or read the one that was trained to its end."""
    path, part = folder / cell.name, folder / f".{cell.name}.part"
    if not path.exists():
        options = {**size.training, **cell.options}
        args = train.Args(data=[], out=part, seed=cell.seed, resume=(part / CHECKPOINT).exists(), **options)
        if not args.resume:
            shutil.rmtree(part, ignore_errors=True)
        train.check(args)
        training = train.make_training(args, Material.of_laps(laps), console)
        if args.resume:
            training.resume()
        training.run(console)
        part.rename(path)
    return Policy.load(path)


def _driven(condition: str, policy: Policy, laps: Sequence[Lap], size: Size) -> dict[str, float]:
    course = Course.made_for(policy.config, time_limit=size.seconds)
    worlds = WorldSource(range(size.tracks), "mixed", "test").all()
    if condition == CORRUPTED:
        timed = replace(course, time_limit=size.stress_seconds)
        chosen = choose_stresses([*CORRUPTIONS])
        means = measure_robustness(policy, worlds[: size.stress_tracks], timed, chosen, [SEVERITY]).means()
        return {name: means[name] for name in METRICS}
    if condition == SAME_LOOK:
        look = Appearance.from_dict(laps[0].info.appearance)
        worlds = [World(world.track, look) for world in worlds]
    elif condition in (TRAINED_PALETTE, OTHER_PALETTE):
        palette = "train" if condition == TRAINED_PALETTE else "test"
        worlds = WorldSource(range(size.tracks), "mixed", "test", randomize="looks", palette=palette).all()
    elif condition == UNSEEN_PALETTE:
        looks = [unseen_look(np.random.default_rng([_PALETTE_SEED, i])) for i in range(len(worlds))]
        worlds = [World(world.track, look) for world, look in zip(worlds, looks, strict=True)]
    summary = evaluate(policy, worlds, course).summary
    return {name: summary[name] for name in METRICS}
