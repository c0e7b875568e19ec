"""Conditions: cars, roads, mounts and starts that are not what a driver was made for."""

from dataclasses import replace
from typing import Any

import numpy as np

from agents.rollout import Course
from drivesim.camera import Camera
from drivesim.scenario import Scenario


def shifted(camera: Camera, metres: float) -> Camera:
    """Mount a camera farther to the left."""
    x, y, z = camera.mount
    return replace(camera, mount=(x, y + metres, z))


def rolled(camera: Camera, degrees: float) -> Camera | None:
    """Mount a camera turned about its optical axis; None where no camera can be said that way."""
    # Straight above, to roll is to turn about the optical axis: what `yaw` does. In perspective the frame is turned.
    return replace(camera, yaw=camera.yaw + degrees) if camera.looks_down else None


def pitched(camera: Camera, degrees: float) -> Camera:
    """Mount a camera tilted down."""
    if camera.span is None:
        return replace(camera, pitch=camera.pitch + degrees)
    # From as high as it sees wide, tilting moves the middle of the picture towards the car.
    x, y, z = camera.mount
    return replace(camera, mount=(x - camera.span * float(np.tan(np.radians(degrees))), y, z))


def _with_slip(course: Course, **scenario: Any) -> Course:
    """Return the course with a car that has tyres: without slip there is no grip to lose and nothing for the wind."""
    vehicle = replace(course.vehicle, model="dynamic")
    return replace(course, scenario={**course.scenario, "vehicle": vehicle, **scenario})


def windy(course: Course, acceleration: float) -> Course:
    """Let a wind blow that accelerates a car by so much, m/s^2."""
    return _with_slip(course, wind=acceleration)


def slippery(course: Course, friction: float) -> Course:
    """Make the road slippery."""
    slipping = _with_slip(course)
    vehicle = replace(slipping.scenario["vehicle"], friction=friction)
    return replace(slipping, scenario={**slipping.scenario, "vehicle": vehicle})


def at_speed(course: Course, share: float) -> Course:
    """Cruise at a share of the usual speed."""
    usual = course.scenario.get("cruise_speed", Scenario.cruise_speed)
    return replace(course, scenario={**course.scenario, "cruise_speed": usual * share})


def beside(course: Course, share: float) -> Course:
    """Start beside the centreline, by a share of the room that there is."""
    return replace(course, start_aside=share)


def turned(course: Course, degrees: float) -> Course:
    """Start turned away from the road."""
    return replace(course, start_turn=float(np.radians(degrees)))
