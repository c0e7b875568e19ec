"""Reading laps, whole, cut off and broken, and writing whole ones."""

import dataclasses

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from datasets import lap_files
from datasets.lap_files import read_lap, read_laps, write_lap
from datasets.recording import LapWriter
from datasets.schema import DTYPES, MARK_BAD
from drivesim.errors import DrivesimError
from tests.datasets.laps import HZ, assert_steps, drive, make_info, partial_lap


def test_pandas_and_friends_read_the_columns_without_us(tmp_path):
    with LapWriter(tmp_path, make_info()) as writer:
        writer.extend(drive(30))
    table = pq.read_table(writer.path)
    assert table.column_names == list(DTYPES)
    assert all(isinstance(value.decode(), str) for value in pq.ParquetFile(writer.path).metadata.metadata.values())


def test_a_lap_can_be_written_again_with_other_marks(tmp_path):
    columns = drive(20)
    with LapWriter(tmp_path, make_info()) as writer:
        writer.extend(columns)
    lap = read_lap(writer.path)
    marked = dataclasses.replace(lap, columns=lap.columns | {"mark": np.full(20, MARK_BAD)})
    write_lap(tmp_path / "copy.parquet", marked)
    assert not read_lap(tmp_path / "copy.parquet").good.any()
    assert_steps(read_lap(writer.path), columns)
    with pytest.raises(DrivesimError, match="cannot write"):
        write_lap(tmp_path / "nowhere" / "lap.parquet", lap)


def test_a_partial_file_cut_anywhere_gives_the_steps_before_the_cut(tmp_path):
    columns = drive(200)
    data = partial_lap(tmp_path, columns)
    path, lengths = tmp_path / "cut.arrows", []
    for cut in np.linspace(0, len(data), 61).astype(int):
        path.write_bytes(data[:cut])
        try:
            lap = read_lap(path)
        except DrivesimError as error:
            assert "cut.arrows" in str(error) and not lengths
            continue
        assert_steps(lap, columns, len(lap))
        assert not lap.complete and len(lap) % HZ == 0
        lengths.append(len(lap))
    assert lengths == sorted(lengths) and lengths[-1] == 200 and len(set(lengths)) == 10


def test_a_partial_file_with_zeros_or_noise_for_its_end_gives_the_steps_before(tmp_path):
    columns, rng = drive(200), np.random.default_rng(0)
    data = partial_lap(tmp_path, columns)
    path = tmp_path / "torn.arrows"
    for cut in rng.integers(len(data) // 2, len(data), 20):
        for tail in (bytes(len(data) - cut), rng.bytes(len(data) - cut), bytes(5000)):
            path.write_bytes(data[:cut] + tail)
            lap = read_lap(path)
            assert_steps(lap, columns, len(lap))
            assert not lap.complete
    flipped = bytearray(data)
    flipped[len(data) // 2] ^= 4
    path.write_bytes(flipped)
    assert_steps(read_lap(path), columns, len(read_lap(path)))


def test_a_parquet_file_cut_or_changed_anywhere_is_refused_or_right(tmp_path):
    columns, rng = drive(200), np.random.default_rng(0)
    with LapWriter(tmp_path, make_info()) as writer:
        writer.extend(columns)
    data, path = writer.path.read_bytes(), tmp_path / "cut.parquet"
    for cut in np.linspace(0, len(data) - 1, 60).astype(int):
        path.write_bytes(data[:cut])
        with pytest.raises(DrivesimError, match=r"cut\.parquet: no lap can be read: .*Expected"):
            read_lap(path)
    pages_end = len(data) - 8 - int.from_bytes(data[-8:-4], "little")
    for at in rng.integers(0, len(data), 300):
        changed = bytearray(data)
        changed[at] ^= 1 << rng.integers(8)
        path.write_bytes(changed)
        try:
            lap = read_lap(path)
        except DrivesimError:
            continue
        if at < pages_end:  # each page has a checksum, and the footer has none
            assert_steps(lap, columns)


@pytest.mark.parametrize("name", ["lap.parquet", "lap.arrows", "lap.txt"])
@pytest.mark.parametrize("content", [b"", b"PAR1", b"\xff" * 4096, b"\xff\xff\xff\xff\xff\xff\xff\x7f" + bytes(64)])
def test_garbage_is_an_error_that_can_be_acted_on(tmp_path, name, content):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DrivesimError, match=f"{name}: no lap can be read"):
        read_lap(tmp_path / name)


def test_files_of_another_kind_are_refused(tmp_path):
    table = pa.table({"x": ["a", "b"]})
    pq.write_table(table, tmp_path / "other.parquet")
    with pa.OSFile(str(tmp_path / "other.arrows"), "wb") as sink, pa.ipc.new_stream(sink, table.schema) as stream:
        stream.write_table(table)
    for name in ("other.parquet", "other.arrows"):
        with pytest.raises(DrivesimError, match=name):
            read_lap(tmp_path / name)


def test_absurd_sizes_are_refused_before_anything_is_read(tmp_path, monkeypatch):
    with LapWriter(tmp_path, make_info()) as writer:
        writer.extend(drive(200))
    monkeypatch.setattr(lap_files, "MAX_STEPS", 100)
    monkeypatch.setattr(lap_files, "MAX_BYTES", 1000)
    with pytest.raises(DrivesimError, match="declares 200 steps, expected at most 100"):
        read_lap(writer.path)
    (tmp_path / "big.arrows").write_bytes(bytes(2000))
    with pytest.raises(DrivesimError, match="2000 bytes, expected at most 1000"):
        read_lap(tmp_path / "big.arrows")


def test_laps_are_read_from_folders_and_files_once_each_and_in_order(tmp_path):
    for folder, count in (("a", 2), ("b", 3)):
        for seed in range(count):
            with LapWriter(tmp_path / folder, make_info(seed=seed, driver=folder)) as writer:
                writer.extend(drive(5))
    laps, lost = read_laps([tmp_path / "b" / "lap-000002.parquet", tmp_path / "a", str(tmp_path / "a")])
    assert [(lap.info.driver, lap.name) for lap in laps] == [
        ("a", "lap-000001"),
        ("b", "lap-000002"),
        ("a", "lap-000002"),
    ]
    assert lost == []
    assert len(read_laps([tmp_path / "a", tmp_path / "b"])[0]) == 5


def test_a_broken_lap_is_named_and_the_rest_is_read_unless_strict(tmp_path):
    with LapWriter(tmp_path, make_info()) as writer:
        writer.extend(drive(5))
    (tmp_path / "lap-000002.parquet").write_bytes(b"")
    laps, lost = read_laps(tmp_path)
    assert len(laps) == 1 and len(lost) == 1 and "lap-000002.parquet" in lost[0]
    with pytest.raises(DrivesimError, match=r"lap-000002\.parquet"):
        read_laps(tmp_path, strict=True)
    with pytest.raises(DrivesimError, match=r"lap-000002\.parquet"):
        read_laps([tmp_path / "lap-000002.parquet"])


@pytest.mark.parametrize("missing", [True, False])
def test_a_folder_without_laps_is_an_error_that_says_how_to_record(tmp_path, missing):
    folder = tmp_path / "laps"
    if not missing:
        folder.mkdir()
    with pytest.raises(DrivesimError, match=f"python -m agents.record --laps 40 --out {folder}"):
        read_laps(folder)
    with pytest.raises(DrivesimError, match=r"python -m agents\.record"):
        read_laps([])
