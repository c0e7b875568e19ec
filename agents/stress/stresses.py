"""Stress: what can be wrong with the camera, the car, the loop or the start, in five severities each."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from agents.rollout import Course
from agents.stress import conditions, corruptions
from agents.stress.corruptions import MakeCorruption
from agents.stress.disturbances import Disturbance, DroppedFrames, Lag, SteeringBias, SteeringNoise
from drivesim.camera import Camera
from drivesim.errors import check_name

SEVERITIES = (1, 2, 3, 4, 5)

# What a stress is about; a driver that sees no frames can't be stressed by its camera.
CAMERA, CAR, LOOP, START = "camera", "car", "loop", "start"


@dataclass(frozen=True)
class Stress:
    """Something that is wrong, in five severities.

    Attributes:
        name: For `--stress`.
        part: What it is about: `camera`, `car`, `loop` or `start`.
        about: What happens, and what the values are.
        unit: Of the values.
        values: Of severity 1 to 5.
        frames: Makes the corruption of the frames.
        action: Makes the disturbance of the actions, from the value, the number of cars and a generator.
        course: Changes how is driven.
        mount: Changes how the camera sits; the driver still takes it for its own. None where it can't be done exactly:
            `frames` stands in.
        source: Where the values come from, where it is not this project.
    """

    name: str
    part: str
    about: str
    unit: str
    values: tuple[float, float, float, float, float]
    frames: MakeCorruption | None = None
    action: Callable[[float, int, np.random.Generator], Disturbance] | None = None
    course: Callable[[Course, float], Course] | None = None
    mount: Callable[[Camera, float], Camera | None] | None = None
    source: str = ""

    def suits(self, course: Course) -> bool:
        """Whether it can happen to whoever drives this course."""
        if self.part == CAMERA:
            return course.camera is not None
        return not (self.name in _OF_CRUISING and course.has_pedal)


_OF_CRUISING = ("slow", "fast")
_C = "ImageNet-C"

_ALL = (
    Stress(
        "gaussian-noise",
        CAMERA,
        "Gaussian noise; standard deviation",
        "share of white",
        (0.08, 0.12, 0.18, 0.26, 0.38),
        corruptions.gaussian_noise,
        source=_C,
    ),
    Stress(
        "shot-noise",
        CAMERA,
        "photon counts; photons of a white value",
        "photons",
        (60.0, 25.0, 12.0, 5.0, 3.0),
        corruptions.shot_noise,
        source=_C,
    ),
    Stress(
        "impulse-noise",
        CAMERA,
        "values that are black or white; share of them",
        "share",
        (0.03, 0.06, 0.09, 0.17, 0.27),
        corruptions.impulse_noise,
        source=_C,
    ),
    Stress(
        "defocus-blur",
        CAMERA,
        "a lens out of focus; radius of the disc",
        "share of the height",
        (0.013, 0.018, 0.027, 0.036, 0.045),
        corruptions.defocus_blur,
        source=_C,
    ),
    Stress(
        "motion-blur",
        CAMERA,
        "blur along a line of each car's own direction; its length",
        "share of the height",
        (0.04, 0.07, 0.1, 0.14, 0.2),
        corruptions.motion_blur,
    ),
    Stress(
        "brightness",
        CAMERA,
        "more light; what is added",
        "share of white",
        (0.1, 0.2, 0.3, 0.4, 0.5),
        corruptions.brightness,
        source=_C,
    ),
    Stress(
        "darkness",
        CAMERA,
        "less light; what is added",
        "share of white",
        (-0.1, -0.2, -0.3, -0.4, -0.5),
        corruptions.brightness,
    ),
    Stress(
        "contrast",
        CAMERA,
        "less contrast; share that is kept",
        "share",
        (0.4, 0.3, 0.2, 0.1, 0.05),
        corruptions.contrast,
        source=_C,
    ),
    Stress(
        "color-cast",
        CAMERA,
        "a tint: one channel stronger and another weaker, each car's own pair; by how much",
        "share",
        (0.1, 0.2, 0.3, 0.4, 0.5),
        corruptions.color_cast,
    ),
    Stress(
        "fog",
        CAMERA,
        "drifting fog; mean share of the light that comes from it",
        "share",
        (0.3, 0.45, 0.6, 0.7, 0.8),
        corruptions.fog,
    ),
    Stress(
        "jpeg",
        CAMERA,
        "compression; JPEG quality",
        "1 to 100",
        (25.0, 18.0, 15.0, 10.0, 7.0),
        corruptions.jpeg,
        source=_C,
    ),
    Stress(
        "dirt",
        CAMERA,
        "blobs on the lens; share of it that they cover",
        "share",
        (0.02, 0.05, 0.1, 0.15, 0.25),
        corruptions.dirt,
    ),
    Stress(
        "dead-rows",
        CAMERA,
        "rows of the sensor that stay black; share of them",
        "share",
        (0.02, 0.05, 0.1, 0.2, 0.3),
        corruptions.dead_rows,
    ),
    Stress(
        "shift",
        CAMERA,
        "a camera mounted to the left of its place; by how much",
        "m",
        (0.1, 0.2, 0.4, 0.7, 1.0),
        mount=conditions.shifted,
    ),
    Stress(
        "roll",
        CAMERA,
        "a camera mounted turned about its optical axis; by how much",
        "deg",
        (1.0, 2.0, 4.0, 6.0, 10.0),
        corruptions.roll,
        mount=conditions.rolled,
    ),
    Stress(
        "pitch",
        CAMERA,
        "a camera mounted tilted down, from above towards the car; by how much",
        "deg",
        (1.0, 2.0, 3.0, 4.0, 6.0),
        mount=conditions.pitched,
    ),
    Stress(
        "steering-bias",
        CAR,
        "a wheel that does not stand straight, left or right by car; what is added to the steering",
        "share of full",
        (0.02, 0.04, 0.07, 0.11, 0.16),
        action=SteeringBias,
    ),
    Stress(
        "steering-noise",
        CAR,
        "white noise on the steering; standard deviation",
        "share of full",
        (0.05, 0.1, 0.2, 0.3, 0.4),
        action=SteeringNoise,
    ),
    Stress(
        "wind",
        CAR,
        "a steady wind across the track, on a car with slip; what it accelerates the car by",
        "m/s²",
        (0.5, 1.0, 1.5, 2.0, 3.0),
        course=conditions.windy,
    ),
    Stress(
        "low-grip",
        CAR,
        "a slippery road, on a car with slip; coefficient of friction",
        "1",
        (0.8, 0.65, 0.5, 0.4, 0.3),
        course=conditions.slippery,
    ),
    Stress(
        "slow",
        CAR,
        "another speed of the cruise controller; share of the usual one",
        "share",
        (0.94, 0.88, 0.82, 0.76, 0.7),
        course=conditions.at_speed,
    ),
    Stress(
        "fast",
        CAR,
        "another speed of the cruise controller; share of the usual one",
        "share",
        (1.06, 1.12, 1.18, 1.24, 1.3),
        course=conditions.at_speed,
    ),
    Stress(
        "lag",
        LOOP,
        "actions that reach the car late; by how many control steps",
        "steps",
        (1.0, 2.0, 3.0, 4.0, 5.0),
        action=Lag,
    ),
    Stress(
        "dropped-frames",
        LOOP,
        "frames that are lost, so that the last answer stays; their probability",
        "share",
        (0.1, 0.2, 0.4, 0.6, 0.8),
        action=DroppedFrames,
    ),
    Stress(
        "start-aside",
        START,
        "a start beside the centreline, left or right by car; share of the room between wheel and edge",
        "share",
        (0.16, 0.32, 0.48, 0.64, 0.8),
        course=conditions.beside,
    ),
    Stress(
        "start-turned",
        START,
        "a start turned away from the road, left or right by car; by how much",
        "deg",
        (4.0, 8.0, 12.0, 16.0, 20.0),
        course=conditions.turned,
    ),
)

STRESSES = {stress.name: stress for stress in _ALL}


def choose_stresses(names: list[str]) -> list[Stress]:
    """Return the stresses of these names, in the table's order; `all` stands for every one."""
    for name in names:
        check_name("--stress", name, ["all", *STRESSES])
    return [stress for stress in _ALL if "all" in names or stress.name in names]


def markdown_table() -> str:
    """Return the table of `docs/stress.md`."""
    rows = [
        "| stress | part | what | unit | 1 | 2 | 3 | 4 | 5 | values from |",
        "|---|---|---|---|--:|--:|--:|--:|--:|---|",
    ]
    for stress in _ALL:
        values = " | ".join(f"{value:g}" for value in stress.values)
        source = stress.source or "this project"
        rows.append(f"| `{stress.name}` | {stress.part} | {stress.about} | {stress.unit} | {values} | {source} |")
    return "\n".join(rows)
