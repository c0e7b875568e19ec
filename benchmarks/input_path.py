"""python -m benchmarks.input_path --json input_path.json

Time how batches reach a network: rendered from laps, and beside it, in turns, decoded from JPEG files of the very same
frames by a torch DataLoader with 2 workers. Then train with each, and say what rendering costs of the training's time.
"""

import json
import tempfile
import time
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from rich.console import Console
from rich.table import Table
from torch.utils.data import DataLoader, Dataset

from agents import record, train
from agents.learning.material import Material
from benchmarks.machine import about_this_run
from datasets.frames import Batch, RenderedFrames, Variety
from datasets.lap_files import read_laps
from datasets.schema import Lap
from drivesim.camera import get_camera
from drivesim.command import run_command
from drivesim.errors import DrivesimError, option_name

# Threads that draw, and processes that decode.
_WORKERS = 2
_QUALITY = 90


@dataclass
class Args:
    """Options of the command."""

    data: list[Path] | None = None
    """Folders of laps; 40 laps of the expert are recorded if left out."""
    samples: int = 12_800
    """Frames to an epoch, as in agents.train; as many JPEG files are written."""
    batch_size: int = 128
    """Frames to a batch."""
    rounds: int = 3
    """Turns of drawing and decoding an epoch; the medians count."""
    training_rounds: int = 3
    """Turns of training an epoch, which takes much longer."""
    camera: str = "topdown"
    """What is drawn: topdown, front, left or right."""
    json: Path | None = None
    """Write the figures here."""


def main(args: Args) -> None:
    """Measure and print."""
    for name in ("samples", "batch_size", "rounds", "training_rounds"):
        if getattr(args, name) < 1:
            raise DrivesimError(f"{option_name(name)}: expected 1 or more, got {getattr(args, name)}.")
    if args.samples < args.batch_size:
        raise DrivesimError(f"--samples: expected a batch of {args.batch_size} at least, got {args.samples}.")
    console = Console()
    with tempfile.TemporaryDirectory(prefix="drivesim-") as folder:
        laps = _laps(args, Path(folder) / "laps")
        turns = {
            **_input_turns(args, laps, Path(folder), console),
            **_training_turns(args, laps, Path(folder), console),
        }
    medians = {name: float(np.median(values)) for name, values in turns.items()}
    ratios = {
        "rendered / decoded": medians["rendered (frames/s)"] / medians["decoded from JPEG (frames/s)"],
        "share of the training's time spent waiting for batches": medians["waiting (s)"]
        / medians["training, rendered (s)"],
        "share by which rendering makes training longer": 1
        - medians["training, batches ready (s)"] / medians["training, rendered (s)"],
    }
    console.print(_table(medians, ratios))
    if args.json is not None:
        options = {name: value for name, value in asdict(args).items() if name not in ("data", "json")}
        about = about_this_run("torch", "opencv-python-headless")
        report = {**about, "options": options, "turns": turns, "medians": medians, "ratios": ratios}
        args.json.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")


class JpegFiles(Dataset[tuple[torch.Tensor, torch.Tensor]]):
    """Frames in JPEG files, with their labels."""

    def __init__(self, folder: Path, labels: np.ndarray) -> None:
        self._names, self._labels = [str(folder / f"{i:06d}.jpg") for i in range(len(labels))], labels

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self._names)

    def __getitem__(self, index: int) -> tuple[torch.Tensor, torch.Tensor]:
        """Decode one: (H, W, 3) uint8 RGB, and its actions (A,)."""
        frame = cv2.imread(self._names[index], cv2.IMREAD_COLOR)
        assert frame is not None
        return torch.from_numpy(cv2.cvtColor(frame, cv2.COLOR_BGR2RGB)), torch.from_numpy(self._labels[index])


class TimedFrames:
    """A source of batches that notes how long whoever takes them waits, and how long an epoch takes in all.

    Attributes:
        waited: Seconds.
        seconds: Of the epochs so far.
    """

    def __init__(self, source: Any) -> None:
        self._source = source
        self.waited = self.seconds = 0.0

    def __len__(self) -> int:
        """Return the number of recorded steps."""
        return len(self._source)

    def epoch(self, *arguments: Any) -> Iterator[Batch]:
        """See `RenderedFrames.epoch`."""
        batches = self._source.epoch(*arguments)
        started = asked = time.perf_counter()
        for batch in batches:
            self.waited += time.perf_counter() - asked
            yield batch
            asked = time.perf_counter()
        ended = time.perf_counter()
        self.waited += ended - asked
        self.seconds += ended - started


class ReadyBatches:
    """A source whose batches have been drawn."""

    def __init__(self, batches: list[Batch]) -> None:
        self._batches = batches

    def __len__(self) -> int:
        """Return the number of samples."""
        return sum(len(batch.actions) for batch in self._batches)

    def epoch(self, *_: Any) -> Iterator[Batch]:
        """Yield all of them."""
        yield from self._batches


def write_jpegs(folder: Path, batches: list[Batch]) -> JpegFiles:
    """Write the frames of batches as JPEG files."""
    folder.mkdir()
    count = 0
    for batch in batches:
        for frame in batch.frames[0]:
            options = [cv2.IMWRITE_JPEG_QUALITY, _QUALITY]
            cv2.imwrite(str(folder / f"{count:06d}.jpg"), frame[..., ::-1], options)
            count += 1
    return JpegFiles(folder, np.concatenate([batch.actions for batch in batches]))


def _laps(args: Args, folder: Path) -> list[Lap]:
    if args.data is not None:
        return read_laps(args.data)[0]
    record.main(record.Args(out=folder))
    return read_laps([folder])[0]


def _input_turns(args: Args, laps: list[Lap], folder: Path, console: Console) -> dict[str, list[float]]:
    """Frames a second of whole epochs: what begins an epoch, textures or worker processes, is part of it."""
    source = RenderedFrames(laps, get_camera(args.camera), Variety(), _WORKERS)

    files = write_jpegs(folder / "jpegs", _drawn(source, args, 0))
    loader = DataLoader(files, args.batch_size, shuffle=True, num_workers=_WORKERS, drop_last=True)
    rates: dict[str, list[float]] = {"rendered (frames/s)": [], "decoded from JPEG (frames/s)": []}
    for turn in range(args.rounds):
        rng = np.random.default_rng(1 + turn)
        sources: tuple[Iterable[Any], ...] = (source.epoch(args.samples, args.batch_size, rng), loader)
        for name, batches in zip(rates, sources, strict=True):
            started = time.perf_counter()
            count = sum(len(batch[1]) for batch in batches)
            rates[name].append(count / (time.perf_counter() - started))
            console.print(f"turn {turn + 1}: {name}: {rates[name][-1]:,.0f}", highlight=False)
    return rates


def _training_turns(args: Args, laps: list[Lap], folder: Path, console: Console) -> dict[str, list[float]]:
    """Seconds of an epoch of training PilotNet as agents.train does, from laps and from batches that lie ready."""
    material = Material.of_laps(laps)
    seconds: dict[str, list[float]] = {
        "training, rendered (s)": [],
        "training, batches ready (s)": [],
        "waiting (s)": [],
    }
    for turn in range(args.training_rounds):
        options: dict[str, Any] = {"epochs": 1, "samples": args.samples, "batch_size": args.batch_size, "device": "cpu"}
        common = train.Args(data=[], out=folder, camera=[args.camera], seed=turn, threads=_WORKERS, **options)
        rendered = TimedFrames(train.make_frames(common, material, console))
        ready = TimedFrames(ReadyBatches(_drawn(train.make_frames(common, material, console), args, turn)))
        for name, frames in (("rendered", rendered), ("ready", ready)):
            common.out = folder / f"{name}-{turn}"
            training = train.make_training(common, material)
            training.frames = frames
            training.drive = lambda _: {"autonomy": 1.0, "cross_track_error": 0.0}
            training.run(Console(quiet=True))
        figures = (rendered.seconds, ready.seconds, rendered.waited)
        for name, value in zip(seconds, figures, strict=True):
            seconds[name].append(value)
            console.print(f"turn {turn + 1}: {name}: {value:.2f}", highlight=False)
    return seconds


def _drawn(source: Any, args: Args, seed: int) -> list[Batch]:
    return [*source.epoch(args.samples, args.batch_size, np.random.default_rng(seed))]


def _table(medians: dict[str, float], ratios: dict[str, float]) -> Table:
    table = Table(title="How batches reach a network (medians), one run on one machine")
    table.add_column("what")
    table.add_column("", justify="right")
    for name, value in medians.items():
        table.add_row(name, f"{value:,.0f}" if "frames/s" in name else f"{value:.2f}")
    table.add_section()
    for name, value in ratios.items():
        table.add_row(name, f"{value:.1f} x" if "/" in name else f"{value:.1%}")
    return table


if __name__ == "__main__":
    run_command(main, Args, __doc__)
