"""The command that inspects laps: what it says."""

import numpy as np
import pytest

from datasets import inspect
from datasets.lap_files import write_lap
from datasets.recording import LapWriter
from datasets.schema import MARK_BAD
from tests.datasets.laps import CAR, circle_lap, drive, make_info


@pytest.fixture
def wide(monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")


def test_it_says_what_is_there_and_what_deserves_a_look(tmp_path, run, wide):
    speed, mark = np.full(200, 10.0), np.zeros(200, np.uint8)
    speed[40:100], mark[150:] = 0.1, MARK_BAD
    write_lap(tmp_path / "lap-000001.parquet", circle_lap(speed=speed, mark=mark))
    write_lap(tmp_path / "lap-000002.parquet", circle_lap(speed=speed))
    code, said, _ = run(inspect, tmp_path)
    assert code == 0
    words = " ".join(said.split())
    assert "2 laps, 0.3 minutes" in words
    assert "expert (2)" in words and "circle (2)" in words and "car (2)" in words
    assert "of them to learn from │ 350" in words
    assert "lap-000001: idle from 2.00 to 5.00 s" in words
    assert "lap-000001: marked bad from 7.50 to 10.00 s" in words
    assert "lap-000001, lap-000002: the same drive 2 times" in words
    assert "9.52 to 10.00 ━" in words and "280" in words


def test_nothing_to_look_at_is_said_too(tmp_path, run, wide):
    write_lap(tmp_path / "lap-000001.parquet", circle_lap())
    _, said, _ = run(inspect, tmp_path)
    assert "Nothing stands idle, leaves the road, is marked bad, cut off or there twice." in said


def test_one_lap_is_inspected_alone_and_the_page_is_written_where_it_is_asked_for(tmp_path, run, wide):
    for number in (1, 2):
        write_lap(tmp_path / f"lap-00000{number}.parquet", circle_lap(radius=38.0 + number))
    page = tmp_path / "new" / "page.html"
    code, said, _ = run(inspect, tmp_path / "lap-000002.parquet", "--html", page)
    assert code == 0
    assert "1 laps, " in said and f"Wrote {page}" in said
    assert "lap-000002" in page.read_text(encoding="utf-8")


def test_files_that_cannot_be_read_are_named_and_the_others_inspected(tmp_path, run, wide):
    write_lap(tmp_path / "lap-000001.parquet", circle_lap())
    (tmp_path / "lap-000002.parquet").write_bytes(b"noise")
    (tmp_path / "[red].arrows").write_bytes(b"noise")
    code, said, _ = run(inspect, tmp_path)
    assert code == 0
    assert "lap-000002.parquet: no lap can be read" in said
    assert "[red].arrows" in said


def test_a_folder_without_laps_is_refused_with_a_way_out(tmp_path, run):
    code, _, said = run(inspect, tmp_path)
    assert code == 2
    assert "python -m agents.record" in said


def test_many_names_are_cut_short_and_counted():
    assert inspect.named({str(number): 1 for number in range(12)}).endswith("7 (1), 4 more")
    assert inspect.named({"a": 3}) == "a (3)"


def test_the_recording_of_a_dead_recorder_is_said_to_be_cut_off(tmp_path, run, wide):
    writer = LapWriter(tmp_path, make_info(vehicle=vars(CAR)))
    writer.extend(drive(50))
    data = (tmp_path / f"{writer.name}.arrows").read_bytes()
    writer.discard()
    (tmp_path / "lap-000007.arrows").write_bytes(data)
    code, said, _ = run(inspect, tmp_path)
    assert code == 0
    assert "lap-000007: its recording was cut off" in said
