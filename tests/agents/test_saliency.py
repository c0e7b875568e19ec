"""python -m agents.saliency."""

import cv2
import pytest

from agents import saliency
from tests.agents.policies import CAMERA, WIDE, make_policy

pytestmark = pytest.mark.usefixtures("one_torch_thread")


def test_the_command_draws_each_frame_above_its_overlay(tmp_path, run):
    make_policy().save(tmp_path / "mine")
    options = ("--policy", tmp_path / "mine", "--out", tmp_path / "new" / "s.png", "--tracks", 2, "--seconds", 1)
    code, said, _ = run(saliency, *options, "--device", "cpu")
    assert code == 0
    assert "2 frames" in said
    sheet = cv2.imread(str(tmp_path / "new" / "s.png")).astype(int)
    assert sheet.shape == (6 * CAMERA.height + 18, 2 * (3 * CAMERA.width + 8) + 8, 3)
    upper, lower = sheet[8:200, 8:200], sheet[200:392, 8:200]
    assert lower.mean() < upper.mean()


def test_a_policy_that_takes_the_speed_and_works_the_pedal_is_drawn_too(tmp_path, run):
    make_policy(inputs=("camera", "speed"), outputs=("steering", "pedal")).save(tmp_path / "mine")
    options = ("--policy", tmp_path / "mine", "--out", tmp_path / "s.png", "--tracks", 2, "--seconds", 1)
    code, said, _ = run(saliency, *options, "--device", "cpu")
    assert code == 0
    assert "2 frames" in said


def test_each_camera_of_a_policy_is_drawn_below_the_one_before(tmp_path, run):
    make_policy(cameras=(CAMERA, WIDE), past=1).save(tmp_path / "mine")
    options = ("--policy", tmp_path / "mine", "--out", tmp_path / "s.png", "--tracks", 2, "--seconds", 1)
    code, said, _ = run(saliency, *options, "--device", "cpu")
    assert code == 0
    assert "of the camera with 64 x 64 pixels" in said.replace("\n", " ")
    assert "of the camera with 62 x 80 pixels" in said.replace("\n", " ")
    sheet = cv2.imread(str(tmp_path / "s.png"))
    assert sheet.shape == (6 * CAMERA.height + 18 + 4 * WIDE.height + 18, 2 * (3 * CAMERA.width + 8) + 8, 3)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--tracks", 0), "--tracks: expected 1 or more, got 0"),
        (("--out", "s.jpg"), "--out: expected a name that ends in .png, got s.jpg"),
        (("--out", "file/s.png"), "can't be written"),
        (("--policy", "nobody"), "nobody is no policy folder"),
    ],
)
def test_wrong_use_is_exit_code_2_and_one_sentence(tmp_path, run, monkeypatch, options, words):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").write_text("")
    make_policy().save(tmp_path / "mine")
    code, _, said = run(saliency, "--policy", "mine", "--out", "s.png", *options)
    assert code == 2
    assert said.startswith("error: ")
    assert words in said
    assert not (tmp_path / "s.png").exists()


def test_an_exported_file_is_refused_with_the_way_out(tmp_path, run):
    code, _, said = run(saliency, "--policy", "mine.onnx", "--out", tmp_path / "s.png")
    assert code == 2
    assert said == (
        "error: --policy: what a network looks at is read from its layers, which mine.onnx hides. Give the folder of "
        "the policy that it was exported from.\n"
    )
