"""Policy configuration: what a policy takes and gives, and how it came about."""

from dataclasses import dataclass, field
from typing import Any

import drivesim
from datasets.frame_fit import FrameFit
from datasets.schema import ACTIONS
from drivesim.camera import Camera
from drivesim.errors import DrivesimError
from drivesim.vehicle import get_vehicle

INPUTS = ("camera", "speed")

# How a network takes its frames to numbers about 0: by constants, or by each frame's own mean colour and contrast.
FIXED, BY_FRAME = "fixed", "frame"

# Past frames that a policy may take, and control steps from one to the next.
MOST_PAST, LONGEST_STRIDE = 15, 100


@dataclass(frozen=True)
class PolicyConfig:
    """What a policy is, and how it came about.

    Attributes:
        backbone: Name of the network: `pilotnet`, or see `agents.models.backbones`.
        cameras: Whose frames it takes, in order.
        fit: How a real camera's pictures were made into such frames, where it learned from such; `None` where the
            simulator drew them.
        outputs: The action values that it gives, in order.
        vehicle: Parameters of the car that it was trained on.
        control_hz: Control steps a second that it was trained on.
        inputs: What it takes: the cameras' frames, or `("camera", "speed")`.
        normalization: Of the frames: `fixed`, by constants, or `frame`, by each one's own mean colour and contrast, so
            that light, fog and dark change little (pilotnet alone).
        past: Earlier frames of each camera that it takes beside the newest.
        stride: Control steps from one of these to the next.
        drivesim_version: Of the program that trained it.
        training: Command, seed, data and commit of its training, plain JSON.
        driving: Metrics of the closed-loop validation that chose it.
    """

    backbone: str
    cameras: tuple[Camera, ...]
    outputs: tuple[str, ...]
    vehicle: dict[str, Any]
    control_hz: float
    fit: FrameFit | None = None
    inputs: tuple[str, ...] = ("camera",)
    normalization: str = FIXED
    past: int = 0
    stride: int = 1
    drivesim_version: str = drivesim.__version__
    training: dict[str, Any] = field(default_factory=dict)
    driving: dict[str, float] = field(default_factory=dict)

    @property
    def takes_speed(self) -> bool:
        """Whether it takes the car's speed too."""
        return "speed" in self.inputs

    @property
    def camera(self) -> Camera:
        """The only camera, or the first."""
        return self.cameras[0]

    @property
    def frame_shapes(self) -> tuple[tuple[int, ...], ...]:
        """Of what it takes of each camera: (H, W, 3), or with past frames (1 + past, H, W, 3)."""
        times = (1 + self.past,) if self.past else ()
        return tuple((*times, camera.height, camera.width, 3) for camera in self.cameras)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> "PolicyConfig":
        """Rebuild a configuration from its fields, as read from JSON; raises what a wrong type raises."""
        values = {"fit": None, **values}
        if "cameras" not in values:
            # Of format 1, which knew a single camera.
            values["cameras"] = [values.pop("camera")]
        cameras = tuple(Camera.from_dict(camera) for camera in values["cameras"])
        lists = {name: tuple(values[name]) for name in ("inputs", "outputs")}
        fit = None if values["fit"] is None else FrameFit.from_dict(values["fit"])
        return cls(**{**values, "cameras": cameras, "fit": fit, **lists})

    def __post_init__(self) -> None:
        """Refuse what no policy can be, with all faults at once."""
        faults = []
        try:
            get_vehicle(self.vehicle)
        except (DrivesimError, TypeError) as error:
            faults.append(str(error))
        if not (isinstance(self.control_hz, int | float) and 1 <= self.control_hz <= 100):
            faults.append(f"control_hz: expected 1 to 100 steps a second, got {self.control_hz!r}.")
        if self.outputs not in (ACTIONS[:1], ACTIONS):
            faults.append(f"outputs: expected steering, or steering and pedal, got {self.outputs!r}.")
        if self.inputs not in (INPUTS[:1], INPUTS):
            faults.append(f"inputs: expected camera, or camera and speed, got {self.inputs!r}.")
        if self.normalization not in (FIXED, BY_FRAME):
            faults.append(f"normalization: expected {FIXED} or {BY_FRAME}, got {self.normalization!r}.")
        if not self.cameras:
            faults.append("cameras: expected one or more, got none.")
        for name, least, most in (("past", 0, MOST_PAST), ("stride", 1, LONGEST_STRIDE)):
            value = getattr(self, name)
            if not (isinstance(value, int) and least <= value <= most):
                faults.append(f"{name}: expected {least} to {most}, got {value!r}.")
        if faults:
            raise DrivesimError("policy: " + " ".join(faults))
