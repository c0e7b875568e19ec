"""TFLite driver: an exported policy that drives with LiteRT, as small boards do; `agents.export` writes its file."""

import hashlib
import io
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from agents.deployment.exported_file import METADATA_KEY, check_is_file, input_names, read_metadata
from agents.frame_driver import FrameDriver
from agents.frame_history import Views
from drivesim.errors import DrivesimError

# As TFLite's own metadata, ours are a file in an archive after the network, which whoever runs it passes over.
METADATA_FILE = f"{METADATA_KEY}.json"
_MOST_METADATA = 2**20

# The name of the only signature, and of its output.
_OUTPUT = "output_0"


class TfliteDriver(FrameDriver):
    """A driver that is an exported network, computed on a CPU frame by frame.

    Args:
        path: The file, written by `agents.export`.
        threads: Threads that compute an action; None for one.

    Attributes:
        exported: What the file says of its making: format, versions of the programs, the policy's checksum.

    Raises:
        DrivesimError: If the file is missing, spoilt, or not one that `agents.export` writes.
    """

    def __init__(self, path: Path | str, threads: int | None = None) -> None:
        path = Path(path)
        if threads is not None and threads < 1:
            raise DrivesimError(f"threads: expected 1 or more, got {threads}.")
        network, text = _parts(path)
        self.config, self.exported = read_metadata(text, path)
        # A spoilt network would end the program, not raise.
        if hashlib.sha256(network).hexdigest() != self.exported.get("network_sha256"):
            raise DrivesimError(f"policy: the network in {path} is not the one that was written. Copy it anew.")
        self._runner = _runner(network, threads)
        self.name = path.stem
        self._check_shapes(path)

    def _compute(self, views: Views, speeds: np.ndarray | None) -> np.ndarray:
        given = views if speeds is None else (*views, speeds)
        actions = []
        for i in range(len(views[0])):
            feeds = {f"args_{k}": np.ascontiguousarray(each[i : i + 1]) for k, each in enumerate(given)}
            actions.append(self._runner(**feeds)[_OUTPUT])
        return np.concatenate(actions)

    def _check_shapes(self, path: Path) -> None:
        """Refuse a file whose network takes or gives something else than its configuration says."""
        shapes = [(np.uint8, (1, *shape)) for shape in self.config.frame_shapes] + [(np.float32, (1,))]
        names = [f"args_{k}" for k in range(len(input_names(self.config)))]
        wanted = {**dict(zip(names, shapes, strict=False)), _OUTPUT: (np.float32, (1, len(self.config.outputs)))}
        details = self._runner.get_input_details() | self._runner.get_output_details()
        found = {name: (each["dtype"], tuple(each["shape"].tolist())) for name, each in details.items()}
        if found != wanted:
            raise DrivesimError(
                f"policy: the network in {path} takes and gives {_in_words(found)}; its configuration says "
                f"{_in_words(wanted)}. Export it anew."
            )


def _parts(path: Path) -> tuple[bytes, str | None]:
    """Read the network, and the metadata after it if there are any."""
    check_is_file(path)
    data = path.read_bytes()
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            entry = archive.getinfo(METADATA_FILE)
            if entry.file_size > _MOST_METADATA:
                return data, None
            return data[: entry.header_offset], archive.read(entry).decode()
    except (zipfile.BadZipFile, KeyError, ValueError, NotImplementedError, RuntimeError):
        return data, None


def _runner(network: bytes, threads: int | None) -> Any:
    try:
        from ai_edge_litert.interpreter import Interpreter
    except ImportError as error:
        raise DrivesimError("policy: a .tflite file is driven by LiteRT: pip install ai-edge-litert") from error
    return Interpreter(model_content=network, num_threads=threads).get_signature_runner()


def _in_words(ends: Mapping[str, tuple[type, tuple[int, ...]]]) -> str:
    return ", ".join(f"{name} {np.dtype(kind).name} {[*shape]}" for name, (kind, shape) in ends.items())
