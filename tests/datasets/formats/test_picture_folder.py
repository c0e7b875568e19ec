"""Picture folders: PNG and a table, as they are written here, and as `play.py --env` records them."""

import numpy as np
import pytest

from datasets.formats.losses import Losses
from datasets.formats.picture_folder import (
    is_picture_folder,
    read_picture_folder,
    repair_picture_folder,
    write_picture_folder,
)
from datasets.frame_files import FrameWriter
from datasets.lap_drives import drives_of_laps
from drivesim.camera import Camera
from drivesim.errors import DrivesimError
from tests.datasets.laps import circle_lap
from tests.datasets.recordings import contents, picture, steering_of


def written(folder, steps=40):
    rng = np.random.default_rng(0)
    steering, pedal = rng.uniform(-1, 1, (2, steps)).astype(np.float32)
    lap = circle_lap(steps, steering=steering, steering_label=steering, pedal=pedal, pedal_label=pedal)
    drives, _ = drives_of_laps([lap, circle_lap(30)], Camera(width=64, height=32, fov=90.0, pitch=8.0))
    folder.mkdir()
    write_picture_folder(folder, drives, lambda _: None)
    return drives, steering, pedal


def test_what_is_written_is_read_back_with_the_very_same_actions_and_pictures(tmp_path):
    drives, steering, pedal = written(tmp_path / "out")
    assert is_picture_folder(tmp_path / "out")
    reading = read_picture_folder(tmp_path / "out", strict=True)
    assert [len(drive) for drive in reading.drives] == [40, 30]
    first = reading.drives[0]
    assert first.steering.astype(np.float32).tobytes() == steering.tobytes()
    assert first.pedal.astype(np.float32).tobytes() == pedal.tobytes()
    assert first.time.tobytes() == drives[0].time.tobytes()
    assert first.speed.tobytes() == drives[0].speed.tobytes()
    for step in (0, 17, 39):
        assert first.pictures.read([step])[0].tobytes() == drives[0].pictures.read([step])[0].tobytes()
    # One episode of it is a folder too.
    assert len(read_picture_folder(tmp_path / "out" / "episode-000002")) == 30


def test_what_play_records_of_another_environment_is_read(tmp_path):
    writer = FrameWriter(tmp_path, 3)
    for number in range(5):
        writer.append(picture(number), (0.1 * number, 0.5, 0.25), 1.0, False)
    writer.close()
    (drive,) = read_picture_folder(tmp_path, strict=True).drives
    np.testing.assert_allclose(drive.steering, [0.0, 0.1, 0.2, 0.3, 0.4])
    assert set(drive.pedal) == {0.25}
    assert drive.pictures.read([3])[0].tobytes() == picture(3).tobytes()


def damage(folder):
    table = folder / "episode-000001" / "frames.csv"
    lines = table.read_text().splitlines()
    lines[2] = "../../secret.png,0.05,0,0,0"
    lines[3] = "000002.png,0.1,7,0,0"
    lines[4] = "000003.png,0.15"
    lines[5] = "000004.png,0.2,,0,0"
    table.write_text("\n".join(lines))


def test_bad_rows_are_counted_named_and_skipped(tmp_path):
    written(tmp_path / "out")
    damage(tmp_path / "out")
    (tmp_path / "out" / "episode-000001" / "000010.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    reading = read_picture_folder(tmp_path / "out")
    assert len(reading) == 65
    assert reading.losses.counts == {
        "its picture's name leads out of the folder": 1,
        "its steering is not in -1 ... 1": 1,
        "it has 2 fields, expected 5": 1,
        "it has no steering": 1,
        "the picture is neither JPEG nor PNG": 1,
    }
    with pytest.raises(DrivesimError, match="episode-000001 line 3: its picture's name leads out"):
        read_picture_folder(tmp_path / "out", strict=True)


def test_a_repaired_copy_is_whole_and_leaves_the_original(tmp_path):
    _, steering, _ = written(tmp_path / "out")
    damage(tmp_path / "out")
    before = contents(tmp_path / "out")
    (tmp_path / "copy").mkdir()
    repair_picture_folder(tmp_path / "out", tmp_path / "copy", Losses("out"))
    assert contents(tmp_path / "out") == before
    reading = read_picture_folder(tmp_path / "copy", strict=True)
    kept = [number for number in range(40) if number not in (1, 2, 3, 4)]
    assert steering_of(reading)[:36].astype(np.float32).tobytes() == steering[kept].tobytes()
