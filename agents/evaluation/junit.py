"""JUnit: an evaluation as test cases, for whatever shows those: one a track and one a requirement."""

import math
from collections.abc import Sequence
from pathlib import Path
from xml.etree import ElementTree

from agents.evaluation.evaluation import Evaluation
from agents.evaluation.requirement import Outcome
from drivesim.whole_file import whole_file


def write_junit(path: Path, evaluations: Sequence[Evaluation], outcomes: Sequence[Outcome]) -> None:
    """Write the test suites: tracks by policy, where a departure is a failure; and requirements."""
    root = ElementTree.Element("testsuites", name="drivesim")
    for evaluation in evaluations:
        cases = []
        for driven, metrics in zip(evaluation.drives, evaluation.tracks, strict=True):
            count = int(metrics["departures"])
            failure = f"{count} departures from the road in {metrics['distance']:.0f} m" if count else ""
            cases.append((driven.world.track.name, metrics["elapsed"], failure))
        _add_suite(root, f"{evaluation.name}.tracks", cases)
    if outcomes:
        required = [(_case_name(outcome), 0.0, "" if outcome.is_met else str(outcome)) for outcome in outcomes]
        _add_suite(root, "requirements", required)
    ElementTree.indent(root)
    with whole_file(path) as part:
        ElementTree.ElementTree(root).write(part, encoding="utf-8", xml_declaration=True)


def _case_name(outcome: Outcome) -> str:
    return f"{outcome.policy}: {outcome.requirement.text}"


def _add_suite(root: ElementTree.Element, name: str, cases: Sequence[tuple[str, float, str]]) -> None:
    """Add a suite of cases: name, seconds, and why it failed."""
    failed = sum(bool(failure) for _, _, failure in cases)
    suite = ElementTree.SubElement(
        root,
        "testsuite",
        name=name,
        tests=str(len(cases)),
        failures=str(failed),
        errors="0",
        time=f"{math.fsum(seconds for _, seconds, _ in cases):.2f}",
    )
    for case_name, seconds, failure in cases:
        case = ElementTree.SubElement(suite, "testcase", classname=name, name=case_name, time=f"{seconds:.2f}")
        if failure:
            ElementTree.SubElement(case, "failure", message=failure)
