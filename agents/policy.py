"""Policy: a network with its camera and configuration; it is saved to a folder and drives."""

import json
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import nn

import drivesim
from agents.driver import frames_of
from agents.model_card import model_card
from agents.networks import BACKBONES, build_network, fold_batch_norm
from drivesim.camera import Camera
from drivesim.errors import DrivesimError, check_name
from drivesim.vector_env import DriveVectorEnv
from drivesim.vehicle import VehicleParams, get_vehicle

FORMAT_VERSION = 1

_CONFIG, _WEIGHTS, _CARD = "config.json", "model.safetensors", "README.md"

# Frames to a pass of the network: larger batches are no faster on a CPU.
_CHUNK = 128


@dataclass(frozen=True)
class PolicyConfig:
    """What a policy is, and how it came about.

    Attributes:
        backbone: Name of the network: see `agents.networks.BACKBONES`.
        camera: The frames that it takes.
        outputs: The action values that it gives, in order.
        vehicle: Parameters of the car that it was trained on.
        control_hz: Control steps a second that it was trained on.
        format_version: Of the folder.
        drivesim_version: Of the program that trained it.
        training: Command, seed, data and commit of its training, plain JSON.
        driving: Metrics of the closed-loop validation that chose it.
    """

    backbone: str
    camera: Camera
    outputs: tuple[str, ...]
    vehicle: dict[str, Any]
    control_hz: float
    format_version: int = FORMAT_VERSION
    drivesim_version: str = drivesim.__version__
    training: dict[str, Any] = field(default_factory=dict)
    driving: dict[str, float] = field(default_factory=dict)


class Policy:
    """A driver that is a network.

    Args:
        config: What it is.
        network: Frames (B, 3, H, W) uint8 to actions (B, len(outputs)).
        device: `auto` (a GPU where there is one), `cpu` or `cuda`.
    """

    name = "policy"
    needs_frames = True

    def __init__(self, config: PolicyConfig, network: nn.Module, device: str = "auto") -> None:
        self.config = config
        self.device = choose_device(device)
        self.network = network.to(self.device).to(memory_format=torch.channels_last)
        self._driving: nn.Module | None = None

    @property
    def camera(self) -> Camera:
        """The camera whose frames it takes."""
        return self.config.camera

    @property
    def vehicle(self) -> VehicleParams:
        """The car that it was trained on."""
        return get_vehicle(self.config.vehicle)

    def with_driving(self, driving: dict[str, float], epoch: int) -> "Policy":
        """Return the same network with what is known of its driving."""
        training = {**self.config.training, "epoch": epoch}
        return Policy(replace(self.config, driving=driving, training=training), self.network, self.device.type)

    def act(self, env: DriveVectorEnv, observation: Any, cars: np.ndarray) -> np.ndarray:
        """See `agents.driver.Driver.act`."""
        if env.camera != self.camera:
            raise DrivesimError(
                f"camera: this policy was made for {self.camera}; the environment has {env.camera}. "
                "Make the environment with camera=policy.camera."
            )
        if env.single_action_space.shape != (len(self.config.outputs),):
            raise DrivesimError(
                f"action: this policy gives {', '.join(self.config.outputs)}; the environment takes "
                f"{env.single_action_space.shape[0]} values."
            )
        frames = frames_of(observation, env)
        return self.predict(frames if len(cars) == len(frames) else frames[cars])

    def predict(self, frames: np.ndarray) -> np.ndarray:
        """Take frames (B, H, W, 3) uint8 RGB to actions (B, A) float64 in [-1, 1]."""
        expected = (self.camera.height, self.camera.width, 3)
        if frames.dtype != np.uint8 or frames.shape[1:] != expected:
            raise DrivesimError(
                f"frames: this policy takes uint8 frames of {expected}, got {frames.dtype} of {frames.shape[1:]}."
            )
        if self._driving is None or self.network.training:
            # Whoever trains the network puts it into training mode; its weights may differ since.
            self._driving = fold_batch_norm(self.network.eval())
        actions = []
        with torch.inference_mode(), autocast(self.device):
            for chunk in torch.from_numpy(frames).split(_CHUNK):
                # A batch in NHWC memory seen as NCHW: channels_last without a copy.
                actions.append(self._driving(chunk.to(self.device).permute(0, 3, 1, 2)).float())
        return np.clip(torch.cat(actions).cpu().numpy().astype(np.float64), -1.0, 1.0)

    def save(self, folder: Path | str) -> None:
        """Write the policy's folder: configuration, weights and a model card."""
        folder = Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        weights = {name: value.detach().cpu().contiguous() for name, value in self.network.state_dict().items()}
        save_file(weights, folder / f"{_WEIGHTS}.part")
        values = asdict(self.config)
        (folder / f"{_CONFIG}.part").write_text(json.dumps(values, indent=2) + "\n", encoding="utf-8")
        (folder / _CARD).write_text(model_card(values), encoding="utf-8")
        for name in (_WEIGHTS, _CONFIG):
            (folder / f"{name}.part").replace(folder / name)

    @classmethod
    def load(cls, folder: Path | str, device: str = "auto") -> "Policy":
        """Read a policy's folder; nothing in it is executed.

        Raises:
            DrivesimError: If the folder is missing, cut off or of a newer format.
        """
        folder = Path(folder)
        missing = [name for name in (_CONFIG, _WEIGHTS) if not (folder / name).is_file()]
        if missing:
            raise DrivesimError(
                f"policy: {folder} is no policy folder, it lacks {' and '.join(missing)}. "
                "Train one: python -m agents.train --data DIR --out DIR"
            )
        config = _read_config(folder / _CONFIG)
        network = build_network(config.backbone, config.camera.height, config.camera.width, len(config.outputs))
        try:
            weights = load_file(folder / _WEIGHTS)
            network.load_state_dict(weights)
        except (SafetensorError, RuntimeError, OSError) as error:
            reason = str(error).splitlines()[0]
            raise DrivesimError(
                f"policy: {folder / _WEIGHTS} does not hold the weights of a {config.backbone} for "
                f"{config.camera.height} x {config.camera.width} frames: {reason} Train it again or copy it anew."
            ) from error
        policy = cls(config, network, device)
        policy.name = folder.resolve().name
        return policy


def _read_config(path: Path) -> PolicyConfig:
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
        version = values.pop("format_version")
        if version > FORMAT_VERSION:
            raise DrivesimError(f"policy: {path} is of format {version}; this drivesim reads up to {FORMAT_VERSION}.")
        check_name("policy backbone", values["backbone"], BACKBONES)
        values["camera"] = Camera.from_dict(values["camera"])
        values["outputs"] = tuple(values["outputs"])
        return PolicyConfig(**values)
    except (json.JSONDecodeError, UnicodeDecodeError, KeyError, TypeError, AttributeError) as error:
        raise DrivesimError(f"policy: {path} is not a policy's configuration ({error}). Copy it anew.") from error


def choose_device(device: str) -> torch.device:
    """Return the torch device for `auto`, `cpu` or `cuda`."""
    check_name("device", device, ["auto", "cpu", "cuda"])
    if device == "cuda" and not torch.cuda.is_available():
        raise DrivesimError("device: cuda was asked for, and torch finds no GPU. Use --device cpu or auto.")
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    return torch.device(device)


def autocast(device: torch.device) -> torch.autocast:
    """Return the context of reduced precision: bfloat16 where the device computes it fast, else full precision."""
    if device.type == "cuda":
        fast = torch.cuda.is_bf16_supported()
    else:
        # Elsewhere bfloat16 is emulated, and slower than full precision. Older torch can't tell.
        capabilities: dict[str, Any] = getattr(torch.cpu, "get_capabilities", dict)()
        fast = bool(capabilities.get("avx512_bf16") or capabilities.get("amx_bf16"))
    return torch.autocast(device.type, torch.bfloat16, enabled=fast)
