"""Driving logs of the Udacity simulator: with and without header, from other machines, appended, damaged."""

import numpy as np
import pytest

from datasets.formats.losses import Losses
from datasets.formats.udacity import is_udacity, read_udacity, repair_udacity, write_udacity
from datasets.lap_drives import drives_of_laps
from drivesim.camera import Camera
from drivesim.errors import DrivesimError
from tests.datasets.laps import circle_lap
from tests.datasets.recordings import angle, contents, log_name, steering_of, write_log


def names(number, prefix="IMG/"):
    return ",".join(prefix + log_name(camera, number) for camera in ("center", "left", "right"))


@pytest.mark.parametrize("prefix", ["IMG/", r"C:\Users\Jane Doe\sim data\IMG" + "\\", "/Users/a b/IMG/", ""])
@pytest.mark.parametrize("header", [True, False])
def test_a_log_is_read_with_its_three_cameras_from_whatever_machine(tmp_path, prefix, header):
    log = write_log(tmp_path / "log", header=header, prefix=prefix)
    assert is_udacity(log)
    reading = read_udacity(log, strict=True)
    (drive,) = reading.drives
    assert list(drive.steering) == [angle(number) for number in range(30)]
    assert set(drive.pedal) == {0.5}
    np.testing.assert_allclose(drive.speed, 10 * 1609.344 / 3600)
    assert reading.control_hz == 10.0
    for side in ("left", "right"):
        assert list(drive.sides[side].steps) == list(range(30))
        assert drive.sides[side].pictures.read([4])[0][:, :, 0].mean(axis=0).argmax() == 4


def test_the_course_data_have_a_space_after_each_comma(tmp_path):
    reading = read_udacity(write_log(tmp_path / "log", separator=", "), strict=True)
    assert (len(reading), len(reading.losses)) == (30, 0)


def test_a_recording_that_was_appended_is_a_drive_of_its_own(tmp_path):
    log = write_log(tmp_path / "log", 30)
    text = (log / "driving_log.csv").read_text()
    later = text.replace("2016_12_01", "2016_12_02").splitlines(keepends=True)[1:]
    (log / "driving_log.csv").write_text(text + "".join(later))
    for path in [*(log / "IMG").iterdir()]:
        path.with_name(path.name.replace("2016_12_01", "2016_12_02")).write_bytes(path.read_bytes())
    assert [len(drive) for drive in read_udacity(log, strict=True).drives] == [30, 30]


def test_braking_is_a_negative_pedal(tmp_path):
    rows = {3: f"{names(3)},0,0,0.75,10", 4: f"{names(4)},0,,,"}
    (drive,) = read_udacity(write_log(tmp_path / "log", rows=rows), strict=True).drives
    assert drive.pedal[3] == -0.75
    assert np.isnan([drive.pedal[4], drive.speed[4]]).all()


def test_a_log_in_latin_1_is_read_and_said(tmp_path):
    log = write_log(tmp_path / "log", prefix="/home/Jürgen/IMG/")
    text = (log / "driving_log.csv").read_text(encoding="utf-8")
    (log / "driving_log.csv").write_bytes(text.encode("latin-1"))
    reading = read_udacity(log, strict=True)
    assert len(reading) == 30
    assert [*reading.losses.sentences()] == [f"{log}: driving_log.csv is not UTF-8; what is not was read as Latin-1"]


def test_bad_rows_are_counted_named_and_skipped_and_a_lost_side_costs_that_side_alone(tmp_path):
    rows = {
        2: "what is this",
        3: f"{names(3)},0,0,0,12,5",
        4: f"{names(4)},2,0,0,12",
        5: f"{names(3)},0.1",
        6: "IMG/..,0.1,0.2,0,9",
        7: "",
        8: "x" * 70_000,
    }
    log = write_log(tmp_path / "log", rows=rows)
    (log / "IMG" / log_name("left", 10)).unlink()
    (log / "IMG" / log_name("center", 11)).write_bytes(b"")
    reading = read_udacity(log)
    assert len(reading) == 22
    (drive,) = reading.drives
    assert (len(drive.sides["left"].steps), len(drive.sides["right"].steps)) == (21, 22)
    assert reading.losses.counts == {
        "it names 0 pictures, expected 1 or 3": 2,
        "its decimal commas can be read in several ways": 1,
        "its steering is not in -1 ... 1": 1,
        "it has 1 numbers, expected 4": 1,
        "its line has more than 65,536 bytes": 1,
        "beside: the file is missing": 1,
        "the picture is empty (0 bytes)": 1,
    }
    # The header is line 1.
    assert any("(line 5)" in sentence for sentence in reading.losses.sentences())
    with pytest.raises(DrivesimError, match="line 4: it names 0 pictures"):
        read_udacity(log, strict=True)


def test_a_log_without_its_pictures_says_so_once(tmp_path):
    with pytest.raises(DrivesimError, match=r"no record can be used: the file is missing \(30\)"):
        read_udacity(write_log(tmp_path / "log", pictures=()))


def test_a_repaired_copy_is_whole_and_leaves_the_original(tmp_path):
    rows = {2: "what is this", 3: rf"C:\a\{log_name('center', 3)},C:\a\{log_name('left', 3)},D:\r.jpg,-1,0,25,0,10,5"}
    log = write_log(tmp_path / "log", header=False, rows=rows)
    before = contents(log)
    (tmp_path / "copy").mkdir()
    repair_udacity(log, tmp_path / "copy", Losses("log"))
    assert contents(log) == before
    reading = read_udacity(tmp_path / "copy", strict=True)
    assert list(steering_of(reading)) == [-1.0 if n == 3 else angle(n) for n in range(30) if n != 2]
    (drive,) = reading.drives
    assert (len(drive.sides["left"].steps), len(drive.sides["right"].steps)) == (29, 28)
    assert (drive.speed[2], drive.pedal[2]) == (10.5 * 0.44704, 0.25)


def test_what_is_written_is_read_back_with_the_very_same_actions_and_side_cameras(tmp_path):
    rng = np.random.default_rng(0)
    steering, pedal = rng.uniform(-1, 1, (2, 90)).astype(np.float32)
    lap = circle_lap(90, steering=steering, steering_label=steering, pedal=pedal, pedal_label=pedal)
    laps = [lap, circle_lap(40)]
    drives, _ = drives_of_laps(laps, Camera(width=64, height=32, fov=90.0, pitch=8.0), with_sides=True)
    write_udacity(tmp_path, drives, lambda _: None)
    reading = read_udacity(tmp_path, strict=True)
    assert [len(drive) for drive in reading.drives] == [90, 40]
    first = reading.drives[0]
    assert first.steering.astype(np.float32).tobytes() == steering.tobytes()
    assert first.pedal.astype(np.float32).tobytes() == pedal.tobytes()
    np.testing.assert_allclose(first.speed, 10.0)
    np.testing.assert_allclose(first.time, drives[0].time, atol=1e-3)
    left, center, right = (
        pictures.read([3])[0].astype(int)
        for pictures in (first.sides["left"].pictures, first.pictures, first.sides["right"].pictures)
    )
    assert np.abs(left - center).mean() > 1 < np.abs(right - center).mean()
    assert np.abs(center - drives[0].pictures.read([3])[0]).mean() < 4


def test_steps_of_one_moment_keep_a_picture_each(tmp_path):
    drives, _ = drives_of_laps([circle_lap(30)], Camera(width=64, height=32, fov=90.0, pitch=8.0))
    drives[0].time[10:14] = drives[0].time[10]
    write_udacity(tmp_path, drives, lambda _: None)
    assert len([*(tmp_path / "IMG").iterdir()]) == 30
    assert len(read_udacity(tmp_path, strict=True)) == 30
