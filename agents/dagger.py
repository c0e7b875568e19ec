"""python -m agents.dagger --data laps --rounds 5 --safe 0.5 --out dagger

Let a policy drive, ask what should have been done there, learn from all that is known by now, and again: DAgger (Ross
et al. 2011), or SafeDAgger with --safe. Each round drives fresh roads; who answers is the scripted expert, the recorded
line itself, or a person who corrected the policy in play.py. `docs/beyond_cloning.md` tells more.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.markup import escape

from agents import train
from agents.aggregation.gathering import gather
from agents.aggregation.options import (
    EXPERT,
    PERSON,
    Args,
    check,
    check_laps,
    kept_options,
    mixing_of,
    training_of,
    with_policy,
)
from agents.aggregation.rounds import LAPS, PICTURE, POLICY, Rounds, Row, read_rows
from agents.aggregation.rounds_picture import draw_rounds
from agents.aggregation.shared_wheel import Sharing
from agents.aggregation.teacher import ExpertTeacher, LineTeacher
from agents.evaluation.evaluation import quick_check
from agents.learning.material import Material
from agents.learning.score import score
from agents.learning.training import in_words
from agents.models.devices import choose_device
from agents.policy import Policy
from agents.progress import progress_bar
from agents.rollout import Course
from datasets.lap_files import read_laps
from datasets.schema import MARK_CORRECTION, Lap
from drivesim.appearance import Appearance
from drivesim.command import run_command
from drivesim.errors import DrivesimError
from drivesim.folder_lock import only_writer
from drivesim.world import World, WorldSource


def main(args: Args) -> None:
    """Go through the rounds that are missing."""
    choose_device(args.device)
    check(args)
    others = {path.resolve().name: read_rows(path) for path in args.beside}
    for path in args.beside:
        if not others[path.resolve().name]:
            raise DrivesimError(f"--beside: {path} holds no finished round of agents.dagger. Leave it out.")
    console = Console()
    laps, lost = _read(args.data)
    for sentence in lost:
        console.print(f"[yellow]{escape(sentence)}[/yellow]", soft_wrap=True)
    start = None if args.policy is None else Policy.load(args.policy, args.device)
    check_laps(args, laps, None if start is None else start.config)
    if start is not None:
        args = with_policy(args, start.config)
    last = 1 if args.labels == PERSON else args.rounds
    run = _Run(args, laps, start, Rounds(args.out, kept_options(args, laps), args.resume), console)
    if args.resume:
        console.print(f"Going on: {len(run.rounds.rows)} of {last + 1} rounds are finished, the first policy included")
    with only_writer(args.out):
        while len(run.rounds.rows) <= last:
            with run.rounds.round() as (folder, row):
                run.go_through(folder, row)
            console.print(_sentence(row))
        best = run.keep_best()
    draw_rounds({args.out.resolve().name: run.rounds.rows, **others}, args.out / PICTURE)
    console.print(
        f"Best is round {best['round']}, {in_words(_driving(best))} on {args.tracks} held-out tracks, from "
        f"{best['labels']} labels. Saved to {args.out / POLICY}; see {args.out / PICTURE}",
        soft_wrap=True,
    )
    console.print(f"Evaluate it: python -m agents.evaluate --policy {args.out / POLICY} --tracks 100", soft_wrap=True)


@dataclass(frozen=True, eq=False)
class _Run:
    """A run: what it has, and how its rounds go."""

    args: Args
    laps: list[Lap]
    start: Policy | None
    rounds: Rounds
    console: Console

    def go_through(self, folder: Path, row: Row) -> None:
        """Go through a round."""
        args, number, started = self.args, row["round"], time.perf_counter()
        known = [lap for before in range(1, number) for lap in _laps_in(self.rounds.place(before) / LAPS)]
        if number == 0:
            row["new_labels"] = sum(_labels_in(lap, args.labels != PERSON) for lap in self.laps)
            policy = self._fit([], folder, 0, None) if self.start is None else self.start
        else:
            policy = Policy.load(self.rounds.place(number - 1) / POLICY, args.device)
            if args.labels == PERSON:
                row["new_labels"] = sum(map(_labels_in, self.laps)) - self.rounds.rows[0]["labels"]
            else:
                self._drive(policy, folder / LAPS, row)
                known += _laps_in(folder / LAPS)
            if row["new_labels"]:
                policy = self._fit(known, folder, number, None if args.from_scratch else policy)
        row["fitted"] = (folder / POLICY).exists()
        row["labels"] = row["new_labels"] + (self.rounds.rows[-1]["labels"] if number else 0)
        row |= self._judge(policy)
        row["seconds"] = round(time.perf_counter() - started, 1)
        if not row["fitted"]:
            policy.save(folder / POLICY)

    def _drive(self, policy: Policy, folder: Path, row: Row) -> None:
        """Drive a round's roads with the teacher beside the policy."""
        args, number = self.args, row["round"]
        rng = np.random.default_rng([args.seed, number])
        starts = None
        if args.labels == EXPERT:
            first = args.first_seed + (number - 1) * args.drives
            worlds = WorldSource(range(first, first + args.drives), args.difficulty).all()
            teacher: ExpertTeacher | LineTeacher = ExpertTeacher()
        else:
            teacher = LineTeacher(self.laps)
            steps = round(args.seconds * policy.config.control_hz)
            tracks = [teacher.tracks[i % len(teacher.tracks)] for i in range(args.drives)]
            starts = tuple(teacher.start(track, steps, rng) for track in tracks)
            worlds = [World(track, Appearance.random(rng)) for track in tracks]
        course = Course.made_for(
            policy.config,
            put_back_off_road=True,
            noise=args.noise,
            time_limit=args.seconds,
            threads=args.threads,
            starts=starts,
        )
        sharing = Sharing(mixing_of(args, number), args.safe)
        with progress_bar(self.console, f"round {number}: driving") as on_step:
            gathered = gather(
                policy,
                teacher,
                sharing,
                worlds,
                course,
                rng,
                folder,
                on_step,
                round=number,
                label=args.labels,
                mixing=sharing.mixing,
                safe=args.safe,
            )
        row |= {
            "new_labels": gathered.labels,
            "mixing": sharing.mixing,
            "driven": gathered.steps,
            "taught": gathered.taught,
            "departures": gathered.departures,
        }

    def _fit(self, known: list[Lap], folder: Path, number: int, begin: Policy | None) -> Policy:
        """Learn from all laps so far."""
        options = training_of(self.args, folder / POLICY, self.args.data, number)
        material = Material.of_laps([*self.laps, *known])
        train.make_training(options, material, self.console, begin).run(self.console)
        return Policy.load(folder / POLICY, self.args.device)

    def _judge(self, policy: Policy) -> dict[str, float]:
        """Drive the tracks that choose no epoch."""
        first = self.args.validation_tracks
        worlds = WorldSource(range(first, first + self.args.tracks), "mixed", "validation").all()
        course = Course.made_for(policy.config, time_limit=self.args.validation_seconds, threads=self.args.threads)
        return quick_check(policy, worlds, course)

    def keep_best(self) -> Row:
        """Save the policy of the round that drove best; returns its row."""
        best = max(self.rounds.rows, key=lambda row: (score(_driving(row)), -row["round"]))
        Policy.load(self.rounds.place(best["round"]) / POLICY, self.args.device).save(self.args.out / POLICY)
        return best


def _read(paths: Sequence[Path]) -> tuple[list[Lap], list[str]]:
    material, lost = Material.read(paths, strict=False, held_out=0.2, seed=0)
    if material.readings:
        raise DrivesimError(
            f"--data: {material.readings[0].losses.source} is a recording of another program, and has no road to drive "
            "on. Give laps."
        )
    return material.laps, lost


def _laps_in(folder: Path) -> list[Lap]:
    return read_laps(folder)[0] if folder.exists() else []


def _labels_in(lap: Lap, with_corrections: bool = True) -> int:
    """Steps of a lap that are learned from."""
    counted = lap.good if with_corrections else lap.good & ((lap.columns["mark"] & MARK_CORRECTION) == 0)
    return int(np.count_nonzero(counted))


def _driving(row: Row) -> dict[str, float]:
    return {name: row[name] for name in ("autonomy", "cross_track_error")}


def _sentence(row: Row) -> str:
    learned = f"{row['new_labels']} new labels, {row['labels']} in all"
    if not row["new_labels"]:
        learned = f"nothing was labelled, so that the policy stays; {row['labels']} labels in all"
    return f"round {row['round']}  {learned}  {in_words(_driving(row))}"


if __name__ == "__main__":
    run_command(main, Args, __doc__)
