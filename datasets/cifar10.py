"""CIFAR-10 in its binary version: records of one byte for the class and 3072 for the picture.

The more common version for Python is a pickle, which runs whatever its maker wrote into it, and is not read here.
"""

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from datasets.labelled_images import ImageSets, LabelledImages
from drivesim.errors import DrivesimError

FOLDER = "cifar-10-batches-bin"
SIDE = 32
_RECORD = 1 + 3 * SIDE * SIDE
_TRAIN, _TEST, _NAMES = tuple(f"data_batch_{i}.bin" for i in range(1, 6)), ("test_batch.bin",), "batches.meta.txt"

# Of the training pictures, 5,000 of 50,000 choose the epoch.
_VAL_SHARE = 0.1


def read_cifar10(root: Path, size: int, seed: int) -> ImageSets:
    """Read CIFAR-10.

    Args:
        root: The folder `cifar-10-batches-bin`, or the one that holds it.
        size: Height and width to bring the pictures to, pixels.
        seed: Of the division into pictures to learn from and to choose by.

    Raises:
        DrivesimError: If files are missing or not what they should be; the message names every fault.
    """
    folder = root / FOLDER if (root / FOLDER).is_dir() else root
    missing = [name for name in (*_TRAIN, *_TEST, _NAMES) if not (folder / name).is_file()]
    if missing:
        pickled = " (data_batch_1 without .bin is the version for Python)" if (folder / "data_batch_1").exists() else ""
        raise DrivesimError(
            f"--root: {folder} lacks {', '.join(missing)}{pickled}. Download the binary version, "
            f"cifar-10-binary.tar.gz, from https://www.cs.toronto.edu/~kriz/cifar.html, unpack it, and give the folder "
            f"that holds {FOLDER}."
        )
    names = [line.strip() for line in (folder / _NAMES).read_text(encoding="utf-8", errors="replace").splitlines()]
    classes = tuple(name for name in names if name)
    faults = [f"{_NAMES} names {len(classes)} classes, expected 2 to 256"] if not 2 <= len(classes) <= 256 else []
    train, more = _read([folder / name for name in _TRAIN], classes, size)
    test, even_more = _read([folder / name for name in _TEST], classes, size)
    faults += more + even_more
    if faults:
        raise DrivesimError(f"--root: {folder} is not whole: {'; '.join(faults)}. Download and unpack it again.")
    learn, val = train.split(_VAL_SHARE, np.random.default_rng(seed))
    return ImageSets("cifar10", learn, val, test)


def _read(paths: Sequence[Path], classes: tuple[str, ...], size: int) -> tuple[LabelledImages, list[str]]:
    """Read files of records; returns what is wrong with them too."""
    records, faults = [np.zeros((0, _RECORD), np.uint8)], []
    for path in paths:
        data = np.fromfile(path, np.uint8)
        if not len(data) or len(data) % _RECORD:
            faults.append(f"{path.name} has {len(data)} bytes, expected a multiple of {_RECORD}")
            continue
        found = data.reshape(-1, _RECORD)
        if found[:, 0].max() >= len(classes):
            faults.append(f"{path.name} has a picture of class {found[:, 0].max()}, expected 0 to {len(classes) - 1}")
            continue
        records.append(found)
    whole = np.concatenate(records)
    # The red rows of a picture come first, then the green, then the blue.
    images = np.ascontiguousarray(whole[:, 1:].reshape(-1, 3, SIDE, SIDE).transpose(0, 2, 3, 1))
    return LabelledImages(_resized(images, size), whole[:, 0].astype(np.int64), classes), faults


def _resized(images: NDArray[np.uint8], size: int) -> NDArray[np.uint8]:
    if size == SIDE:
        return images
    how = cv2.INTER_AREA if size < SIDE else cv2.INTER_CUBIC
    resized = np.empty((len(images), size, size, 3), np.uint8)
    for image, place in zip(images, resized, strict=True):
        cv2.resize(image, (size, size), dst=place, interpolation=how)
    return resized
