"""LeRobot data sets of version 3: there and back, other people's actions and cameras, damage and hostile paths."""

import json
import os

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from datasets.formats.lerobot import is_lerobot, read_lerobot
from datasets.formats.lerobot_files import DATA, EPISODES, INFO, STATS, TASKS, file_of
from datasets.formats.lerobot_writer import CAMERA, repair_lerobot, write_lerobot
from datasets.formats.losses import Losses
from datasets.lap_drives import drives_of_laps
from drivesim.camera import Camera
from drivesim.errors import DrivesimError
from tests.datasets.laps import circle_lap
from tests.datasets.recordings import contents, encoded, picture

pytest.importorskip("av")


def written(folder, steps=40):
    rng = np.random.default_rng(0)
    steering, pedal = rng.uniform(-1, 1, (2, steps)).astype(np.float32)
    lap = circle_lap(steps, steering=steering, steering_label=steering, pedal=pedal, pedal_label=pedal)
    drives, _ = drives_of_laps([lap, circle_lap(30)], Camera(width=64, height=40, fov=90.0, pitch=8.0))
    folder.mkdir(parents=True)
    told = []
    write_lerobot(folder, drives, told.append)
    assert told == list(range(1, steps + 31))
    return drives, steering, pedal


def change_info(folder, **changes):
    info = json.loads((folder / INFO).read_text())
    (folder / INFO).write_text(json.dumps(info | changes))
    return info


def test_what_is_written_is_read_back_with_the_very_same_actions_and_pictures_within_the_codec(tmp_path):
    drives, steering, pedal = written(tmp_path / "out")
    assert is_lerobot(tmp_path / "out")
    reading = read_lerobot(tmp_path / "out", strict=True)
    assert [len(drive) for drive in reading.drives] == [40, 30]
    assert reading.control_hz == 20.0
    first, second = reading.drives
    assert first.steering.astype(np.float32).tobytes() == steering.tobytes()
    assert first.pedal.astype(np.float32).tobytes() == pedal.tobytes()
    np.testing.assert_allclose(first.speed, 10.0)
    np.testing.assert_allclose(first.time, drives[0].time, atol=1e-6)
    # The second drive lies in the same film, after the first.
    for ours, theirs in ((first, drives[0]), (second, drives[1])):
        for step in (0, 7, len(ours) - 1):
            difference = ours.pictures.read([step])[0].astype(int) - theirs.pictures.read([step])[0]
            assert np.abs(difference).mean() < 4


def test_the_tables_and_statistics_are_those_of_the_format(tmp_path):
    _, steering, pedal = written(tmp_path / "out")
    out = tmp_path / "out"
    rows = pq.read_table(out / DATA)
    assert rows["index"].to_pylist() == list(range(70))
    assert rows["frame_index"].to_pylist() == [*range(40), *range(30)]
    assert rows.schema.field("action").type == pa.list_(pa.float32(), 2)
    episodes = pq.read_table(out / EPISODES).to_pylist()
    assert [(row["dataset_from_index"], row["dataset_to_index"]) for row in episodes] == [(0, 40), (40, 70)]
    assert [row[f"videos/{CAMERA}/from_timestamp"] for row in episodes] == [0.0, 2.0]
    statistics = json.loads((out / STATS).read_text())
    assert statistics["action"]["count"] == [70]
    assert statistics["action"]["max"][0] == pytest.approx(float(steering.max()))
    np.testing.assert_allclose(episodes[0]["stats/action/mean"], [steering.mean(), pedal.mean()], atol=1e-6)
    assert np.shape(statistics[CAMERA]["mean"]) == (3, 1, 1)
    assert 0 < np.min(statistics[CAMERA]["mean"]) <= np.max(statistics[CAMERA]["mean"]) < 1
    # The text of a task is what pandas calls the index.
    tasks = pq.read_table(out / TASKS)
    assert json.loads(tasks.schema.metadata[b"pandas"])["index_columns"] == ["__index_level_0__"]
    assert tasks.to_pylist() == [{"task_index": 0, "__index_level_0__": "drive"}]


def test_unknown_pedals_and_speeds_are_not_made_up(tmp_path):
    drives, _ = drives_of_laps([circle_lap(30)], Camera(width=64, height=40, fov=90.0, pitch=8.0))
    drives[0].pedal[:] = np.nan
    drives[0].speed[:] = np.nan
    (tmp_path / "out").mkdir()
    write_lerobot(tmp_path / "out", drives, lambda _: None)
    (drive,) = read_lerobot(tmp_path / "out", strict=True).drives
    assert np.isnan(drive.pedal).all() and np.isnan(drive.speed).all()
    assert len(set(drive.steering)) == 1


def test_actions_are_found_by_their_names_and_arms_are_refused(tmp_path):
    _, steering, pedal = written(tmp_path / "out")
    info = change_info(tmp_path / "out")
    info["features"]["action"]["names"] = {"motors": ["Throttle", "Steering"]}
    change_info(tmp_path / "out", **info)
    first = read_lerobot(tmp_path / "out").drives[0]
    assert first.steering.astype(np.float32).tobytes() == pedal.tobytes()
    assert first.pedal.astype(np.float32).tobytes() == steering.tobytes()
    info["features"]["action"] = {"dtype": "float32", "shape": [6], "names": [f"joint_{n}" for n in range(6)]}
    change_info(tmp_path / "out", **info)
    with pytest.raises(DrivesimError, match=r"an action has 6 values \(joint_0, .*expected steering"):
        read_lerobot(tmp_path / "out")


def rewrite(path, **columns):
    table = pq.read_table(path)
    for name, values in columns.items():
        name = name.replace("__", "/")
        kind = table.schema.field(name).type
        table = table.set_column(table.column_names.index(name), name, pa.array(values, kind))
    pq.write_table(table, path)


def test_pictures_in_the_table_are_read_too(tmp_path):
    written(tmp_path / "out")
    info = change_info(tmp_path / "out")
    info["features"] = {"observation.image": {"dtype": "image", "shape": [24, 32, 3], "names": None}} | {
        name: feature for name, feature in info["features"].items() if name != CAMERA
    }
    change_info(tmp_path / "out", **info)
    table = pq.read_table(tmp_path / "out" / DATA)
    pictures = [{"bytes": encoded(picture(number), ".png"), "path": f"/etc/{number}"} for number in range(70)]
    pictures[3] = {"bytes": b"", "path": None}
    pictures[4] = {"bytes": None, "path": "/etc/passwd"}
    kind = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    pq.write_table(table.append_column("observation.image", pa.array(pictures, kind)), tmp_path / "out" / DATA)
    reading = read_lerobot(tmp_path / "out")
    assert [len(drive) for drive in reading.drives] == [38, 30]
    assert reading.losses.counts == {"the picture is empty (0 bytes)": 1, "its picture is not in the table": 1}
    assert reading.drives[0].pictures.read([3])[0].tobytes() == picture(5).tobytes()


def test_bad_steps_and_episodes_are_counted_named_and_skipped_and_repaired_in_a_copy(tmp_path):
    drives, steering, _ = written(tmp_path / "out")
    out = tmp_path / "out"
    actions = pq.read_table(out / DATA)["action"].to_pylist()
    actions[3], actions[5] = [7.0, 0.0], [float("nan"), 0.0]
    time = pq.read_table(out / DATA)["timestamp"].to_pylist()
    time[8] = 100.0
    rewrite(out / DATA, action=actions, timestamp=time)
    rewrite(out / EPISODES, data__file_index=[0, 9])
    before = contents(out)
    reading = read_lerobot(out)
    assert reading.losses.counts == {
        "its action is not in -1 ... 1": 2,
        "the film has no picture at its time": 1,
        "the file is missing": 1,
    }
    kept = [number for number in range(40) if number not in (3, 5, 8)]
    (drive,) = reading.drives
    assert drive.steering.astype(np.float32).tobytes() == steering[kept].tobytes()
    difference = drive.pictures.read([36])[0].astype(int) - drives[0].pictures.read([39])[0]
    assert np.abs(difference).mean() < 4
    (tmp_path / "copy").mkdir()
    repair_lerobot(out, tmp_path / "copy", Losses("out"))
    assert contents(out) == before
    assert len(read_lerobot(tmp_path / "copy", strict=True)) == 37
    with pytest.raises(DrivesimError, match="episode 0 step 3"):
        read_lerobot(out, strict=True)


@pytest.mark.parametrize(
    ("template", "why"),
    [
        ("../../{video_key}.mp4", "leads out of its folder"),
        ("/etc/{file_index:03d}.mp4", "leads out of its folder"),
        ("{chunk_index.__class__}", "the film is missing"),
        ("{secret}.mp4", "unknown field 'secret'"),
        (7, "has no path template"),
    ],
)
def test_path_templates_that_lead_out_of_the_folder_lead_nowhere(tmp_path, template, why):
    written(tmp_path / "out", 5)
    change_info(tmp_path / "out", video_path=template)
    with pytest.raises(DrivesimError, match=why):
        read_lerobot(tmp_path / "out")


def test_templates_fill_as_lerobots_do(tmp_path):
    template = "a/chunk-{chunk_index:03d}/{video_key}-{file_index:05d}.mp4"
    place = file_of(tmp_path, template, chunk_index=7, file_index=12, video_key="v")
    assert place == tmp_path / "a" / "chunk-007" / "v-00012.mp4"


def test_what_is_no_such_data_set_says_why(tmp_path):
    written(tmp_path / "old", 5)
    change_info(tmp_path / "old", codebase_version="v2.1")
    with pytest.raises(DrivesimError, match=r"version v2\.1 of the format; expected v3\.0\. Convert it"):
        read_lerobot(tmp_path / "old")
    written(tmp_path / "blind", 5)
    change_info(tmp_path / "blind", features={"action": {"dtype": "float32", "shape": [1], "names": None}})
    with pytest.raises(DrivesimError, match="no feature is a picture; there are: action"):
        read_lerobot(tmp_path / "blind")
    written(tmp_path / "cut", 5)
    os.truncate(tmp_path / "cut" / DATA, 100)
    with pytest.raises(DrivesimError, match="no record can be used: the table can't be read"):
        read_lerobot(tmp_path / "cut")
    written(tmp_path / "bare", 5)
    (tmp_path / "bare" / INFO).write_text("{")
    with pytest.raises(DrivesimError, match=r"info.json can't be used \(it is no JSON\)"):
        read_lerobot(tmp_path / "bare")
