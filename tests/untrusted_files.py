"""Files that a stranger might send, read one after the other in a process of their own: see test_untrusted.py.

Prints a line of JSON for each: what it was refused with, and by how much memory the process grew at most.
"""

import json
import sys
import time
from pathlib import Path

import numpy as np

from agents.deployment.onnx_driver import OnnxDriver
from agents.models.backbone_files import read_backbone
from agents.models.model_files import load_network
from agents.policy import Policy
from datasets.data_format import read_stored
from datasets.image_folder import read_image_folder
from datasets.lap_files import read_lap
from drivesim.errors import DrivesimError
from drivesim.track_files import read_track

PEAK = Path("/proc/self/clear_refs")


def memory(of):
    """A figure of this process's memory, bytes: `VmHWM` is its peak, `VmRSS` what it has now."""
    (line,) = [line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith(of)]
    return 1024 * int(line.split()[1])


def load_backbone(folder):
    config, checksum = read_backbone(folder)
    return load_network(folder, checksum, config.build, "it", "--pretrained")


def waste(_):
    """What a reader that believed its file would do: the measurement must show it."""
    np.ones(200 * 2**20, np.uint8)
    raise DrivesimError("wasted")


READERS = {
    "policy": lambda path: Policy.load(path, "cpu"),
    "backbone": load_backbone,
    "onnx": OnnxDriver,
    "lap": read_lap,
    "tub": read_stored,
    "pictures": lambda path: read_image_folder(path, 32, 0),
    "track": read_track,
    "waste": waste,
}


def attack(name, path):
    PEAK.write_text("5")  # the peak is what is there now
    before, started = memory("VmRSS"), time.perf_counter()
    try:
        READERS[name.split("-")[0]](path)
        said = None
    except DrivesimError as error:
        said = str(error)
    taken = time.perf_counter() - started
    return {"name": name, "said": said, "grew": memory("VmHWM") - before, "seconds": taken}


if __name__ == "__main__":
    folder = Path(sys.argv[1])
    for each in json.loads((folder / "whole.json").read_text()):
        # What libraries load when they are first used is no attack's.
        READERS[each.split("-")[0]](folder / each)
    for each in json.loads((folder / "attacks.json").read_text()):
        print(json.dumps(attack(each, folder / each)), flush=True)
