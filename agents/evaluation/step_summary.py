"""Step summary: an evaluation in Markdown, as a CI job shows it."""

from collections.abc import Sequence
from pathlib import Path

from agents.evaluation.evaluation import Evaluation
from agents.evaluation.requirement import Outcome
from agents.evaluation.table import evaluation_markdown, stress_markdown
from agents.stress.robustness import Robustness

# GitHub Actions shows what is appended to the file that this variable names.
GITHUB_VARIABLE = "GITHUB_STEP_SUMMARY"


def append_summary(
    path: Path,
    evaluations: Sequence[Evaluation],
    outcomes: Sequence[Outcome],
    robustness: Robustness | None,
    stress_metric: str,
) -> None:
    """Append the summary: requirements, metrics, stresses."""
    parts = [evaluation_markdown(evaluations)] if evaluations else []
    if outcomes:
        lines = [f"- {'met' if outcome.is_met else '**missed**'}: {outcome}" for outcome in outcomes]
        parts.insert(0, "\n".join(["### Requirements", "", *lines]))
    if robustness is not None:
        parts.append(stress_markdown(robustness, stress_metric))
    with path.open("a", encoding="utf-8") as file:
        file.write("\n\n".join(parts) + "\n\n")
