"""Pictures for the tests, written in the formats in which others have them."""

import cv2
import numpy as np

from datasets.cifar10 import FOLDER

NAMES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
_COLORS = {"red": (250, 0, 0), "blue": (0, 0, 250), "green": (0, 250, 0)}


def record(label, red, green, blue):
    """One picture of CIFAR-10's binary version: its class, and rows of each colour (32, 32)."""
    planes = [np.broadcast_to(np.array(plane, np.uint8), (32, 32)).tobytes() for plane in (red, green, blue)]
    return bytes([label]) + b"".join(planes)


def write_cifar10(root, pictures=20):
    """Write files of so many pictures each; how red a picture is tells its class."""
    folder = root / FOLDER
    folder.mkdir(parents=True)
    for name in (*(f"data_batch_{i}.bin" for i in range(1, 6)), "test_batch.bin"):
        (folder / name).write_bytes(b"".join(record(i % 10, 10 * (i % 10), 100, 200) for i in range(pictures)))
    (folder / "batches.meta.txt").write_text("\n".join(NAMES) + "\n\n")
    return folder


def write_picture(path, color, shape=(8, 8)):
    """Write a picture of one RGB colour."""
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), np.full((*shape, 3), color[::-1], np.uint8))


def write_set(root, part="train", count=10, classes=("red", "blue")):
    """Write a part of an image folder: classes of one colour each."""
    for name in classes:
        for i in range(count):
            write_picture(root / part / name / f"{i}.png", _COLORS[name])
