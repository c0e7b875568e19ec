"""Evaluation JSON: everything that an evaluation measured, for other programs."""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import drivesim
from agents.evaluation.evaluation import Evaluation
from agents.provenance import commit, neutral
from agents.stress.robustness import Robustness
from drivesim.whole_file import whole_file


def write_json(
    path: Path, options: Mapping[str, Any], evaluations: Sequence[Evaluation], robustness: Robustness | None
) -> None:
    """Write the file. One evaluation lies at its top level, several in the list `policies`; no number is null.

    Args:
        path: Where to.
        options: Of the command.
        evaluations: At least one.
        robustness: Under `stress`, where it was measured.
    """
    parts = [_evaluation(evaluation) for evaluation in evaluations]
    body = parts[0] if len(parts) == 1 else {"policies": parts}
    stress = {} if robustness is None else {"stress": robustness.to_dict()}
    write_plain(path, {"command": {name: _typed(value) for name, value in options.items()}, **body, **stress})


def write_plain(path: Path, values: Mapping[str, Any]) -> None:
    """Write values behind the version and commit of the program that measured them."""
    head = {"drivesim_version": drivesim.__version__, "commit": commit()}
    text = json.dumps(plain({**head, **values}), indent=1, allow_nan=False) + "\n"
    with whole_file(path) as part:
        part.write_text(text, encoding="utf-8")


def plain(value: Any) -> Any:
    """Return a value as JSON has it: null for what is no finite number."""
    if isinstance(value, Mapping):
        return {str(name): plain(part) for name, part in value.items()}
    if isinstance(value, list | tuple):
        return [plain(part) for part in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def _typed(value: Any) -> Any:
    """An option as JSON has it; of an absolute path, which tells on the machine and its user, the last part alone."""
    if isinstance(value, list | tuple):
        return [_typed(part) for part in value]
    return neutral(value) if isinstance(value, str | Path) else value


def _evaluation(evaluation: Evaluation) -> dict[str, Any]:
    names = [driven.world.track.name for driven in evaluation.drives]
    return {
        "policy": evaluation.name,
        "complete": evaluation.complete,
        "summary": evaluation.summary,
        "statistics": {name: asdict(statistic) for name, statistic in evaluation.statistics.items()},
        "frames_per_second": evaluation.frames_per_second,
        "tracks": [{"track": name, **metrics} for name, metrics in zip(names, evaluation.tracks, strict=True)],
    }
