"""Damaged files: a file, or a folder of them, spoilt anew for every case, read, and compared with how it was."""

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from benchmarks.fuzzing.mutation import mutated_bytes, mutated_text, pick

_TEXTS = (".json", ".jsonl", ".csv", ".catalog", ".catalog_manifest")

Read = Callable[[Path], None]
Spoil = Callable[[bytes, np.random.Generator, list[bytes]], bytes]


class LossError(Exception):
    """Something was lost: a file changed by being read, or steps that are not those that were written."""


def spoil(name: str, data: bytes, rng: np.random.Generator, others: list[bytes]) -> bytes:
    """Change a file: mostly what it says where it is text, else its bytes."""
    if name.endswith(_TEXTS) and rng.random() < 0.7:
        return mutated_text(data, rng)
    return mutated_bytes(data, rng, others)


@dataclass
class DamagedFile:
    """A file: first cut at every byte, then with a bit of every byte flipped, then changed at random.

    Attributes:
        path: Where it is written, again for every case.
        whole: Variants of it that are whole.
        read: Reads it, and raises `LossError` for what it should not have read.
        each_byte: Whether cuts and flips of every byte come first.
    """

    path: Path
    whole: list[bytes]
    read: Read
    each_byte: bool = True

    def __call__(self, number: int, rng: np.random.Generator) -> None:
        """Run a case."""
        data = self.whole[number % len(self.whole)]
        turn = number // len(self.whole) + (0 if self.each_byte else 2 * len(data))
        if turn < len(data):
            data = data[:turn]
        elif turn < 2 * len(data):
            at = turn - len(data)
            data = data[:at] + bytes([data[at] ^ (1 << int(rng.integers(8)))]) + data[at + 1 :]
        else:
            data = spoil(self.path.name, data, rng, self.whole)
        self.path.write_bytes(data)
        try:
            self.read(self.path)
        finally:
            if self.path.read_bytes() != data:
                raise LossError(f"{self.path.name} was changed by being read")


@dataclass
class DamagedFolder:
    """A folder of which one to three files are spoilt, lost, or something else than files.

    Attributes:
        folder: Whole; what is spoilt for a case is put back before the next.
        read: Reads it.
        special: Of some names, how they are spoilt.
        finish: Changes the spoilt folder once more, as a stranger would who knows what is checked.
    """

    folder: Path
    read: Read
    special: dict[str, Spoil] = field(default_factory=dict)
    finish: Callable[[Path, np.random.Generator], None] = lambda folder, rng: None

    def __post_init__(self) -> None:
        """Remember what is whole."""
        paths = sorted(path for path in self.folder.rglob("*") if path.is_file())
        self._whole = {path: path.read_bytes() for path in paths}
        self._texts = [path for path in paths if path.name.endswith(_TEXTS) or path.name in self.special] or paths
        self._spoilt: set[Path] = set()

    def __call__(self, number: int, rng: np.random.Generator) -> None:
        """Run a case."""
        self._put_back()
        for _ in range(int(rng.integers(1, 4))):
            # Half of the damage is done to text: pictures are many.
            self._spoil(pick(rng, self._texts if rng.random() < 0.5 else list(self._whole)), rng)
        self.finish(self.folder, rng)
        before = _state(self.folder)
        try:
            self.read(self.folder)
        finally:
            if _state(self.folder) != before:
                raise LossError(f"{self.folder.name} was changed by being read")

    def _spoil(self, path: Path, rng: np.random.Generator) -> None:
        self._spoilt.add(path)
        if not path.is_file() or path.is_symlink():
            return
        others = list(self._whole.values())
        act = rng.random()
        if act > 0.12:
            change = self.special.get(path.name)
            data = path.read_bytes()
            known = change is not None and rng.random() < 0.8
            path.write_bytes(change(data, rng, others) if known and change else spoil(path.name, data, rng, others))
        else:
            path.unlink()
            if act > 0.10:
                path.mkdir()
            elif act > 0.08:
                path.symlink_to("/etc/passwd")
            elif act > 0.06:
                path.symlink_to(path.name)  # to itself
            elif act > 0.04:
                os.mkfifo(path)
            elif act > 0.02:
                path.touch()

    def _put_back(self) -> None:
        for path in self._spoilt:
            if path.is_dir() and not path.is_symlink():
                path.rmdir()
            else:
                path.unlink(missing_ok=True)
            path.write_bytes(self._whole[path])
        self._spoilt.clear()


def _state(folder: Path) -> dict[str, tuple[int, int, int]]:
    """Every file below a folder, with its kind, size and the time of its last change."""
    found = {}
    for below, folders, files in os.walk(folder):
        for name in (*folders, *files):
            path = os.path.join(below, name)
            about = os.lstat(path)
            found[path] = (about.st_mode, about.st_size if name in files else 0, about.st_mtime_ns)
    return found
