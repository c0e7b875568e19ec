"""Data format: which format a folder is in, found out by looking, and everything that can be done with it."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from datasets.formats.donkeycar import NAME as TUB
from datasets.formats.donkeycar import is_tub, read_tub, repair_tub, write_tub
from datasets.formats.donkeycar_v1 import NAME as TUB_V1
from datasets.formats.donkeycar_v1 import is_tub_v1, read_tub_v1, repair_tub_v1
from datasets.formats.drive import Reading, StoredDrive
from datasets.formats.lerobot import NAME as LEROBOT
from datasets.formats.lerobot import is_lerobot, read_lerobot
from datasets.formats.lerobot_writer import repair_lerobot, write_lerobot
from datasets.formats.losses import Losses
from datasets.formats.minari import NAME as MINARI
from datasets.formats.minari import is_minari, read_minari, repair_minari, write_minari
from datasets.formats.picture_folder import NAME as PICTURES
from datasets.formats.picture_folder import (
    is_picture_folder,
    read_picture_folder,
    repair_picture_folder,
    write_picture_folder,
)
from datasets.formats.udacity import NAME as UDACITY
from datasets.formats.udacity import is_udacity, read_udacity, repair_udacity, write_udacity
from datasets.lap_files import RECORD_SOME, read_laps
from datasets.schema import Lap
from drivesim.errors import DrivesimError

LAPS = "laps"
_LAP_SUFFIXES = (".parquet", ".arrows")
_ARCHIVES = (".zip", ".tar", ".gz", ".tgz", ".bz2", ".xz", ".7z", ".rar")

Write = Callable[[Path, Iterable[StoredDrive], Callable[[int], None]], None]


@dataclass(frozen=True)
class DataFormat:
    """A format of stored drives.

    Attributes:
        name: For messages.
        looks_like: Whether a folder is in it.
        read: Reads a folder; see `read_tub`.
        repair: Writes what is whole of a folder into an empty one; see `repair_tub`.
        option: What `datasets.convert --to` calls it; empty where it is not written.
        write: Writes drives into an empty folder; see `write_tub`.
    """

    name: str
    looks_like: Callable[[Path], bool]
    read: Callable[[Path, bool], Reading]
    repair: Callable[[Path, Path, Losses], None]
    option: str = ""
    write: Write | None = None


FORMATS = (
    DataFormat(TUB, is_tub, read_tub, repair_tub, "tub", write_tub),
    DataFormat(TUB_V1, is_tub_v1, read_tub_v1, repair_tub_v1),
    DataFormat(UDACITY, is_udacity, read_udacity, repair_udacity, "udacity", write_udacity),
    DataFormat(
        PICTURES, is_picture_folder, read_picture_folder, repair_picture_folder, "pictures", write_picture_folder
    ),
    DataFormat(MINARI, is_minari, read_minari, repair_minari, "minari", write_minari),
    DataFormat(LEROBOT, is_lerobot, read_lerobot, repair_lerobot, "lerobot", write_lerobot),
)


def holds_laps(path: Path) -> bool:
    """Whether a path is a lap, or a folder of laps."""
    if path.is_file():
        return path.suffix in _LAP_SUFFIXES
    return path.is_dir() and any(below.suffix in _LAP_SUFFIXES for below in path.iterdir())


def format_of(folder: Path) -> DataFormat:
    """Return the format of a folder that holds no laps.

    Raises:
        DrivesimError: If it is in none, or in several.
    """
    known = ", ".join(one.name for one in FORMATS)
    if not folder.exists():
        raise DrivesimError(f"{folder} is not there. {RECORD_SOME} {folder}")
    if not folder.is_dir():
        what = "an archive: unpack it first" if folder.suffix.lower() in _ARCHIVES else "a file"
        raise DrivesimError(f"{folder} is {what}; give the folder that holds the data: {LAPS}, {known}.")
    try:
        found = [one for one in FORMATS if one.looks_like(folder)]
        below = [path.name for path in sorted(folder.iterdir()) if path.is_dir() and not path.name.startswith(".")]
        if not found:
            below = [name for name in below if any(one.looks_like(folder / name) for one in FORMATS)]
    except OSError as error:
        raise DrivesimError(f"{folder} can't be read ({error.strerror}).") from error
    if len(found) > 1:
        names = " and ".join(one.name for one in found)
        raise DrivesimError(f"{folder} is {names} at once. Put each into a folder of its own.")
    if found:
        return found[0]
    if below:
        named = ", ".join(str(folder / name) for name in below[:5])
        raise DrivesimError(f"{folder} holds folders of data: give {named}.")
    raise DrivesimError(
        f"{folder} holds no lap. {RECORD_SOME} {folder}; or give a recording of another kind, of which it is none: "
        f"{known}."
    )


def read_stored(folder: Path, strict: bool = False) -> Reading:
    """Read a folder of stored drives, in whatever format it is.

    Raises:
        DrivesimError: If it is in none, nothing of it can be used, or, under `strict`, at the first bad record.
    """
    return format_of(folder).read(folder, strict)


def read_sources(paths: Iterable[Path], strict: bool = False) -> tuple[list[Lap], list[Reading], list[str]]:
    """Read laps and stored drives.

    Args:
        paths: Folders of any format, and files of laps.
        strict: Whether what can't be read is an error.

    Returns:
        The laps, the readings of all that is no lap, and a sentence for everything that is lost.

    Raises:
        DrivesimError: If a path holds nothing that can be read; or under `strict`.
    """
    # What is given twice would be on both sides of what is held out.
    places: dict[Path, Path] = {}
    for path in map(Path, paths):
        places.setdefault(path.resolve(), path)
    paths = list(places.values())
    lap_paths = [path for path in paths if holds_laps(path)]
    laps, lost = read_laps(lap_paths, strict) if lap_paths or not paths else ([], [])
    readings = [read_stored(path, strict) for path in paths if path not in lap_paths]
    return laps, readings, [*lost, *(sentence for reading in readings for sentence in reading.losses.sentences())]
