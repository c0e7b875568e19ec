"""python -m docs.examples.clone_thirty_seconds --out thirty

Record thirty seconds of driving, clone them, and drive roads that the network never saw: agents.record, agents.train
and agents.evaluate in Python.
"""

from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
import tyro
from rich.console import Console

from agents.evaluation.evaluation import evaluate, quick_check
from agents.evaluation.table import evaluation_table
from agents.expert import ExpertDriver
from agents.learning.schedule import Plan
from agents.learning.training import Training
from agents.models.networks import network_of
from agents.models.policy_config import BY_FRAME, PolicyConfig
from agents.policy import Policy
from agents.provenance import lap_info
from agents.rollout import Course, drive, lap_columns
from datasets.frames import RenderedFrames
from datasets.lap_files import read_laps
from datasets.recording import LapWriter
from drivesim.camera import get_camera
from drivesim.simulation import Rules
from drivesim.world import WorldSource


def main(out: Path, epochs: int = 4, samples: int = 12_800, tracks: int = 20, seconds: float | None = None) -> None:
    """Record, train, evaluate; `tracks` unseen roads are driven, each for `seconds` or, if left out, a lap."""
    console = Console()
    thirty_seconds = Course(noise=0.1, time_limit=30.0)
    for driven in drive(ExpertDriver(), WorldSource([0]).all(), thirty_seconds, np.random.default_rng(0)):
        with LapWriter(out / "laps", lap_info(driven.world, Rules(), "expert")) as lap:
            lap.extend(lap_columns(driven))

    laps, camera = read_laps(out / "laps")[0], get_camera("topdown")
    torch.manual_seed(0)
    config = PolicyConfig("pilotnet", (camera,), ("steering",), laps[0].info.vehicle, 20.0, normalization=BY_FRAME)
    policy = Policy(config, network_of(config))
    course, validation = Course.made_for(config, time_limit=seconds), WorldSource(range(10), split="validation").all()
    plan = Plan(epochs, samples, batch_size=128, learning_rate=2e-3, weight_decay=1e-3, averaging=0.99)

    def judge(candidate: Policy) -> dict[str, float]:
        return quick_check(candidate, validation, replace(course, time_limit=seconds or 20.0))

    (out / "policy").mkdir()
    Training(policy, RenderedFrames(laps, camera), plan, judge, out / "policy", 0, {"seed": 0}).run(console)

    unseen = WorldSource(range(tracks), "mixed", "test").all()
    console.print(evaluation_table([evaluate(Policy.load(out / "policy"), unseen, course)]))


if __name__ == "__main__":
    tyro.cli(main)
