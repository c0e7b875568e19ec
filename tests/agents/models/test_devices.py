"""A device is chosen, or what to do is said."""

import pytest
import torch

from agents.models.device_names import loop_device
from agents.models.devices import autocast, choose_device
from drivesim.errors import DrivesimError


def test_an_unknown_device_is_answered_with_the_known_ones():
    with pytest.raises(DrivesimError, match=r"device: unknown name 'tpu'\. Known: auto, cpu, cuda, torch-cpu\."):
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


@pytest.mark.parametrize(
    ("name", "network", "cars"), [("cpu", "cpu", None), ("torch-cpu", "cpu", "cpu"), ("auto", None, None)]
)
def test_cars_are_on_a_torch_device_where_one_is_asked_for(name, network, cars):
    assert network is None or choose_device(name) == torch.device(network)
    assert loop_device(name) == cars


def test_with_a_gpu_the_cars_are_there_too():
    assert loop_device("cuda") == "cuda"
