"""LeRobot: data sets of version 3, read with pyarrow and PyAV, without lerobot itself; `lerobot_writer` writes."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from datasets.formats.drive import Pictures, Reading, StoredDrive
from datasets.formats.film import Film
from datasets.formats.lerobot_files import INFO, VERSION, file_of, read_columns
from datasets.formats.losses import Losses
from datasets.formats.picture_files import decode_picture
from datasets.formats.text_lines import json_file
from drivesim.errors import DrivesimError

NAME = "LeRobot data set"
_WAY_OUT = "Copy the data set anew from where it is whole."

_PEDALS, _BRAKES = ("pedal", "throttle", "gas"), ("brake",)


def is_lerobot(folder: Path) -> bool:
    """Whether a folder looks like one."""
    return (folder / INFO).is_file()


def read_lerobot(folder: Path, strict: bool = False) -> Reading:
    """Read a data set whose actions are steering, or steering and pedal.

    Raises:
        DrivesimError: If no step can be used, or, under `strict`, at the first bad one.
    """
    losses = Losses(str(folder), strict)
    info = _Info.read(folder, losses)
    drives: list[StoredDrive] = []
    tables: dict[Path, pa.Table] = {}
    films: dict[Path, Film] = {}
    for episode in _episodes(folder, info, losses):
        name = f"episode {episode.get('episode_index')}"
        try:
            path = file_of(
                folder,
                info.data_path,
                chunk_index=_whole(episode, "data/chunk_index"),
                file_index=_whole(episode, "data/file_index"),
            )
            if path not in tables:
                tables = {path: read_columns(path, info.columns)}
            rows = tables[path].filter(pc.equal(tables[path]["episode_index"], episode["episode_index"]))
            drive = _drive(folder, info, name, episode, rows, films, losses)
        except (ValueError, KeyError, TypeError, IndexError, OverflowError, pa.ArrowException) as error:
            if isinstance(error, DrivesimError):
                raise
            losses.bad(name, " ".join(str(error).split())[:160])
            continue
        if drive is not None:
            drives.append(drive)
    if not drives:
        raise losses.nothing_left(_WAY_OUT)
    return Reading(NAME, drives, losses)


@dataclass(frozen=True)
class FilmPictures:
    """Pictures of a stretch of a film.

    Attributes:
        film: Several drives may share it.
        times: (T,) seconds in the film.
        tolerance: Seconds that a picture may be off.
    """

    film: Film
    times: np.ndarray
    tolerance: float

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self.times)

    def read(self, indices: Sequence[int]) -> list[np.ndarray]:
        """Return some of them; see `Pictures`."""
        return self.film.pictures_at([float(self.times[index]) for index in indices], self.tolerance)


@dataclass(frozen=True)
class EncodedPictures:
    """Pictures that are held as JPEG or PNG."""

    encoded: Sequence[bytes]

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self.encoded)

    def read(self, indices: Sequence[int]) -> list[np.ndarray]:
        """Return some of them; see `Pictures`."""
        return [decode_picture(self.encoded[index]) for index in indices]


@dataclass(frozen=True)
class _Info:
    """What `info.json` says, checked."""

    data_path: object
    video_path: object
    fps: float
    camera: str
    is_film: bool
    steering: int
    pedals: tuple[int, ...]
    brakes: tuple[int, ...]
    actions: int
    speed: int | None

    @property
    def columns(self) -> dict[str, bool]:
        """Columns of the data files, and whether each must be there."""
        needed = {"episode_index": True, "frame_index": True, "timestamp": True, "action": True}
        return {**needed, "observation.state": False, **({} if self.is_film else {self.camera: True})}

    @classmethod
    def read(cls, folder: Path, losses: Losses) -> "_Info":
        path = folder / INFO
        try:
            info = json_file(path)
            version, features = str(info["codebase_version"]), info["features"]
            if not version.startswith("v3."):
                raise DrivesimError(
                    f"{path}: version {version[:20]} of the format; expected {VERSION}. Convert it: python -m "
                    "lerobot.datasets.v30.convert_dataset_v21_to_v30"
                )
            cameras = {key: of["dtype"] for key, of in features.items() if of.get("dtype") in ("video", "image")}
            if not cameras:
                raise DrivesimError(f"{path}: no feature is a picture; there are: {', '.join(features)}.")
            ahead = [key for key in cameras if any(word in key for word in ("front", "center", "cam"))]
            camera = (ahead or list(cameras))[0]
            if len(cameras) > 1:
                losses.note(f"of {len(cameras)} cameras {camera} is read")
            names, count = _names(features["action"])
            if "steering" not in names and count > 3:
                raise DrivesimError(
                    f"{path}: an action has {count} values ({', '.join(names) or 'without names'}); expected steering, "
                    "or steering and pedal."
                )
            places = {name: place for place, name in enumerate(names or _usual_names(count))}
            state, _ = _names(features.get("observation.state", {"shape": [0]}))
            fps = float(info["fps"])
            if not 0 < fps <= 1000:
                raise ValueError(f"fps is {fps}")
            return cls(
                info.get("data_path"),
                info.get("video_path"),
                fps,
                camera,
                cameras[camera] == "video",
                places.get("steering", 0),
                tuple(places[name] for name in _PEDALS if name in places)[:1],
                tuple(places[name] for name in _BRAKES if name in places),
                count,
                state.index("speed") if "speed" in state else None,
            )
        except (ValueError, KeyError, TypeError, AttributeError, IndexError, OverflowError) as error:
            if isinstance(error, DrivesimError):
                raise
            raise DrivesimError(f"{path} can't be used ({' '.join(str(error).split())[:120]}). {_WAY_OUT}") from error


def _names(feature: dict[str, Any]) -> tuple[list[str], int]:
    """The names of a feature's values, as far as they are known, and how many values it has."""
    names, count = feature.get("names"), int(feature["shape"][0])
    if isinstance(names, dict) and len(names) == 1:  # {"motors": [...]}
        names = next(iter(names.values()))
    return ([str(name).lower() for name in names] if isinstance(names, list) else []), count


def _usual_names(count: int) -> list[str]:
    return {1: ["steering"], 2: ["steering", "pedal"]}.get(count, ["steering", "gas", "brake"])


def _episodes(folder: Path, info: _Info, losses: Losses) -> list[dict[str, Any]]:
    """The rows of the tables of episodes, in order."""
    film = [f"videos/{info.camera}/{name}" for name in ("chunk_index", "file_index", "from_timestamp")]
    wanted = dict.fromkeys(("episode_index", "data/chunk_index", "data/file_index"), True)
    wanted |= dict.fromkeys(film if info.is_film else (), True)
    rows: list[dict[str, Any]] = []
    for path in sorted((folder / "meta" / "episodes").glob("chunk-*/file-*.parquet")):
        try:
            rows += read_columns(path, wanted).to_pylist()
        except ValueError as error:
            losses.bad(path.relative_to(folder).as_posix(), str(error))
    return sorted(rows, key=lambda row: row["episode_index"] if isinstance(row["episode_index"], int) else -1)


def _drive(
    folder: Path,
    info: _Info,
    name: str,
    episode: dict[str, Any],
    rows: pa.Table,
    films: dict[Path, Film],
    losses: Losses,
) -> StoredDrive | None:
    """Read an episode; None where no step of it can be used."""
    if not rows.num_rows:
        raise ValueError("its rows are missing")
    actions = np.array(rows["action"].to_pylist(), np.float64).reshape(rows.num_rows, -1)
    if actions.shape[1] != info.actions:
        raise ValueError(f"its actions have {actions.shape[1]} values, expected {info.actions}")
    time = np.array(rows["timestamp"].to_pylist(), np.float64).reshape(-1)
    pedal = np.full(rows.num_rows, np.nan)
    if info.pedals:
        pedal = actions[:, info.pedals[0]] - (actions[:, info.brakes[0]] if info.brakes else 0.0)
    used = [info.steering, *info.pedals, *info.brakes]
    faults = np.where((np.abs(actions[:, used]) <= 1).all(axis=1), "", "its action is not in -1 ... 1").astype(object)
    pictures, size = _pictures(folder, info, episode, rows, time, films, faults)
    kept = np.flatnonzero(faults == "")
    for step in np.flatnonzero(faults != ""):
        losses.bad(f"{name} step {step}", str(faults[step]))
    if not len(kept):
        return None
    speed = np.full(rows.num_rows, np.nan)
    if info.speed is not None and "observation.state" in rows.column_names:
        speed = np.array(rows["observation.state"].to_pylist(), np.float64).reshape(rows.num_rows, -1)[:, info.speed]
    return StoredDrive(
        name, pictures(kept), size, actions[kept, info.steering], pedal[kept], speed[kept], time[kept] - time[kept[0]]
    )


def _pictures(
    folder: Path,
    info: _Info,
    episode: dict[str, Any],
    rows: pa.Table,
    time: np.ndarray,
    films: dict[Path, Film],
    faults: np.ndarray,
) -> tuple[Callable[[np.ndarray], Pictures], tuple[int, int]]:
    """Look for an episode's pictures, noting steps without one; gives what takes those of some steps, and a size."""
    if not info.is_film:
        return _encoded(rows[info.camera].to_pylist(), faults)
    key = f"videos/{info.camera}"
    path = file_of(
        folder,
        info.video_path,
        video_key=info.camera,
        chunk_index=_whole(episode, f"{key}/chunk_index"),
        file_index=_whole(episode, f"{key}/file_index"),
    )
    if path not in films:
        films[path] = Film(path)
    film, tolerance = films[path], 0.5 / info.fps
    times = float(episode[f"{key}/from_timestamp"]) + time
    faults[(faults == "") & ~film.has(times, tolerance)] = "the film has no picture at its time"
    return (lambda kept: FilmPictures(film, times[kept], tolerance)), film.size


def _encoded(values: list[Any], faults: np.ndarray) -> tuple[Callable[[np.ndarray], Pictures], tuple[int, int]]:
    size: tuple[int, int] | None = None
    encoded: list[bytes] = []
    for step, value in enumerate(values):
        data = value.get("bytes") if isinstance(value, dict) else None
        encoded.append(data or b"")
        try:
            if data is None:
                raise ValueError("its picture is not in the table")
            found = decode_picture(data).shape[:2]
            if size is not None and found != size:
                raise ValueError(f"the picture has another size than the usual {size[0]} x {size[1]}")
            size = found
        except ValueError as error:
            faults[step] = faults[step] or str(error)
    return (lambda kept: EncodedPictures([encoded[step] for step in kept])), size or (0, 0)


def _whole(row: dict[str, Any], name: str) -> int:
    value = row.get(name)
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise ValueError(f"its {name} is no whole number")
    return value
