"""Laps for the tests: made up, recorded, and compared."""

import numpy as np

from datasets.recording import LapWriter
from datasets.schema import DTYPES, Lap, LapInfo
from drivesim.track import Track
from drivesim.vehicle import VehicleParams

HZ = 20
CAR = VehicleParams()


def make_info(**changes):
    angle = np.linspace(0, 2 * np.pi, 40, endpoint=False)
    radius = 150 + np.random.default_rng(1).normal(size=40)
    fields = dict(
        track_name="ring",
        track_points=np.column_stack([radius * np.cos(angle), radius * np.sin(angle), np.full((40, 2), 3.5)]),
        vehicle={"wheelbase": 2.6},
        control_hz=float(HZ),
        driver="expert",
        seed=7,
        appearance={"ground": [90, 140, 60]},
        environment="drivesim/Steer-v0",
        drivesim_version="0.1.0",
        commit="0123abc",
        notes={"noise": 0.1},
    )
    return LapInfo(**(fields | changes))


def drive(steps, seed=0):
    """A car that wanders about the centreline, with full mantissas, as a simulation has them."""
    info, rng = make_info(), np.random.default_rng(seed)
    track = Track.from_points(info.track_points, "ring")
    time_ = np.arange(steps) / HZ
    wander = rng.normal(size=steps).cumsum() * 0.01
    s, lateral = 10 * time_ + wander, np.sin(time_) * 0.3 + wander
    xy = track.position(s, lateral)
    want = np.clip(-5 * track.curvature_at(s) - lateral, -1, 1)
    columns = dict(
        time=time_,
        x=xy[:, 0],
        y=xy[:, 1],
        heading=track.heading_at(s) + 0.1 * wander,
        speed=10 + wander,
        lateral_velocity=0.1 * np.cos(wander),
        yaw_rate=10 * track.curvature_at(s),
        steering_angle=np.arctan(2.6 * track.curvature_at(s) + wander),
        s=s % track.length,
        lateral_error=lateral,
        steering=np.clip(want + rng.normal(0, 0.1, steps), -1, 1),
        pedal=np.tanh(wander),
        steering_label=want,
        pedal_label=np.where(time_ < 5, np.nan, np.tanh(wander)),
        policy_steering=np.where(time_ < 2, np.tanh(want), np.nan),
        policy_pedal=np.full(steps, np.nan),
        mark=rng.integers(0, 4, steps),
    )
    return {name: columns[name].astype(dtype) for name, dtype in DTYPES.items()}


def rows_of(columns):
    return [{name: values[step].item() for name, values in columns.items()} for step in range(len(columns["time"]))]


def assert_steps(lap, columns, steps=None):
    """The lap holds the first `steps` of `columns`, byte for byte."""
    assert len(lap) == (len(columns["time"]) if steps is None else steps)
    for name, values in columns.items():
        assert lap.columns[name].dtype == DTYPES[name]
        assert lap.columns[name].tobytes() == values[: len(lap)].tobytes(), name


def files(folder):
    return sorted(path.name for path in folder.iterdir())


def partial_lap(folder, columns):
    """Record rows, and die without a word: returns the bytes that are on the disk then."""
    writer = LapWriter(folder, make_info())
    for row in rows_of(columns):
        writer.append(row)
    data = (folder / f"{writer.name}.arrows").read_bytes()
    writer.discard()
    return data


def circle_lap(steps=200, radius=39.0, road_radius=40.0, *, info=None, **columns):
    """A car that drives a circle counter-clockwise at 10 m/s without slip, beside the middle of a round road."""
    angle = np.linspace(0, 2 * np.pi, 24, endpoint=False)
    points = np.column_stack([road_radius * np.cos(angle), road_radius * np.sin(angle), np.full((24, 2), 4.0)])
    rear_radius = np.sqrt(radius**2 - CAR.cg_to_rear**2)
    time_ = np.arange(steps) / HZ
    yaw_rate = 10 / rear_radius
    steering_angle = np.arctan(CAR.wheelbase / rear_radius)
    steering = -steering_angle / CAR.max_steering_angle
    values = dict(
        time=time_,
        x=radius * np.cos(yaw_rate * time_),
        y=radius * np.sin(yaw_rate * time_),
        heading=yaw_rate * time_ + np.pi / 2 - np.arcsin(CAR.cg_to_rear / radius),
        speed=np.full(steps, 10.0),
        lateral_velocity=np.full(steps, yaw_rate * CAR.cg_to_rear),
        yaw_rate=np.full(steps, yaw_rate),
        steering_angle=np.full(steps, steering_angle),
        s=road_radius * yaw_rate * time_ % (2 * np.pi * road_radius),
        lateral_error=np.full(steps, road_radius - radius),
        steering=np.full(steps, steering),
        pedal=np.full(steps, (10 / CAR.max_speed) ** 2),
        steering_label=np.full(steps, steering),
        pedal_label=np.full(steps, np.nan),
        mark=np.zeros(steps, np.uint8),
    )
    about = dict(track_name="circle", track_points=points, vehicle=vars(CAR)) | (info or {})
    return Lap(make_info(**about), values | columns, True, "circle")
