"""Watch: drives a learning actor on validation tracks, keeps the best, and takes it back where it forgets."""

import json
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from stable_baselines3.common.callbacks import BaseCallback

from agents.evaluation.evaluation import quick_check
from agents.learning.checkpoint import NAME as CHECKPOINT
from agents.learning.score import score
from agents.models.policy_config import PolicyConfig
from agents.policy import Policy
from agents.reinforcement.learner import (
    Algorithm,
    actor_weights,
    check_sound,
    driving_policy,
    write_checkpoint,
)
from agents.reinforcement.options import DRIVE, Args
from agents.reinforcement.vec_env import DriveVecEnv
from agents.rollout import Course, drive
from drivesim.world import World

LOG = "metrics.jsonl"

# Actions that vary less than this try nothing any more.
_LEAST_STD = 0.003

# Steps after which weights are looked at again.
_CHECK_EVERY = 500

# An episode's end is told of so many together.
_EPISODES = 50

Row = dict[str, Any]


class Watch(BaseCallback):
    """Looks after a learner; see the module.

    Attributes:
        rows: One for every time that the validation tracks were driven.
        best: The row of the policy that is kept.

    Args:
        args: Of the command.
        config: Of the policy.
        worlds: To judge it on.
        console: Told how it goes.
        kept: What a checkpoint holds besides, plain JSON; on going on what it held, with `rows` and `doublings`.
    """

    def __init__(
        self, args: Args, config: PolicyConfig, worlds: Sequence[World], console: Console, kept: dict[str, Any]
    ) -> None:
        super().__init__()
        self._args, self._config, self._worlds, self._console, self._kept = args, config, worlds, console, kept
        self.rows: list[Row] = list(kept.get("rows", []))
        self._doublings: int = kept.get("doublings", 0)
        self._course = Course.made_for(config, time_limit=args.validation_seconds, threads=args.threads)
        self._began = (0, time.perf_counter())
        self._take_back = lambda: None
        self._checked = 0

    @property
    def best(self) -> Row:
        """The row of the policy that is kept: the first of those with the highest score."""
        return max(self.rows, key=lambda row: (row["score"], -row["steps"]))

    def _on_training_start(self) -> None:
        self._began = (self.num_timesteps, time.perf_counter())
        self._take_back = actor_weights(self._learner)
        if not self.rows:
            self._judge()
        else:
            self._write_log()

    def _on_step(self) -> bool:
        # SAC learns after every few steps, without another word.
        self._set_weights()
        return True

    def _on_rollout_start(self) -> None:
        # SAC's rollouts are single steps.
        if self.num_timesteps - self._checked >= _CHECK_EVERY:
            self._checked = self.num_timesteps
            check_sound(self._learner, _LEAST_STD)
        if self.num_timesteps - self.rows[-1]["steps"] >= self._args.evaluate_every:
            self._judge()
        self._set_weights()

    def finish(self) -> None:
        """Judge what the last update made."""
        if self._learner.num_timesteps > self.rows[-1]["steps"]:
            self.num_timesteps = self._learner.num_timesteps
            self._judge()
        (self._args.out / CHECKPOINT).unlink(missing_ok=True)

    @property
    def _learner(self) -> Algorithm:
        return self.model  # type: ignore[return-value]

    def _set_weights(self) -> None:
        """Set what changes while it learns: who learns, and how much a step away from the clone costs."""
        policy, args = driving_policy(self._learner), self._args
        warms_up = policy.penalty is not None and self.num_timesteps < args.warm_up
        policy.hold_actor(warms_up)
        if policy.penalty is not None:
            lived = max(self.num_timesteps - args.warm_up, 0) / args.half_life
            policy.penalty.weight = args.penalty * 2.0 ** (self._doublings - lived)

    def _judge(self) -> None:
        """Drive the validation tracks; keep the policy where it drives better, and take it back where it forgot."""
        check_sound(self._learner, _LEAST_STD)
        args, policy = self._args, driving_policy(self._learner)
        candidate = Policy(self._config, policy.network, self._learner.device.type)
        driving = quick_check(candidate, self._worlds, self._course)
        if args.env == DRIVE:
            driving |= _free_driving(candidate, self._worlds, self._course)
        row: Row = {"steps": self.num_timesteps, **driving, "std": policy.spread, "divergence": policy.divergence}
        row["penalty"] = 0.0 if policy.penalty is None else policy.penalty.weight
        row |= self._episodes()
        row["score"] = judged(row, self.rows[0] if self.rows else row)
        row["taken_back"] = bool(self.rows) and row["autonomy"] < args.keep * self.rows[0]["autonomy"]
        is_better = not self.rows or row["score"] > self.best["score"]
        self.rows.append(row)
        if row["taken_back"]:
            self._take_back()
            self._doublings += 1
        else:
            self._take_back = actor_weights(self._learner)
        if is_better:
            self._save(candidate, row)
        self._tell(row, is_better)
        write_checkpoint(args.out, self._learner, {**self._kept, "rows": self.rows, "doublings": self._doublings})
        self._write_log()

    def _save(self, candidate: Policy, row: Row) -> None:
        driving = {name: row[name] for name in ("autonomy", "cross_track_error")}
        learned = {"algorithm": self._args.algorithm, "environment": self._args.env, "steps": row["steps"]}
        config = replace(self._config, driving=driving, training={**self._config.training, "reinforced": learned})
        Policy(config, candidate.network, self._learner.device.type).save(self._args.out)

    def _episodes(self) -> Row:
        """What the cars that learn came to lately."""
        env = self._learner.get_env()
        assert isinstance(env, DriveVecEnv)
        steps, began = self._began
        speed = (self.num_timesteps - steps) / (time.perf_counter() - began)
        last = env.episodes[-_EPISODES:]
        del env.episodes[:-_EPISODES]
        found: Row = {"steps_per_second": round(speed, 1)}
        return found | ({"return": float(np.mean([r for r, _ in last]))} if last else {})

    def _tell(self, row: Row, is_better: bool) -> None:
        for name, value in row.items():
            if name != "steps":
                self.logger.record(f"driving/{name}", float(value))
        self.logger.dump(self.num_timesteps)
        words = f"{row['steps']:8d} steps  autonomy {row['autonomy']:.3f}  error {row['cross_track_error']:.3f} m"
        if "speed" in row:
            words += f"  {row['speed']:.2f} m/s  {row['departures']:.2f} departures a drive"
        if "return" in row:
            words += f"  return {row['return']:.0f}"
        ending = "  taken back" if row["taken_back"] else "  saved" if is_better else ""
        self._console.print(words + ending, highlight=False, soft_wrap=True)

    def _write_log(self) -> None:
        path: Path = self._args.out / LOG
        path.write_text("".join(json.dumps(row) + "\n" for row in self.rows), encoding="utf-8")


def judged(row: Row, first: Row) -> float:
    """Return the number that the kept policy has the largest of.

    Where a cruise controller holds the speed it is agents.train's; else the speed, of that before, less the departures
    from the road in a drive.
    """
    if "speed" not in row:
        return score(row)
    return row["speed"] / max(first["speed"], 1e-6) - row["departures"]


def _free_driving(policy: Policy, worlds: Sequence[World], course: Course) -> Row:
    """Drive without interventions: mean speed along the road (m/s), and departures a drive."""
    drives = drive(policy, worlds, replace(course, put_back_off_road=True))
    return {
        "speed": float(np.mean([driven.progress / driven.elapsed for driven in drives])),
        "departures": float(np.mean([len(driven.departure_steps) for driven in drives])),
    }
