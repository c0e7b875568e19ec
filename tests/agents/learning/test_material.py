"""What a training learns from: laps, recordings, both; what is said about it and what is refused."""

import pytest

from agents.learning.material import Material
from datasets.lap_files import write_lap
from drivesim.errors import DrivesimError
from drivesim.vehicle import VEHICLES
from tests.datasets.laps import circle_lap
from tests.datasets.recordings import write_log, write_tub


def read(*paths, strict=False):
    return Material.read(paths, strict, 0.2, 0)


def test_laps_alone_are_judged_by_driving_and_described_as_ever(tmp_path):
    write_lap(tmp_path / "lap-000001.parquet", circle_lap(info={"vehicle": {"wheelbase": 3.0}}))
    material, lost = read(tmp_path)
    assert (material.split, material.readings, lost) == (None, [], [])
    assert material.vehicle == {"wheelbase": 3.0}
    assert material.control_hz == 20.0
    assert material.judges == "the validation tracks"
    assert (material.in_words(), material.remarks()) == ("1 laps", [])
    assert material.provenance() == {"laps": 1, "steps": 200, "drivers": ["expert"]}


def test_recordings_are_judged_by_what_is_held_out(tmp_path):
    material, _ = read(write_log(tmp_path / "log", 30))
    assert material.control_hz == 10.0
    assert material.vehicle == vars(VEHICLES["car"])
    assert material.judges == "what was held out"
    assert material.in_words() == "a udacity log of 30 steps"
    assert any("stretches of them are held out" in sentence for sentence in material.remarks())
    assert sum(map(len, material.split.learned)) + sum(map(len, material.split.held_out)) <= 30
    assert material.provenance()["recordings"] == [{"format": "udacity log", "drives": 1, "steps": 30, "bad": 0}]


def test_whole_drives_that_are_held_out_need_no_remark_and_other_rates_do(tmp_path):
    records = {number: {"_session_id": f"s{number // 10}"} for number in range(60)}
    tub = write_tub(tmp_path / "tub", 60, records=records)
    material, _ = read(tub)
    assert material.remarks() == []
    mixed, _ = read(tub, write_log(tmp_path / "log", 30))
    (said,) = mixed.remarks()
    assert said.startswith(f"Recorded at different rates ({tub}: 20 Hz, {tmp_path / 'log'}: 10 Hz): an action lasts")


def test_a_recording_without_what_is_to_be_learned_is_named(tmp_path):
    log, tub = write_log(tmp_path / "log"), write_tub(tmp_path / "tub")
    material, _ = read(log, tub)
    material.check(has_pedal=True, takes_speed=False)
    with pytest.raises(
        DrivesimError, match=rf"--speed: no step of {tub} \(donkeycar tub v2\) says a speed\. Leave out"
    ):
        material.check(has_pedal=False, takes_speed=True)
