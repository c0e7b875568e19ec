"""Namespace: the physics' functions on tensors: see `drivesim.namespaces`."""

from typing import Any

import torch
from torch import Tensor

from drivesim.namespaces import Namespace


def _minimum(a: Tensor, b: Any) -> Tensor:
    return torch.minimum(a, b) if isinstance(b, Tensor) else a.clamp(max=b)


def _maximum(a: Tensor, b: Any) -> Tensor:
    return torch.maximum(a, b) if isinstance(b, Tensor) else a.clamp(min=b)


TORCH = Namespace(
    sin=torch.sin,
    cos=torch.cos,
    tan=torch.tan,
    atan=torch.atan,
    tanh=torch.tanh,
    sqrt=torch.sqrt,
    floor=lambda x: torch.floor(x).long(),
    minimum=_minimum,
    maximum=_maximum,
    where=torch.where,
    clip=torch.clamp,
    rows=lambda table, index: table[index].unbind(-1),
    zeros_like=torch.zeros_like,
)
