"""The gallery: every picture is drawn, and nothing is overwritten."""

import cv2
import numpy as np
import pytest

from drivesim import gallery
from drivesim.appearance import PRESETS
from drivesim.weather import WEATHERS


def test_the_command_draws_every_scene_and_a_sheet(run, tmp_path, monkeypatch):
    monkeypatch.setattr(gallery, "SCENES", gallery.SCENES[:1] + gallery.SCENES[-1:])
    monkeypatch.setattr(gallery, "CROWDED", gallery.CROWDED[:1])
    monkeypatch.setattr(gallery, "_RANDOM_WORLDS", 3)
    monkeypatch.setattr(gallery, "_RANDOM_COLUMNS", 3)
    code, out, _ = run(gallery, "--out", tmp_path / "pictures")
    assert code == 0
    assert "6 pictures" in out
    names = {path.name for path in (tmp_path / "pictures").iterdir()}
    assert names == {
        *("countryside-above.png", "countryside-ahead.png", "night-above.png", "night-ahead.png", "gallery.png"),
        *("random.png", "traffic-above.png", "traffic-ahead.png"),
    }
    random = cv2.imread(str(tmp_path / "pictures" / "random.png"))
    assert random.shape == (8 + 104, 8 + 3 * 104, 3)
    sheet = cv2.imread(str(tmp_path / "pictures" / "gallery.png"))
    above = cv2.imread(str(tmp_path / "pictures" / "countryside-above.png"))
    assert above.shape == (320, 480, 3)
    # The upper left picture of the sheet is the first scene's.
    small = cv2.resize(above, (322, 215), interpolation=cv2.INTER_AREA)
    shown = sheet[8 + 24 : 8 + 24 + 215, 8 : 8 + 322]
    assert np.abs(shown.astype(int) - small).mean() < 12


def test_a_folder_with_something_in_it_is_left_alone(run, tmp_path):
    (tmp_path / "mine.txt").write_text("mine")
    code, _, error = run(gallery, "--out", tmp_path)
    assert code == 2
    assert "--out" in error
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


def test_a_scene_with_traffic_shows_more_than_the_road():
    scene, crowd = gallery.CROWDED[0]
    for empty, crowded in zip(gallery.draw_scene(scene), gallery.draw_scene(scene, crowd), strict=True):
        assert np.abs(crowded.astype(int) - empty).max(axis=-1).astype(bool).mean() > 0.005


@pytest.mark.parametrize("scene", [*gallery.SCENES, *dict(gallery.CROWDED)], ids=lambda scene: scene[0])
def test_scenes_name_looks_and_weathers_that_exist(scene):
    assert scene[1] in PRESETS
    assert scene[2] in WEATHERS
