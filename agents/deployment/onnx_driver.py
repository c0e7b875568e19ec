"""ONNX driver: an exported policy that drives with onnxruntime, without torch; `agents.export` writes its file."""

from pathlib import Path
from typing import Any

import numpy as np

from agents.deployment.exported_file import METADATA_KEY, check_is_file, input_names, read_metadata
from agents.frame_driver import FrameDriver
from agents.frame_history import Views
from drivesim.errors import DrivesimError

# Frames to a pass of the network, as a policy's.
_CHUNK = 128

# Of a message of protobuf, which an ONNX file is.
_MOST_BYTES = 2**31


class OnnxDriver(FrameDriver):
    """A driver that is an exported network, computed on a CPU.

    Args:
        path: The file, written by `agents.export`.
        threads: Threads that compute an action; None for one a core. One is enough for one car and a small network.

    Attributes:
        exported: What the file says of its making: format, versions of the programs, the policy's checksum.

    Raises:
        DrivesimError: If the file is missing, spoilt, or not one that `agents.export` writes.
    """

    def __init__(self, path: Path | str, threads: int | None = None) -> None:
        path = Path(path)
        if threads is not None and threads < 1:
            raise DrivesimError(f"threads: expected 1 or more, got {threads}.")
        self._session = _session(path, threads)
        text = _metadata(self._session, path)
        self.config, self.exported = read_metadata(text, path)
        self.name = path.stem
        self._check_shapes(path)

    def _compute(self, views: Views, speeds: np.ndarray | None) -> np.ndarray:
        given = views if speeds is None else (*views, speeds)
        actions = []
        for first in range(0, len(views[0]), _CHUNK):
            chunk = slice(first, first + _CHUNK)
            feeds = {name: each[chunk] for name, each in zip(input_names(self.config), given, strict=True)}
            actions.append(self._session.run(None, feeds)[0])
        return np.concatenate(actions)

    def _check_shapes(self, path: Path) -> None:
        """Refuse a file whose network takes or gives something else than its configuration says."""
        ends = [("tensor(uint8)", [*shape]) for shape in self.config.frame_shapes] + [("tensor(float)", [])]
        expected = dict(zip(input_names(self.config), ends, strict=False))
        given = {"actions": ("tensor(float)", [len(self.config.outputs)])}
        for what, wanted, ends in (
            ("takes", expected, self._session.get_inputs()),
            ("gives", given, self._session.get_outputs()),
        ):
            # Of a dimension that may be any number, onnxruntime tells the name.
            found = {end.name: (end.type, end.shape[1:]) for end in ends if isinstance(end.shape[0], str)}
            if found != wanted or len(ends) != len(wanted):
                named = ", ".join(f"{end.name} {end.type} {end.shape}" for end in ends)
                raise DrivesimError(
                    f"policy: {path} {what} {named}; its configuration says {_in_words(wanted)}. Export it anew."
                )


def _session(path: Path, threads: int | None) -> Any:
    try:
        import onnxruntime
    except ImportError as error:
        raise DrivesimError("policy: an .onnx file is driven by onnxruntime: pip install -e .[onnx]") from error
    check_is_file(path)
    if path.stat().st_size > _MOST_BYTES:
        raise DrivesimError(
            f"policy: {path} has more than {_MOST_BYTES:,} bytes, which no ONNX file has. Export it anew."
        )
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads or 0
    options.inter_op_num_threads = 1
    options.log_severity_level = 3  # What it says of its own accord is no user's matter.
    try:
        # Of a file by its path onnxruntime reads other files, too, if it names them as its weights.
        return onnxruntime.InferenceSession(path.read_bytes(), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime's errors have no class of their own.
        reason = (str(error).splitlines() or ["empty"])[0][:160]
        raise DrivesimError(f"policy: {path} can't be read as ONNX ({reason}). Export or copy it anew.") from error


def _metadata(session: Any, path: Path) -> str | None:
    try:
        return session.get_modelmeta().custom_metadata_map.get(METADATA_KEY)
    except UnicodeDecodeError as error:
        raise DrivesimError(f"policy: the metadata of {path} are no text ({error}). Export it anew.") from error


def _in_words(ends: dict[str, tuple[str, list[int]]]) -> str:
    return ", ".join(f"{name} {kind} {['batch', *shape]}" for name, (kind, shape) in ends.items())
