"""The time to a first drive, beside CarRacing-v3's, at a size of seconds."""

import json

import pytest

from benchmarks import first_drive
from drivesim.errors import DrivesimError

QUICK = {"laps": 1, "epochs": 1, "samples": 128, "validation_tracks": 1, "tracks": 1, "seconds": 0.5, "frames": 21}


def test_training_and_the_peer_are_timed_in_one_run_and_the_policy_is_driven(tmp_path, capsys):
    pytest.importorskip("Box2D", reason="CarRacing-v3 needs gymnasium[box2d]")
    path = tmp_path / "figures.json"
    first_drive.main(first_drive.Args(**QUICK, json=path))
    figures = json.loads(path.read_text())["figures"]
    peer = figures["CarRacing-v3, 21 frames (s)"]
    assert figures["training (s)"] > 0 and peer > 0
    assert figures["training / CarRacing-v3"] == pytest.approx(figures["training (s)"] / peer)
    assert 0 <= figures["autonomy"] <= 1
    assert "training / CarRacing-v3:" in capsys.readouterr().out


def test_nothing_to_measure_is_refused():
    with pytest.raises(DrivesimError, match="--frames: expected 1 or more, got 0"):
        first_drive.main(first_drive.Args(frames=0))
