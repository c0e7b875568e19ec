"""python -m agents.export --policy policy --to onnx --out policy.onnx

Write a policy for other programs: uint8 frames in, actions in [-1, 1] out, with its configuration inside.

onnx computes as the policy does; onnx-int8 in a third to a half of the time, a little less exactly; torch-export is for
C++ and torch; tflite for boards that run LiteRT, a frame at a time. What was written is read again and compared with
the policy, frame by frame, before it gets its name.
"""

import contextlib
import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field, replace
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np
import torch
from rich.console import Console

import drivesim
from agents.checksum import checksum_of
from agents.deployment.deployed import DeployedNetwork, example_inputs, full_precision_actions
from agents.deployment.exported_file import EXPORT_VERSION, METADATA_KEY
from agents.deployment.onnx_driver import OnnxDriver
from agents.deployment.onnx_files import write_int8_onnx, write_onnx
from agents.deployment.reference import Reference, reference_path
from agents.deployment.tflite_driver import TfliteDriver
from agents.deployment.tflite_files import write_tflite
from agents.frame_history import Views
from agents.models.policy_files import read_config
from agents.policy import Policy
from agents.provenance import commit
from agents.road_frames import lap_frames, recorded_frames, validation_frames
from datasets.data_format import read_sources
from datasets.formats.drive import Reading
from datasets.schema import Lap
from drivesim.command import run_command
from drivesim.errors import DrivesimError, check_name
from drivesim.whole_file import whole_file

FORMATS = ("onnx", "onnx-int8", "torch-export", "tflite")

# Draws so many frames (B, H, W, 3), and their speeds (B,), by a seed.
Draw = Callable[[int, int], tuple[Views, np.ndarray]]

# What full precision may differ by from the policy: another order of summation.
_TOLERANCE = 1e-4

_CALIBRATION_FRAMES = 500

# Where 8 bits change an action by more than this, the network may not bear them.
_NOTICEABLE = 0.05


@dataclass
class Args:
    """Options of the command."""

    policy: Path
    """A policy's folder."""
    out: Path
    """The file to write; made new."""
    to: str = "onnx"
    """onnx, onnx-int8, torch-export or tflite."""
    data: list[Path] = field(default_factory=list)
    """Folders of laps or of recordings, whose frames it is compared (and calibrated) on; unseen roads if left out."""
    frames: int = 1000
    """Frames that it is compared with the policy on."""
    seed: int = 0
    """Of these frames."""


def main(args: Args) -> None:
    """Export."""
    check_name("--to", args.to, FORMATS)
    if args.frames < 1:
        raise DrivesimError(f"--frames: expected 1 or more, got {args.frames}.")
    if args.seed < 0:
        raise DrivesimError(f"--seed: expected 0 or more, got {args.seed}.")
    if args.out.exists():
        raise DrivesimError(f"--out: {args.out} exists already. Choose another name or remove it.")
    try:
        largest, mean = export_policy(args)
    except OSError as error:
        raise DrivesimError(f"--out: {args.out} can't be written ({error.strerror}). Choose another place.") from error
    Console().print(
        f"Wrote {args.out} ({args.out.stat().st_size / 1e6:.1f} MB). On {args.frames:,} frames its actions differ from "
        f"the policy's by {largest:.1e} at most, {mean:.1e} in the mean.",
        soft_wrap=True,
        highlight=False,
    )
    if largest > _NOTICEABLE:
        Console().print(
            f"[yellow]That is much: drive it before you use it: python -m agents.evaluate --policy {args.out}[/yellow]",
            soft_wrap=True,
        )


def export_policy(args: Args) -> tuple[float, float]:
    """Write a policy's file. See `_compare` for what it returns and raises."""
    policy = Policy.load(args.policy, "cpu")
    laps, readings, _ = read_sources(args.data) if args.data else ([], [], [])
    if policy.config.fit is not None and not readings and args.to == "onnx-int8":
        raise DrivesimError(
            "--data: this policy learned from recordings, and 8-bit integers are fitted to what it sees: give such "
            "recordings with --data, or take --to onnx."
        )

    def frames(count: int, seed: int) -> tuple[Views, np.ndarray]:
        return _frames(policy, laps, count, seed, readings)

    args.out.parent.mkdir(parents=True, exist_ok=True)
    with whole_file(args.out) as part:
        _write(part, args, policy, frames)
        differences = _compare(part, args, policy, frames)
    if policy.config.fit is not None:
        _take_reference(args)
    return differences


def _take_reference(args: Args) -> None:
    """Let what is usual for a policy that learned from recordings go along: no simulated road tells it."""
    place = reference_path(args.policy)
    if place.exists():
        replace(Reference.load(place), policy=checksum_of(args.out)).save(reference_path(args.out))


def _write(path: Path, args: Args, policy: Policy, draw: Draw) -> None:
    metadata = {"config": asdict(policy.config), "exported": _provenance(args)}
    if args.to == "onnx":
        write_onnx(path, policy, metadata)
    elif args.to == "onnx-int8":
        # Other frames than those it is compared on.
        write_int8_onnx(path, policy, metadata, *draw(_CALIBRATION_FRAMES, args.seed + 1))
    elif args.to == "tflite":
        write_tflite(path, policy, metadata)
    else:
        inputs, shapes = example_inputs(policy)
        program = torch.export.export(DeployedNetwork(policy), inputs, dynamic_shapes=shapes)
        for node in program.graph.nodes:
            node.meta.pop("stack_trace", None)  # It tells this machine's paths.
        with path.open("wb") as file:
            torch.export.save(program, file, extra_files={f"{METADATA_KEY}.json": json.dumps(metadata)})


def _compare(path: Path, args: Args, policy: Policy, draw: Draw) -> tuple[float, float]:
    """Return by how much, at most and in the mean, the actions of a written file differ from the policy's.

    Raises:
        DrivesimError: If a file of full precision differs by more than rounding.
    """
    views, speeds = draw(args.frames, args.seed)
    expected = full_precision_actions(policy, views, speeds)
    if args.to == "torch-export":
        actions = _torch_actions(path, policy, views, speeds)
    else:
        driver = TfliteDriver(path) if args.to == "tflite" else OnnxDriver(path)
        actions = driver.predict(views, speeds if policy.config.takes_speed else None)
    differences = np.abs(actions - expected)
    largest = float(differences.max())
    if args.to != "onnx-int8" and not largest <= _TOLERANCE:
        raise DrivesimError(
            f"--to {args.to}: on {len(speeds)} frames the written file differs from the policy by {largest:.1e}, more "
            f"than {_TOLERANCE:.0e}; it was removed. Try another version of torch or onnxruntime."
        )
    return largest, float(differences.mean())


def _torch_actions(path: Path, policy: Policy, views: Views, speeds: np.ndarray) -> np.ndarray:
    with path.open("rb") as file:
        network = torch.export.load(file).module()
    given = (*views, speeds) if policy.config.takes_speed else views
    with torch.inference_mode():
        chunks = zip(*(torch.from_numpy(values).split(128) for values in given), strict=True)
        return torch.cat([network(*chunk) for chunk in chunks]).numpy()


def _frames(
    policy: Policy, laps: list[Lap], count: int, seed: int, readings: Sequence[Reading] = ()
) -> tuple[Views, np.ndarray]:
    if readings:
        return recorded_frames(policy.config, readings, count, seed)
    return lap_frames(policy.config, laps, count, seed) if laps else validation_frames(policy.config, count, seed)


def _provenance(args: Args) -> dict[str, Any]:
    _, checksum = read_config(args.policy)
    converters = {"torch-export": [], "tflite": ["litert-torch"]}
    packages = ["torch", *converters.get(args.to, ["onnx", "onnxruntime", "onnxscript"])]
    return {
        "version": EXPORT_VERSION,
        "to": args.to,
        "weights_sha256": checksum,
        "versions": {"drivesim": drivesim.__version__, **_versions(packages)},
        "commit": commit(),
    }


def _versions(packages: list[str]) -> dict[str, str]:
    """Return those of the packages that are there; whoever needs another one says so."""
    versions = {}
    for name in packages:
        with contextlib.suppress(PackageNotFoundError):
            versions[name] = version(name)
    return versions


if __name__ == "__main__":
    run_command(main, Args, __doc__)
