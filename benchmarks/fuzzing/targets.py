"""Targets: everything that takes something from outside, each made ready to be given damaged things."""

import json
from collections.abc import Callable
from dataclasses import asdict, replace
from functools import cache, partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch

from agents.checksum import checksum_of
from agents.deployment.exported_file import EXPORT_VERSION
from agents.deployment.onnx_driver import OnnxDriver
from agents.expert import ExpertDriver
from agents.models.model_files import CONFIG, WEIGHTS
from agents.models.networks import network_of
from agents.models.policy_config import PolicyConfig
from agents.policy import Policy
from agents.provenance import lap_info
from agents.rollout import Course, drive, lap_columns
from benchmarks.fuzzing.command_lines import CommandLines
from benchmarks.fuzzing.damaged_files import DamagedFile, DamagedFolder, LossError
from benchmarks.fuzzing.environment_calls import EnvironmentCalls
from benchmarks.fuzzing.mutation import mutated_bytes, mutated_json
from datasets.data_format import FORMATS, read_stored
from datasets.formats.tub_records import PICTURE
from datasets.image_folder import read_image_folder
from datasets.lap_drives import drives_of_laps
from datasets.lap_files import read_lap
from datasets.recording import LapWriter
from datasets.schema import Columns, Lap, LapInfo
from drivesim.appearance import Appearance
from drivesim.camera import Camera
from drivesim.errors import DrivesimError
from drivesim.scenario import Scenario
from drivesim.track import Track
from drivesim.track_files import read_track, write_track
from drivesim.track_generation import generate_track
from drivesim.vehicle import VEHICLES
from drivesim.world import World

Case = Callable[[int, np.random.Generator], None]

# Small, so that a case takes milliseconds.
CAMERA = Camera(width=64, height=40, fov=90.0, mount=(0.6, 0.0, 1.4), pitch=8.0)
_STEPS = 9
_MOST_PIXELS = 2**16


def ring() -> Track:
    """Return a round road."""
    angle = np.linspace(0, 2 * np.pi, 12, endpoint=False)
    return Track.from_points(np.column_stack([40 * np.cos(angle), 40 * np.sin(angle), np.full((12, 2), 4.0)]), "ring")


@cache
def expert_drive(steps: int) -> tuple[LapInfo, Columns]:
    """Return what is known of a lap of the expert on a round road, and its steps."""
    world = World(ring(), Appearance.preset("plain"))
    course = Course(time_limit=steps / 20)
    driven = drive(ExpertDriver(), [world], course, np.random.default_rng(0))[0]
    return lap_info(world, Scenario().rules(False), "expert", 0), lap_columns(driven)


def _lap(folder: Path) -> tuple[Path, Lap]:
    """Record half a second; returns the partial file as it was before it was closed, and the lap."""
    info, columns = expert_drive(_STEPS)
    with LapWriter(folder, info) as writer:
        for part in np.array_split(np.arange(_STEPS), 3):
            writer.extend({name: values[part] for name, values in columns.items()})
        partial_lap = folder / f"{writer.name}.arrows"
        kept = partial_lap.with_name("kept.arrows")
        kept.write_bytes(partial_lap.read_bytes())
    return kept, read_lap(writer.path)


def _same_steps(whole: Lap, path: Path) -> None:
    """Read a lap; what is read of a partial one must be what was recorded."""
    lap = read_lap(path)
    if path.suffix == ".arrows":
        for name, values in whole.columns.items():
            if name != "mark" and lap.columns[name].tobytes() != values[: len(lap)].tobytes():
                raise LossError(f"the {name} that was read is not what was recorded")


def laps(folder: Path) -> Case:
    """Whole laps."""
    _, lap = _lap(folder)
    path = folder / "lap-000001.parquet"
    return DamagedFile(path, [path.read_bytes()], partial(_same_steps, lap))


def partial_laps(folder: Path) -> Case:
    """Laps that were cut off."""
    path, lap = _lap(folder)
    return DamagedFile(path, [path.read_bytes()], partial(_same_steps, lap))


def tracks(folder: Path) -> Case:
    """Track files."""
    path = folder / "track.csv"
    variants = []
    for track in (ring(), generate_track(3, "medium")):
        few = Track.from_points(track.points[:: max(1, len(track.points) // 40)], track.name)
        write_track(few, path)
        text = path.read_text(encoding="utf-8")
        variants += [text, text.replace(",", ";").replace("# ", "")]

    def read(path: Path) -> None:
        track = read_track(path)
        if not (np.isfinite(track.length) and np.isfinite(track.position(np.arange(3.0), np.zeros(3))).all()):
            raise LossError("a road that is not finite")

    return DamagedFile(path, [text.encode() for text in variants], read)


def policies(folder: Path) -> Case:
    """Policies' folders, whose checksums mostly fit what was spoilt."""
    policy = _policy()
    policy.save(folder / "policy")

    def config(data: bytes, rng: np.random.Generator, _: list[bytes]) -> bytes:
        try:
            values = json.loads(data)
        except (ValueError, RecursionError):  # spoilt before
            return mutated_bytes(data, rng)
        for _round in range(int(rng.integers(1, 3))):
            values = mutated_json(values, rng)
        return json.dumps(values).encode()

    def weights(data: bytes, rng: np.random.Generator, _: list[bytes]) -> bytes:
        # Eight bytes that say how long the header is, and the header.
        size = int.from_bytes(data[:8], "little")
        try:
            header = json.dumps(mutated_json(json.loads(data[8 : 8 + size]), rng)).encode()
        except (ValueError, RecursionError):  # spoilt before
            return mutated_bytes(data, rng)
        return len(header).to_bytes(8, "little") + header + data[8 + size :]

    def read(path: Path) -> None:
        loaded = Policy.load(path, "cpu")
        pixels = sum(int(np.prod(shape)) for shape in loaded.config.frame_shapes)
        if pixels <= 3 * _MOST_PIXELS:
            frames = [np.zeros((1, *shape), np.uint8) for shape in loaded.config.frame_shapes]
            loaded.predict(frames, np.zeros(1) if loaded.config.takes_speed else None)

    def seal(path: Path, rng: np.random.Generator) -> None:
        """Give a configuration the checksum of the weights beside it."""
        if rng.random() < 0.1 or not (path / WEIGHTS).is_file() or not (path / CONFIG).is_file():
            return
        try:
            values = json.loads((path / CONFIG).read_bytes())
            values["weights_sha256"] = checksum_of(path / WEIGHTS)
        except (ValueError, TypeError, RecursionError):
            return
        (path / CONFIG).write_text(json.dumps(values), encoding="utf-8")

    return DamagedFolder(folder / "policy", read, {CONFIG: config, WEIGHTS: weights}, seal)


def onnx(folder: Path) -> Case:
    """Exported policies."""
    from agents.deployment.onnx_files import write_onnx

    path, policy = folder / "policy.onnx", _policy()
    write_onnx(path, policy, {"config": asdict(policy.config), "exported": {"version": EXPORT_VERSION}})
    whole = path.read_bytes()

    def read(path: Path) -> None:
        OnnxDriver(path, 1)

    return DamagedFile(path, [whole], read, each_byte=False)


def recordings(name: str, folder: Path) -> Case:
    """Recordings of one of the formats: see `FORMATS`."""
    drives = _drives(folder)
    (written,) = [one for one in FORMATS if one.option == name]
    assert written.write is not None
    (folder / name).mkdir()
    written.write(folder / name, drives, lambda _: None)
    return DamagedFolder(folder / name, _read_recording)


def old_tubs(folder: Path) -> Case:
    """Tubs of version 1: a file a record, and its picture beside it."""
    recordings("tub", folder)
    below = folder / "old"
    below.mkdir()
    for line in (folder / "tub" / "catalog_0.catalog").read_text(encoding="utf-8").splitlines():
        record: dict[str, Any] = json.loads(line)
        number, picture = record["_index"] + 1, f"{record['_index'] + 1}_cam-image_array_.jpg"
        (below / picture).write_bytes((folder / "tub" / "images" / record[PICTURE]).read_bytes())
        values = {name: value for name, value in record.items() if name.startswith("user/")}
        values |= {PICTURE: picture, "milliseconds": 50 * number}
        (below / f"record_{number}.json").write_text(json.dumps(values), encoding="utf-8")
    return DamagedFolder(below, _read_recording)


def image_folders(folder: Path) -> Case:
    """Folders of labelled pictures."""
    (drive_,) = _drives(folder)
    for number, picture in enumerate(drive_.pictures.read(range(8))):
        below = folder / "images" / ("train", "val")[number % 2] / ("a", "b")[number // 2 % 2]
        below.mkdir(parents=True, exist_ok=True)
        suffix = (".png", ".jpg", ".bmp", ".webp", ".tif", ".ppm", ".png", ".jpg")[number]
        (below / f"{number}{suffix}").write_bytes(cv2.imencode(suffix, picture)[1].tobytes())

    def read(path: Path) -> None:
        read_image_folder(path, 16, 0)

    return DamagedFolder(folder / "images", read)


def _drives(folder: Path) -> list[Any]:
    _, lap = _lap(folder)
    return drives_of_laps([replace(lap)], CAMERA)[0]


def _read_recording(folder: Path) -> None:
    """Read a recording with all its pictures; what is lost has to be said."""
    reading = read_stored(folder)
    for each in reading.drives:
        for pictures in (each.pictures, *(side.pictures for side in each.sides.values())):
            if any(picture.dtype != np.uint8 or picture.ndim != 3 for picture in pictures.read(range(len(pictures)))):
                raise LossError("a picture that is none")
        if not (np.abs(each.steering) <= 1).all():
            raise LossError("a steering beyond its range")


def _policy() -> Policy:
    camera = Camera(width=64, height=64, span=38.4, mount=(9.6, 0.0, 0.0))
    config = PolicyConfig("pilotnet", (camera,), ("steering",), dict(vars(VEHICLES["car"])), 20.0)
    torch.manual_seed(0)
    return Policy(config, network_of(config), "cpu")


TARGETS: dict[str, Callable[[Path], Case]] = {
    "environment": EnvironmentCalls,
    "tracks": tracks,
    "laps": laps,
    "partial-laps": partial_laps,
    "policies": policies,
    "onnx": onnx,
    "tubs": partial(recordings, "tub"),
    "old-tubs": old_tubs,
    "logs": partial(recordings, "udacity"),
    "picture-folders": partial(recordings, "pictures"),
    "image-folders": image_folders,
    "minari": partial(recordings, "minari"),
    "lerobot": partial(recordings, "lerobot"),
    "commands": CommandLines,
}


def make_target(name: str, folder: Path) -> Case:
    """Make a target ready in an empty folder.

    Raises:
        DrivesimError: If a package that writes its files is missing.
    """
    folder.mkdir(parents=True, exist_ok=True)
    try:
        return TARGETS[name](folder)
    except ImportError as error:
        raise DrivesimError(f"{name}: {error.name} is not installed: pip install -e .[dev]") from error
