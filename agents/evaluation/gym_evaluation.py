"""Gym evaluation: the return of a driver in any Gymnasium environment whose observation is a frame."""

from collections.abc import Callable, Iterable
from contextlib import closing
from dataclasses import dataclass
from time import perf_counter
from typing import Any

import gymnasium
import numpy as np

from agents.carracing.expert import CarRacingExpert
from agents.carracing.physics import leave_undrawn
from agents.evaluation.gym_players import FramePlayer, id_of, make_frame_env, make_player
from agents.evaluation.intervals import bootstrap_interval
from agents.evaluation.metric_table import Metric
from agents.processes import in_processes

_ALL = (
    Metric("return_mean", "return, mean", "", 1, True, "sum of an episode's rewards; mean over episodes"),
    Metric("return_p10", "return, 10th percentile", "", 1, True, "one episode in ten returns this or less"),
    Metric("return_min", "return, least", "", 1, True, "of the worst episode"),
    Metric("episode_length", "episode length", "steps", 0, True, "steps to an episode; mean over episodes"),
    Metric("frames_per_second", "steps a second", "1/s", 0, True, "steps over the wall time, network included"),
)
GYM_METRICS = {metric.name: metric for metric in _ALL}


@dataclass(frozen=True)
class GymEvaluation:
    """How a driver did in a Gymnasium environment.

    Attributes:
        name: The driver's.
        env: The environment's id.
        seeds: Of the episodes.
        returns: Of each.
        lengths: Of each, steps.
        summary: See `GYM_METRICS`.
        interval: Of the mean return, 95%.
        complete: False where the user stopped it.
    """

    name: str
    env: str
    seeds: list[int]
    returns: list[float]
    lengths: list[int]
    summary: dict[str, float]
    interval: tuple[float, float]
    complete: bool = True


def evaluate_in_gym(
    driver: FramePlayer,
    env: gymnasium.Env[Any, Any],
    seeds: range,
    on_step: Callable[[float], None] | None = None,
) -> GymEvaluation:
    """Drive one episode a seed.

    Raises:
        KeyboardInterrupt: If the user stops it before any episode has ended; later, what has ended is returned.
    """
    return _gathered(
        driver.name, id_of(env), seeds, ((seed, *drive_episode(driver, env, seed)) for seed in seeds), on_step
    )


def evaluate_in_processes(
    who: str,
    name: str,
    seeds: range,
    processes: int,
    device: str = "auto",
    on_step: Callable[[float], None] | None = None,
) -> GymEvaluation:
    """Drive one episode a seed, several at once, each in a process with an environment of its own.

    Args:
        who: See `make_player`.
        name: The environment's id.
        seeds: Of the episodes.
        processes: How many.
        device: For networks.
        on_step: Told the share of the episodes that has ended.

    Raises:
        KeyboardInterrupt: See `evaluate_in_gym`.
    """
    env = make_frame_env(name)
    driver = make_player(who, env, device)
    env.close()
    with closing(in_processes(_drive_in_process, seeds, processes, _begin_process, (who, name, device))) as episodes:
        return _gathered(driver.name, id_of(env), seeds, episodes, on_step)


def drive_episode(driver: FramePlayer, env: gymnasium.Env[Any, Any], seed: int) -> tuple[float, int]:
    """Drive an episode; returns the sum of its rewards and its steps."""
    frame, _ = env.reset(seed=seed)
    driver.begin()
    total, length, ended = 0.0, 0, False
    while not ended:
        frame, reward, terminated, truncated, _ = env.step(driver.act(frame))
        total, length, ended = total + float(reward), length + 1, terminated or truncated
    return total, length


def _gathered(
    driver: str,
    env: str,
    seeds: range,
    episodes: Iterable[tuple[int, float, int]],
    on_step: Callable[[float], None] | None,
) -> GymEvaluation:
    """Gather episodes (seed, return, steps) as they end, in any order."""
    ended: dict[int, tuple[float, int]] = {}
    started = perf_counter()
    complete = True
    try:
        for seed, total, length in episodes:
            ended[seed] = total, length
            if on_step is not None:
                on_step(len(ended) / len(seeds))
    except KeyboardInterrupt:
        if not ended:
            raise
        complete = False
    seconds = perf_counter() - started
    driven = [seed for seed in seeds if seed in ended]
    returns, lengths = [ended[seed][0] for seed in driven], [ended[seed][1] for seed in driven]
    values = np.array(returns)
    summary = {
        "return_mean": float(values.mean()),
        "return_p10": float(np.percentile(values, 10)),
        "return_min": float(values.min()),
        "episode_length": float(np.mean(lengths)),
        "frames_per_second": sum(lengths) / seconds,
    }
    return GymEvaluation(driver, env, driven, returns, lengths, summary, bootstrap_interval(values), complete)


# Of a process of `evaluate_in_processes`: who drives, and where.
_at_work: list[tuple[FramePlayer, gymnasium.Env[Any, Any]]] = []


def _begin_process(who: str, name: str, device: str) -> None:
    import torch

    # Each process has a core, as far as there are so many.
    torch.set_num_threads(1)
    env = make_frame_env(name)
    driver = make_player(who, env, device)
    if isinstance(driver, CarRacingExpert):
        leave_undrawn(env)
    _at_work[:] = [(driver, env)]


def _drive_in_process(seed: int) -> tuple[int, float, int]:
    driver, env = _at_work[0]
    return seed, *drive_episode(driver, env, seed)
