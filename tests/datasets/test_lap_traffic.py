"""Laps with traffic: written, read and seen again with everything where it was."""

import dataclasses
import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from agents.expert import ExpertDriver
from agents.provenance import lap_info
from agents.rollout import Course, drive, lap_columns
from datasets.frames import RenderedFrames, Variety
from datasets.lap_drives import LapPainter
from datasets.lap_files import read_lap, write_lap
from datasets.lap_world import others_of, world_of
from datasets.recording import LapWriter
from datasets.schema import OTHERS, Lap, places_of
from datasets.views import Spread, line_of
from drivesim.camera import CAMERAS
from drivesim.errors import DrivesimError
from drivesim.geometry import wrap_angle
from drivesim.traffic_table import seen_on
from drivesim.vector_env import DriveVectorEnv
from drivesim.world import WorldSource
from tests.datasets.laps import drive as made_up
from tests.datasets.laps import make_info, rows_of


@pytest.fixture(scope="module")
def driven():
    world = WorldSource([2], "easy", lane="right", traffic=6, obstacles=3, weather="fog").all()[0]
    course = Course(has_pedal=True, time_limit=6.0)
    return course, drive(ExpertDriver(), [world], course)[0]


@pytest.fixture
def lap(driven, tmp_path):
    course, a_drive = driven
    with LapWriter(tmp_path, lap_info(a_drive.world, course.rules, "expert")) as writer:
        writer.extend(lap_columns(a_drive))
    return read_lap(writer.path)


def test_a_lap_holds_its_traffic_and_where_it_was(driven, lap, tmp_path):
    a_drive = driven[1]
    assert world_of(lap).traffic == a_drive.world.traffic
    assert lap.others.dtype == np.float32
    np.testing.assert_array_equal(lap.others, a_drive.columns[OTHERS])
    assert np.ptp(lap.others[:, lap.traffic.standing :], axis=0).min() > 5
    assert not np.ptp(lap.others[:, : lap.traffic.standing], axis=0).any()
    write_lap(tmp_path / "again.parquet", lap)
    again = read_lap(tmp_path / "again.parquet")
    np.testing.assert_array_equal(again.others, lap.others)
    assert again.info == lap.info


def test_frames_are_those_that_were_driven(driven, lap):
    a_drive = driven[1]
    for name in ("topdown", "front"):
        env = DriveVectorEnv(1, camera=name, autoreset_mode="Disabled", time_limit=6.0)
        seen, _ = env.reset(seed=0, options={"worlds": [a_drive.world]})
        painter = LapPainter(CAMERAS[name])
        for step in range(60):
            frame = seen["camera"][0].copy()
            if step % 20 == 0:
                np.testing.assert_array_equal(painter.draw(lap, np.array([step]))[0], frame)
            actions = [[lap.columns["steering"][step], lap.columns["pedal"][step]]]
            np.testing.assert_array_equal(env.others.s[0], lap.others[step])
            # In float32, as the lap has them, actions would lead elsewhere.
            actions = [[a_drive.columns["steering"][step], a_drive.columns["pedal"][step]]]
            seen = env.step(np.array(actions))[0]


def test_what_is_recorded_row_by_row_is_kept_when_the_recorder_dies(driven, tmp_path):
    course, a_drive = driven
    info, columns = lap_info(a_drive.world, course.rules, "human"), lap_columns(a_drive)
    writer = LapWriter(tmp_path, info)
    for step in range(50):
        writer.append({name: values[step] for name, values in columns.items()})
    (partial,) = tmp_path.glob("*.arrows")
    lap = read_lap(partial)
    assert not lap.complete
    assert len(lap) == 40
    np.testing.assert_array_equal(lap.others, columns[OTHERS][:40])
    writer.close()
    np.testing.assert_array_equal(read_lap(writer.path).others, columns[OTHERS][:50])


def test_steps_without_their_traffic_are_refused(driven, tmp_path):
    course, a_drive = driven
    columns = lap_columns(a_drive)
    count = len(a_drive.world.traffic)
    with LapWriter(tmp_path, lap_info(a_drive.world, course.rules, "human")) as writer:
        row = {name: values[0] for name, values in columns.items()}
        for others in (columns[OTHERS][0, :-1], np.full(count, np.nan)):
            with pytest.raises(DrivesimError, match="others"):
                writer.append({**row, OTHERS: others})
        del row[OTHERS]
        with pytest.raises(DrivesimError, match=f"others: expected {count} places at each of 1 steps"):
            writer.append(row)
        with pytest.raises(DrivesimError, match="others"):
            writer.extend({name: values for name, values in columns.items() if name != OTHERS})
    assert not [*tmp_path.iterdir()]


def test_a_lap_without_traffic_takes_none(tmp_path):
    with LapWriter(tmp_path, make_info()) as writer:
        for row in rows_of(made_up(30)):
            writer.append(row)
        with pytest.raises(DrivesimError, match="others"):
            writer.extend({**{name: values + 100 for name, values in made_up(3).items()}, OTHERS: np.zeros((3, 2))})
    lap = read_lap(writer.path)
    assert lap.others.shape == (30, 0)
    assert others_of(lap, np.array([3])) is None
    assert OTHERS not in pq.read_schema(writer.path).names


@pytest.mark.parametrize("fault", ["short", "ragged", "missing", "null", "text", "infinite"])
def test_a_file_whose_traffic_is_broken_is_refused(lap, tmp_path, fault):
    table, count = lap.to_table(), places_of(lap.info)
    rows = lap.others.tolist()
    broken = {
        "short": pa.array([row[:-1] for row in rows], pa.list_(pa.float32())),
        "ragged": pa.array([rows[0][:-1], [*rows[1], 1.0], *rows[2:]], pa.list_(pa.float32())),
        "null": pa.array([None, *rows[1:]], pa.list_(pa.float32())),
        "text": pa.array(["x"] * len(rows)),
        "infinite": pa.array([[np.inf] * count, *rows[1:]], pa.list_(pa.float32())),
    }
    metadata = table.schema.metadata
    table = table.drop_columns([OTHERS])
    if fault in broken:
        table = table.append_column(OTHERS, broken[fault])
    path = tmp_path / "broken.parquet"
    pq.write_table(table.replace_schema_metadata(metadata), path, store_schema=False)
    with pytest.raises(DrivesimError, match="no lap can be read"):
        read_lap(path)


def test_traffic_that_this_drivesim_does_not_know_is_told(lap):
    things = [{**thing, "wings": 2} for thing in lap.info.traffic["things"]]
    strange = dataclasses.replace(lap, info=dataclasses.replace(lap.info, traffic={"things": things}))
    with pytest.raises(DrivesimError, match="traffic: expected `things`"):
        world_of(strange)


def test_laps_of_version_3_are_read_as_they_were(tmp_path):
    lap = Lap(make_info(), made_up(20), True, "lap-000001")
    table = lap.to_table()
    metadata = dict(table.schema.metadata)
    plain = json.loads(metadata[b"drivesim.lap"])
    del plain["traffic"]
    metadata |= {b"drivesim.format_version": b"3", b"drivesim.lap": json.dumps(plain).encode()}
    again = Lap.from_table(table.replace_schema_metadata(metadata), "lap-000001")
    assert again.info == lap.info
    assert not again.traffic


def test_views_beside_the_line_show_the_traffic_mirrored_too(lap):
    line = line_of(lap, 0.8, past=2, stride=3)
    steps = np.array([0, 10, 40])
    others, mirrored = line.others_at(steps), line.mirrored().others_at(steps)
    assert len(others.s) == 9
    apart = mirrored.poses - others.poses * [1, -1, -1, -1]
    apart[..., 2] = wrap_angle(apart[..., 2])
    assert np.abs(apart).max() < 2e-3
    # The step itself, then three and six steps before it, or the first.
    at = np.maximum(steps[:, None] - [0, 3, 6], 0).ravel()
    np.testing.assert_array_equal(others.s, seen_on(lap.track, lap.traffic, lap.others[at]).s)


@pytest.mark.parametrize("past", [0, 1])
def test_batches_show_what_the_laps_cameras_saw(lap, past):
    exact = Variety(Spread(0.0, 0.0, bend=0.0), mirror=False, looks=0, recolor=0.0)
    source = RenderedFrames([lap], CAMERAS["topdown"], exact, has_pedal=True, past=past, stride=2)
    batch = next(iter(source.epoch(12, 12, np.random.default_rng(0))))
    painter = LapPainter(CAMERAS["topdown"])
    all_frames = painter.draw(lap, np.arange(len(lap)))
    for frames, speed in zip(batch.frames[0], batch.speeds, strict=True):
        newest = frames[0] if past else frames
        step = int(np.abs(lap.columns["speed"] - speed).argmin())
        near = range(max(step - 2, 0), min(step + 3, len(lap)))
        assert min(int(np.abs(all_frames[at].astype(int) - newest).max()) for at in near) <= 1


def test_roads_with_traffic_keep_their_size(lap):
    source = RenderedFrames([lap], CAMERAS["topdown"], Variety(looks=6, mirror=False))
    lengths = {scene[0].track.length for scene in source._scenes(np.random.default_rng(0))}
    assert lengths == {lap.track.length}
