"""A device is chosen, or what to do is said."""

import pytest
import torch

from agents.models.devices import autocast, choose_device
from drivesim.errors import DrivesimError


def test_an_unknown_device_is_answered_with_the_known_ones():
    with pytest.raises(DrivesimError, match=r"device: unknown name 'tpu'\. Known: auto, cpu, cuda\."):
        choose_device("tpu")


def test_a_gpu_that_is_not_there_is_refused_with_the_way_out(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(DrivesimError, match=r"torch finds no GPU\. Use --device cpu or auto"):
        choose_device("cuda")
    assert choose_device("auto") == torch.device("cpu")


@pytest.mark.parametrize("fast", [True, False])
def test_reduced_precision_is_used_only_where_the_processor_computes_it_fast(monkeypatch, fast):
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"avx512_bf16": fast}, raising=False)
    layer = torch.nn.Linear(4, 4)
    with autocast(torch.device("cpu")):
        assert layer(torch.zeros(1, 4)).dtype == (torch.bfloat16 if fast else torch.float32)
