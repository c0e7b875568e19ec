"""ONNX files: a policy's network as ONNX, in full precision or 8-bit integers, with its configuration inside."""

import json
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch

from agents.deployment.deployed import DeployedNetwork, example_inputs
from agents.deployment.exported_file import METADATA_KEY, input_names
from agents.deployment.quiet import quiet
from agents.frame_history import Views
from agents.policy import Policy
from drivesim.errors import DrivesimError

# Frames to a pass of the calibration.
_CHUNK = 50


def write_onnx(path: Path, policy: Policy, metadata: dict[str, Any]) -> None:
    """Write a policy as ONNX, float32.

    Args:
        path: Of the file.
        policy: To write.
        metadata: Plain JSON, for the file to carry: see `agents.deployment.exported_file`.
    """
    onnx = _onnx()
    inputs, shapes = example_inputs(policy)
    with quiet():
        program = torch.onnx.export(
            DeployedNetwork(policy),
            inputs,
            input_names=input_names(policy.config),
            output_names=["actions"],
            dynamic_shapes=shapes,
            dynamo=True,
        )
    assert program is not None
    _save(onnx, program.model_proto, path, metadata)


def write_int8_onnx(path: Path, policy: Policy, metadata: dict[str, Any], views: Views, speeds: np.ndarray) -> None:
    """Write a policy as ONNX whose convolutions compute with 8-bit integers.

    The fully connected layers stay in float32: they are a hundredth of PilotNet's work, and the rounding of the last
    ones is what the steering would show most (0.08 at worst, instead of 0.002).

    Args:
        path: Of the file.
        policy: To write.
        metadata: See `write_onnx`.
        views: Of each camera, to learn the ranges of the activations from.
        speeds: (B,) float32, m/s, of the frames.
    """
    onnx = _onnx()
    from onnxruntime.quantization import QuantFormat, QuantType, quantize_static
    from onnxruntime.quantization.shape_inference import quant_pre_process

    named = dict(zip(input_names(policy.config), (*views, speeds), strict=False))
    feeds = [
        {name: each[first : first + _CHUNK] for name, each in named.items()} for first in range(0, len(speeds), _CHUNK)
    ]
    with TemporaryDirectory(prefix="drivesim-") as folder, quiet():
        whole, prepared, small = (Path(folder) / name for name in ("whole.onnx", "prepared.onnx", "small.onnx"))
        write_onnx(whole, policy, {})
        quant_pre_process(whole, prepared, skip_symbolic_shape=True)
        quantize_static(
            prepared,
            small,
            _Calibration(feeds),
            quant_format=QuantFormat.QDQ,
            # With the activations, so that a range is what they let through: a convolution's own is much wider.
            op_types_to_quantize=["Conv", "Relu", "Clip", "Add"],
            per_channel=True,
            # Sums of full 8-bit products saturate on x86 without VNNI; weights of 7 bits cost nothing measurable.
            reduce_range=True,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
        )
        _save(onnx, onnx.load(small), path, metadata)


class _Calibration:
    """Batches, as onnxruntime's calibration asks for them."""

    def __init__(self, feeds: list[dict[str, np.ndarray]]) -> None:
        self._feeds = iter(feeds)

    def get_next(self) -> dict[str, np.ndarray] | None:
        return next(self._feeds, None)


def _save(onnx: Any, model: Any, path: Path, metadata: dict[str, Any]) -> None:
    # The exporter notes the Python lines that each operation came from, with this machine's paths.
    for part in (*model.graph.node, *model.graph.value_info, *model.graph.initializer, *model.graph.input):
        del part.metadata_props[:]
        part.doc_string = ""
    for part in (*model.graph.output, model.graph, model):
        del part.metadata_props[:]
        part.doc_string = ""
    onnx.helper.set_model_props(model, {METADATA_KEY: json.dumps(metadata)})
    onnx.checker.check_model(model)
    path.write_bytes(model.SerializeToString(deterministic=True))


def _onnx() -> Any:
    try:
        import onnx
        import onnxruntime  # noqa: F401
        import onnxscript  # noqa: F401
    except ImportError as error:
        raise DrivesimError(f"--to: {error.name} is not installed: pip install -e .[onnx]") from error
    return onnx
