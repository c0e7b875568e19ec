"""What is held out: whole drives where there are enough, else stretches with a second around them."""

import numpy as np
import pytest

from datasets.held_out import part_of, split
from drivesim.errors import DrivesimError
from tests.datasets.test_stored_frames import make_drive


def numbers(drives):
    return np.concatenate(
        [[picture[0, 0, 0] for picture in drive.pictures.read(range(len(drive)))] for drive in drives]
    )


def test_of_many_drives_whole_ones_are_held_out():
    drives = [make_drive(10, 10 * number) for number in range(10)]
    parts = split(drives, 0.2, seed=0)
    assert parts.whole_drives
    assert (len(parts.held_out), len(parts.learned)) == (2, 8)
    assert {*parts.held_out, *parts.learned} == {*drives}
    assert {drive.name for drive in split(drives, 0.2, seed=1).held_out} != {drive.name for drive in parts.held_out}


@pytest.mark.parametrize("seed", range(5))
def test_of_few_drives_stretches_are_held_out_with_a_second_around_them(seed):
    drive = make_drive(240, sides=False)
    parts = split([drive], 0.2, seed)
    assert not parts.whole_drives
    held, learned = numbers(parts.held_out).astype(int), numbers(parts.learned).astype(int)
    assert 40 <= len(held) <= 60
    assert not {*held} & {*learned}
    # 20 Hz, and a stretch of 24 steps gives up a third at most: 8.
    assert min(abs(int(a) - int(b)) for a in held for b in learned) == 9
    assert [len(part) for part in parts.held_out] == [24] * len(parts.held_out)


def test_one_long_drive_among_short_ones_is_not_held_out_as_a_whole():
    drives = [make_drive(200), *(make_drive(2, 200 + 2 * number) for number in range(5))]
    for seed in range(8):
        parts = split(drives, 0.2, seed)
        assert sum(map(len, parts.held_out)) < 0.5 * 210 < sum(map(len, parts.learned)) + 60


def test_too_few_steps_are_refused():
    with pytest.raises(DrivesimError, match="19 steps can be read; expected 20 or more"):
        split([make_drive(19)], 0.2, 0)


def test_a_part_of_a_drive_keeps_its_cameras_beside_in_step():
    drive = make_drive(40, sides=True)
    part = part_of(drive, 11, 20)
    assert (len(part), part.time[0]) == (9, 0.0)
    np.testing.assert_array_equal(part.steering, drive.steering[11:20])
    left = part.sides["left"]
    assert left.steps.tolist() == [1, 3, 5, 7]
    assert [picture[0, 0, 0] - 100 for picture in left.pictures.read(range(4))] == [12, 14, 16, 18]
    assert part_of(drive, 11, 12).sides == {}
