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


@dataclass(frozen=True)
class PolicyConfig:
    """What a policy is, and how it came about.

    Attributes:
        backbone: Name of the network: `pilotnet`, or see `agents.models.backbones`.
        camera: The frames that it takes.
        fit: How a real camera's pictures were made into such frames, where it learned from such; `None` where the
            simulator drew them.
        inputs: What it takes: the camera's frame, or `("camera", "speed")`.
        outputs: The action values that it gives, in order.
        vehicle: Parameters of the car that it was trained on.
        control_hz: Control steps a second that it was trained on.
        drivesim_version: Of the program that trained it.
        training: Command, seed, data and commit of its training, plain JSON.
        driving: Metrics of the closed-loop validation that chose it.
    """

    backbone: str
    camera: Camera
    outputs: tuple[str, ...]
    vehicle: dict[str, Any]
    control_hz: float
    fit: FrameFit | None = None
    inputs: tuple[str, ...] = ("camera",)
    drivesim_version: str = drivesim.__version__
    training: dict[str, Any] = field(default_factory=dict)
    driving: dict[str, float] = field(default_factory=dict)

    @property
    def takes_speed(self) -> bool:
        """Whether it takes the car's speed too."""
        return "speed" in self.inputs

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> "PolicyConfig":
        """Rebuild a configuration from its fields, as read from JSON; raises what a wrong type raises."""
        camera, lists = (
            Camera.from_dict(values["camera"]),
            {name: tuple(values[name]) for name in ("inputs", "outputs")},
        )
        fit = values.get("fit")
        return cls(**{**values, "camera": camera, "fit": fit if fit is None else FrameFit.from_dict(fit), **lists})

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
        if faults:
            raise DrivesimError("policy: " + " ".join(faults))
