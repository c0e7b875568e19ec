"""The examples of the documentation run, each in a process of its own, and leave what they say they leave."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = sorted((ROOT / "docs" / "examples").glob("*.py"))


def run(name, *arguments):
    command = [sys.executable, "-m", f"docs.examples.{name}", *map(str, arguments)]
    # A table as wide as it likes.
    surroundings = {**os.environ, "COLUMNS": "200", "OMP_NUM_THREADS": "1"}
    ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300, check=False, env=surroundings)
    assert ran.returncode == 0, ran.stderr
    return ran.stdout


def row(table, metric):
    """The cells of a metric in a printed table."""
    (line,) = [line for line in table.splitlines() if line.startswith(f"│ {metric}")]
    return [cell.strip() for cell in line.strip("│").split("│")][1:]


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_an_example_is_short_and_opens_with_the_line_that_runs_it(path):
    lines = path.read_text(encoding="utf-8").splitlines()
    assert len(lines) < 60
    assert lines[0].startswith(f'"""python -m docs.examples.{path.stem} ')


def test_a_controller_drives_the_environment_and_leaves_a_film(tmp_path):
    said = run("own_controller", "--out", tmp_path / "drive.gif", "--seconds", 4)
    with Image.open(tmp_path / "drive.gif") as film:
        assert film.size == (240, 240)
        assert 35 <= film.n_frames <= 40  # alike ones are kept once
    # It stays in its lane: the road is several metres wide.
    assert abs(float(re.search(r"([+-][\d.]+) m from its middle", said)[1])) < 0.5
    assert "end: time_limit" in said


def test_thirty_seconds_are_recorded_cloned_and_driven(tmp_path):
    small = ("--epochs", 1, "--samples", 128, "--tracks", 2, "--seconds", 2)
    said = run("clone_thirty_seconds", "--out", tmp_path, *small)
    assert [path.name for path in (tmp_path / "laps").iterdir()] == ["lap-000001.parquet"]
    assert (tmp_path / "policy" / "model.safetensors").is_file()
    assert "policy on 2 tracks" in said
    assert 0 <= float(row(said, "autonomy")[0]) <= 1


def test_a_driver_written_by_hand_is_measured_beside_the_expert():
    said = run("own_driver", "--tracks", 2, "--seconds", 5)
    assert "color-follower, expert on 2 tracks" in said
    by_hand, expert = (float(cell.split()[0]) for cell in row(said, "cross-track error, mean"))
    assert expert < by_hand < 0.5


def test_a_driver_written_by_hand_drives_a_track_file(tmp_path):
    ring = ["0,0", "60,0", "110,20", "120,60", "100,100", "50,110", "0,100", "-30,70", "-40,40", "-30,10"]
    (tmp_path / "ring.csv").write_text("".join(f"{point},4,4\n" for point in ring))
    assert "on 1 tracks" in run("own_driver", "--track-files", tmp_path / "ring.csv", "--seconds", 2)
