"""Load driver: from what a command line says, whoever drives: a policy's folder, an exported file, or a baseline."""

from collections.abc import Callable
from pathlib import Path

from agents.driver import Driver, StraightDriver
from agents.expert import ExpertDriver
from agents.frame_driver import FrameDriver
from agents.models.device_names import loop_device
from drivesim.errors import DrivesimError

BASELINES: dict[str, Callable[[], Driver]] = {"expert": ExpertDriver, "straight": StraightDriver}


# The files that agents.export writes, by the ends of their names; torch.export's is for other programs.
EXPORTED = (".onnx", ".tflite")


def load_driver(who: Path | str, device: str = "auto", threads: int | None = None) -> Driver:
    """Load a driver.

    Args:
        who: A policy's folder, an exported file, or the name of a baseline: `expert` or `straight`.
        device: Of a policy's network: see `agents.models.device_names`. An exported file is computed on the CPU.
        threads: Of an exported file: see `OnnxDriver`.

    Raises:
        DrivesimError: If there is no such driver, or it can't be read.
    """
    if str(who) in BASELINES:
        return BASELINES[str(who)]()
    return _load(who, device, threads, f" nor one of {', '.join(BASELINES)},")


def load_frame_driver(who: Path | str, device: str = "auto", threads: int | None = None) -> FrameDriver:
    """Load a policy's folder or an exported file; torch is imported for a folder alone. See `load_driver`."""
    return _load(who, device, threads, "")


def _load(who: Path | str, device: str, threads: int | None, others: str) -> FrameDriver:
    path = Path(who)
    if path.suffix in EXPORTED:
        if loop_device(device) is not None:
            raise DrivesimError(
                f"device: a file of {path.suffix} is computed on the CPU. Use --device cpu, or the policy's folder."
            )
        return _load_exported(path, threads)
    if not path.is_dir():
        raise DrivesimError(
            f"--policy: {str(who)!r} is neither a policy's folder{others} nor an {' or '.join(EXPORTED)} file. "
            "Train one: python -m agents.train --data DIR --out DIR"
        )
    from agents.policy import Policy

    return Policy.load(path, device)


def _load_exported(path: Path, threads: int | None) -> FrameDriver:
    if path.suffix == ".tflite":
        from agents.deployment.tflite_driver import TfliteDriver

        return TfliteDriver(path, threads)
    from agents.deployment.onnx_driver import OnnxDriver

    return OnnxDriver(path, threads)
