"""Two processes learn what one does from the same batches."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from agents import record
from agents.learning.distributed import SharedBatchNorm, first_decides, mean_of, share_of, size
from agents.policy import Policy

ROOT = Path(__file__).parents[3]
OPTIONS = (
    *("--epochs", 2, "--samples", 256, "--batch-size", 32, "--looks", 4, "--device", "cpu", "--threads", 1),
    *("--validation-tracks", 1, "--validation-seconds", 0.5, "--learning-rate", 0.0001),
)

# Full precision: in bfloat16 a batch and its halves differ by more than is looked for here.
SCRIPT = """
import sys, torch
torch.cpu.get_capabilities = lambda: {}
from agents import train
train.run_command(train.main, train.Args, train.__doc__)
"""


def start(laps, out, processes, *more):
    script = out.parent / "train_here.py"
    script.write_text(SCRIPT)
    launcher = [sys.executable]
    if processes > 1:
        launcher += ["-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={processes}"]
    environment = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
    arguments = [*launcher, script, "--data", laps, "--out", out, *OPTIONS, *more]
    return subprocess.run(
        [*map(str, arguments)], cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )


@pytest.fixture(scope="module")
def laps(tmp_path_factory):
    folder = tmp_path_factory.mktemp("recorded") / "laps"
    record.main(record.Args(out=folder, laps=2, seconds=10.0))
    return folder


@pytest.mark.slow
def test_two_processes_have_the_losses_of_one_and_end_with_a_policy_that_drives_alike(tmp_path, laps):
    for processes in (1, 2):
        done = start(laps, tmp_path / str(processes), processes)
        assert done.returncode == 0, done.stderr
        assert done.stdout.count("Learning from 2 laps") == 1
    losses = [[json.loads(row)["loss"] for row in (tmp_path / name / "metrics.jsonl").open()] for name in ("1", "2")]
    assert losses[0][1] < 0.95 * losses[0][0]
    np.testing.assert_allclose(losses[1], losses[0], atol=1e-4)
    # Weights that hardly matter, of gradients near nothing, go where rounding takes them.
    frames = np.random.default_rng(0).integers(0, 256, (16, 96, 96, 3), np.uint8)
    one, two = (Policy.load(tmp_path / name, "cpu").predict(frames) for name in ("1", "2"))
    np.testing.assert_allclose(two, one, atol=0.02)


@pytest.mark.slow
def test_a_batch_that_cannot_be_shared_is_refused(tmp_path, laps):
    done = start(laps, tmp_path / "policy", 2, "--batch-size", 33)
    assert done.returncode != 0
    assert "--batch-size: 33 samples can't be shared by 2 processes alike" in done.stderr


def test_a_process_alone_is_a_group_of_one():
    assert size() == 1
    assert share_of(7) == slice(0, 7)
    assert first_decides(lambda: {"autonomy": 1.0}) == {"autonomy": 1.0}
    assert mean_of(torch.tensor(3.0)) == 3.0


def test_shared_statistics_are_those_of_torch_where_there_is_one_process(tmp_path):
    torch.distributed.init_process_group("gloo", init_method=f"file://{tmp_path / 'store'}", rank=0, world_size=1)
    try:
        torch.manual_seed(0)
        ours, theirs = SharedBatchNorm(4), torch.nn.BatchNorm2d(4)
        frames = torch.randn(8, 4, 5, 5) * 3 + 1
        one, other = frames.clone().requires_grad_(), frames.clone().requires_grad_()
        ours(one).square().sum(dim=(0, 2, 3))[0].backward()
        theirs(other).square().sum(dim=(0, 2, 3))[0].backward()
        torch.testing.assert_close(ours(frames), theirs(frames))
        torch.testing.assert_close(one.grad, other.grad, atol=1e-5, rtol=1e-4)
        torch.testing.assert_close(ours.state_dict(), theirs.state_dict())
        torch.testing.assert_close(ours.eval()(frames), theirs.eval()(frames))
    finally:
        torch.distributed.destroy_process_group()
