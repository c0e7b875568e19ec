"""Policies, laps and recordings from strangers run no code, reach no other file and take little memory: SECURITY.md."""

import ast
import hashlib
import io
import json
import pickle
import struct
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
import torch

from datasets.lap_files import stamp, write_lap
from datasets.schema import LAP_SCHEMA
from tests.agents.policies import make_policy
from tests.datasets.images import write_set
from tests.datasets.laps import circle_lap, make_info
from tests.datasets.recordings import bomb, write_tub
from tests.untrusted_files import PEAK

ROOT = Path(__file__).resolve().parents[1]
SOURCES = [p for layer in ("drivesim", "datasets", "agents") for p in sorted((ROOT / layer).rglob("*.py"))]
SOURCES.append(ROOT / "play.py")

# Calls that run what they read. `torch.load` has one place, where the file is known by its SHA-256.
RUNS_WHAT_IT_READS = {
    "eval", "exec", "compile", "pickle.load", "pickle.loads", "marshal.load", "marshal.loads", "yaml.load",
    "yaml.unsafe_load", "joblib.load", "dill.load", "torch.load", "torch.jit.load", "torch.export.load",
    "torch.hub.load", "os.system", "os.popen", "runpy.run_path", "SourceFileLoader",
}  # fmt: skip
KNOWN = {
    ("agents/models/backbones.py", "torch.load(path, weights_only=True, map_location='cpu')"),
    # The file that it wrote a moment ago.
    ("agents/export.py", "torch.export.load(file)"),
}
MODULES = {"pickle", "cPickle", "_pickle", "dill", "cloudpickle", "joblib", "shelve", "marshal", "yaml"}
MOST_MEMORY = 100 * 10**6


def found_in(source):
    """What a module does that might run what it reads: calls, as they are written, and modules that it imports."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (f"import {a.name}" for a in node.names if a.name.split(".")[0] in MODULES)
        elif isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] in MODULES:
            yield f"from {node.module} import"
        elif isinstance(node, ast.Call):
            called = ast.unparse(node.func)
            options = {keyword.arg: ast.unparse(keyword.value) for keyword in node.keywords}
            unsafe = called in RUNS_WHAT_IT_READS or options.get("shell") == "True"
            if unsafe or options.get("allow_pickle", "False") != "False" or options.get("weights_only") == "False":
                yield ast.unparse(node)


def test_nothing_that_is_read_is_run():
    assert len(SOURCES) > 100
    found = {
        (path.relative_to(ROOT).as_posix(), call)
        for path in SOURCES
        for call in found_in(path.read_text(encoding="utf-8"))
    }
    assert found - KNOWN == set()


@pytest.mark.parametrize(
    "source",
    [
        "import pickle",
        "from joblib import load",
        "eval(text)",
        "exec(text)",
        "yaml.load(file)",
        "torch.load(path)",
        "torch.load(path, weights_only=False)",
        "module.load(path, weights_only=False)",
        "np.load(path, allow_pickle=True)",
        "subprocess.run(text, shell=True)",
    ],
)
def test_what_might_run_what_it_reads_would_be_found(source):
    assert len(list(found_in(source))) == 1


class Payload:
    """Unpickled, it makes a file."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return Path.touch, (self.path,)


def spoil_weights(folder, data):
    """Give a policy's folder other weights, with the checksum that belongs to them."""
    (folder / "model.safetensors").write_bytes(data)
    spoil_config(folder, weights_sha256=hashlib.sha256(data).hexdigest())


def spoil_config(folder, **changes):
    path = folder / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def header(tensors):
    """A safetensors file that is nothing but its header."""
    declared = json.dumps(tensors).encode()
    return struct.pack("<Q", len(declared)) + declared


def stream_bomb(path):
    """A partial lap of some kilobytes that unpacks to 315 MB."""
    columns = [pa.array(np.zeros(3_000_000, field.type.to_pandas_dtype())) for field in LAP_SCHEMA]
    batch = pa.record_batch(columns, schema=LAP_SCHEMA)
    schema = LAP_SCHEMA.with_metadata(make_info().to_metadata())
    with pa.ipc.new_stream(path, schema, options=pa.ipc.IpcWriteOptions(compression="zstd")) as writer:
        writer.write_batch(batch, stamp(batch, []))
    assert path.stat().st_size < 100_000


def write_backbone(folder, classes):
    folder.mkdir()
    (folder / "model.safetensors").write_bytes(header({}))
    config = {"format_version": 1, "weights_sha256": "", "kind": "backbone", "name": "resnet18", "mean": [0.5] * 3}
    about = {"std": [0.5] * 3, "size": 64, "dataset": "x", "accuracy": 1.0, "measured_on": "val"}
    config |= about | {"classes": [str(i) for i in range(classes)]}
    (folder / "config.json").write_text(json.dumps(config))


def write_onnx(path, weights):
    """A network whose weights are in another file, which it names."""
    onnx = pytest.importorskip("onnx")
    tensor = onnx.TensorProto(name="w", data_type=1, dims=[4], data_location=onnx.TensorProto.EXTERNAL)
    for key, value in (("location", weights), ("length", "16")):
        tensor.external_data.add(key=key, value=value)
    node = onnx.helper.make_node("Identity", ["w"], ["actions"])
    ends = [onnx.helper.make_tensor_value_info("actions", 1, [4])]
    graph = onnx.helper.make_graph([node], "g", [], ends, [tensor])
    model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 17)], ir_version=8)
    path.write_bytes(model.SerializeToString())


@pytest.fixture(scope="module")
def attacked(tmp_path_factory):
    """The folder that files were read from, and what came of each: name -> answer."""
    if not PEAK.exists():
        pytest.skip("the peak of a process's memory can be measured on Linux alone")
    folder = tmp_path_factory.mktemp("stranger")
    make_policy().save(folder / "policy-whole")
    for name in ("pickle", "torch", "elements", "camera", "past", "outside", "deep"):
        make_policy().save(folder / f"policy-{name}")
    payload = Payload(folder / "ran")
    spoil_weights(folder / "policy-pickle", pickle.dumps(payload))
    saved = io.BytesIO()
    torch.save({"weights": payload}, saved)
    spoil_weights(folder / "policy-torch", saved.getvalue())
    huge = {"head.0.weight": {"dtype": "F32", "shape": [10**6, 10**6], "data_offsets": [0, 4 * 10**12]}}
    spoil_weights(folder / "policy-elements", header(huge))
    # PilotNet's first hidden layer would have 6 GB.
    camera = json.loads((folder / "policy-whole" / "config.json").read_text())["cameras"][0]
    spoil_config(folder / "policy-camera", cameras=[camera | {"width": 4096, "height": 4096}])
    spoil_config(folder / "policy-past", cameras=[camera | {"width": 500, "height": 500}], past=15)
    spoil_config(folder / "policy-outside", backbone="../../policy-whole")
    (folder / "policy-deep" / "config.json").write_text("[" * 10**6)
    write_backbone(folder / "backbone-classes", 99_999)
    (folder / "secret").write_bytes(bytes(16))
    # One that leads out of the folder onnxruntime refuses by itself.
    write_onnx(folder / "onnx-beside.onnx", "secret")

    write_lap(folder / "lap-whole.parquet", circle_lap(40))
    stream_bomb(folder / "lap-bomb.arrows")
    (folder / "lap-pickle.parquet").write_bytes(pickle.dumps(payload))

    write_tub(folder / "tub-whole", 5)
    write_tub(folder / "tub-bomb", 5)
    for path in (folder / "tub-bomb" / "images").iterdir():
        path.write_bytes(bomb())
    write_tub(folder / "tub-outside", 5, records={n: {"cam/image_array": "../../secret"} for n in range(5)})
    write_tub(folder / "tub-catalogs", 5)
    manifest = folder / "tub-catalogs" / "manifest.json"
    manifest.write_text(manifest.read_text().replace("catalog_0.catalog", "../tub-whole/catalog_0.catalog"))

    write_set(folder / "pictures-whole")
    write_set(folder / "pictures-bomb")
    for path in (folder / "pictures-bomb").rglob("*.png"):
        path.write_bytes(bomb())
    points = "".join(f"{x},0,4,4\n" for x in range(10**6))
    (folder / "track-long.csv").write_text(points)

    whole = ["policy-whole", "lap-whole.parquet", "tub-whole", "pictures-whole"]
    attacks = sorted(p.relative_to(folder).as_posix() for p in folder.glob("[a-z]*-*") if "whole" not in p.name)
    (folder / "whole.json").write_text(json.dumps(whole))
    (folder / "attacks.json").write_text(json.dumps([*attacks, "waste"]))
    command = [sys.executable, "-m", "tests.untrusted_files", str(folder)]
    ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300, check=False)
    assert ran.returncode == 0, ran.stderr
    answers = [json.loads(line) for line in ran.stdout.splitlines() if line.startswith("{")]
    assert [answer["name"] for answer in answers] == [*attacks, "waste"]
    return folder, {answer.pop("name"): answer for answer in answers}


# Of each file, some words that it must be refused with.
REFUSALS = {
    "policy-pickle": "does not hold the weights",
    "policy-torch": "does not hold the weights",
    "policy-elements": "does not hold the weights",
    "policy-camera": "expected at most 4,194,304 pixels a sample",
    "policy-past": "does not hold the weights",
    "policy-outside": "unknown name",
    "policy-deep": "is not a policy's configuration",
    "backbone-classes": "does not hold the weights",
    "onnx-beside.onnx": "can't be read as ONNX",
    "lap-bomb.arrows": "no lap can be read",
    "lap-pickle.parquet": "no lap can be read",
    "tub-bomb": "declares more than 4096 pixels a side",
    "tub-outside": "leads out of the folder",
    "tub-catalogs": "no record",
    "pictures-bomb": "no picture can be read",
    "track-long.csv": "expected at most 200000 points",
}


def test_every_file_of_a_stranger_is_refused_with_a_reason_and_takes_little_memory(attacked):
    _, answers = attacked
    assert set(answers) == {*REFUSALS, "waste"}
    for name, words in REFUSALS.items():
        assert answers[name]["said"] is not None, f"{name} was read"
        assert words in answers[name]["said"], f"{name}: {answers[name]['said']}"
        assert answers[name]["grew"] < MOST_MEMORY, f"{name}: {answers[name]}"


def test_memory_that_is_taken_would_be_seen(attacked):
    assert attacked[1]["waste"]["grew"] > 200 * 2**20 * 0.9


def test_no_file_of_a_stranger_ran_what_it_brought(attacked):
    folder, _ = attacked
    pickle.loads(pickle.dumps(Payload(folder / "control")))
    assert (folder / "control").exists()
    assert not (folder / "ran").exists()
