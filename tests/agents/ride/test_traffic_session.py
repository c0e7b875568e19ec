"""A person among others: a collision goes back, and laps hold the others."""

import numpy as np

from agents.ride.recorder import Recorder
from agents.ride.replay import Replay
from agents.ride.session import Session
from datasets.lap_files import read_laps
from drivesim.camera import CAMERAS
from drivesim.cockpit.controls import Demand
from drivesim.env import DriveEnv


def test_a_collision_goes_back_and_the_lap_is_seen_again_with_the_others(tmp_path):
    env = DriveEnv(track=[0], difficulty="easy", traffic=30, laps=9, stall_time=1e9, time_limit=1e9)
    session = Session(env, Recorder(tmp_path / "laps"), seed=0)
    session.toggle_recording()
    rng, hit = np.random.default_rng(0), False
    for _ in range(600):
        state = env.state
        steering = float(np.clip(2.5 * state.heading_error + 0.4 * state.lateral, -1, 1)) + 0.001 * rng.normal()
        session.step(Demand(np.clip(steering, -1, 1), 1.0 if state.vehicle.speed < 20 else 0.2, True, True))
        hit |= any(message.startswith("Hit something: back") for message in session.messages)
        if hit:
            break
    assert hit
    assert session.others is not None
    session.close()
    lap = read_laps(tmp_path / "laps")[0][0]
    assert lap.others.shape == (len(lap), len(env.world.traffic))
    assert not lap.good[-1]
    replay = Replay([lap], CAMERAS["topdown"])
    replay.at = float(len(lap) - 1)
    frame, others = replay.frame, replay.others
    near = np.hypot(*(others.poses[0, :, :2] - lap.poses[-1, :2]).T).min()
    assert near < 8
    assert frame.shape == (96, 96, 3)
