"""Frames to try a policy on: as many as asked for, of many roads, the same for the same seed."""

import numpy as np

from agents.road_frames import validation_frames
from tests.agents.policies import make_config


def test_frames_are_of_many_roads_and_the_same_for_the_same_seed():
    config = make_config()
    (frames,), speeds = validation_frames(config, 81, seed=3)
    assert (frames.shape, frames.dtype, speeds.shape) == ((81, 64, 64, 3), np.uint8, (81,))
    assert frames.tobytes() == validation_frames(config, 81, seed=3)[0][0].tobytes()
    assert frames.tobytes() != validation_frames(config, 81, seed=4)[0][0].tobytes()
    # Looks differ from road to road far more than along one.
    assert frames.mean(axis=(1, 2, 3)).std() > 20
    np.testing.assert_allclose(speeds, 10.0, atol=0.5)


def test_fewer_frames_than_roads_are_as_many_as_asked_for():
    (frames,), speeds = validation_frames(make_config(outputs=("steering", "pedal")), 7)
    assert len(frames) == len(speeds) == 7
    assert speeds.std() > 0.1
