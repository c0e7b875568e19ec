"""A checkpoint comes back as it was, or is refused."""

import pytest
import torch

from agents.learning.checkpoint import NAME, Checkpoint, optimizer_tensors, restore_optimizer
from drivesim.errors import DrivesimError


def make():
    return Checkpoint({"network.a": torch.arange(3.0), "average.a": torch.ones(2)}, {"epoch": 2, "best": {"x": 0.25}})


def test_what_is_written_is_read_again(tmp_path):
    make().write(tmp_path)
    read = Checkpoint.read(tmp_path)
    assert read.values == make().values
    assert read.part("network.").keys() == {"a"}
    assert torch.equal(read.part("average.")["a"], torch.ones(2))
    assert [path.name for path in tmp_path.iterdir()] == [NAME]


def test_the_checkpoint_before_stays_whole_when_writing_fails(tmp_path, monkeypatch):
    make().write(tmp_path)
    before = (tmp_path / NAME).read_bytes()

    def fail(*_):
        raise OSError("No space left on device")

    monkeypatch.setattr("drivesim.whole_file.os.fsync", fail)
    with pytest.raises(DrivesimError, match=r"No space left on device.*The checkpoint before it is kept"):
        Checkpoint({"network.a": torch.zeros(3)}, {}).write(tmp_path)
    assert (tmp_path / NAME).read_bytes() == before


def test_a_missing_checkpoint_is_said(tmp_path):
    with pytest.raises(DrivesimError, match=rf"--resume: {tmp_path} holds no {NAME}: nothing was interrupted there"):
        Checkpoint.read(tmp_path)


@pytest.mark.parametrize("share", [0.0, 0.01, 0.5, 0.99])
def test_a_checkpoint_that_is_cut_off_is_refused(tmp_path, share):
    make().write(tmp_path)
    path = tmp_path / NAME
    path.write_bytes(path.read_bytes()[: int(share * path.stat().st_size)])
    with pytest.raises(DrivesimError, match="is no whole checkpoint"):
        Checkpoint.read(tmp_path)


def test_an_optimizer_goes_on_as_if_it_had_never_stopped():
    def network_and_optimizer():
        torch.manual_seed(0)
        network = torch.nn.Linear(4, 2)
        return network, torch.optim.AdamW(network.parameters(), lr=0.1)

    def steps(network, optimizer, count):
        for number in range(count):
            network.zero_grad()
            network(torch.full((1, 4), 1.0 + number)).square().sum().backward()
            optimizer.step()

    network, optimizer = network_and_optimizer()
    steps(network, optimizer, 3)
    tensors = {name: value.clone() for name, value in optimizer_tensors(optimizer).items()}
    weights = {name: value.clone() for name, value in network.state_dict().items()}
    steps(network, optimizer, 3)
    other, its_optimizer = network_and_optimizer()
    other.load_state_dict(weights)
    restore_optimizer(its_optimizer, tensors)
    steps(other, its_optimizer, 3)
    assert torch.equal(network.weight, other.weight)
