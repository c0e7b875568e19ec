"""CarRacing recording: episodes of the expert as stored frames, with noise on what is done and none on the labels.

The noise (DART, Laskey et al. 2017) takes the car off the line; a frame's label is what the expert wants there. The
first second, in which CarRacing's camera comes closer, is recorded as it is seen: the policy must begin by itself.
"""

from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from gymnasium import spaces

from agents.carracing.expert import TEACHER, CarRacingExpert
from agents.carracing.physics import DT, HALF_WIDTH, make_car_racing
from agents.processes import in_processes
from datasets.box_action import to_box
from datasets.frame_files import FrameWriter

# Seeds of recorded tracks begin here, so that they are none of those that are driven to evaluate: 0 and on.
FIRST_RECORDED_SEED = 1_000_000

# What `agents.record` takes where no noise is asked for.
NOISE = 0.03

# An episode is lost so many metres beside the road, or where the car slides by so many radians.
_LOST, _SPUN = 5.0, 0.6

# The noise lasts: what is left of it after a step.
_LASTING = 0.8
# The car strays from the line, by so many metres and so much slower, for about so long.
_APART, _SLOWER, _WANDER = 3.0, 0.15, 0.97
# Of the noise on the pedal, of that on the steering.
_PEDAL_NOISE = 0.8


@dataclass(frozen=True)
class Recorded:
    """What was recorded of an episode.

    Attributes:
        seed: Of the track.
        steps: Frames.
        total: Sum of the rewards.
        ended: Whether it ended as it should, and not because the noise led off the road.
    """

    seed: int
    steps: int
    total: float
    ended: bool


def record_episode(folder: Path, seed: int, noise: float) -> Recorded:
    """Record an episode into the next folder of `folder`.

    Args:
        folder: Of the episodes.
        seed: Of the track and the noise.
        noise: Standard deviation of the noise on the steering, of its range; each episode has its own share of it.
            Where there is any the car strays from the line besides, slowly: noise alone hardly takes it off, since it
            is corrected within a few steps.
    """
    env = make_car_racing("--env")
    rng = np.random.default_rng(seed)
    scale = noise * rng.uniform() * np.array([1.0, _PEDAL_NOISE])
    frame, _ = env.reset(seed=seed)
    expert = CarRacingExpert(env, TEACHER)
    expert.begin()
    writer = FrameWriter(folder, 3, DT)
    disturbance, wander, total, done, lost = np.zeros(2), rng.standard_normal(2), 0.0, False, False
    apart = rng.uniform() * np.array([_APART, _SLOWER]) * (noise > 0)
    box = env.action_space
    assert isinstance(box, spaces.Box)
    world: Any = env.unwrapped
    tiles = np.array([tile[2:4] for tile in world.track])
    try:
        while not (done or lost):
            wanted = np.array(expert.demand())
            disturbance = _LASTING * disturbance + np.sqrt(1 - _LASTING**2) * scale * rng.standard_normal(2)
            wander = _WANDER * wander + np.sqrt(1 - _WANDER**2) * rng.standard_normal(2)
            shift, slower = apart * wander
            done_by_car = np.array(expert.demand(float(np.clip(shift, -5, 5)), 1.0 - abs(slower)))
            seen = frame
            frame, reward, terminated, truncated, _ = env.step(to_box(np.clip(done_by_car + disturbance, -1, 1), box))
            writer.append(seen, to_box(wanted, box).tolist(), float(reward), terminated)
            total, done = total + float(reward), terminated or truncated
            away = np.linalg.norm(tiles - np.array(world.car.hull.position), axis=1).min()
            lost = bool(away > HALF_WIDTH + _LOST) or abs(expert.slip()) > _SPUN
    finally:
        writer.close()
        env.close()
    return Recorded(seed, len(writer), total, not lost)


def record_episodes(
    folder: Path, seeds: Sequence[int], noise: float, processes: int, on_step: Callable[[float], None]
) -> list[Recorded]:
    """Record episodes, several at once; see `record_episode`.

    Raises:
        KeyboardInterrupt: If the user stops it; what was recorded until then stays.
    """
    record = partial(record_episode, folder, noise=noise)
    found = []
    with closing(in_processes(record, seeds, processes) if processes > 1 else (record(seed) for seed in seeds)) as done:
        for each in done:
            found.append(each)
            on_step(len(found) / len(seeds))
    return sorted(found, key=lambda each: each.seed)
