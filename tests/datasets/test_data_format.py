"""Which format a folder is in, found out by looking."""

import pytest

from datasets.data_format import format_of, holds_laps, read_sources, read_stored
from datasets.lap_files import write_lap
from drivesim.errors import DrivesimError
from tests.datasets.laps import circle_lap
from tests.datasets.recordings import write_log, write_tub, write_tub_v1


def test_each_format_is_told_from_the_others(tmp_path):
    made = {
        "donkeycar tub v2": write_tub(tmp_path / "new"),
        "donkeycar tub v1": write_tub_v1(tmp_path / "old"),
        "udacity log": write_log(tmp_path / "log"),
    }
    for name, folder in made.items():
        assert format_of(folder).name == read_stored(folder).format == name
        assert not holds_laps(folder)
    write_lap(tmp_path / "laps.parquet", circle_lap())
    assert holds_laps(tmp_path / "laps.parquet") and holds_laps(tmp_path)


def test_a_tub_at_a_repositorys_root_is_found_among_other_files(tmp_path):
    tub = write_tub(tmp_path / "repository")
    (tub / "README.md").write_text("# My car")
    (tub / ".git").mkdir()
    (tub / "src").mkdir()
    assert format_of(tub).name == "donkeycar tub v2"


def test_another_programs_manifest_is_no_tub(tmp_path):
    (tmp_path / "manifest.json").write_text('{"name": "a web page"}')
    with pytest.raises(DrivesimError, match=r"holds no lap\. Record some: .* of which it is none: donkeycar tub v2"):
        format_of(tmp_path)


def test_what_is_no_data_says_what_to_give(tmp_path):
    write_tub(tmp_path / "data" / "tub_1")
    write_log(tmp_path / "data" / "log")
    with pytest.raises(DrivesimError, match=rf"give {tmp_path}/data/log, {tmp_path}/data/tub_1\."):
        format_of(tmp_path / "data")
    (tmp_path / "tub.tar.gz").write_bytes(b"\x1f\x8b")
    with pytest.raises(DrivesimError, match="is an archive: unpack it first"):
        format_of(tmp_path / "tub.tar.gz")
    with pytest.raises(DrivesimError, match="is not there"):
        format_of(tmp_path / "nothing")


def test_two_formats_in_one_folder_are_refused(tmp_path):
    write_tub(tmp_path / "both")
    (tmp_path / "both" / "driving_log.csv").write_text("")
    with pytest.raises(DrivesimError, match="is donkeycar tub v2 and udacity log at once"):
        format_of(tmp_path / "both")


def test_laps_and_recordings_are_read_together_and_what_is_given_twice_once(tmp_path):
    (tmp_path / "laps").mkdir()
    write_lap(tmp_path / "laps" / "lap-000001.parquet", circle_lap())
    tub = write_tub(tmp_path / "tub", records={3: {"user/angle": 2}})
    log = write_log(tmp_path / "log")
    laps, readings, lost = read_sources([tub, tmp_path / "laps", log, tmp_path / "log" / ".." / "tub"])
    assert [lap.name for lap in laps] == ["lap-000001"]
    assert [(reading.format, len(reading)) for reading in readings] == [("donkeycar tub v2", 29), ("udacity log", 30)]
    assert lost == [f"{tub}: skipped 1: its user/angle is not in -1 ... 1 (record 3)"]
    with pytest.raises(DrivesimError, match="record 3"):
        read_sources([tmp_path / "laps", tub], strict=True)
