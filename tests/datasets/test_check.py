"""The command that checks recordings and repairs them into a copy."""

import pytest

from datasets import check
from datasets.data_format import read_stored
from datasets.lap_files import read_laps, write_lap
from tests.datasets.laps import circle_lap, drive, partial_lap
from tests.datasets.recordings import contents, write_log, write_tub, write_tub_v1


@pytest.mark.parametrize("make", [write_tub, write_tub_v1, write_log])
def test_a_whole_recording_is_described_and_exits_with_0(tmp_path, run, make):
    code, said, _ = run(check, make(tmp_path / "data"))
    assert code == 0
    assert "steps that can be used" in said and "24 x 32" in said
    assert "skipped" not in said


@pytest.mark.parametrize(
    ("make", "records"),
    [
        (write_tub, {"records": {5: {"user/angle": 2}}}),
        (write_tub_v1, {"records": {5: "{"}}),
        (write_log, {"rows": {5: "x"}}),
    ],
)
def test_a_damaged_one_exits_with_1_and_its_repaired_copy_with_0(tmp_path, run, make, records):
    data = make(tmp_path / "data", **records)
    before = contents(data)
    code, said, _ = run(check, data)
    assert code == 1
    assert "skipped 1" in said and f"1 bad. Repair it: python -m datasets.check {data} --fix COPY" in said
    code, said, _ = run(check, data, "--fix", tmp_path / "copy")
    assert code == 1
    assert "Wrote 29 steps" in said
    assert contents(data) == before
    assert run(check, tmp_path / "copy")[0] == 0
    assert len(read_stored(tmp_path / "copy", strict=True)) == 29
    assert sorted(path.name for path in tmp_path.iterdir()) == ["copy", "data"]


def test_the_original_is_never_written_to(tmp_path, run):
    data = write_tub(tmp_path / "data", records={5: {"user/angle": 2}})
    before = contents(data)
    for place in (data, data / "copy"):
        code, _, complaint = run(check, data, "--fix", place)
        assert code == 2
        assert "Choose a folder" in complaint
    assert contents(data) == before


def test_laps_are_checked_and_repaired_too(tmp_path, run):
    folder = tmp_path / "laps"
    folder.mkdir()
    write_lap(folder / "lap-000001.parquet", circle_lap())
    assert run(check, folder)[0] == 0
    (folder / "lap-000002.parquet").write_bytes(b"PAR1")
    data = partial_lap(tmp_path / "died", drive(60))
    (folder / "lap-000003.arrows").write_bytes(data)
    code, said, _ = run(check, folder, "--fix", tmp_path / "copy")
    assert code == 1
    assert "lap-000002.parquet: no lap can be read" in said
    laps, lost = read_laps(tmp_path / "copy")
    assert ([lap.name for lap in laps], lost) == (["lap-000001", "lap-000003"], [])


def test_what_is_no_recording_exits_with_2(tmp_path, run):
    code, _, complaint = run(check, tmp_path)
    assert code == 2
    assert "holds no lap" in complaint and "donkeycar tub v2" in complaint
