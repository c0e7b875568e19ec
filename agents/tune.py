"""python -m agents.tune --data laps --study tune.db --trials 20 --out tuned

Search for the options of agents.train with which a network drives best: learning rate, augmentation, balance, backbone.

What counts is driving: autonomy on the validation tracks, and staying near the line. A trial that drives worse than
half of those before it did after as many epochs is ended early. The study is kept in a file: the same command goes on
where it was interrupted, and several processes may work on one study at once.
"""

import hashlib
import json
import shlex
import shutil
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console

from agents import train
from agents.learning.material import Material
from agents.learning.score import score
from agents.learning.study import Trial, best_of, import_optuna, open_study, sampler, trials_of
from agents.learning.study_picture import draw_study
from agents.learning.training import Driving
from agents.models.backbone_files import summary_of
from agents.models.backbones import check_backbone
from agents.models.devices import choose_device
from agents.models.networks import PILOTNET
from agents.policy import Policy
from datasets.lap_files import read_laps
from datasets.schema import Lap
from drivesim.command import is_taken, run_command
from drivesim.errors import DrivesimError

if TYPE_CHECKING:
    import optuna

_PICTURE, _BEST = "study.png", "best.json"


@dataclass
class Args:
    """Options of the command."""

    data: list[Path]
    """Folders of laps, or lap files."""
    out: Path
    """Folder for the policies of complete trials, the picture and the best options."""
    study: Path = Path("tune.db")
    """The study's file; one that is there goes on."""
    trials: int = 20
    """Trials in all, over all processes and interruptions; those under way when it is reached are driven to the end."""
    backbones: list[str] = field(default_factory=lambda: [PILOTNET])
    """Networks to choose from: see agents.train --backbone."""
    learning_rates: tuple[float, float] = (3e-4, 1e-2)
    """The lowest and the highest learning rate to try."""
    pretrained: str = train.Args.pretrained
    """Where backbones' weights begin: see agents.train."""
    camera: list[str] = field(default_factory=lambda: ["topdown"])
    """What it sees: topdown, front, left or right; or several of them at once."""
    past: int = train.Args.past
    """Earlier frames that it sees beside the newest."""
    stride: int = train.Args.stride
    """Control steps from one of these to the next."""
    speed: bool = False
    """Let it know the car's speed too."""
    pedal: bool = False
    """Learn the pedal too."""
    epochs: int = train.Args.epochs
    """Rounds of training in a trial, each followed by a drive on the validation tracks."""
    samples: int = train.Args.samples
    """Samples to an epoch."""
    batch_size: int | None = None
    """Samples to a step; 128 for pilotnet and 32 for backbones if left out."""
    looks: int = train.Args.looks
    """Fewest looks that an epoch shows the laps in; 0 for the recorded ones alone."""
    validation_tracks: int = train.Args.validation_tracks
    """Unseen tracks driven after every epoch."""
    validation_seconds: float = train.Args.validation_seconds
    """Seconds driven on each."""
    seed: int = 0
    """Of the search, and of every training."""
    device: str = "auto"
    """auto, cpu or cuda."""
    threads: int = 2
    """Threads that draw frames."""


def main(args: Args) -> None:
    """Search."""
    console = Console()
    optuna = import_optuna()
    choose_device(args.device)
    _check(args)
    laps, lost = read_laps(args.data)
    for sentence in lost:
        console.print(f"[yellow]{sentence}[/yellow]", soft_wrap=True)
    study = open_study(args.study, _search(args, laps))
    args.out.mkdir(parents=True, exist_ok=True)
    before = len(trials_of(study))
    if before:
        console.print(f"Going on with {args.study}: {before} of {args.trials} trials are over", soft_wrap=True)
    if before < args.trials:
        over = (optuna.trial.TrialState.COMPLETE, optuna.trial.TrialState.PRUNED)
        enough = optuna.study.MaxTrialsCallback(args.trials, states=over)
        study.optimize(_objective(args, laps, study, console), callbacks=[enough])
    _report(args, trials_of(study), console)


def _objective(
    args: Args, laps: list[Lap], study: "optuna.Study", console: Console
) -> Callable[["optuna.Trial"], float]:
    """Return what trains and drives a trial."""
    pruned = import_optuna().TrialPruned

    def objective(trial: "optuna.Trial") -> float:
        study.sampler = sampler(args.seed, trial.number)
        options = _suggest(args, trial)
        folder = args.out / _folder_name(trial.number)
        if folder.exists():
            raise DrivesimError(f"--out: {folder} is of another study. Choose another folder.")
        words = ", ".join(f"{name.replace('_', ' ')} {_word(value)}" for name, value in options.items())
        console.print(f"Trial {trial.number}: {words}")
        try:
            training = train.make_training(replace(_train_args(args), out=folder, **options), Material.of_laps(laps))
            training.drive = _reporting(training.drive, trial, args.epochs)
            try:
                driving = training.run(console)
            except DrivesimError as error:
                console.print(f"[yellow]{error}[/yellow]", soft_wrap=True)
                raise pruned(str(error)) from error
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise
        trial.set_user_attr("driving", driving)
        return score(driving)

    return objective


def _reporting(drive: Callable[[Policy], Driving], trial: "optuna.Trial", epochs: int) -> Callable[[Policy], Driving]:
    """Let a study know how every epoch drives; it may end the trial after any but the last."""
    pruned, numbers = import_optuna().TrialPruned, count()

    def drive_and_report(policy: Policy) -> Driving:
        driving, number = drive(policy), next(numbers)
        trial.report(score(driving), number)
        if number + 1 < epochs and trial.should_prune():
            raise pruned("it drives worse than half of the trials before did after as many epochs")
        return driving

    return drive_and_report


def _suggest(args: Args, trial: "optuna.Trial") -> dict[str, Any]:
    low, high = args.learning_rates
    options: dict[str, Any] = {
        "learning_rate": trial.suggest_float("learning_rate", low, high, log=True),
        "augment": trial.suggest_float("augment", 0.0, 1.0),
        "balance": trial.suggest_float("balance", 0.0, 1.0),
        "backbone": args.backbones[0],
    }
    if len(args.backbones) > 1:
        options["backbone"] = trial.suggest_categorical("backbone", args.backbones)
    return options


def _check(args: Args) -> None:
    if is_taken(args.out) and not (args.out.is_dir() and args.study.exists()):
        raise DrivesimError(
            f"--out: {args.out} exists and is not empty, and there is no study {args.study} to go on with. "
            "Choose another folder or remove it."
        )
    low, high = args.learning_rates
    if not 0 < low < high < 1:
        raise DrivesimError(f"--learning-rates: expected two rising numbers between 0 and 1, got {low} {high}.")
    if args.trials < 1:
        raise DrivesimError(f"--trials: expected 1 or more, got {args.trials}.")
    if not args.backbones or len(set(args.backbones)) < len(args.backbones):
        raise DrivesimError(f"--backbones: expected names, each once, got {' '.join(args.backbones) or 'none'}.")
    for name in args.backbones:
        if name != PILOTNET:
            check_backbone(name)
        train.check(replace(_train_args(args), backbone=name, out=args.out / _folder_name(-1)))


def _train_args(args: Args) -> train.Args:
    """Return what all trials have in common."""
    own = ("study", "trials", "backbones", "learning_rates")
    return train.Args(**{name: getattr(args, name) for name in vars(args) if name not in own})


def _search(args: Args, laps: Sequence[Lap]) -> dict[str, Any]:
    """Return what makes a search this one."""
    # How fast it goes makes no difference to what it finds; nor where it is written.
    left_out = ("data", "out", "study", "trials", "device", "threads")
    search = {name: value for name, value in asdict(args).items() if name not in left_out}
    folder = train.pretrained_folder(_train_args(args))
    if folder is not None:
        search["pretrained"] = summary_of(folder, args.backbones[0])
    return {"laps": f"{len(laps)} laps, {sum(map(len, laps))} steps, {_digest(laps)}", **search}


def _digest(laps: Sequence[Lap]) -> str:
    """Return what tells laps from others, whatever their files are called."""
    digests = []
    for lap in laps:
        digest = hashlib.sha256()
        for key, value in lap.info.to_metadata().items():
            digest.update(key + b"\0" + value + b"\0")
        for name, values in lap.columns.items():
            digest.update(name.encode() + values.tobytes())
        digests.append(digest.digest())
    return hashlib.sha256(b"".join(sorted(digests))).hexdigest()[:12]


def _report(args: Args, trials: Sequence[Trial], console: Console) -> None:
    draw_study(trials, args.out / _PICTURE)
    best = best_of(list(trials))
    if best is None:
        console.print(f"None of {len(trials)} trials is complete: give more --trials, or lower --learning-rates.")
        return
    command = _command(args, best)
    values = {"trial": best.number, "score": best.score, "driving": best.driving, "options": best.options}
    text = json.dumps({**values, "command": command}, indent=1) + "\n"
    (args.out / _BEST).write_text(text, encoding="utf-8")
    folder = args.out / _folder_name(best.number)
    console.print(
        f"Best of {len(trials)} trials: number {best.number}, autonomy {best.driving['autonomy']:.3f}, cross-track "
        f"error {best.driving['cross_track_error']:.3f} m{f'; its policy is {folder}' if folder.is_dir() else ''}. "
        f"See {args.out / _PICTURE}",
        soft_wrap=True,
    )
    console.print(f"Train it again: {command}", soft_wrap=True, highlight=False)


def _command(args: Args, best: Trial) -> str:
    """Return the command line that trains a trial again."""
    usual = train.Args(data=[], out=Path("best"))
    wanted = replace(_train_args(args), out=Path("best"), **best.options)
    words = ["python", "-m", "agents.train", "--data", *map(str, args.data), "--out", "best"]
    for option in fields(train.Args):
        value = getattr(wanted, option.name)
        if option.name in ("data", "out") or value == getattr(usual, option.name):
            continue
        name = option.name.replace("_", "-")
        if isinstance(value, bool):
            words.append(f"--{name}" if value else f"--no-{name}")
        elif isinstance(value, list):
            words += [f"--{name}", *value]
        else:
            words += [f"--{name}", str(value)]
    return shlex.join(words)


def _folder_name(number: int) -> str:
    return f"trial-{number:04d}"


def _word(value: Any) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)


if __name__ == "__main__":
    run_command(main, Args, __doc__)
