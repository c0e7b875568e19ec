"""The command that converts: every format there and back, whole or not at all."""

import numpy as np
import pytest

from agents import record
from datasets import convert
from datasets.data_format import read_stored
from datasets.lap_files import read_laps
from tests.datasets.recordings import contents, steering_of, write_tub


@pytest.fixture(scope="module")
def laps(tmp_path_factory):
    """Two laps of three seconds, with noise on the steering."""
    folder = tmp_path_factory.mktemp("recorded") / "laps"
    record.main(record.Args(out=folder, laps=2, seconds=3.0, noise=0.1))
    return folder


@pytest.mark.parametrize(
    ("to", "size"),
    [
        ("tub", (120, 160)),
        ("udacity", (160, 320)),
        ("pictures", (66, 200)),
        ("minari", (66, 200)),
        ("lerobot", (66, 200)),
    ],
)
def test_laps_go_out_and_come_back_with_the_very_same_actions(tmp_path, run, laps, to, size):
    before = contents(laps)
    code, said, _ = run(convert, laps, "--to", to, "--out", tmp_path / "out")
    assert code == 0
    assert "Wrote 120 steps of 2 drives" in said
    reading = read_stored(tmp_path / "out", strict=True)
    assert {drive.size for drive in reading.drives} == {size}
    wanted = np.concatenate([lap.wanted("steering") for lap in read_laps(laps)[0]])
    assert steering_of(reading).tobytes() == wanted.tobytes()
    assert np.abs(wanted).max() > 0.01
    assert contents(laps) == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out"]


def test_another_size_and_camera_are_drawn(tmp_path, run, laps):
    options = ("--to", "tub", "--out", tmp_path / "out", "--camera", "topdown", "--size", 40, 50)
    assert run(convert, laps, *options)[0] == 0
    assert {drive.size for drive in read_stored(tmp_path / "out").drives} == {(40, 50)}


def test_a_tub_becomes_a_log_and_what_is_bad_is_said(tmp_path, run):
    tub = write_tub(tmp_path / "tub", records={3: {"user/angle": 7}})
    code, said, _ = run(convert, tub, "--to", "udacity", "--out", tmp_path / "log")
    assert code == 0
    assert "skipped 1: its user/angle is not in -1 ... 1 (record 3)" in said
    np.testing.assert_array_equal(steering_of(read_stored(tmp_path / "log")), steering_of(read_stored(tub)))
    code, _, complaint = run(convert, tub, "--to", "pictures", "--out", tmp_path / "strict", "--strict")
    assert code == 2
    assert "record 3" in complaint
    assert not (tmp_path / "strict").exists()


def test_a_folder_that_is_there_or_lies_in_the_source_is_refused(tmp_path, run, laps):
    (tmp_path / "out").mkdir()
    code, _, complaint = run(convert, laps, "--to", "tub", "--out", tmp_path / "out")
    assert (code, "exists. Choose a folder that does not." in complaint) == (2, True)
    code, _, complaint = run(convert, laps, "--to", "tub", "--out", laps / "out")
    assert (code, "which stays as it is" in complaint) == (2, True)
    code, _, complaint = run(convert, laps, "--to", "film", "--out", tmp_path / "film")
    assert (code, "--to: unknown name 'film'" in complaint) == (2, True)
    tub = write_tub(tmp_path / "tub")
    code, _, complaint = run(convert, tub, "--to", "tub", "--out", tmp_path / "new", "--size", 3, 4)
    assert (code, "stored pictures stay as they are" in complaint) == (2, True)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out", "tub"]


def test_what_breaks_off_leaves_nothing(tmp_path, run, laps, monkeypatch):
    def full(frame, suffix):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("datasets.formats.donkeycar.encode", full)
    code, _, complaint = run(convert, laps, "--to", "tub", "--out", tmp_path / "out")
    assert code == 2
    assert "can't be written (No space left on device); nothing is left of it" in complaint
    assert not [*tmp_path.iterdir()]


def test_a_pedal_that_is_known_of_some_steps_alone_is_left_out_with_a_word(tmp_path, run):
    tub = write_tub(tmp_path / "tub", records={3: {"user/throttle": None}})
    code, said, _ = run(convert, tub, "--to", "lerobot", "--out", tmp_path / "out")
    assert code == 0
    assert "left out the pedal: it is unknown at 1 of 30 steps, and a LeRobot data set has it at all or at none" in said
    assert np.isnan(read_stored(tmp_path / "out").drives[0].pedal).all()
