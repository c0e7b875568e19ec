"""The step summary: appended, with requirements first and stresses last."""

from agents.evaluation.evaluation import evaluate
from agents.evaluation.step_summary import append_summary
from agents.expert import ExpertDriver
from agents.rollout import Course
from agents.stress.robustness import measure_robustness
from agents.stress.stresses import choose_stresses
from tests.agents.drives import ring_world


def test_a_summary_tells_of_stresses_too_and_is_added_to_what_is_there(tmp_path):
    worlds, course = [ring_world(20.0)], Course(time_limit=1.0)
    evaluation = evaluate(ExpertDriver(), worlds, course)
    robustness = measure_robustness(ExpertDriver(), worlds, course, choose_stresses(["lag"]), [1])
    path = tmp_path / "summary.md"
    for _ in range(2):
        append_summary(path, [evaluation], [], robustness, "autonomy")
    text = path.read_text(encoding="utf-8")
    assert text.count("### expert on 1 tracks") == text.count("### expert under stress: autonomy") == 2
    assert "| lag | 1.0000 |" in text
    assert "Requirements" not in text
