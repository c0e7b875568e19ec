"""Tubs of version 2: what donkeycar writes, and what is found in the wild."""

import json
import os
import tarfile

import numpy as np
import pytest

from datasets.formats.donkeycar import is_tub, read_tub, repair_tub, write_tub
from datasets.formats.losses import Losses
from datasets.lap_drives import drives_of_laps
from drivesim.camera import Camera
from drivesim.errors import DrivesimError
from tests.datasets.laps import circle_lap
from tests.datasets.recordings import SIZE, angle, bomb, contents, encoded, picture, steering_of
from tests.datasets.recordings import write_tub as make_tub


def ignore(_):
    pass


def test_a_tub_is_read_in_the_order_of_its_lines_with_its_times_and_pictures(tmp_path):
    tub = make_tub(tmp_path / "tub", 30, per_catalog=8)
    assert is_tub(tub)
    reading = read_tub(tub)
    (drive,) = reading.drives
    assert list(drive.steering) == [angle(number) for number in range(30)]
    assert (set(drive.pedal), drive.size, drive.control_hz) == ({0.25}, SIZE, 20.0)
    assert np.isnan(drive.speed).all()
    for number in (0, 9, 29):
        (seen,) = drive.pictures.read([number])
        assert np.abs(seen.astype(int) - picture(number)).mean() < 6
        assert seen[:, :, 0].mean(axis=0).argmax() == number
    assert not [*reading.losses.sentences()]


def test_more_than_ten_catalogs_are_read_in_the_order_of_their_numbers_without_a_manifest(tmp_path):
    tub = make_tub(tmp_path / "tub", 24, per_catalog=2, manifest=False)
    assert is_tub(tub)
    reading = read_tub(tub)
    assert list(steering_of(reading)) == [angle(number) for number in range(24)]
    assert reading.losses.counts == {"the manifest can't be used (the file is missing): its deletions are unknown": 1}


def test_deletions_are_of_lines_whatever_their_index_says_and_their_pictures_may_be_gone(tmp_path):
    # After records were lost the index runs ahead of the lines.
    records = {number: {"_index": number + 100} for number in range(10, 30)}
    tub = make_tub(tmp_path / "tub", 30, records=records, deleted=[3, 12], per_catalog=7)
    for number in (3, 12):
        (tub / "images" / f"{number}_cam_image_array_.jpg").unlink()
    reading = read_tub(tub, strict=True)
    assert list(steering_of(reading)) == [angle(number) for number in range(30) if number not in (3, 12)]
    assert [*reading.losses.sentences()] == [f"{tub}: left out 2: deleted by the tub's owner"]


def test_a_session_ends_a_drive_and_so_does_a_jump_in_time(tmp_path):
    later = {number: {"_timestamp_ms": 1_600_000_900_000 + 50 * number} for number in range(20, 30)}
    tub = make_tub(tmp_path / "tub", 30, records={10: {"_session_id": "20-10-12_2"}, **later})
    assert [len(drive) for drive in read_tub(tub).drives] == [10, 1, 9, 10]
    old = make_tub(tmp_path / "old", 30, sessions=False)
    assert [len(drive) for drive in read_tub(old).drives] == [30]


def test_absent_throttles_are_unknown_and_filler_and_the_pilots_records_are_left_out(tmp_path):
    filler = json.dumps({"_index": 5, "_timestamp_ms": 1_600_000_000_250, "__empty__": True})
    bare = json.dumps({"_index": 6, "_timestamp_ms": 1_600_000_000_300})
    records = {2: {"user/throttle": None}, 5: filler, 6: bare, 8: {"user/mode": "local"}, 9: {"user/mode": None}}
    reading = read_tub(make_tub(tmp_path / "tub", 12, records=records), strict=True)
    (drive,) = reading.drives
    assert list(drive.steering) == [angle(number) for number in range(12) if number not in (5, 6, 8)]
    assert list(np.flatnonzero(np.isnan(drive.pedal))) == [2]
    said = " ".join(reading.losses.sentences())
    assert "left out 2: empty records" in said
    assert "left out 1: driven by the pilot (user/mode 'local')" in said


def test_integer_angles_and_the_speed_of_an_odometer_are_read(tmp_path):
    reading = read_tub(make_tub(tmp_path / "tub", 6, records={1: {"user/angle": -1}, 2: {"enc/speed": 1.5}}))
    assert reading.drives[0].steering[1] == -1.0
    assert reading.drives[0].speed[2] == 1.5


BAD = {
    1: ('{"_index": 1, "cam/image_', "it is no JSON"),
    2: ("[1, 2]", "it is no JSON object"),
    3: ({"user/angle": None}, "it has no user/angle"),
    4: ({"user/angle": "0.5"}, "its user/angle is no number"),
    5: ({"user/angle": 1.5}, "its user/angle is not in -1 ... 1"),
    6: ({"user/angle": float("nan")}, "its user/angle is not in -1 ... 1"),
    7: ({"cam/image_array": "../../secret.jpg"}, "its picture's name leads out of the folder"),
    8: ({"cam/image_array": "C:\\images\\1.jpg"}, "its picture's name leads out of the folder"),
    9: ({"cam/image_array": "/etc/passwd"}, "its picture's name leads out of the folder"),
    10: ({"cam/image_array": 7}, "it names no picture"),
    11: ("{" + '"a":[' * 5000, "it is nested too deep"),
    12: ({"user/throttle": True}, "its user/throttle is no number"),
    13: ({"note": "x" * 70_000}, "its line has more than 65,536 bytes"),
    14: ({"user/angle": 10**400}, "its user/angle is not in -1 ... 1"),
    15: ("\x00\x00\x00", "it is no JSON"),
}


def test_every_kind_of_bad_record_is_counted_named_and_skipped(tmp_path):
    (tmp_path / "secret.jpg").write_bytes(encoded(picture()))
    tub = make_tub(tmp_path / "a" / "tub", 30, records={number: record for number, (record, _) in BAD.items()})
    reading = read_tub(tub)
    assert list(steering_of(reading)) == [angle(number) for number in (0, *range(16, 30))]
    expected = {}
    for _, why in BAD.values():
        expected[why] = expected.get(why, 0) + 1
    assert reading.losses.counts == expected
    said = [*reading.losses.sentences()]
    assert f"{tub}: skipped 3: its picture's name leads out of the folder (record 7, record 8, record 9)" in said


def spoil(tub, number, data):
    (tub / "images" / f"{number}_cam_image_array_.jpg").write_bytes(data)


def test_every_kind_of_bad_picture_is_counted_named_and_skipped(tmp_path):
    tub = make_tub(tmp_path / "tub", 30)
    spoil(tub, 1, b"")
    spoil(tub, 2, encoded(picture(2))[:-40])
    spoil(tub, 3, b"GIF89a" + bytes(200))
    spoil(tub, 4, bomb())
    spoil(tub, 5, encoded(picture(5, (48, 64))))
    spoil(tub, 6, b"\xff\xd8\xff\xc0\x00\x11\x08\x00\x18\x00\x20\x03" + bytes(50) + b"\xff\xd9")
    (tub / "images" / "7_cam_image_array_.jpg").unlink()
    (tub / "images" / "8_cam_image_array_.jpg").unlink()
    os.mkfifo(tub / "images" / "8_cam_image_array_.jpg")
    (tub / "images" / "9_cam_image_array_.jpg").unlink()
    (tmp_path / "outside.jpg").write_bytes(encoded(picture()))
    (tub / "images" / "9_cam_image_array_.jpg").symlink_to(tmp_path / "outside.jpg")
    reading = read_tub(tub)
    assert reading.losses.counts == {
        "its picture is a link out of the folder": 1,
        "the picture is empty (0 bytes)": 1,
        "the picture is cut off": 1,
        "the picture is neither JPEG nor PNG": 1,
        "the picture declares more than 4096 pixels a side, or none": 1,
        "the picture has another size than the usual 24 x 32": 1,
        "the picture can't be decoded": 1,
        "the file is missing": 1,
        "the file is no plain file": 1,
    }
    assert len(reading) == 21


def test_strict_stops_at_the_first_bad_record_and_names_it_and_the_ways_out(tmp_path):
    tub = make_tub(tmp_path / "tub", 30, records={4: {"user/angle": 3}})
    with pytest.raises(
        DrivesimError, match=r"record 4: its user/angle is not in -1 ... 1\. Repair it .*leave out --strict"
    ):
        read_tub(tub, strict=True)


def test_a_tub_of_as_many_cameras_as_pictures_is_refused(tmp_path):
    tub = make_tub(tmp_path / "tub", 4)
    for number in range(4):
        spoil(tub, number, encoded(picture(0, (20 + number, 30))))
    with pytest.raises(DrivesimError, match="its pictures are of 4 sizes, none of them usual"):
        read_tub(tub)


def test_a_last_catalog_that_is_empty_cut_off_or_gone_costs_its_own_records_alone(tmp_path):
    for name, spoiled in (("empty", b""), ("cut", b'{"_index": 20, "_timesta'), ("gone", None)):
        tub = make_tub(tmp_path / name, 30, per_catalog=10)
        last = tub / "catalog_2.catalog"
        last.unlink() if spoiled is None else last.write_bytes(spoiled)
        reading = read_tub(tub)
        assert len(reading) == 20
        assert len(reading.losses) == (0 if name == "empty" else 1)


def test_what_macos_leaves_beside_the_files_is_not_looked_at(tmp_path):
    tub = make_tub(tmp_path / "tub", 10)
    for name in ("._catalog_0.catalog", "._manifest.json", "images/._3_cam_image_array_.jpg"):
        (tub / name).write_bytes(b"\x00\x05\x16\x07Mac OS X")
    assert len(read_tub(tub, strict=True)) == 10


def test_a_manifest_that_names_catalogs_elsewhere_reads_none_of_them(tmp_path):
    make_tub(tmp_path / "other", 5)
    tub = make_tub(tmp_path / "tub", 10)
    lines = (tub / "manifest.json").read_text().splitlines()
    lines[4] = json.dumps({"paths": ["../other/catalog_0.catalog", "catalog_0.catalog"], "deleted_indexes": []})
    (tub / "manifest.json").write_text("\n".join(lines))
    reading = read_tub(tub)
    assert len(reading) == 10
    assert reading.losses.counts == {"the manifest names a catalog outside the tub": 1}


@pytest.mark.parametrize("length", [2**26, pytest.param(2**31, marks=pytest.mark.slow)])
def test_a_line_of_gigabytes_is_skipped(tmp_path, length):
    tub = make_tub(tmp_path / "tub", 10)
    with (tub / "catalog_0.catalog").open("r+b") as file:
        file.seek(length, os.SEEK_END)  # a hole: it takes no room
        file.write(b'\n{"_index": 11}\n')
    reading = read_tub(tub)
    assert len(reading) == 10
    assert reading.losses.counts == {"its line has more than 65,536 bytes": 1}


def test_a_tub_of_which_nothing_can_be_used_says_why(tmp_path):
    tub = make_tub(tmp_path / "tub", 3, records={number: {"user/angle": 5} for number in range(3)})
    with pytest.raises(DrivesimError, match=r"no record can be used: its user/angle is not in -1 ... 1 \(3\)"):
        read_tub(tub)
    empty = make_tub(tmp_path / "empty", 0)
    with pytest.raises(DrivesimError, match="no record can be used: there is none"):
        read_tub(empty)


def test_a_repaired_copy_is_whole_keeps_every_field_and_leaves_the_original(tmp_path):
    records = {3: {"user/angle": 9}, 5: {"imu/acl_x": 0.5, "imu/nan": float("nan")}}
    tub = make_tub(tmp_path / "tub", 20, records=records, deleted=[7])
    spoil(tub, 4, b"")
    before = contents(tub)
    (tmp_path / "copy").mkdir()
    repair_tub(tub, tmp_path / "copy", Losses(str(tub)))
    assert contents(tub) == before
    reading = read_tub(tmp_path / "copy", strict=True)
    kept = [number for number in range(20) if number not in (3, 4, 7)]
    assert list(steering_of(reading)) == [angle(number) for number in kept]
    lines = [json.loads(line) for line in (tmp_path / "copy" / "catalog_0.catalog").read_text().splitlines()]
    assert [line["_index"] for line in lines] == list(range(17))
    assert lines[3]["imu/acl_x"] == 0.5
    picture_bytes = (tmp_path / "copy" / "images" / "3_cam_image_array_.jpg").read_bytes()
    assert picture_bytes == before["images/5_cam_image_array_.jpg"]
    assert (tmp_path / "copy" / "manifest.json").read_text().splitlines()[:2] == (
        (tub / "manifest.json").read_text().splitlines()[:2]
    )


def test_what_is_written_is_read_back_with_the_very_same_actions(tmp_path):
    rng = np.random.default_rng(0)
    steering = rng.uniform(-1, 1, 150).astype(np.float32)
    pedal = rng.uniform(-1, 1, 150).astype(np.float32)
    mark = np.zeros(150, np.uint8)
    mark[60:70] = 1
    lap = circle_lap(150, steering=steering, steering_label=steering, pedal=pedal, pedal_label=pedal, mark=mark)
    drives, left_out = drives_of_laps([lap], Camera(width=64, height=48, fov=90.0))
    assert left_out == 10
    told = []
    write_tub(tmp_path, drives, told.append)
    assert told == list(range(1, 141))
    reading = read_tub(tmp_path, strict=True)
    assert [len(drive) for drive in reading.drives] == [60, 80]
    for kept, drive, written in zip((slice(0, 60), slice(70, 150)), reading.drives, drives, strict=True):
        assert drive.steering.astype(np.float32).tobytes() == steering[kept].tobytes()
        assert drive.pedal.astype(np.float32).tobytes() == pedal[kept].tobytes()
        np.testing.assert_allclose(drive.speed, 10.0)
        np.testing.assert_allclose(drive.time, written.time, atol=5e-4)
        ours, theirs = written.pictures.read([7])[0], drive.pictures.read([7])[0]
        assert np.abs(ours.astype(int) - theirs).mean() < 3


def test_the_real_tub_is_read_whole(real_data, tmp_path):
    archive = real_data / "donkey_tub" / "tub.tar.gz"
    if not archive.is_file():
        pytest.skip(f"no {archive}")
    with tarfile.open(archive) as file:
        file.extractall(tmp_path, filter="data")
    reading = read_tub(tmp_path / "tub", strict=True)
    (drive,) = reading.drives
    assert (len(drive), drive.size) == (1000, (120, 160))
    assert drive.steering[0] == 0.2986039775370604
    # Its times are those of a conversion, 3 ms apart.
    assert reading.control_hz == 20.0
