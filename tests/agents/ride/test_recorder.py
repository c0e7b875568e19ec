"""The laps of a session: what is counted, and what is marked."""

import numpy as np
import pytest

from agents.ride.recorder import Recorder
from datasets.lap_files import read_laps
from datasets.schema import MARK_BAD, MARK_CORRECTION, MARK_POLICY
from drivesim.errors import DrivesimError
from tests.datasets.laps import drive, files, make_info, rows_of


def rows(count, mark=0):
    return [
        {name: value for name, value in row.items() if name != "time"} | {"mark": mark} for row in rows_of(drive(count))
    ]


def test_steps_get_the_laps_own_time_and_are_counted(tmp_path):
    recorder = Recorder(tmp_path)
    recorder.append(rows(1)[0])
    assert (recorder.steps, recorder.laps, recorder.is_recording) == (0, 0, False)
    for number in (1, 2):
        recorder.start(make_info())
        for row in [*rows(30), *rows(10, MARK_POLICY), *rows(5, MARK_CORRECTION)]:
            recorder.append(row)
        assert (recorder.steps, recorder.laps, recorder.good) == (45 * number, number, 35 * number)
        recorder.stop()
    assert recorder.good == 70
    for lap in read_laps(tmp_path)[0]:
        np.testing.assert_allclose(lap.columns["time"], np.arange(45) / 20)


def test_an_empty_lap_counts_for_nothing(tmp_path):
    recorder = Recorder(tmp_path)
    recorder.start(make_info())
    recorder.stop()
    assert (recorder.laps, files(tmp_path)) == (0, [])


def test_steps_since_a_place_are_marked_and_keep_their_other_marks(tmp_path):
    recorder = Recorder(tmp_path)
    before = recorder.place
    recorder.start(make_info())
    for row in rows(30, MARK_CORRECTION):
        recorder.append(row)
    place = recorder.place
    for row in rows(10, MARK_CORRECTION):
        recorder.append(row)
    assert recorder.mark_bad_since(place) == 10
    assert recorder.good == 30
    assert recorder.mark_bad_since(recorder.place) == 0
    recorder.stop()
    assert recorder.mark_bad_since(before) == 0
    (lap,), _ = read_laps(tmp_path)
    assert lap.columns["mark"].tolist() == [MARK_CORRECTION] * 30 + [MARK_CORRECTION | MARK_BAD] * 10


def test_a_place_of_an_earlier_lap_marks_all_of_the_running_one(tmp_path):
    recorder = Recorder(tmp_path)
    recorder.start(make_info())
    for row in rows(10):
        recorder.append(row)
    place = recorder.place
    recorder.start(make_info())
    for row in rows(5):
        recorder.append(row)
    assert recorder.mark_bad_since(place) == 5
    recorder.stop()
    assert [lap.good.all() for lap in read_laps(tmp_path)[0]] == [True, False]


def test_a_folder_that_cannot_be_made_is_an_error_and_nothing_is_recorded(tmp_path):
    (tmp_path / "file").touch()
    recorder = Recorder(tmp_path / "file")
    with pytest.raises(DrivesimError, match="choose another --out"):
        recorder.start(make_info())
    assert (recorder.is_recording, recorder.laps) == (False, 0)
