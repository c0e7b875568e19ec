"""The settings in a person's configuration folder."""

import json
from pathlib import Path

import pytest

from drivesim.cockpit.controls import Axis, Calibration, Settings
from drivesim.cockpit.controls_file import controls_path, read_settings, write_settings
from drivesim.errors import DrivesimError

WHEEL = Calibration("A wheel", Axis(0, -1.0, 1.0), throttle=Axis(2, 1.0, -1.0))


def test_settings_come_back_as_they_were(tmp_path):
    settings = Settings(dead_zone=0.2, turn_rate=2.0, return_rate=3.0, wheels={"03ab": WHEEL})
    path = tmp_path / "new" / "controls.json"
    write_settings(path, settings)
    assert read_settings(path) == settings
    assert [entry.name for entry in path.parent.iterdir()] == ["controls.json"]


def test_without_a_file_there_are_defaults_and_a_file_may_say_a_part(tmp_path):
    assert read_settings(tmp_path / "controls.json") == Settings()
    (tmp_path / "controls.json").write_text('{"turn_rate": 3}')
    assert read_settings(tmp_path / "controls.json") == Settings(turn_rate=3)


def test_the_file_is_in_the_user_s_configuration_folder(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    assert controls_path() == tmp_path / "drivesim" / "controls.json"
    monkeypatch.delenv("XDG_CONFIG_HOME")
    monkeypatch.delenv("APPDATA", raising=False)
    assert controls_path() == Path.home() / ".config" / "drivesim" / "controls.json"


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"dedzone": 1}, r"unknown key 'dedzone'. Known: dead_zone, turn_rate, return_rate, wheels"),
        ({"dead_zone": "wide"}, "dead_zone: expected a number from 0.0 to 0.9, came 'wide'"),
        ({"turn_rate": -1}, "turn_rate: expected a number from 0.1 to 20.0, came -1"),
        ({"wheels": {"03ab": {"name": "x", "stearing": {}}}}, "unknown key 'wheels.03ab.stearing'"),
        ({"wheels": {"03ab": {"name": "x"}}}, "wheels.03ab.steering is missing"),
        (
            {"wheels": {"03ab": {"name": "x", "steering": {"axis": 0, "start": 1, "end": 1}}}},
            "two ends that differ",
        ),
        ({"wheels": {"03ab": {"name": "x", "steering": {"axis": 0, "start": 1}}}}, "wheels.03ab.steering: .*'end'"),
        ({"wheels": []}, "has no attribute"),
        ([], "expected an object in braces, came list"),
    ],
)
def test_a_fault_names_the_file_the_key_and_the_way_out(tmp_path, values, words):
    path = tmp_path / "controls.json"
    path.write_text(json.dumps(values))
    with pytest.raises(DrivesimError, match=words) as caught:
        read_settings(path)
    assert str(path) in str(caught.value)
    assert "remove the file to go back to the defaults" in str(caught.value)


def test_a_file_that_is_no_json_or_cannot_be_written_is_an_error(tmp_path):
    (tmp_path / "controls.json").write_text("{")
    with pytest.raises(DrivesimError, match="Correct it"):
        read_settings(tmp_path / "controls.json")
    (tmp_path / "file").touch()
    with pytest.raises(DrivesimError, match="cannot be written"):
        write_settings(tmp_path / "file" / "controls.json", Settings())
