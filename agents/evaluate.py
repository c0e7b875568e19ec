"""python -m agents.evaluate --policy policy --tracks 100 --require "autonomy>=0.99"

Drive a policy on roads it never saw, headless, and measure its driving. `--policy expert` and `--policy straight` are
baselines. Exit codes: 0; 1 where a requirement is missed; 2 for wrong use.
"""

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

import drivesim
from agents.driver import Driver
from agents.evaluation import Evaluation, evaluate
from agents.frame_driver import FrameDriver
from agents.load_driver import load_driver
from agents.metrics import check_requirement, is_met
from agents.pictures import check_video_name, draw_drives, write_video
from agents.progress import progress_bar
from agents.provenance import command_line, commit, neutral
from agents.report import write_report
from agents.report_videos import film_drives
from agents.rollout import Course
from drivesim.command import check_writable, run_command
from drivesim.errors import DrivesimError, check_name
from drivesim.track import Track
from drivesim.track_files import read_track
from drivesim.world import World, WorldSource

# What the table says of each metric, with its unit and format.
_ROWS = (
    ("autonomy", "autonomy (DAVE-2: 1 m, 6 s)", "{:.4f}"),
    ("interventions_per_km", "interventions a km", "{:.3f}"),
    ("departures_per_km", "departures a km (a wheel off the road)", "{:.3f}"),
    ("tracks_without_departure", "tracks without a departure", "{:.1%}"),
    ("laps_completed", "laps completed", "{:.1%}"),
    ("cross_track_error_mean", "cross-track error, mean (m)", "{:.3f}"),
    ("cross_track_error_p95", "cross-track error, 95th percentile (m)", "{:.3f}"),
    ("cross_track_error_max", "cross-track error, largest (m)", "{:.3f}"),
    ("steering_change", "steering change a second", "{:.3f}"),
    ("mean_speed", "mean speed (m/s)", "{:.2f}"),
    ("progress_against_expert", "progress against the expert", "{:.3f}"),
)


@dataclass
class Args:
    """Options of the command."""

    policy: str
    """A policy's folder, an .onnx file, or expert, or straight."""
    tracks: int = 100
    """Generated tracks to drive, of the test split."""
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
    environment: str = "steer"
    """For the baselines: steer (a cruise controller holds the speed) or drive."""
    vehicle: str = "car"
    """For the baselines: car, car-dynamic or rc; a policy brings its own."""
    report: Path | None = None
    """Write a report here: one HTML file with maps, films and intervals."""
    json: Path | None = None
    """Write the metrics of every track here."""
    picture: Path | None = None
    """Draw the driven lines here (PNG)."""
    video: Path | None = None
    """Film the least accurate track here (MP4 or GIF)."""
    require: list[str] = field(default_factory=list)
    """Fail unless met, such as "autonomy>=0.99"."""
    device: str = "auto"
    """For the network: auto, cpu or cuda."""
    threads: int = 2
    """Threads that draw frames."""


def main(args: Args) -> int:
    """Evaluate."""
    requirements = [check_requirement(text) for text in args.require]
    if args.video is not None:
        check_video_name(args.video)
    driver, course = _driver(args)
    worlds = _worlds(args)
    for path in (args.report, args.json, args.picture, args.video):
        check_writable(path)
    console = Console()
    with progress_bar(console, f"driving {len(worlds)} tracks") as on_step:
        evaluation = evaluate(driver, worlds, course, on_step)
    console.print(_table(driver, evaluation))
    if args.json is not None:
        args.json.write_text(json.dumps(_report(args, evaluation), indent=1) + "\n", encoding="utf-8")
    if args.report is not None:
        options = {name: neutral(value) for name, value in asdict(args).items()}
        films = film_drives(evaluation, driver, course)
        write_report(args.report, [(driver.name, evaluation)], command_line("agents.evaluate", args), options, [films])
    if args.picture is not None:
        draw_drives(evaluation, args.picture)
    if args.video is not None:
        worst = max(range(len(worlds)), key=lambda i: evaluation.tracks[i]["cross_track_error_mean"])
        write_video(evaluation.drives[worst], course, args.video)
    missed = [
        text for text, wanted in zip(args.require, requirements, strict=True) if not is_met(wanted, evaluation.summary)
    ]
    for text in missed:
        console.print(f"[red]Requirement missed: {text}[/red]")
    return 1 if missed else 0


def _driver(args: Args) -> tuple[Driver, Course]:
    driver = load_driver(args.policy, args.device)
    if not isinstance(driver, FrameDriver):
        check_name("--environment", args.environment, ["steer", "drive"])
        return driver, Course(has_pedal=args.environment == "drive", scenario={"vehicle": args.vehicle})
    config = driver.config
    scenario: dict[str, Any] = {"vehicle": driver.vehicle, "control_hz": config.control_hz}
    has_pedal = "pedal" in config.outputs
    return driver, Course(has_pedal=has_pedal, camera=driver.camera, threads=args.threads, scenario=scenario)


def _worlds(args: Args) -> list[World]:
    if not args.track_files:
        if args.tracks < 1:
            raise DrivesimError(f"--tracks: expected 1 or more, got {args.tracks}.")
        seeds = range(args.first_seed, args.first_seed + args.tracks)
        return WorldSource(seeds, args.difficulty, "test", args.appearance).all()
    tracks: list[Track] = []
    for path in args.track_files:
        files = sorted(path.glob("*.csv")) if path.is_dir() else [path]
        if not files:
            raise DrivesimError(f"--track-files: {path} holds no CSV file. Give a track file or a folder of them.")
        for file in files:
            tracks.append(read_track(file))
            if args.both_directions:
                tracks.append(tracks[-1].reversed())
    return WorldSource(tracks, appearance=args.appearance).all()


def _table(driver: Driver, evaluation: Evaluation) -> Table:
    title = f"{driver.name} on {len(evaluation.tracks)} tracks"
    table = Table(title=title, caption=f"{evaluation.frames_per_second:,.0f} control steps a second")
    table.add_column("metric")
    table.add_column("value", justify="right")
    for name, label, shape in _ROWS:
        table.add_row(label, shape.format(evaluation.summary[name]))
    return table


def _report(args: Args, evaluation: Evaluation) -> dict[str, object]:
    names = [driven.world.track.name for driven in evaluation.drives]
    return {
        "drivesim_version": drivesim.__version__,
        "commit": commit(),
        "command": {name: str(value) for name, value in asdict(args).items()},
        "summary": evaluation.summary,
        "frames_per_second": evaluation.frames_per_second,
        "tracks": [{"track": name, **metrics} for name, metrics in zip(names, evaluation.tracks, strict=True)],
    }


if __name__ == "__main__":
    run_command(main, Args, __doc__)
