"""A policy that needs no training: an ONNX graph that finds the plain look's road by its colour and steers to it."""

import json
from dataclasses import asdict

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from agents.deployment.exported_file import EXPORT_VERSION, METADATA_KEY
from drivesim.camera import CAMERAS
from tests.agents.policies import make_config

# Of the camera `topdown`: rows some 7 to 10 m ahead of the car, and the columns that the road it is on lies in there.
_ROWS, _COLUMNS = (46, 54), (24, 72)

# Steering a pixel beside the middle: pure pursuit of a point 8.6 m ahead, 0.4 m a pixel, wheelbase 2.7 m, 0.6 rad.
_GAIN = 0.4 * 2 * 2.7 / 8.6**2 / 0.6


def write_road_follower(path, weak=1.0):
    """Write it as `agents.export` writes a policy; `weak` is a factor on its steering."""
    config = make_config(cameras=(CAMERAS["topdown"],), training={"laps": 2, "steps": 1200})
    column = np.arange(*_COLUMNS, dtype=np.float32) - (CAMERAS["topdown"].width - 1) / 2
    constants = {
        "starts": np.array([_ROWS[0], _COLUMNS[0]]),
        "ends": np.array([_ROWS[1], _COLUMNS[1]]),
        "axes": np.array([1, 2]),
        # Grass is 70 less blue than green, the road a little more.
        "colors": np.array([0, -1 / 35, 1 / 35], np.float32),
        "one": np.array(1.0, np.float32),
        "column": column,
        "few": np.array(1e-3, np.float32),
        "gain": np.array(weak * _GAIN, np.float32),
        "outputs": np.array([-1, 1]),
        "low": np.array(-1.0, np.float32),
        "zero": np.array(0.0, np.float32),
        "over": np.array([1, 2]),
        "channels": np.array([3]),
    }
    nodes = [
        ("Slice", ["frames", "starts", "ends", "axes"], "part", {}),
        ("Cast", ["part"], "light", {"to": TensorProto.FLOAT}),
        ("Mul", ["light", "colors"], "weighed", {}),
        ("ReduceSum", ["weighed", "channels"], "bluer", {"keepdims": 0}),
        ("Add", ["bluer", "one"], "grey", {}),
        ("Clip", ["grey", "zero", "one"], "road", {}),
        ("Mul", ["road", "column"], "moment", {}),
        ("ReduceSum", ["moment", "over"], "moments", {"keepdims": 0}),
        ("ReduceSum", ["road", "over"], "sum", {"keepdims": 0}),
        ("Add", ["sum", "few"], "some", {}),
        ("Div", ["moments", "some"], "middle", {}),
        ("Mul", ["middle", "gain"], "asked", {}),
        ("Clip", ["asked", "low", "one"], "cut", {}),
        ("Reshape", ["cut", "outputs"], "actions", {}),
    ]
    height, width = config.camera.height, config.camera.width
    graph = helper.make_graph(
        [helper.make_node(kind, inputs, [output], **options) for kind, inputs, output, options in nodes],
        "road-follower",
        [helper.make_tensor_value_info("frames", TensorProto.UINT8, ["batch", height, width, 3])],
        [helper.make_tensor_value_info("actions", TensorProto.FLOAT, ["batch", 1])],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    metadata = {"config": asdict(config), "exported": {"version": EXPORT_VERSION}}
    helper.set_model_props(model, {METADATA_KEY: json.dumps(metadata)})
    onnx.checker.check_model(model)
    onnx.save(model, path)
    return path
