"""The ablation: what its cells are, that it goes on where it stopped, and that its tables say what was measured."""

import json

import cv2
import numpy as np
import pytest

from agents.learning.training import Training
from benchmarks import quality, quality_cells
from benchmarks.quality_cells import AMOUNTS, Cell, ablation, curve, palettes, unseen_look
from benchmarks.quality_tables import draw_curve, interval, markdown
from datasets.lap_files import read_laps
from drivesim.appearance import Appearance
from drivesim.palette import in_palette

pytestmark = pytest.mark.usefixtures("one_torch_thread")


@pytest.fixture
def little(monkeypatch):
    """Two cells of a group each, on laps of a second or two."""
    monkeypatch.setitem(AMOUNTS, "30 s", (1, 6.0))
    monkeypatch.setitem(AMOUNTS, "10 s", (1, 5.0))
    cells = [
        Cell("networks", "PilotNet, new", "30 s", "human-like", 0.0, {}, 0),
        Cell("views", "+ balance", "30 s", "expert", 0.1, {"balance": 0.5}, 0),
    ]
    monkeypatch.setattr(quality, "ablation", lambda seeds: cells)
    monkeypatch.setattr(
        quality, "curve", lambda seeds: [c for c in curve(range(1)) if c.amount in ("10 s", "30 s")][1:]
    )
    return cells


def test_every_cell_has_a_name_of_its_own_and_seeds_come_one_after_the_other():
    cells = ablation(range(3)) + curve(range(3)) + palettes(range(3))
    assert len({cell.name for cell in cells}) == len(cells) == 3 * (4 * 3 + 4 + 2 * 4 + 3)
    assert [cell.seed for cell in ablation(range(3))] == sorted(cell.seed for cell in ablation(range(3)))


def test_an_unseen_palette_is_more_colourful_than_any_look_of_the_training():
    def saturation(color):
        return (max(color) - min(color)) / max(color)

    rng = np.random.default_rng(0)
    for _ in range(200):
        strange, usual = unseen_look(rng), Appearance.random(rng)
        assert min(saturation(strange.road), saturation(strange.ground)) > 0.57
        assert saturation(usual.road) < 0.28
        assert np.abs(np.subtract(strange.road, strange.ground)).mean() >= 50


def test_an_interval_is_students_over_seeds():
    assert interval([0.9, 0.95, 1.0]) == (pytest.approx(0.95), pytest.approx(4.3027 * 0.05 / np.sqrt(3), rel=1e-4))
    mean, half = interval([0.9])
    assert mean == 0.9
    assert np.isnan(half)


def test_a_table_has_a_row_for_what_is_compared_and_a_gap_for_what_is_not_there_yet():
    def result(row, amount, seed, autonomy):
        cell = {"group": "networks", "row": row, "amount": amount, "seed": seed}
        return {"cell": cell, "results": {"same look": {"autonomy": autonomy}}}

    results = [result("a", "30 s", 0, 0.5), result("a", "30 s", 1, 0.7), result("b", "3 min", 0, 1.0)]
    lines = markdown(results, "networks").splitlines()
    assert lines[0] == "| | 30 s, same look | 3 min, same look |"
    assert lines[2:] == ["| a | 0.600 ± 1.271 |  |", "| b |  | 1.000 |"]


def test_the_ablation_is_measured_kept_and_not_measured_again(tmp_path, run, little, monkeypatch):
    out, docs = tmp_path / "quality", tmp_path / "docs"
    docs.mkdir()
    options = ("--out", out, "--docs", docs, "--seeds", 1, "--quick")
    code, said, wrong = run(quality, *options)
    assert code == 0, wrong
    report = json.loads((docs / "ablation.json").read_text())
    assert report["machine"] in said
    assert "`python -m benchmarks.quality --seeds 1 --quick`" in said
    for result in report["cells"]:
        assert list(result["results"]) == ["same look", "unseen palette", "corrupted frames"]
        assert all(0 <= values["autonomy"] <= 1 for values in result["results"].values())
    assert "| + balance |" in (docs / "ablation.md").read_text()
    assert (docs / "ablation.md").read_text() == (out / "ablation.md").read_text()
    monkeypatch.setattr(quality_cells, "evaluate", None)
    monkeypatch.setattr(Training, "run", None)
    assert run(quality, *options)[0] == 0
    # Only what is missing is done anew: of a policy that was trained, the driving.
    monkeypatch.undo()
    monkeypatch.setattr(quality, "ablation", lambda seeds: little)
    monkeypatch.setattr(Training, "run", None)
    (out / "cells" / f"{little[0].name}.json").unlink()
    assert run(quality, *options)[0] == 0
    assert json.loads((docs / "ablation.json").read_text()) == report


def test_a_training_that_was_interrupted_goes_on(tmp_path, run, little, monkeypatch):
    class EndedError(Exception):
        """Stands for whatever ends a process."""

    def end(training, console):
        training._checkpoint()
        raise EndedError

    options = ("--out", tmp_path, "--seeds", 1, "--quick")
    with monkeypatch.context() as patch:
        patch.setattr(Training, "run", end)
        with pytest.raises(EndedError):
            run(quality, *options)
    resumed = []
    resume = Training.resume
    monkeypatch.setattr(Training, "resume", lambda training: resumed.append(1) or resume(training))
    assert run(quality, *options)[0] == 0
    assert resumed == [1]
    assert not list((tmp_path / "policies").glob(".*"))


def test_cells_of_another_run_are_refused(tmp_path, run, little):
    assert run(quality, "--out", tmp_path, "--seeds", 1, "--quick")[0] == 0
    code, _, said = run(quality, "--out", tmp_path, "--seeds", 1)
    assert code == 2
    assert "was measured with other options. Choose another folder" in said


def test_the_curve_is_drawn_and_written(tmp_path, run, little):
    code, said, wrong = run(quality, "--what", "curve", "--out", tmp_path, "--seeds", 1, "--quick")
    assert code == 0, wrong
    cells = [result["cell"] for result in json.loads((tmp_path / "curve.json").read_text())["cells"]]
    assert [cell["amount"] for cell in cells] == ["30 s", "10 s", "30 s"]
    assert [cell["options"] != {} for cell in cells] == [False, True, True]
    assert "Driving against seconds driven" in said
    assert cv2.imread(str(tmp_path / "curve.png")).shape[1] > 800


def test_palettes_are_driven_in_colours_of_the_training_and_in_others(tmp_path, run, monkeypatch):
    monkeypatch.setitem(AMOUNTS, "3 min", (1, 5.0))
    monkeypatch.setattr(quality, "palettes", lambda seeds: palettes(range(1))[::2])
    code, said, wrong = run(quality, "--what", "palettes", "--out", tmp_path, "--seeds", 1, "--quick")
    assert code == 0, wrong
    cells = json.loads((tmp_path / "palettes.json").read_text())["cells"]
    assert [cell["cell"]["row"] for cell in cells] == ["as recorded", "all that looks can have"]
    assert all(list(cell["results"]) == ["palette of the training", "palette never seen"] for cell in cells)
    assert "What looks are worth" in said
    (lap,) = read_laps([*(tmp_path / "laps").iterdir()])[0]
    assert in_palette(Appearance.from_dict(lap.info.appearance).road, "train")


def test_a_curve_with_seeds_shows_their_spread(tmp_path):
    def result(amount, seed, autonomy):
        values = {"autonomy": autonomy, "tracks_without_departure": autonomy - 0.1}
        cell = {"group": "curve", "row": "a", "amount": amount, "seed": seed}
        return {"cell": cell, "size": {"tracks": 100}, "results": {"looks of their own": values}}

    means = {"10 s": 0.8, "30 s": 0.95, "3 min": 0.99, "30 min": 1.0}
    wide = [result(amount, seed, mean - 0.06 * seed) for amount, mean in means.items() for seed in range(3)]
    narrow = [result(amount, 0, mean) for amount, mean in means.items()]
    for name, results in (("wide", wide), ("narrow", narrow)):
        draw_curve(results, tmp_path / f"{name}.png")
    wide_picture, narrow_picture = (cv2.imread(str(tmp_path / f"{name}.png")) for name in ("wide", "narrow"))
    assert (wide_picture < 250).sum() > (narrow_picture < 250).sum() + 1000


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--seeds", 0), "--seeds: expected 1 or more, got 0"),
        (("--what", "looks"), "--what: unknown name 'looks'. Known: ablation, curve, palettes"),
        (("--docs", "nowhere"), "--docs: nowhere is no folder"),
    ],
)
def test_wrong_use_is_one_sentence(tmp_path, run, monkeypatch, options, words):
    monkeypatch.chdir(tmp_path)
    code, _, said = run(quality, *options)
    assert code == 2
    assert words in said
    assert list(tmp_path.iterdir()) == []
