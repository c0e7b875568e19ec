"""Study: the trials of a search, in one SQLite file that several processes may work on at once."""

import json
import os
import sqlite3
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from agents.learning.same_options import differences
from drivesim.errors import DrivesimError

if TYPE_CHECKING:
    import optuna

_NAME = "drivesim"

# A process waits so long for another that writes, seconds.
_WAIT = 60.0

# A trial whose process has not been heard of for twice as long is over, seconds.
_HEARTBEAT = 60

# Trials that are never ended early: there is nothing to compare them with.
_FIRST_TRIALS = 5


@dataclass(frozen=True)
class Trial:
    """A trial that is over.

    Attributes:
        number: Counted from 0.
        options: That it tried: names of `agents.train`'s options.
        score: See `agents.learning.score`; of a trial that was ended early its best until then, None where it never
            drove.
        complete: False where it was ended early.
        driving: Of its best epoch; empty where it was ended early.
    """

    number: int
    options: dict[str, Any]
    score: float | None
    complete: bool
    driving: dict[str, float]


def open_study(path: Path, options: dict[str, Any]) -> "optuna.Study":
    """Open a study, or make it.

    Args:
        path: Of the SQLite file.
        options: What is searched, and with what: a study is taken up by the same options alone.

    Raises:
        DrivesimError: If Optuna is missing, or the file is of another search or none.
    """
    optuna = import_optuna()
    options = json.loads(json.dumps(options))
    if not path.exists():
        _make(path, options)
    _check_file(path)
    try:
        pruner = optuna.pruners.MedianPruner(n_startup_trials=_FIRST_TRIALS, n_warmup_steps=1)
        study = optuna.load_study(study_name=_NAME, storage=_storage(path), pruner=pruner)
    except (KeyError, RuntimeError, optuna.exceptions.OptunaError) as error:
        raise DrivesimError(
            f"--study: {path} holds no study that this Optuna reads ({error}). Give another --study."
        ) from error
    before = study.user_attrs.get("options", {})
    others = differences(before, options)
    if others:
        raise DrivesimError(
            f"--study: {path} is of another search: it had {others}. Give the same laps and options, or "
            "another --study."
        )
    return study


def import_optuna() -> Any:
    """Return Optuna, which says nothing by itself.

    Raises:
        DrivesimError: If it is missing.
    """
    try:
        import optuna
    except ImportError as error:
        raise DrivesimError("tune: Optuna is not installed: pip install -e .[tune]") from error
    optuna.logging.set_verbosity(optuna.logging.CRITICAL)
    return optuna


def sampler(seed: int, number: int) -> "optuna.samplers.BaseSampler":
    """Return what chooses a trial's options.

    It draws from the trial's own seed: processes that begin together try different options, and a study that was
    interrupted goes on with those that it would have tried.
    """
    optuna = import_optuna()
    own_seed = int(np.random.SeedSequence([seed, number]).generate_state(1)[0])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        # Others' trials that are under way count as bad: so processes keep out of each other's way.
        return optuna.samplers.TPESampler(seed=own_seed, constant_liar=True, multivariate=False)


def trials_of(study: "optuna.Study") -> list[Trial]:
    """Return the trials that are over, by number; neither those that failed nor those under way."""
    states = import_optuna().trial.TrialState
    trials = []
    for frozen in study.get_trials(deepcopy=False, states=(states.COMPLETE, states.PRUNED)):
        complete = frozen.state == states.COMPLETE
        values = [frozen.value] if complete else [*frozen.intermediate_values.values()]
        best = max((value for value in values if value is not None), default=None)
        options = {"backbone": study.user_attrs["options"]["backbones"][0], **frozen.params}
        trials.append(Trial(frozen.number, options, best, complete, frozen.user_attrs.get("driving", {})))
    return trials


def best_of(trials: list[Trial]) -> Trial | None:
    """Return the complete trial of the highest score; None where none is complete."""
    complete = [trial for trial in trials if trial.complete and trial.score is not None]
    return max(complete, key=lambda trial: (trial.score, -trial.number), default=None)


def _make(path: Path, options: dict[str, Any]) -> None:
    """Make a study aside and give it its name when it is whole; where another process is faster, its study stays."""
    optuna = import_optuna()
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        part.write_bytes(b"")
    except OSError as error:
        raise DrivesimError(f"--study: {path} can't be written: {error.strerror}. Choose another place.") from error
    try:
        storage = _storage(part)
        study = optuna.create_study(study_name=_NAME, storage=storage, direction="maximize")
        study.set_user_attr("options", options)
        storage.remove_session()
        storage.engine.dispose()
        try:
            os.link(part, path)
        except FileExistsError:
            pass
        except OSError:  # A file system without links.
            part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def _storage(path: Path) -> Any:
    optuna = import_optuna()

    def connect() -> sqlite3.Connection:
        return sqlite3.connect(path, timeout=_WAIT, check_same_thread=False)

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        # The path goes past the address, in which some characters mean something else.
        return optuna.storages.RDBStorage(
            "sqlite:///study", engine_kwargs={"creator": connect}, heartbeat_interval=_HEARTBEAT
        )


def _check_file(path: Path) -> None:
    """Refuse a file that is no study's, before Optuna writes its tables into it."""
    try:
        connection = sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True, timeout=_WAIT)
        try:
            tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_master")}
        finally:
            connection.close()
        reason = "" if {"studies", "trials"} <= tables else "it has no trials"
    except sqlite3.Error as error:
        reason = str(error)
    if reason:
        raise DrivesimError(f"--study: {path} is no study ({reason}). Give another name; a new one is made.")
