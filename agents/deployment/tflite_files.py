"""TFLite files: a policy's network as TFLite, with its configuration in an archive after it."""

import hashlib
import json
import zipfile
from pathlib import Path
from typing import Any

from agents.deployment.deployed import DeployedNetwork, example_inputs
from agents.deployment.quiet import quiet
from agents.deployment.tflite_driver import METADATA_FILE
from agents.policy import Policy
from drivesim.errors import DrivesimError


def write_tflite(path: Path, policy: Policy, metadata: dict[str, Any]) -> None:
    """Write a policy as TFLite, float32, for one frame at a time.

    Args:
        path: Of the file.
        policy: To write.
        metadata: Plain JSON, for the file to carry: see `agents.deployment.exported_file`.
    """
    with quiet():
        try:
            import litert_torch
        except ImportError as error:
            raise DrivesimError(
                f"--to tflite: {error.name} is not installed: pip install -e .[tflite]; it brings 1 GB along, so take "
                "an environment of its own."
            ) from error
        inputs, _ = example_inputs(policy)
        litert_torch.convert(DeployedNetwork(policy), tuple(each[:1] for each in inputs)).export(str(path))
    exported = {**metadata["exported"], "network_sha256": hashlib.sha256(path.read_bytes()).hexdigest()}
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr(zipfile.ZipInfo(METADATA_FILE), json.dumps({**metadata, "exported": exported}))
