"""Policies for the tests: small, untrained, and with an opinion on every frame."""

import numpy as np
import torch

from agents.models.networks import network_of
from agents.models.policy_config import PolicyConfig
from agents.policy import Policy
from drivesim.camera import Camera
from drivesim.vehicle import VEHICLES

CAMERA = Camera(width=64, height=64, span=38.4, mount=(9.6, 0.0, 0.0))
WIDE = Camera(width=80, height=62, fov=90.0, mount=(0.6, 0.0, 1.4), pitch=8.0)
FOLDER_FILES = ["README.md", "config.json", "model.safetensors"]


def make_config(camera=None, **changes):
    if camera is not None:
        changes.setdefault("cameras", (camera,))
    fields = dict(
        backbone="pilotnet",
        cameras=(CAMERA,),
        outputs=("steering",),
        vehicle=dict(vars(VEHICLES["car"])),
        control_hz=20.0,
        training={"laps": 3, "seed": 0},
        driving={"autonomy": 0.75, "cross_track_error": 0.5},
    )
    return PolicyConfig(**(fields | changes))


def make_policy(seed=0, **changes):
    config = make_config(**({"training": {"laps": 3, "seed": seed}} | changes))
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        network = network_of(config)
        inputs = [torch.from_numpy(view).movedim(-1, -3) for view in make_views(24, config)]
        if config.takes_speed:
            inputs.append(torch.linspace(0, 20, 24))
        norms = [module for module in network.modules() if isinstance(module, torch.nn.BatchNorm2d)]
        with torch.no_grad():
            # Batch statistics of some frames, and a last layer that tells them apart.
            for norm in norms:
                norm.momentum = 1.0
            network.train()(*inputs)
            for norm in norms:
                norm.momentum = 0.1
            actions, last = network.eval()(*inputs), network.head[-1]
            last.weight *= 0.4 / actions.std(dim=0)[:, None]
            last.bias -= network(*inputs).mean(dim=0)
    return Policy(config, network, "cpu")


def make_frames(count, camera=CAMERA, seed=0):
    """Noise, each frame about its own grey."""
    rng = np.random.default_rng(seed)
    grey = rng.integers(20, 235, (count, 1, 1, 1))
    noise = rng.integers(-20, 20, (count, camera.height, camera.width, 3))
    return (grey + noise).astype(np.uint8)


def make_views(count, config, seed=0):
    """What `make_frames` makes, for every camera, and for past frames too."""
    views = []
    for number, (camera, shape) in enumerate(zip(config.cameras, config.frame_shapes, strict=True)):
        frames = make_frames(count * (1 + config.past), camera, seed + number)
        views.append(frames.reshape(count, *shape))
    return tuple(views)


def files(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}
