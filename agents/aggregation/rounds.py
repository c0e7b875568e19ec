"""Rounds: the folder of a run, with a folder for every round that is finished.

    dagger.json     the options
    rounds.jsonl    a line for every round
    rounds.png      driving against labels
    round-00/       the policy that the rounds begin with
    round-01/       its laps, and the policy that learned from all laps so far
    policy/         the best of them

A round is written aside and renamed when it is finished: an interruption costs the round that it came in.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from agents.learning.same_options import differences
from drivesim.command import is_taken
from drivesim.errors import DrivesimError
from drivesim.whole_file import whole_file, whole_folder

_OPTIONS, LOG, PICTURE = "dagger.json", "rounds.jsonl", "rounds.png"
_ROW, LAPS, POLICY = "round.json", "laps", "policy"

Row = dict[str, Any]


class Rounds:
    """A run's folder.

    Attributes:
        folder: The run's.
        rows: One a finished round: see `agents.dagger`.

    Args:
        folder: The run's; made new.
        options: Of the run: it is gone on with by the same ones alone.
        resume: Whether to go on with what is there.

    Raises:
        DrivesimError: If the folder holds something else, or, with `resume`, nothing or a run of other options.
    """

    def __init__(self, folder: Path, options: dict[str, Any], resume: bool) -> None:
        self.folder = folder
        options = json.loads(json.dumps(options))
        if resume:
            _check_same(folder, options)
        else:
            if is_taken(folder):
                raise DrivesimError(
                    f"--out: {folder} exists and is not empty. Choose another folder or remove it, or go on with "
                    "--resume where a run was interrupted."
                )
            folder.mkdir(parents=True, exist_ok=True)
            with whole_file(folder / _OPTIONS) as part:
                part.write_text(json.dumps(options, indent=1) + "\n", encoding="utf-8")
        self.rows = read_rows(folder)
        self._write_log()

    def place(self, number: int) -> Path:
        """Return the folder of a round."""
        return self.folder / f"round-{number:02}"

    @contextmanager
    def round(self) -> Iterator[tuple[Path, Row]]:
        """Yield the next round's folder, and the row to fill in; both are kept when the block is left in peace."""
        row: Row = {"round": len(self.rows)}
        with whole_folder(self.place(len(self.rows))) as aside:
            yield aside, row
            (aside / _ROW).write_text(json.dumps(row) + "\n", encoding="utf-8")
        self.rows.append(row)
        self._write_log()

    def _write_log(self) -> None:
        with whole_file(self.folder / LOG) as part:
            part.write_text("".join(json.dumps(row) + "\n" for row in self.rows), encoding="utf-8")


def read_rows(folder: Path) -> list[Row]:
    """Read the rows of a run's finished rounds.

    Raises:
        DrivesimError: If one can't be read.
    """
    rows: list[Row] = []
    while (path := folder / f"round-{len(rows):02}" / _ROW).exists():
        try:
            row = json.loads(path.read_text(encoding="utf-8"))
            rows.append({**row, "labels": int(row["labels"]), "autonomy": float(row["autonomy"])})
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise DrivesimError(f"{path} is no round's record ({error}). Remove the round's folder.") from error
    return rows


def _check_same(folder: Path, options: dict[str, Any]) -> None:
    path = folder / _OPTIONS
    try:
        before = dict(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError) as error:
        raise DrivesimError(f"--resume: {folder} holds no run that could go on ({path.name} can't be read).") from error
    others = differences(before, options)
    if others:
        raise DrivesimError(f"--resume: the run in {folder} had {others}. Give the same options, or another --out.")
