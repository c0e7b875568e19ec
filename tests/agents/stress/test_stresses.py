"""The table of stresses: what is in it, and what each does to a course."""

from pathlib import Path

import numpy as np
import pytest

from agents.rollout import Course
from agents.stress.stresses import CAMERA, STRESSES, choose_stresses, markdown_table
from drivesim.camera import CAMERAS
from drivesim.errors import DrivesimError

ROOT = Path(__file__).resolve().parents[3]


def test_the_document_holds_the_table_word_for_word():
    assert markdown_table() in (ROOT / "docs" / "stress.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("stress", STRESSES.values(), ids=lambda stress: stress.name)
def test_a_stress_has_five_values_in_one_direction_and_does_something(stress):
    change = np.diff(stress.values)
    assert len(stress.values) == 5
    assert (change > 0).all() or (change < 0).all()
    assert any([stress.frames, stress.action, stress.course, stress.mount])
    assert stress.about
    assert stress.unit


def test_stresses_are_chosen_by_name_and_given_in_the_tables_order():
    assert [stress.name for stress in choose_stresses(["lag", "fog"])] == ["fog", "lag"]
    assert len(choose_stresses(["all"])) == len(STRESSES) >= 25
    assert choose_stresses([]) == []
    with pytest.raises(DrivesimError, match=r"--stress: unknown name 'fogg'\. Known: all, gaussian-noise, "):
        choose_stresses(["fogg"])


def test_cameras_are_stressed_where_there_are_some_and_cruise_controllers_too():
    blind, seeing, at_the_pedal = Course(), Course(camera=CAMERAS["topdown"]), Course(has_pedal=True)
    for stress in STRESSES.values():
        assert stress.suits(seeing)
        assert stress.suits(blind) == (stress.part != CAMERA)
        assert stress.suits(at_the_pedal) == (stress.part != CAMERA and stress.name not in ("slow", "fast"))
