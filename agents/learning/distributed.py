"""Distributed: one training on several processes, started by torchrun; by itself a process is a group of one.

Every process renders and learns its share of each batch; gradients, batch statistics and the driving that chooses a
model are shared, so that N processes learn what one does from the same batches.
"""

import json
import os
from collections.abc import Callable
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from drivesim.errors import DrivesimError


def join_group(device: torch.device) -> None:
    """Join the processes that torchrun started; without torchrun nothing happens."""
    if "RANK" not in os.environ or dist.is_initialized():
        return
    dist.init_process_group("nccl" if device.type == "cuda" else "gloo")
    if device.type == "cuda":
        torch.cuda.set_device(int(os.environ["LOCAL_RANK"]))


def leave_group() -> None:
    """Leave the other processes."""
    if dist.is_initialized():
        dist.destroy_process_group()


def rank() -> int:
    """Which process this is; the first is 0, and writes the files."""
    return dist.get_rank() if dist.is_initialized() else 0


def size() -> int:
    """How many processes there are."""
    return dist.get_world_size() if dist.is_initialized() else 1


def share_of(batch_size: int) -> slice:
    """Return the part of a batch that is this process's.

    Raises:
        DrivesimError: If a batch can't be divided evenly.
    """
    if batch_size % size():
        raise DrivesimError(
            f"--batch-size: {batch_size} samples can't be shared by {size()} processes alike. Take a multiple of it."
        )
    length = batch_size // size()
    return slice(rank() * length, (rank() + 1) * length)


def first_decides(decide: Callable[[], Any]) -> Any:
    """Return what the first process says, in all of them."""
    said = [decide() if rank() == 0 else None]
    if size() > 1:
        _broadcast(said)
    return said[0]


def mean_of(value: Tensor) -> Tensor:
    """Return the mean of a number over the processes."""
    return _summed(value) / size() if size() > 1 else value


def shared(network: nn.Module) -> nn.Module:
    """Return a network whose gradients and batch statistics are those of all processes; alone, the network itself.

    The given network's weights learn; its batch normalisation is replaced in place.
    """
    if size() == 1:
        return network
    _share_statistics(network)
    # A frozen backbone has no gradients.
    return DistributedDataParallel(network, find_unused_parameters=True)


class _SumOverProcesses(torch.autograd.Function):
    """The sum of a tensor over all processes; so is its gradient."""

    @staticmethod
    def forward(_: Any, values: Tensor) -> Tensor:
        return _summed(values)

    @staticmethod
    def backward(_: Any, gradient: Tensor) -> Tensor:
        return _summed(gradient)


def _summed(values: Tensor) -> Tensor:
    values = values.clone()
    dist.all_reduce(values)
    return values


class SharedBatchNorm(nn.BatchNorm2d):
    """Batch normalisation with the statistics of all processes; torch's own does so on GPUs alone."""

    def forward(self, values: Tensor) -> Tensor:
        """Take (B, C, H, W) to the same, normalised over the batches of all processes."""
        if not self.training:
            return super().forward(values)
        # Sums of a large batch need full precision.
        exact = values.float()
        count = exact.numel() // exact.shape[1] * size()
        sums = _SumOverProcesses.apply(torch.stack([exact.sum(dim=(0, 2, 3)), exact.square().sum(dim=(0, 2, 3))]))
        mean = sums[0] / count
        variance = sums[1] / count - mean.square()
        self._remember(mean.detach(), variance.detach() * count / (count - 1))
        scale = self.weight * (variance + self.eps).rsqrt()
        shift = self.bias - mean * scale
        return (exact * scale[:, None, None] + shift[:, None, None]).to(values.dtype)

    def _remember(self, mean: Tensor, variance: Tensor) -> None:
        assert self.running_mean is not None and self.running_var is not None and self.momentum is not None
        self.running_mean.lerp_(mean, self.momentum)
        self.running_var.lerp_(variance, self.momentum)
        if self.num_batches_tracked is not None:
            self.num_batches_tracked.add_(1)


def _share_statistics(module: nn.Module) -> None:
    for child in module.modules():
        # Backbones have subclasses of their own, with an activation: these keep to their process's statistics.
        if type(child) is nn.BatchNorm2d:
            child.__class__ = SharedBatchNorm


def _broadcast(values: list[Any]) -> None:
    """Send plain JSON values of the first process to all; without pickle, which torch's own way of doing it uses."""
    data = json.dumps(values).encode() if rank() == 0 else b""
    length = torch.tensor([len(data)])
    dist.broadcast(length, 0)
    buffer = torch.zeros(int(length), dtype=torch.uint8)
    if rank() == 0:
        buffer[:] = torch.frombuffer(bytearray(data), dtype=torch.uint8)
    dist.broadcast(buffer, 0)
    values[:] = json.loads(bytes(buffer.tolist()))
