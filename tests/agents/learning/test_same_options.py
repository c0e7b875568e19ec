"""What differs between a run and its continuation is named, on both sides, and nothing else is."""

from agents.learning.same_options import differences


def test_the_same_options_differ_in_nothing():
    assert differences({"epochs": 4, "camera": ["topdown"]}, {"camera": ["topdown"], "epochs": 4}) == ""


def test_what_differs_or_is_on_one_side_alone_is_named():
    before, now = {"epochs": 4, "seed": 0, "past": 1}, {"epochs": 8, "seed": 0, "turn": 0.1}
    assert differences(before, now) == "epochs 4, now 8; past 1, now None; turn None, now 0.1"
