"""What is lost is counted and named, the most frequent first."""

import pytest

from datasets.formats.losses import Losses
from drivesim.errors import DrivesimError


def test_losses_are_told_by_reason_with_the_first_names():
    losses = Losses("tub")
    for number in range(7):
        losses.bad(f"record {number}", "it is empty")
    losses.bad("record 9", "it is late")
    losses.left_out("deleted", 3)
    losses.left_out("deleted")
    losses.note("it is old")
    losses.note("it is old")
    assert len(losses) == 8
    assert losses.counts == {"it is empty": 7, "it is late": 1}
    assert losses.left_out_counts == {"deleted": 4}
    assert [*losses.sentences()] == [
        "tub: skipped 7: it is empty (record 0, record 1, record 2, record 3, record 4, ...)",
        "tub: skipped 1: it is late (record 9)",
        "tub: left out 4: deleted",
        "tub: it is old",
    ]
    assert str(losses.nothing_left("Copy it.")) == (
        "tub: no record can be used: it is empty (7); it is late (1); deleted (4). Copy it."
    )


def test_strict_stops_at_what_is_bad_and_not_at_what_is_left_out():
    losses = Losses("tub", strict=True)
    losses.left_out("deleted")
    with pytest.raises(DrivesimError, match="tub: record 3: it is empty"):
        losses.bad("record 3", "it is empty")
