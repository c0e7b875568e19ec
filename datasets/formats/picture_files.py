"""Picture files: JPEG and PNG from strangers, checked before they are decoded."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cv2
import numpy as np

from datasets.picture_size import PNG, declared_size, has_whole_chunks
from drivesim.camera import MAX_PIXELS
from drivesim.errors import DrivesimError

MAX_BYTES = 2**26


class PictureFiles:
    """Pictures in files of their own, each read when it is asked for."""

    def __init__(self, paths: Sequence[Path]) -> None:
        self.paths = list(paths)

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self.paths)

    def read(self, indices: Sequence[int]) -> list[np.ndarray]:
        """Return some of them, each (H, W, 3) uint8 RGB.

        Raises:
            DrivesimError: If one can't be read any more.
        """
        pictures = []
        for index in indices:
            path = self.paths[index]
            try:
                pictures.append(read_picture(path))
            except ValueError as error:
                raise DrivesimError(f"{path}: {error}; it was whole a while ago. Read the data set anew.") from error
        return pictures


def read_picture(path: Path) -> np.ndarray:
    """Return the picture of a file: (H, W, 3) uint8 RGB, as it is stored, whatever its tags say about turning it.

    Raises:
        ValueError: Saying in few words, without the file's name, what is wrong with it.
    """
    return decode_picture(read_bytes(path, MAX_BYTES))


def decode_picture(data: bytes) -> np.ndarray:
    """Decode a whole JPEG or PNG: (H, W, 3) uint8 RGB. See `read_picture`."""
    if not data:
        raise ValueError("the picture is empty (0 bytes)")
    size = declared_size(data)
    if size is None:
        raise ValueError("the picture is neither JPEG nor PNG")
    if min(size) < 1 or max(size) > MAX_PIXELS:
        raise ValueError(f"the picture declares more than {MAX_PIXELS} pixels a side, or none")
    # Decoders fill the missing end of a picture with grey.
    if not has_whole_chunks(data) or (not data.startswith(PNG) and b"\xff\xd9" not in data[-4096:]):
        raise ValueError("the picture is cut off")
    try:
        picture = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION)
    except cv2.error:
        picture = None
    if picture is None or picture.shape[:2] != size:
        raise ValueError("the picture can't be decoded")
    return cv2.cvtColor(picture, cv2.COLOR_BGR2RGB, dst=picture)


def read_bytes(path: Path, most: int) -> bytes:
    """Return what a file holds.

    Raises:
        ValueError: If it is missing, no plain file, too large or not readable.
    """
    try:
        if not path.is_file():  # a pipe would never end
            raise ValueError("the file is no plain file" if path.exists() else "the file is missing")
        if path.stat().st_size > most:
            raise ValueError(f"the file has more than {most:,} bytes")
        return path.read_bytes()
    except OSError as error:
        raise ValueError(f"the file can't be read ({error.strerror})") from error


def place_of(folder: Path, name: object) -> Path:
    """Return the file of a base name in a folder.

    Raises:
        ValueError: If the name is none, or leads out of the folder: by its parts or as a link.
    """
    if not isinstance(name, str) or not name.strip():
        raise ValueError("it names no picture")
    if name in (".", "..") or any(sign in name for sign in ("/", "\\", "\0", ":")):
        raise ValueError("its picture's name leads out of the folder")
    path = folder / name
    try:
        leads_out = path.is_symlink() and path.resolve().parent != folder.resolve()
    except (OSError, RuntimeError) as error:  # a name that is too long, a link to itself
        raise ValueError("its picture's name leads nowhere") from error
    if leads_out:
        raise ValueError("its picture is a link out of the folder")
    return path


def picture_sizes(paths: Sequence[Path], threads: int = 4) -> list[tuple[int, int] | str]:
    """Decode pictures: of each its height and width, or, in few words, what is wrong with it."""

    def look(path: Path) -> tuple[int, int] | str:
        try:
            height, width, _ = read_picture(path).shape
        except ValueError as error:
            return str(error)
        return height, width

    with ThreadPoolExecutor(threads, "drivesim-pictures") as workers:
        return list(workers.map(look, paths))
