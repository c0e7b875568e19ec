"""Device loop: a driver in a vector environment on a torch device: what `agents.rollout` does, and nothing is copied.

What happened is noted on the device, and comes to the host some hundred steps at a time. Of every step the host learns
which cars are still driving, and whether some are put back.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from agents.driver import DeviceDriver, Driver, DriverWithMemory
from agents.rollout import Course, Log, env_arguments, next_noise, noise_share, state_columns
from drivesim.device.memory import told_when_full
from drivesim.device.namespace import TORCH
from drivesim.device.torch_env import DriveTorchEnv, SteerTorchEnv
from drivesim.errors import DrivesimError
from drivesim.simulation import start_state, wheel_clearance
from drivesim.vector_env import REASON_NAMES
from drivesim.world import World

# Steps that are noted on the device before they come to the host.
_STEPS = 256


def make_env(cars: int, course: Course) -> DriveTorchEnv:
    """Make the environment that a course asks for: see `agents.rollout.make_env`."""
    kind = DriveTorchEnv if course.has_pedal else SteerTorchEnv
    return kind(cars, device=course.device or "cpu", **env_arguments(course))


def drive_all(
    driver: Driver,
    env: DriveTorchEnv,
    worlds: Sequence[World],
    course: Course,
    rng: np.random.Generator | None,
    log: Log,
    on_step: Callable[[float], None] | None,
) -> None:
    """Drive every car of `env` to its end; see `agents.rollout.drive`."""
    if not isinstance(driver, DeviceDriver):
        raise DrivesimError(f"device: {driver.name} can't drive on a torch device. Use --device cpu or auto.")
    observation, _ = env.reset(seed=0, options={"worlds": list(worlds)})
    if course.starts is not None or course.start_aside or course.start_turn:
        observation = _start_elsewhere(env, course)
    cars = torch.arange(len(worlds), device=env.device)
    memory: Any = driver if isinstance(driver, DriverWithMemory) else None
    if memory is not None:
        memory.forget(env, cars)
    was_near = env.state.lateral.abs() <= (course.put_back_beyond or 0.0)
    noise = np.zeros(len(worlds))
    notes = _Notes(log, course)
    try:
        while len(cars):
            # A network takes memory too.
            with told_when_full(env.device, env.num_envs, env.memory):
                actions = driver.act_on_device(env, observation, cars)
            wanted = actions.new_zeros(len(worlds), actions.shape[1]).index_copy(0, cars, actions)
            noise = next_noise(noise, course, env.rules.dt, rng)
            applied = wanted.clone()
            if course.noise:
                share = noise_share(env.state.vehicle.speed, env.rules.vehicle, TORCH)
                applied[:, 0] += torch.from_numpy(noise).to(env.device) * share
            before = state_columns(env, TORCH)
            observation, _, terminated, truncated, info = env.step(applied)
            off_road = info["clearance"] < 0
            away = off_road & course.put_back_off_road
            if course.put_back_beyond is not None:
                is_far = info["lateral_error"].abs() > course.put_back_beyond
                away = away | (is_far & was_near)
                was_near = was_near | ~is_far
            ended = terminated | truncated
            away = away & ~ended
            notes.take(before, info, wanted, away, off_road)
            chosen = away.nonzero()[:, 0]
            if len(chosen):
                observation = env.place(chosen, info["s"][chosen], info["speed"][chosen])
                was_near = was_near | away
                if memory is not None:
                    memory.forget(env, chosen)
            cars = (~ended).nonzero()[:, 0]
            if on_step is not None:
                on_step(1 - len(cars) / len(worlds))
    finally:
        notes.hand_over()


def _start_elsewhere(env: DriveTorchEnv, course: Course) -> Any:
    """Put the cars where the course says, or beside the line to either side in turn; returns what is seen."""
    state, speed = env.state, env.state.vehicle.speed
    if course.starts is not None:
        s, lateral, turn = torch.tensor(course.starts, dtype=torch.float64, device=env.device).T
        return env.move(start_state(env.road, s % env.road.length, lateral, turn, speed, TORCH))
    room = wheel_clearance(state, env.road, env.rules.vehicle, TORCH)
    side = 1.0 - 2.0 * (torch.arange(env.num_envs, device=env.device) % 2).double()
    lateral, turn = side * course.start_aside * room, side * course.start_turn
    return env.move(start_state(env.road, state.s, lateral, turn, speed, TORCH))


class _Notes:
    """What happened, on the device; handed over to a log on the host.

    Args:
        log: Takes it.
        course: That is driven.
    """

    def __init__(self, log: Log, course: Course) -> None:
        self._log, self._has_pedal = log, course.has_pedal
        self._names: list[str] = []
        self._rows: list[Tensor] = []
        self._flags: list[Tensor] = []
        self._driving = np.ones(len(log.lengths), bool)

    def take(
        self, before: dict[str, Tensor], info: dict[str, Any], wanted: Tensor, put_back: Tensor, departed: Tensor
    ) -> None:
        """Note a step."""
        wanted = wanted.clamp(-1.0, 1.0)
        columns = {
            **before,
            "steering": info["steering"],
            "pedal": info["pedal"],
            "steering_label": wanted[:, 0],
            "pedal_label": wanted[:, 1] if self._has_pedal else torch.full_like(wanted[:, 0], torch.nan),
        }
        self._names = list(columns)
        self._rows.append(torch.stack(list(columns.values())))
        self._flags.append(torch.stack([put_back.long(), departed.long(), info["end_reason"]]))
        if len(self._rows) == _STEPS:
            self.hand_over()

    def hand_over(self) -> None:
        """Bring what was noted to the log."""
        if not self._rows:
            return
        rows, flags = torch.stack(self._rows).cpu().numpy(), torch.stack(self._flags).cpu().numpy()
        self._rows, self._flags = [], []
        for row, (put_back, departed, reasons) in zip(rows, flags, strict=True):
            columns = dict(zip(self._names, row, strict=True))
            self._log.rows.append({**columns, "mark": np.zeros(len(put_back), np.uint8)})
            self._log.put_back.append(put_back.astype(bool))
            self._log.departed.append(departed.astype(bool))
            self._log.lengths[self._driving] += 1
            self._log.reasons[reasons != 0] = REASON_NAMES[reasons[reasons != 0]]
            self._driving &= reasons == 0
