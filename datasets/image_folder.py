"""Image folder: pictures in one folder a class, as in `train/cat/1.png`, `val/cat/7.png`, `test/cat/9.png`."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from datasets.formats.picture_files import MAX_BYTES, read_bytes
from datasets.labelled_images import ImageSets, LabelledImages
from datasets.picture_size import declared_size_of_any, has_whole_chunks
from drivesim.errors import DrivesimError

SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".webp", ".ppm", ".pgm", ".tif", ".tiff")

# All pictures are held in memory; so many bytes are too many for a usual machine.
_MOST_BYTES = 8 * 2**30

# Pixels of a picture: more than those of usual cameras.
_MOST_PIXELS = 2**25

_LAYOUT = "Expected pictures in FOLDER/train/CLASS, and in FOLDER/val and FOLDER/test likewise where there are such"


def read_image_folder(folder: Path, size: int, seed: int, val_share: float = 0.1, threads: int = 1) -> ImageSets:
    """Read pictures that lie in one folder a class.

    Args:
        folder: Holds `train`, and `val` and `test` where there are such; or the classes themselves.
        size: Height and width to bring the pictures to, pixels: the largest square in their middle.
        seed: Of the division into pictures to learn from and to choose by, where there is no `val`.
        val_share: To choose by, where there is no `val`.
        threads: That read.

    Raises:
        DrivesimError: If the folder is missing or is no such folder; the message names every fault.
    """
    if not folder.is_dir():
        raise DrivesimError(f"--dataset: {folder} is not there. {_LAYOUT}; or cifar10.")
    parts = {name: folder / name for name in ("train", "val", "test") if (folder / name).is_dir()}
    # A class may be called `test`: without `train`, all folders are classes.
    parts = parts if "train" in parts else {"train": folder}
    files = {name: _files(path) for name, path in parts.items()}
    classes = tuple(files["train"])
    _check(folder, files)
    count = sum(len(paths) for part in files.values() for paths in part.values())
    if count * size * size * 3 > _MOST_BYTES:
        raise DrivesimError(
            f"--dataset: {count} pictures of {size} x {size} pixels do not fit into {_MOST_BYTES / 2**30:.0f} GiB. "
            "Take a smaller --size or fewer pictures."
        )
    sets, unread = {}, []
    for name, part in files.items():
        sets[name], lost = _read(part, classes, size, threads)
        unread += lost
    lost_sentences = (_sentence(folder, unread),) if unread else ()
    left = np.bincount(sets["train"].labels, minlength=len(classes))
    empty = [name for name, number in zip(classes, left, strict=True) if number == 0]
    if empty or not all(map(len, sets.values())):
        nothing = [f"class {name} of train" for name in empty] + [name for name, part in sets.items() if not len(part)]
        raise DrivesimError(
            f"--dataset: no picture can be read of {', '.join(nothing)}. {' '.join(lost_sentences)} Copy them anew."
        )
    train, val = sets["train"], sets.get("val")
    if val is None:
        train, val = train.split(val_share, np.random.default_rng(seed))
    if not len(val):
        raise DrivesimError("--dataset: one picture a class leaves none to choose by. Give more, or a folder val.")
    return ImageSets(folder.resolve().name, train, val, sets.get("test"), lost_sentences)


def _files(folder: Path) -> dict[str, list[Path]]:
    """Return the pictures of each class, by name; hidden files, such as those macOS leaves, are none."""
    found = {}
    for place in sorted(path for path in folder.iterdir() if path.is_dir() and not path.name.startswith(".")):
        files = [path for path in sorted(place.rglob("*")) if path.suffix.lower() in SUFFIXES and path.is_file()]
        found[place.name] = [path for path in files if not path.name.startswith(".")]
    return found


def _check(folder: Path, files: dict[str, dict[str, list[Path]]]) -> None:
    """Refuse what can't be learned from, with all faults at once."""
    classes, faults = files["train"], []
    if len(classes) < 2:
        faults.append(f"it has {len(classes)} class{'' if len(classes) == 1 else 'es'} to learn, expected two or more")
    empty = [f"{part}/{name}" for part, found in files.items() for name, paths in found.items() if not paths]
    if empty:
        faults.append(f"there is no picture in {', '.join(empty)}")
    unknown = [f"{part}/{name}" for part, found in files.items() for name in found if name not in classes]
    if unknown:
        faults.append(f"train has no class for {', '.join(unknown)}")
    faults += [f"{part} has no classes" for part, found in files.items() if not found and part != "train"]
    if faults:
        raise DrivesimError(f"--dataset: {folder} can't be learned from: {'; '.join(faults)}. {_LAYOUT}.")


def _read(
    files: dict[str, list[Path]], classes: Sequence[str], size: int, threads: int
) -> tuple[LabelledImages, list[Path]]:
    """Read pictures; returns the files that can't be read too."""
    paths = [path for part in files.values() for path in part]
    number = {name: label for label, name in enumerate(classes)}
    labels = np.array([number[name] for name, part in files.items() for _ in part], np.int64)
    images, read = np.empty((len(paths), size, size, 3), np.uint8), np.zeros(len(paths), bool)

    def read_one(index: int) -> None:
        image = _read_image(paths[index])
        if image is not None:
            images[index], read[index] = _cover(image, size), True

    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(read_one, range(len(paths))))
    kept = LabelledImages(images if read.all() else images[read], labels[read], tuple(classes))
    return kept, [paths[i] for i in np.flatnonzero(~read)]


def _read_image(path: Path) -> NDArray[np.uint8] | None:
    """Read a picture (H, W, 3) RGB; None where it can't be."""
    try:
        data = read_bytes(path, MAX_BYTES)
        height, width = declared_size_of_any(data) or (0, 0)
        if not 0 < height * width <= _MOST_PIXELS or not has_whole_chunks(data):
            return None
        image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    except (ValueError, cv2.error):
        return None
    return None if image is None else np.asarray(cv2.cvtColor(image, cv2.COLOR_BGR2RGB, dst=image), np.uint8)


def _cover(image: NDArray[np.uint8], size: int) -> NDArray[np.uint8]:
    """Cut out the largest square in the middle, and scale it."""
    height, width = image.shape[:2]
    side = min(height, width)
    top, left = (height - side) // 2, (width - side) // 2
    how = cv2.INTER_AREA if size < side else cv2.INTER_CUBIC
    square = image[top : top + side, left : left + side]
    return np.asarray(cv2.resize(square, (size, size), interpolation=how), np.uint8)


def _sentence(folder: Path, unread: Sequence[Path]) -> str:
    names = [path.relative_to(folder).as_posix() for path in unread]
    more = f" and {len(names) - 5} more" if len(names) > 5 else ""
    count = "1 picture that can't be read is" if len(names) == 1 else f"{len(names)} pictures that can't be read are"
    return f"{count} left out: {', '.join(names[:5])}{more}."
