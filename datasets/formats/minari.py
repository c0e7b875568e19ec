"""Minari: the Farama Foundation's data sets, `<id>/data/metadata.json` and `main_data.hdf5`, read and written.

The `minari` package writes. Reading takes `h5py` alone: where a data set does not state its spaces, `minari` itself
would make the environment that it names, and so run whatever the data set asks for.
"""

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from datasets.box_action import pedal_of
from datasets.formats.drive import FASTEST, Reading, StoredDrive
from datasets.formats.losses import Losses
from datasets.formats.picture_files import decode_picture
from datasets.formats.steps import Step, steps_of
from datasets.formats.text_lines import in_short, json_file
from datasets.schema import MAX_STEPS
from drivesim.camera import MAX_PIXELS
from drivesim.errors import DrivesimError

NAME = "minari data set"
DATASET_ID = "drivesim/laps-v0"
_METADATA, _MAIN = Path("data", "metadata.json"), Path("data", "main_data.hdf5")
_EPISODE = re.compile(r"episode_(\d+)")
_INSTALL = "pip install 'minari>=0.5.3' h5py"
# What h5py raises for files that are damaged.
_UNREADABLE = (OSError, ValueError, KeyError, TypeError, RuntimeError, AttributeError, IndexError, OverflowError)


def is_minari(folder: Path) -> bool:
    """Whether a folder looks like one."""
    return (folder / _METADATA).is_file()


def read_minari(folder: Path, strict: bool = False) -> Reading:
    """Read a data set whose observations hold a picture, and whose actions are steering, or steering and pedal.

    Actions of three values are steering, throttle and brake, as in CarRacing.

    Raises:
        DrivesimError: If no step can be used, or, under `strict`, at the first bad one.
    """
    h5py = _h5py()
    losses = Losses(str(folder), strict)
    layout = _layout(folder)
    drives: list[StoredDrive] = []
    try:
        if not (folder / _MAIN).is_file():  # a pipe would never end
            raise OSError("there is no plain file of that name")
        with h5py.File(folder / _MAIN, "r") as file:
            numbered = {int(match[1]): name for name in file if (match := _EPISODE.fullmatch(name))}
            for number in sorted(numbered):
                try:
                    drives += _episode(folder, file, numbered[number], layout, losses)
                except _UNREADABLE as error:
                    if isinstance(error, DrivesimError):
                        raise
                    losses.bad(numbered[number], f"the episode can't be read ({in_short(error)})")
    except _UNREADABLE as error:
        if isinstance(error, DrivesimError):
            raise
        raise DrivesimError(f"{folder / _MAIN} can't be read ({in_short(error)}). Copy the data set anew.") from error
    if not drives:
        raise losses.nothing_left("Copy the data set anew from where it is whole.")
    return Reading(NAME, drives, losses)


def repair_minari(folder: Path, out: Path, losses: Losses) -> None:
    """Write what is whole of a data set as a new one; pictures are encoded again. See `repair_tub`."""
    write_minari(out, read_minari(folder).drives, lambda _: None)
    losses.note("pictures of the copy are encoded anew")


def write_minari(folder: Path, drives: Iterable[StoredDrive], on_step: Callable[[int], None]) -> None:
    """Write drives as a data set that `minari` opens.

    Args:
        folder: Empty. `minari.load_dataset` finds it as `drivesim/laps-v0` below `MINARI_DATASETS_PATH`.
        drives: Each becomes an episode; its last picture stands for the observation after the last action.
        on_step: Told the number of steps that are written.
    """
    try:
        from gymnasium import spaces
        from minari import __version__
        from minari.data_collector import EpisodeBuffer
        from minari.dataset.minari_storage import MinariStorage
    except ImportError as error:
        raise DrivesimError(f"--to minari: minari is not installed: {_INSTALL}") from error
    drives = list(drives)
    has_pedal = all(np.isfinite(drive.pedal).all() for drive in drives)
    has_speed = all(np.isfinite(drive.speed).all() for drive in drives)
    camera = spaces.Box(0, 255, (*drives[0].size, 3), np.uint8)
    parts: dict[str, Any] = {"camera": camera}
    if has_speed:
        parts["speed"] = spaces.Box(-np.inf, np.inf, (1,), np.float32)
    storage = MinariStorage.new(
        folder / "data",
        observation_space=spaces.Dict(parts),
        action_space=spaces.Box(-1, 1, (2 if has_pedal else 1,), np.float32),
    )
    storage.update_metadata({"dataset_id": DATASET_ID, "minari_version": __version__, "algorithm_name": "drivesim"})
    count = 0
    for drive in drives:
        steps: list[Step] = []
        for step in steps_of(drive):
            steps.append(step)
            on_step(count + len(steps))
        count += len(steps)
        seen = [*steps, steps[-1]]
        observations: dict[str, Any] = {"camera": [step.frame for step in seen]}
        if has_speed:
            observations["speed"] = np.array([[step.speed] for step in seen], np.float32)
        actions = [[step.steering, step.pedal] if has_pedal else [step.steering] for step in steps]
        last = np.arange(len(steps)) == len(steps) - 1
        storage.update_episodes(
            [
                EpisodeBuffer(
                    observations=observations,
                    actions=np.array(actions, np.float32),
                    rewards=np.zeros(len(steps)),
                    terminations=np.zeros(len(steps), bool),
                    truncations=last,
                    infos={"time": np.array([step.time for step in seen])},
                )
            ]
        )


@dataclass(frozen=True)
class HdfPictures:
    """Pictures in an HDF5 file.

    Attributes:
        path: Of the file.
        dataset: Name of the data set in it: (N, H, W, 3) uint8, or N encoded pictures.
        indices: (T,) which of them are the drive's.
    """

    path: Path
    dataset: str
    indices: np.ndarray

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self.indices)

    def read(self, indices: Sequence[int]) -> list[np.ndarray]:
        """Return some of them, each (H, W, 3) uint8 RGB.

        Raises:
            DrivesimError: If they can't be read any more.
        """
        try:
            with _h5py().File(self.path, "r") as file:
                pictures = file[self.dataset]
                return [_decode(pictures[int(self.indices[index])]) for index in indices]
        except _UNREADABLE as error:
            raise DrivesimError(f"{self.path} can't be read any more ({in_short(error)}). Read it anew.") from error


@dataclass(frozen=True)
class _Layout:
    """Where in an episode things lie: names of data sets."""

    camera: str
    speed: str | None


def _layout(folder: Path) -> _Layout:
    """Find the camera among the observations, by the stated spaces."""
    path = folder / _METADATA
    try:
        metadata = json_file(path)
        if not isinstance(metadata, dict):
            raise ValueError("it is no JSON object")
    except ValueError as error:
        raise DrivesimError(f"{path} can't be used ({error}). Copy the data set anew.") from error
    if metadata.get("data_format", "hdf5") != "hdf5":
        raise DrivesimError(
            f"{path}: it is stored as {str(metadata['data_format'])[:20]!r}; expected hdf5. Convert it."
        )
    stated = metadata.get("observation_space")
    if not isinstance(stated, str):
        raise DrivesimError(
            f"{path} does not state its observation_space; the environment that it names would have to be run to know "
            "it. Collect it again with a newer minari."
        )
    try:
        boxes = dict(_boxes(json.loads(stated), "observations"))
    except (ValueError, TypeError, KeyError, AttributeError, IndexError, RecursionError) as error:
        raise DrivesimError(f"{path}: its observation_space makes no sense ({in_short(error)}).") from error
    pictures = [name for name, (dtype, shape) in boxes.items() if dtype == "uint8" and len(shape) == 3]
    if not pictures:
        known = ", ".join(boxes) or "none"
        raise DrivesimError(f"{folder}: no observation is a picture (uint8, height x width x 3); there are: {known}.")
    named = [name for name in pictures if re.search("cam|image|pixel|rgb", name)]
    return _Layout((named or pictures)[0], "observations/speed" if "observations/speed" in boxes else None)


def _boxes(space: Mapping[str, Any], name: str) -> Iterator[tuple[str, tuple[str, list[int]]]]:
    """Yield the name, type and shape of every box in a space that was written as JSON."""
    if space["type"] == "Box":
        yield name, (space["dtype"], list(space["shape"]))
    elif space["type"] == "Dict":
        for key, below in space["subspaces"].items():
            yield from _boxes(below, f"{name}/{key}")
    elif space["type"] == "Tuple":
        for number, below in enumerate(space["subspaces"]):
            yield from _boxes(below, f"{name}/_index_{number}")


def _episode(folder: Path, file: Any, name: str, layout: _Layout, losses: Losses) -> list[StoredDrive]:
    """Read an episode: one drive, or none."""
    group = f"/{name}/"
    actions = _array(file, group + "actions")
    pictures = _dataset(file, group + layout.camera)
    if actions.ndim != 2 or not 1 <= actions.shape[1] <= 3:
        raise ValueError(f"actions of the shape {actions.shape}; expected steering, or steering and pedal")
    if len(pictures) not in (len(actions), len(actions) + 1):
        raise ValueError(f"{len(actions)} actions, {len(pictures)} pictures")
    kept, size = _kept(name, actions, pictures, losses)
    if not kept:
        return []
    speed = np.full(len(actions), np.nan)
    if layout.speed is not None:
        speed = _array(file, group + layout.speed).reshape(-1)[: len(actions)]
    time = np.full(len(actions), np.nan)
    if _is_there(file, group + "infos/time"):
        time = _array(file, group + "infos/time").reshape(-1)[: len(actions)]
    if len(speed) != len(actions) or len(time) != len(actions):
        raise ValueError(f"{len(actions)} actions, {len(speed)} speeds, {len(time)} times")
    pedal = np.full(len(actions), np.nan)
    if actions.shape[1] > 1:
        pedal = pedal_of(actions[:, 1], actions[:, 2] if actions.shape[1] == 3 else 0.0)
    steps = np.array(kept)
    source = HdfPictures(folder / _MAIN, group + layout.camera, steps)
    speed = np.where(np.abs(speed) <= FASTEST, speed, np.nan)
    return [
        StoredDrive(name, source, size, actions[steps, 0], pedal[steps], speed[steps], time[steps] - time[steps[0]])
    ]


def _kept(name: str, actions: np.ndarray, pictures: Any, losses: Losses) -> tuple[list[int], tuple[int, int]]:
    """The steps whose action and picture are whole, and the size of the pictures."""
    encoded = pictures.ndim < 3
    size: tuple[int, int] | None = None if encoded else (int(pictures.shape[1]), int(pictures.shape[2]))
    if size is not None and (pictures.ndim != 4 or pictures.dtype != np.uint8 or max(size) > MAX_PIXELS):
        raise ValueError(f"pictures of the shape {pictures.shape} and type {pictures.dtype}")
    kept = []
    for step, action in enumerate(actions):
        try:
            if not (np.abs(action) <= 1).all():
                raise ValueError("its action is not in -1 ... 1")
            if encoded:
                picture = _decode(pictures[step])
                if size is not None and picture.shape[:2] != size:
                    raise ValueError(f"the picture has another size than the usual {size[0]} x {size[1]}")
                size = picture.shape[:2]
        except (ValueError, OSError) as error:
            if isinstance(error, DrivesimError):
                raise
            losses.bad(f"{name} step {step}", in_short(error))
            continue
        kept.append(step)
    return kept, size or (0, 0)


def _decode(stored: np.ndarray) -> np.ndarray:
    return decode_picture(stored.astype(np.uint8).tobytes()) if stored.ndim == 1 else np.ascontiguousarray(stored)


def _is_there(file: Any, name: str) -> bool:
    """Whether a name is one of the file itself; links may lead out of it."""
    h5py, place = _h5py(), file
    for part in name.strip("/").split("/"):
        if not isinstance(place, h5py.Group) or not isinstance(place.get(part, getlink=True), h5py.HardLink):
            return False
        place = place[part]
    return True


def _dataset(file: Any, name: str) -> Any:
    """Return a data set whose bytes lie in the file itself."""
    h5py = _h5py()
    if not _is_there(file, name):
        raise ValueError(f"{name} is missing, or leads out of the file")
    place = file[name]
    if not isinstance(place, h5py.Dataset):
        raise ValueError(f"{name} is no data set")
    if place.external is not None or place.is_virtual:
        raise ValueError(f"the bytes of {name} lie in other files")
    if not place.shape or place.shape[0] > MAX_STEPS:
        raise ValueError(f"{name} has the shape {place.shape}")
    return place


def _array(file: Any, name: str) -> np.ndarray:
    """Return numbers of a data set, float64."""
    stored = _dataset(file, name)
    if stored.dtype.kind not in "fiu" or stored.size > 4 * MAX_STEPS:
        raise ValueError(f"{name} holds {stored.dtype} of {stored.shape}, expected numbers")
    return np.asarray(stored[()], np.float64)


def _h5py() -> Any:
    try:
        import h5py
    except ImportError as error:
        raise DrivesimError(f"a minari data set is HDF5, and h5py is not installed: {_INSTALL}") from error
    return h5py
