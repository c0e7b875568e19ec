"""python -m agents.evaluate --policy policy --tracks 100 --require "autonomy>=0.99"

Drive policies on roads they never saw, headless, and measure their driving; `docs/metrics.md` defines every metric.
`--stress all` drives under what can go wrong: see `docs/stress.md`. `--policy expert` and `--policy straight` are
baselines. Exit codes: 0; 1 where a requirement is missed; 2 for wrong use; 130 where it was stopped, with what it had.
"""

import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from pathlib import Path

from rich.console import Console

from agents.cluster import join
from agents.driver import Driver
from agents.evaluation.evaluation import Evaluation, evaluate
from agents.evaluation.failures import save_failures
from agents.evaluation.gym_command import evaluate_env
from agents.evaluation.json_file import write_json
from agents.evaluation.junit import write_junit
from agents.evaluation.metric_table import METRICS
from agents.evaluation.pictures import check_video_name, draw_drives, write_video
from agents.evaluation.requirement import check, read_requirement
from agents.evaluation.step_summary import GITHUB_VARIABLE, append_summary
from agents.evaluation.table import evaluation_table, stress_table
from agents.evaluation.turns import evaluate_in_turn, exit_code
from agents.lineup import generated_worlds, line_up, placed, worlds_of_files
from agents.progress import progress_bar
from agents.provenance import command_line, neutral
from agents.report.page import write_report
from agents.report.videos import film_drives
from agents.rollout import Course
from agents.stress.heat_map import draw_heat_map
from agents.stress.robustness import Robustness, measure_robustness
from agents.stress.stresses import SEVERITIES, choose_stresses
from agents.traffic_options import with_traffic
from drivesim.command import check_writable, run_command
from drivesim.errors import DrivesimError, option_name
from drivesim.simulation import Rules
from drivesim.world import World

# What another environment has not: roads to depart from, and cars to stress.
_OF_ROADS = ("track_files", "stress", "report", "picture", "video", "junit", "summary", "save_failures")

# The metrics of the heat maps; the first is printed, too.
STRESS_METRICS = ["autonomy", "tracks_without_departure", "cross_track_error_mean"]


@dataclass
class Args:
    """Options of the command."""

    policy: list[str]
    """A policy's folder, an exported file, expert or straight; several are measured side by side."""
    tracks: int = 100
    """Generated tracks to drive, of the test split; with --env episodes."""
    difficulty: str = "mixed"
    """Of generated tracks: easy, medium, hard, or mixed."""
    first_seed: int = 0
    """Seed of the first track."""
    track_files: list[Path] = field(default_factory=list)
    """Track files, or folders of them, to drive instead of generated tracks."""
    both_directions: bool = False
    """Drive every track file both ways."""
    appearance: str = "random"
    """random, or the name of a preset."""
    weather: str = "clear"
    """clear, random, or the name of another preset."""
    randomize: str = "none"
    """looks draws each road's look from all that looks can have, all its weather besides."""
    palette: str = "any"
    """Of looks that are drawn: any, or train or test, which have no colour of ground or road in common."""
    lane: str = "center"
    """Whose middle is driven: that of the road (center), or of the right or left of two lanes."""
    traffic: int = 0
    """Other cars on each road, up to 64."""
    obstacles: int = 0
    """Parked cars, barriers and rows of cones on each road, up to 64."""
    environment: str = "steer"
    """For the baselines: steer (a cruise controller holds the speed) or drive."""
    vehicle: str = "car"
    """For the baselines: car, car-dynamic or rc; a policy brings its own."""
    env: str | None = None
    """drivesim/Traffic-v0: the right of two lanes, with a pedal, among others. Another Gymnasium environment with
    frames, such as CarRacing-v3: its return is measured; baselines there are straight and random, and expert in
    CarRacing-v3."""
    processes: int = 1
    """Of --env: processes that drive at once."""
    stress: list[str] = field(default_factory=list)
    """Drive under these stresses too, or under all: see docs/stress.md."""
    severity: list[int] = field(default_factory=lambda: [*SEVERITIES])
    """Of the stresses, from 1 to 5."""
    stress_tracks: int = 20
    """Tracks to drive under each stress and severity: the first ones."""
    stress_seconds: float = 20.0
    """Seconds to drive on each of them."""
    stress_picture: Path | None = None
    """Draw heat maps of the stresses here (PNG)."""
    report: Path | None = None
    """Write a report here: one HTML file with maps, films and intervals."""
    json: Path | None = None
    """Write the metrics of every track, and of every stress, here."""
    picture: Path | None = None
    """Draw the driven lines here (PNG)."""
    video: Path | None = None
    """Film the least accurate track here (MP4 or GIF)."""
    junit: Path | None = None
    """Write test cases here (JUnit XML): one a requirement, and one a track, which a departure fails."""
    summary: Path | None = None
    """Append a summary here (Markdown); if left out, where $GITHUB_STEP_SUMMARY says, if it does."""
    save_failures: Path | None = None
    """Add the seconds before every departure to this folder, as laps to train on."""
    require: list[str] = field(default_factory=list)
    """Fail unless met, such as "autonomy>=0.99"; of stress_autonomy and the like, the mean over the stresses."""
    device: str = "auto"
    """auto, cpu or cuda for the network; with cuda the cars are simulated and drawn there too, and with torch-cpu by
    the same code on the CPU."""
    envs: int | None = None
    """Cars that drive at once; all if left out, with --ray 25 to a job."""
    ray: tuple[str, ...] | None = None
    """Drive on the machines of a Ray cluster: its address, or none for one on this machine. Results are those of
    driving here with the same --envs."""
    threads: int = 2
    """Threads that draw frames."""


def main(args: Args) -> int:
    """Evaluate."""
    args = with_traffic(args, environment="drive")
    if args.env is not None:
        for name in _OF_ROADS:
            if getattr(args, name):
                raise DrivesimError(f"{option_name(name)}: can't be used with --env; leave one of them out.")
        episodes = (args.first_seed, args.tracks, args.device, args.processes)
        return evaluate_env(args.env, args.policy, *episodes, args.require, args.json)
    known = [*METRICS, *(f"stress_{name}" for name in METRICS if args.stress)]
    requirements = [read_requirement(text, known) for text in args.require]
    envs, ray = placed(args.envs, args.ray)
    entries = line_up(args.policy, args.environment, args.vehicle, args.device, args.threads, envs, ray)
    _check(args)
    if ray is not None:
        join(ray)
    worlds = _worlds(args, entries[0][1].rules)
    summary = args.summary or (Path(os.environ[GITHUB_VARIABLE]) if os.environ.get(GITHUB_VARIABLE) else None)
    failures = None if args.save_failures is None else args.save_failures / "lap-000000"
    for path in (args.report, args.json, args.picture, args.video, args.junit, args.stress_picture, summary, failures):
        check_writable(path)
    console = Console()
    evaluations = evaluate_in_turn(
        console,
        [
            (f"{driver.name}: driving {len(worlds)} tracks", partial(evaluate, driver, worlds, course))
            for driver, course in entries
        ],
    )
    console.print(evaluation_table(evaluations))
    robustness = None
    if args.stress and evaluations[0].complete:
        robustness = _stress(console, args, *entries[0], worlds[: args.stress_tracks])
    if robustness is not None:
        console.print(stress_table(robustness, STRESS_METRICS[0]))
    # What was not driven is not known, and meets no requirement.
    under_stress = {f"stress_{name}": float("nan") for name in METRICS}
    if robustness is not None:
        under_stress |= {f"stress_{name}": value for name, value in robustness.means().items()}
    outcomes = [o for each in evaluations for o in check(requirements, each.name, each.summary | under_stress)]
    if args.json is not None:
        write_json(args.json, asdict(args), evaluations, robustness)
    if args.junit is not None:
        write_junit(args.junit, evaluations, outcomes)
    if summary is not None:
        append_summary(summary, evaluations, outcomes, robustness, STRESS_METRICS[0])
    if args.stress_picture is not None and robustness is not None:
        draw_heat_map(robustness, STRESS_METRICS, args.stress_picture)
    if args.save_failures is not None:
        _save_failures(console, args.save_failures, evaluations, entries)
    _show(args, evaluations, entries, robustness)
    complete = all(each.complete for each in evaluations)
    if args.stress:
        complete = complete and robustness is not None and robustness.complete
    return exit_code(console, outcomes, complete)


def _check(args: Args) -> None:
    """Refuse options that do not go together."""
    if args.video is not None:
        check_video_name(args.video)
    choose_stresses(args.stress)
    for severity in args.severity:
        if severity not in SEVERITIES:
            raise DrivesimError(f"--severity: expected numbers from 1 to 5, got {severity}.")
    if args.stress_tracks < 1:
        raise DrivesimError(f"--stress-tracks: expected 1 or more, got {args.stress_tracks}.")
    if not args.stress_seconds > 0:
        raise DrivesimError(f"--stress-seconds: expected more than 0, got {args.stress_seconds}.")
    if args.stress_picture is not None and not args.stress:
        raise DrivesimError("--stress-picture: there is no stress to draw. Give --stress all, or a name.")
    for name in ("stress", "picture", "video"):
        if getattr(args, name) and len(args.policy) > 1:
            raise DrivesimError(f"--{name}: expected one --policy, got {len(args.policy)}.")


def _worlds(args: Args, rules: Rules) -> list[World]:
    said = ("weather", "randomize", "palette", "lane", "traffic", "obstacles")
    how = {name: getattr(args, name) for name in said} | {"rules": rules}
    if args.track_files:
        return worlds_of_files(args.track_files, args.both_directions, args.appearance, **how)
    return generated_worlds(args.tracks, args.difficulty, args.first_seed, args.appearance, **how)


def _stress(console: Console, args: Args, driver: Driver, course: Course, worlds: Sequence[World]) -> Robustness | None:
    """Drive under stress; None where the user stopped it at once."""
    # What corrupts frames and actions does so on the host.
    timed = replace(course, time_limit=args.stress_seconds, device=None, envs=None, ray=None)
    try:
        with progress_bar(console, f"{driver.name}: under stress") as on_step:
            return measure_robustness(
                driver, worlds, timed, choose_stresses(args.stress), sorted(set(args.severity)), on_step
            )
    except KeyboardInterrupt:
        return None


def _save_failures(
    console: Console, folder: Path, evaluations: Sequence[Evaluation], entries: Sequence[tuple[Driver, Course]]
) -> None:
    saved = 0
    for evaluation, (driver, course) in zip(evaluations, entries, strict=False):
        saved += save_failures(folder, driver.name, evaluation.drives, course)
    console.print(f"Saved {saved} departures to {folder}", soft_wrap=True)


def _show(
    args: Args,
    evaluations: Sequence[Evaluation],
    entries: Sequence[tuple[Driver, Course]],
    robustness: Robustness | None,
) -> None:
    """Draw, film and report."""
    first, course = evaluations[0], entries[0][1]
    if args.picture is not None:
        draw_drives(first, args.picture)
    if args.video is not None:
        worst = max(range(len(first.tracks)), key=lambda i: first.tracks[i]["cross_track_error_mean"])
        write_video(first.drives[worst], course, args.video)
    if args.report is not None:
        # One that was stopped has driven other tracks, and can't be compared.
        shown = [each for each in evaluations if len(each.drives) == len(first.drives)]
        films = [film_drives(each, *entry) for each, entry in zip(shown, entries, strict=False)]
        options = {name: neutral(value) for name, value in asdict(args).items()}
        stress = [] if robustness is None else robustness.rows(STRESS_METRICS)
        named = [(each.name if each.complete else f"{each.name} (incomplete)", each) for each in shown]
        write_report(args.report, named, command_line("agents.evaluate", args), options, films, stress)


if __name__ == "__main__":
    run_command(main, Args, __doc__)
