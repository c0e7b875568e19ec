"""Saliency maps: which pixels of a frame a network's actions rest on.

Networks that are a plain chain of convolutions are shown by VisualBackProp (Bojarski et al. 2016, "VisualBackProp:
efficient visualization of CNNs"), others by Grad-CAM (Selvaraju et al. 2017). In VisualBackProp each feature counts
here as much as the action hangs on it, where the paper takes the mean of all: on these flat-coloured worlds that mean
shows the ground's colour and the car, which steer nothing.
"""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from copy import deepcopy
from typing import Any

import cv2
import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from agents.models.networks import DrivingNetwork
from agents.policy import Policy
from drivesim.errors import DrivesimError

# Frames to a pass: their feature maps are all held at once.
_CHUNK = 64

_TINY = torch.finfo(torch.float32).tiny

# From no weight to all of it: the sequence of a warm perceptual colour map, dark red to pale yellow.
_WARM = np.array([(70, 8, 50), (150, 25, 50), (222, 68, 28), (252, 140, 22), (254, 216, 80), (255, 248, 190)], float)
_COLORS = np.stack([np.interp(np.linspace(0, 5, 256), np.arange(6), channel) for channel in _WARM.T], axis=-1)

# The frame behind the map: this share of its colour, then this share of its brightness.
_COLOR_KEPT, _BRIGHTNESS_KEPT = 0.35, 0.55


def saliency_maps(
    policy: Policy, frames: np.ndarray | Sequence[np.ndarray], speeds: np.ndarray | None = None, camera: int = 0
) -> np.ndarray:
    """Say how much each pixel counts for the actions of a policy.

    Args:
        policy: Whose; it drives on as before.
        frames: As its `predict` takes them.
        speeds: (B,) m/s, where it takes them.
        camera: Which camera's pixels, of several. With past frames the map is of all of them together in a plain
            network, which sees them as colours of one; of the newest in others.

    Returns:
        (B, H, W) float32, each map from 0 to 1; all 0 where a map is flat.
    """
    views = policy.check_inputs(frames, speeds)
    network = policy.network
    tower = network.towers[camera] if isinstance(network, DrivingNetwork) else network
    method = _visual_backprop if _is_plain(tower) else _grad_cam
    maps = np.empty((len(views[0]), *views[camera].shape[-3:-1]), np.float32)
    with _in_evaluation_mode(network), torch.inference_mode(False), torch.enable_grad():
        for start in range(0, len(maps), _CHUNK):
            chunk = slice(start, start + _CHUNK)
            seen = [torch.tensor(view[chunk], device=policy.device).movedim(-1, -3).float() for view in views]
            seen[camera].requires_grad_()
            others = [] if speeds is None else [torch.tensor(speeds[chunk], dtype=torch.float32, device=policy.device)]
            found = method(network, tower, seen[camera].shape, [*seen, *others])
            maps[chunk] = _normalized(found).cpu().numpy()
    return maps


def overlay(frame: np.ndarray, saliency_map: np.ndarray) -> np.ndarray:
    """Lay a map over its frame: (H, W, 3) uint8 RGB and (H, W) float from 0 to 1 make (H, W, 3) uint8 RGB.

    The frame is dimmed; on it the map glows from red over orange to pale yellow, opaque where it is 1.
    """
    if frame.shape[:2] != saliency_map.shape:
        raise DrivesimError(
            f"saliency_map: expected the frame's {frame.shape[:2]}, got {saliency_map.shape}. Resize it first."
        )
    value = np.clip(saliency_map, 0.0, 1.0)
    grey = frame.mean(axis=-1, keepdims=True)
    dimmed = _BRIGHTNESS_KEPT * (grey + _COLOR_KEPT * (frame - grey))
    color = _COLORS[np.rint(255 * value).astype(np.intp)]
    alpha = value[..., None]
    return np.rint(dimmed + alpha * (color - dimmed)).astype(np.uint8)


def randomisation_check(
    policy: Policy,
    frames: np.ndarray | Sequence[np.ndarray],
    speeds: np.ndarray | None = None,
    seed: int = 0,
    camera: int = 0,
) -> dict[str, float]:
    """Compare a policy's maps with those of the same network with random weights (Adebayo et al. 2018).

    Maps that hardly change show the picture, not what the network has learnt.

    Returns:
        `overlap` of the brightest twentieth of the pixels (intersection over union; 0.03 by chance), `ssim` (structural
        similarity) and `rank_correlation` (Spearman's; high for all maps that are dark far from the car), each a mean
        over the frames; 1 where the maps are the same.
    """
    network = deepcopy(policy.network)
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        for module in network.modules():
            reset: Any = getattr(module, "reset_parameters", None)
            if reset is not None:
                reset()
    trained = saliency_maps(policy, frames, speeds, camera)
    random = saliency_maps(Policy(policy.config, network, policy.device.type), frames, speeds, camera)
    pairs = list(zip(trained, random, strict=True))
    return {
        "overlap": float(np.mean([_overlap(a, b) for a, b in pairs])),
        "ssim": float(np.mean([_structural_similarity(a, b) for a, b in pairs])),
        "rank_correlation": float(np.mean([_rank_correlation(a, b) for a, b in pairs])),
    }


def _is_plain(features: nn.Module) -> bool:
    """Whether a tower is a chain of convolutions, each followed by a ReLU."""
    if not isinstance(features, nn.Sequential):
        return False
    parts = (nn.Conv2d, nn.BatchNorm2d, nn.ReLU, nn.Identity, nn.Flatten)
    chain = [module for module in features if isinstance(module, nn.Conv2d | nn.ReLU)]
    takes_turns = all(isinstance(module, (nn.Conv2d, nn.ReLU)[i % 2]) for i, module in enumerate(chain))
    return takes_turns and len(chain) % 2 == 0 and all(isinstance(module, parts) for module in features)


@contextmanager
def _in_evaluation_mode(network: nn.Module) -> Iterator[None]:
    # Left as it was found: a policy folds its network anew whenever that has been in training mode.
    was_training = network.training
    network.eval()
    try:
        yield
    finally:
        network.train(was_training)


def _visual_backprop(network: nn.Module, tower: Any, shape: torch.Size, inputs: list[Tensor]) -> Tensor:
    """What each place of each layer adds to the action, from the last layer backwards widened and multiplied."""
    outputs: list[Tensor] = []
    with ExitStack() as hooks:
        for module in tower:
            if isinstance(module, nn.ReLU):
                hooks.callback(module.register_forward_hook(lambda _, __, out: outputs.append(out)).remove)
        actions = network(*inputs)
    gradients = torch.autograd.grad(actions.sum(), outputs)
    # The gradient of a convolution with a stride is chequered: the mean over neighbours is not.
    means = [
        F.avg_pool2d((output.detach() * gradient).abs().mean(dim=1, keepdim=True), 3, 1, 1, count_include_pad=False)
        for output, gradient in zip(outputs, gradients, strict=True)
    ]
    # Small numbers multiplied would vanish; a map's scale means nothing.
    means = [mean / mean.amax(dim=(2, 3), keepdim=True).clamp(min=_TINY) for mean in means]
    layers = [module for module in tower if isinstance(module, nn.Conv2d)]
    product = means[-1]
    for layer, below in zip(layers[:0:-1], means[-2::-1], strict=True):
        product = _widened(product, layer, below.shape[-2:]) * below
    # The square root shows the weaker places of a product of so many factors.
    return _widened(product, layers[0], shape[-2:])[:, 0].sqrt()


def _widened(mean: Tensor, layer: nn.Conv2d, size: torch.Size) -> Tensor:
    """Spread each value over the window of pixels that it was computed from."""
    ones = torch.ones(1, 1, *layer.kernel_size, device=mean.device)
    padding: Any = layer.padding
    both = torch.cat([mean, torch.ones_like(mean[:1])])
    wide = F.conv_transpose2d(both, ones, stride=layer.stride, padding=padding)
    # Pixels at the far border that no window reached.
    wide = F.pad(wide, (0, size[1] - wide.shape[3], 0, size[0] - wide.shape[2]))
    # Windows overlap in a chequered pattern, and less at the border: the mean over them shows neither.
    return wide[:-1] / wide[-1:].clamp(min=1.0)


def _grad_cam(network: nn.Module, tower: nn.Module, shape: torch.Size, inputs: list[Tensor]) -> Tensor:
    """Weigh the last feature maps by the mean gradient of the actions with respect to them."""
    last: list[Tensor] = []

    def keep(_: nn.Module, __: Any, out: Any) -> None:
        if isinstance(out, Tensor) and out.ndim == 4 and out.shape[-1] * out.shape[-2] > 1:
            last[:] = [out]

    with ExitStack() as hooks:
        for module in tower.modules():
            if not list(module.children()):
                hooks.callback(module.register_forward_hook(keep).remove)
        actions = network(*inputs)
    (gradient,) = torch.autograd.grad(actions.sum(), last[0])
    weights = gradient.mean(dim=(2, 3), keepdim=True)
    # Either sign counts: a place may ask for left as well as for right.
    coarse = (weights * last[0].detach()).sum(dim=1, keepdim=True).abs()
    # Each frame of a sample went through by itself, the newest first.
    newest = coarse[:: shape[1]] if len(shape) == 5 else coarse
    return F.interpolate(newest, shape[-2:], mode="bilinear", align_corners=False)[:, 0]


def _normalized(maps: Tensor) -> Tensor:
    low, high = maps.amin(dim=(1, 2), keepdim=True), maps.amax(dim=(1, 2), keepdim=True)
    return (maps - low) / (high - low).clamp(min=_TINY)


def _rank_correlation(a: np.ndarray, b: np.ndarray) -> float:
    """Spearman's; 0 where a map is flat."""
    from scipy.stats import spearmanr  # here, since it takes a second to load

    return float(spearmanr(a, b, axis=None).statistic) if a.any() and b.any() else 0.0


def _overlap(a: np.ndarray, b: np.ndarray) -> float:
    """Of the brightest twentieth of the pixels of two maps: intersection over union."""
    bright_a, bright_b = a >= np.quantile(a, 0.95), b >= np.quantile(b, 0.95)
    return float((bright_a & bright_b).sum() / (bright_a | bright_b).sum())


def _structural_similarity(a: np.ndarray, b: np.ndarray) -> float:
    """Of two maps from 0 to 1, with the constants of Wang et al. 2004."""

    def blurred(values: np.ndarray) -> np.ndarray:
        return cv2.GaussianBlur(values.astype(np.float64), (11, 11), 1.5)

    mean_a, mean_b = blurred(a), blurred(b)
    variance_a, variance_b = blurred(a * a) - mean_a**2, blurred(b * b) - mean_b**2
    covariance = blurred(a * b) - mean_a * mean_b
    alike = (2 * mean_a * mean_b + 1e-4) * (2 * covariance + 9e-4)
    return float(np.mean(alike / ((mean_a**2 + mean_b**2 + 1e-4) * (variance_a + variance_b + 9e-4))))
