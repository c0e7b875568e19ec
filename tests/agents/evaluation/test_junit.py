"""JUnit and the step summary: what a CI job is told."""

from xml.etree import ElementTree

from agents.evaluation.evaluation import evaluate
from agents.evaluation.junit import write_junit
from agents.evaluation.metric_table import METRICS
from agents.evaluation.requirement import check, read_requirement
from agents.evaluation.step_summary import append_summary
from agents.expert import ExpertDriver
from agents.rollout import Course
from tests.agents.drives import ring_world


def outcomes(evaluation):
    wanted = [read_requirement(text, METRICS) for text in ("autonomy>=0.5", "mean_speed>=100")]
    return check(wanted, evaluation.name, evaluation.summary)


def test_a_departure_and_a_missed_requirement_are_failures(tmp_path):
    evaluation = evaluate(ExpertDriver(), [ring_world(30.0), ring_world(40.0)], Course(time_limit=2.0))
    evaluation.tracks[1]["departures"] = 3.0
    write_junit(tmp_path / "junit.xml", [evaluation], outcomes(evaluation))
    root = ElementTree.parse(tmp_path / "junit.xml").getroot()
    tracks, requirements = root.findall("testsuite")
    assert (tracks.get("tests"), tracks.get("failures")) == ("2", "1")
    assert tracks.findall("testcase")[1].find("failure").get("message").startswith("3 departures")
    assert (requirements.get("tests"), requirements.get("failures")) == ("2", "1")
    assert [case.find("failure") is None for case in requirements] == [True, False]


def test_the_summary_is_appended_in_markdown(tmp_path):
    evaluation = evaluate(ExpertDriver(), [ring_world(30.0)], Course(time_limit=2.0))
    path = tmp_path / "summary.md"
    path.write_text("before\n")
    append_summary(path, [evaluation], outcomes(evaluation), None, "autonomy")
    text = path.read_text()
    assert text.startswith("before\n### Requirements\n\n- met: expert: autonomy is 1")
    assert "- **missed**: expert: mean_speed" in text
    assert "| autonomy" in text.lower()
