"""Deployed network: a policy's, as it leaves torch: frames as the camera gives them, actions cut to their range."""

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from agents.models.networks import fold_batch_norm
from agents.policy import Policy

# Frames to a pass.
_CHUNK = 128


class DeployedNetwork(nn.Module):
    """Takes frames (B, H, W, 3) uint8 RGB, and speeds (B,) float32 m/s if the policy does, to actions in [-1, 1].

    Args:
        policy: Its network is copied, in full precision on the CPU, with the batch normalisation folded.
    """

    def __init__(self, policy: Policy) -> None:
        super().__init__()
        network = fold_batch_norm(policy.network.eval()).cpu().float()
        self.network = network.to(memory_format=torch.contiguous_format)
        self.eval().requires_grad_(False)

    def forward(self, frames: Tensor, speeds: Tensor | None = None) -> Tensor:
        """Take frames, and speeds, to actions (B, outputs) float32."""
        return self.network(frames.permute(0, 3, 1, 2), *(() if speeds is None else (speeds,))).clamp(-1.0, 1.0)


def example_inputs(policy: Policy) -> tuple[tuple[Tensor, ...], dict[str, Any]]:
    """Return inputs to trace a deployed network with, and which of their dimensions is the batch."""
    camera, batch = policy.camera, torch.export.Dim("batch")
    # Two frames: torch.export takes a batch of one for a constant.
    inputs = [torch.zeros(2, camera.height, camera.width, 3, dtype=torch.uint8)]
    shapes = {"frames": {0: batch}}
    if policy.config.takes_speed:
        inputs.append(torch.zeros(2))
        shapes["speeds"] = {0: batch}
    return tuple(inputs), shapes


def full_precision_actions(policy: Policy, frames: np.ndarray, speeds: np.ndarray) -> np.ndarray:
    """Return what a policy does, (B, outputs) float32, computed in float32 by the network as it was trained."""
    network = policy.network.eval()
    actions = []
    with torch.inference_mode():
        for first in range(0, len(frames), _CHUNK):
            chunk = slice(first, first + _CHUNK)
            inputs = [torch.from_numpy(frames[chunk]).to(policy.device).permute(0, 3, 1, 2)]
            if policy.config.takes_speed:
                inputs.append(torch.from_numpy(speeds[chunk]).to(policy.device))
            actions.append(network(*inputs).clamp(-1.0, 1.0).cpu())
    return torch.cat(actions).numpy()
