"""Gym command: what `agents.evaluate --env` does: returns instead of departures."""

from collections.abc import Callable, Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path

from rich.console import Console
from rich.table import Table

from agents.evaluation.gym_evaluation import GYM_METRICS, GymEvaluation, evaluate_in_gym, evaluate_in_processes
from agents.evaluation.gym_players import make_frame_env, make_player
from agents.evaluation.json_file import write_plain
from agents.evaluation.requirement import check, read_requirement
from agents.evaluation.turns import evaluate_in_turn, exit_code
from drivesim.command import check_writable
from drivesim.errors import DrivesimError


def evaluate_env(
    name: str,
    policies: Sequence[str],
    first_seed: int,
    episodes: int,
    device: str,
    processes: int,
    require: Sequence[str],
    json: Path | None,
) -> int:
    """Drive episodes of a Gymnasium environment, print their returns, and write them; returns the exit code.

    Args:
        name: The environment's id.
        policies: Folders, exported files, `straight` or `random`.
        first_seed: Of the first episode; the next ones follow.
        episodes: How many.
        device: For networks.
        processes: That drive at once, each with an environment of its own.
        require: Requirements on `GYM_METRICS`.
        json: Where to write to.
    """
    requirements = [read_requirement(text, GYM_METRICS) for text in require]
    if episodes < 1:
        raise DrivesimError(f"--tracks: expected 1 episode or more, got {episodes}.")
    if processes < 1:
        raise DrivesimError(f"--processes: expected 1 or more, got {processes}.")
    env = make_frame_env(name)
    players = [make_player(policy, env, device) for policy in policies]
    check_writable(json)
    console = Console()
    seeds = range(first_seed, first_seed + episodes)
    processes = min(processes, episodes)
    turns: list[tuple[str, Callable[[Callable[[float], None]], GymEvaluation]]] = []
    for who, player in zip(policies, players, strict=True):
        drive = partial(evaluate_in_gym, player, env, seeds)
        if processes > 1:
            drive = partial(evaluate_in_processes, who, name, seeds, processes, device)
        turns.append((f"{player.name}: {episodes} episodes", drive))
    found = evaluate_in_turn(console, turns)
    env.close()
    console.print(_table(found))
    if json is not None:
        write_plain(json, {"policies": [asdict(evaluation) for evaluation in found]})
    outcomes = [outcome for each in found for outcome in check(requirements, each.name, each.summary)]
    return exit_code(console, outcomes, all(evaluation.complete for evaluation in found))


def _table(found: Sequence[GymEvaluation]) -> Table:
    stopped = "" if all(each.complete for each in found) else " (incomplete: stopped by the user)"
    table = Table(title=f"{found[0].env}, {len(found[0].returns)} episodes{stopped}")
    table.add_column("metric")
    for each in found:
        table.add_column(each.name, justify="right")
    for metric in GYM_METRICS.values():
        cells = [metric.text(each.summary[metric.name]) for each in found]
        if metric.name == "return_mean":
            ends = [[metric.text(end) for end in each.interval] for each in found]
            cells = [f"{cell} ({low} to {high})" for cell, (low, high) in zip(cells, ends, strict=True)]
        table.add_row(metric.title, *cells)
    return table
