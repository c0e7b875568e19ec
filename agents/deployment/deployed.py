"""Deployed network: a policy's, as it leaves torch: frames as the camera gives them, actions cut to their range."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from agents.models.networks import fold_batch_norm
from agents.policy import Policy

# Frames to a pass.
_CHUNK = 128


class DeployedNetwork(nn.Module):
    """Takes what the policy does to actions in [-1, 1]: frames as `predict` takes them, and speeds (B,) float32, m/s.

    Args:
        policy: Its network is copied, in full precision on the CPU, with the batch normalisation folded.
    """

    def __init__(self, policy: Policy) -> None:
        super().__init__()
        network = fold_batch_norm(policy.network.eval()).cpu().float()
        self.network = network.to(memory_format=torch.contiguous_format)
        self.eval().requires_grad_(False)

    def forward(self, *inputs: Tensor) -> Tensor:
        """Take the frames of each camera, and the speeds if the policy does, to actions (B, outputs) float32."""
        return self.network(*[each.movedim(-1, -3) if each.ndim > 1 else each for each in inputs]).clamp(-1.0, 1.0)


def example_inputs(policy: Policy) -> tuple[tuple[Tensor, ...], dict[str, Any]]:
    """Return inputs to trace a deployed network with, and which of their dimensions is the batch."""
    batch = torch.export.Dim("batch")
    # Two frames: torch.export takes a batch of one for a constant.
    inputs = [torch.zeros(2, *shape, dtype=torch.uint8) for shape in policy.config.frame_shapes]
    if policy.config.takes_speed:
        inputs.append(torch.zeros(2))
    return tuple(inputs), {"inputs": tuple({0: batch} for _ in inputs)}


def full_precision_actions(policy: Policy, frames: np.ndarray | Sequence[np.ndarray], speeds: np.ndarray) -> np.ndarray:
    """Return what a policy does, (B, outputs) float32, computed in float32 by the network as it was trained."""
    network = policy.network.eval()
    views = policy.check_inputs(frames, speeds if policy.config.takes_speed else None)
    actions = []
    with torch.inference_mode():
        for first in range(0, len(views[0]), _CHUNK):
            chunk = slice(first, first + _CHUNK)
            inputs = [torch.from_numpy(view[chunk]).to(policy.device).movedim(-1, -3) for view in views]
            if policy.config.takes_speed:
                inputs.append(torch.from_numpy(speeds[chunk]).to(policy.device))
            actions.append(network(*inputs).clamp(-1.0, 1.0).cpu())
    return torch.cat(actions).numpy()
