"""Tubs of version 1: what old donkeycars wrote, and what is found in the wild."""

import json

import pytest

from datasets.formats.donkeycar_v1 import is_tub_v1, read_tub_v1, repair_tub_v1
from datasets.formats.losses import Losses
from drivesim.errors import DrivesimError
from tests.datasets.recordings import angle, contents, steering_of, write_tub_v1


def test_records_are_read_in_the_order_of_their_numbers_without_any_meta(tmp_path):
    tub = write_tub_v1(tmp_path / "tub", range(0, 25))
    assert is_tub_v1(tub)
    reading = read_tub_v1(tub, strict=True)
    assert list(steering_of(reading)) == [angle(number) for number in range(25)]
    assert reading.control_hz == 20.0
    assert reading.drives[0].pictures.read([11])[0][:, :, 0].mean(axis=0).argmax() == 11


def test_gaps_integers_and_odd_timestamps_are_no_faults(tmp_path):
    records = {3: {"user/angle": 1, "timestamp": None}, 5: {"timestamp": "2019-10-11 12:00:00"}, 6: {"user/angle": 0}}
    tub = write_tub_v1(tmp_path / "tub", [1, 2, 3, 5, 6, 17, 18], records)
    reading = read_tub_v1(tub, strict=True)
    assert list(steering_of(reading)) == [angle(1), angle(2), 1.0, angle(5), 0.0, angle(17), angle(18)]


def test_excluded_records_are_left_out_and_a_damaged_list_is_said(tmp_path):
    reading = read_tub_v1(write_tub_v1(tmp_path / "tub", exclude=[2, 3]), strict=True)
    assert len(reading) == 28
    assert [*reading.losses.sentences()] == [f"{tmp_path / 'tub'}: left out 2: excluded by the tub's owner"]
    tub = write_tub_v1(tmp_path / "other")
    (tub / "exclude.json").write_text("[1, 2")
    reading = read_tub_v1(tub)
    assert len(reading) == 30
    assert reading.losses.counts == {"the list of excluded records can't be used (it is no JSON)": 1}


def test_without_times_a_tub_is_one_drive(tmp_path):
    records = {number: {"milliseconds": "absent"} for number in range(1, 31)}
    reading = read_tub_v1(write_tub_v1(tmp_path / "tub", records=records))
    assert [len(drive) for drive in reading.drives] == [30]
    assert reading.control_hz == 20.0


def test_bad_records_are_counted_named_and_skipped(tmp_path):
    records = {
        2: '{"user/angle": 0.',
        3: "",
        4: {"cam/image_array": "../3.jpg"},
        5: {"user/angle": "absent"},
        6: {"milliseconds": "soon"},
    }
    tub = write_tub_v1(tmp_path / "tub", records=records)
    (tub / "record_7.json").write_bytes(b" " * 100_000)
    (tub / "9_cam-image_array_.jpg").unlink()
    (tub / "._record_10.json").write_bytes(b"\x00\x05\x16\x07")
    reading = read_tub_v1(tub)
    assert len(reading) == 23
    assert reading.losses.counts == {
        "it is no JSON": 2,
        "its picture's name leads out of the folder": 1,
        "it has no user/angle": 1,
        "its milliseconds is no number": 1,
        "the file has more than 65,536 bytes": 1,
        "the file is missing": 1,
    }
    with pytest.raises(DrivesimError, match="record 2: it is no JSON"):
        read_tub_v1(tub, strict=True)


def test_a_repaired_copy_is_whole_and_leaves_the_original(tmp_path):
    tub = write_tub_v1(tmp_path / "tub", records={2: "{", 4: {"pilot/angle": 0.125}}, exclude=[5])
    before = contents(tub)
    (tmp_path / "copy").mkdir()
    repair_tub_v1(tub, tmp_path / "copy", Losses("tub"))
    assert contents(tub) == before
    reading = read_tub_v1(tmp_path / "copy", strict=True)
    assert list(steering_of(reading)) == [angle(number) for number in range(1, 31) if number not in (2, 5)]
    assert json.loads((tmp_path / "copy" / "record_4.json").read_text())["pilot/angle"] == 0.125
