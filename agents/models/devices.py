"""Devices: where a network runs, and how precisely."""

from typing import Any

import torch
from torch import nn

from agents.models.device_names import DEVICES, TORCH_CPU
from drivesim.errors import DrivesimError, check_name


def choose_device(device: str) -> torch.device:
    """Return the torch device for one of `DEVICES`."""
    check_name("device", device, DEVICES)
    if device == "cuda" and not torch.cuda.is_available():
        raise DrivesimError("device: cuda was asked for, and torch finds no GPU. Use --device cpu or auto.")
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    return torch.device("cpu" if device == TORCH_CPU else device)


def autocast(device: torch.device, training: nn.Module | None = None) -> torch.autocast:
    """Return the context of reduced precision: bfloat16 where the device computes it fast, else full precision.

    Args:
        device: That computes.
        training: The network, where it is trained. Gradients of depthwise convolutions are slower in bfloat16 on a CPU.
    """
    if device.type == "cuda":
        fast = torch.cuda.is_bf16_supported()
    else:
        # Elsewhere bfloat16 is emulated, and slower than full precision. Older torch can't tell.
        capabilities: dict[str, Any] = getattr(torch.cpu, "get_capabilities", dict)()
        fast = bool(capabilities.get("avx512_bf16") or capabilities.get("amx_bf16"))
        fast = fast and not (training is not None and _is_depthwise(training))
    return torch.autocast(device.type, torch.bfloat16, enabled=fast)


def _is_depthwise(network: nn.Module) -> bool:
    return any(isinstance(layer, nn.Conv2d) and layer.groups > 1 for layer in network.modules())
