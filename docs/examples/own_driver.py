"""python -m docs.examples.own_driver --tracks 5

Evaluate a driver written by hand, by the metrics of agents.evaluate: it sees the frames that a network sees, and
steers for the middle of what has the colour of the road ahead.
"""

from pathlib import Path
from typing import Any

import numpy as np
import tyro
from rich.console import Console

from agents.driver import frames_of
from agents.evaluation.evaluation import evaluate
from agents.evaluation.table import evaluation_table
from agents.expert import ExpertDriver
from agents.lineup import generated_worlds, worlds_of_files
from agents.rollout import Course
from drivesim.camera import get_camera
from drivesim.vector_env import DriveVectorEnv

CAMERA = get_camera("topdown")  # 96 x 96 pixels of 0.4 m; the car stands in row 72, column 47.5, and looks up
METRES, ROW, COLUMN, AHEAD = 0.4, 72, 47.5, 9.0


class ColorFollower:
    """A driver by the protocol of `agents.driver.Driver`: frames of all cars in, actions of those asked for out."""

    name, needs_frames = "color-follower", True

    def act(self, env: DriveVectorEnv, observation: Any, cars: np.ndarray) -> np.ndarray:
        """See `agents.driver.Driver.act`."""
        frames = frames_of(observation, env)[cars].astype(float)  # (K, 96, 96, 3)
        road = np.median(frames[:, ROW - 14 : ROW - 8, 44:52].reshape(len(cars), -1, 3), axis=1)
        ahead = frames[:, ROW - round(AHEAD / METRES)]  # (K, 96, 3)
        is_road = np.abs(ahead - road[:, None]).sum(axis=2) < 60
        left = METRES * (COLUMN - np.arange(96))
        target = (is_road * left).sum(axis=1) / np.maximum(is_road.sum(axis=1), 1)
        car = env.rules.vehicle
        angle = np.arctan(car.wheelbase * 2 * target / (AHEAD**2 + target**2))  # pure pursuit
        return np.clip(-angle / car.max_steering_angle, -1, 1)[:, None]


def main(tracks: int = 5, track_files: tuple[Path, ...] = (), seconds: float | None = None) -> None:
    """Evaluate it beside the expert on generated roads, or on track files (TUM or F1TENTH CSV)."""
    files = [*track_files]
    worlds = worlds_of_files(files, False, "meadow") if files else generated_worlds(tracks, "medium", 0, "meadow")
    course = Course(camera=CAMERA, time_limit=seconds)
    drivers = [ColorFollower(), ExpertDriver()]
    Console().print(evaluation_table([evaluate(driver, worlds, course) for driver in drivers]))


if __name__ == "__main__":
    tyro.cli(main)
