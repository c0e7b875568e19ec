"""The command that trims: what it marks, what it says, and what it refuses."""

import numpy as np
import pytest

from datasets import trim
from datasets.frames import RenderedFrames, Variety
from datasets.lap_files import read_laps, write_lap
from datasets.recording import LapWriter
from datasets.schema import MARK_BAD
from drivesim.camera import CAMERAS
from drivesim.errors import DrivesimError
from tests.datasets.laps import HZ, circle_lap, drive, make_info, partial_lap


@pytest.fixture
def folder(tmp_path):
    """Laps of 10 s: one that stands from 4 to 7 s, and one that goes off the road at 6 s."""
    speed, lateral = np.full(200, 10.0), np.zeros(200)
    speed[80:140], lateral[120:130] = 0.1, 3.5
    write_lap(tmp_path / "lap-000001.parquet", circle_lap(speed=speed))
    write_lap(tmp_path / "lap-000002.parquet", circle_lap(lateral_error=lateral))
    return tmp_path


def bad(folder):
    """The steps of each lap that are marked bad."""
    found = {lap.name: np.flatnonzero(~lap.good).tolist() for lap in read_laps(folder)[0]}
    return {name: steps for name, steps in found.items() if steps}


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (("--lap", "lap-000001"), {"lap-000001": (0, 200)}),
        (("--lap", "lap-000001", "lap-000002"), {"lap-000001": (0, 200), "lap-000002": (0, 200)}),
        (("--lap", "lap-000002", "--from", 1, "--to", 2.5), {"lap-000002": (20, 50)}),
        (("--lap", "lap-000002", "--from", 8), {"lap-000002": (160, 200)}),
        (("--lap", "lap-000002", "--to", "0.15"), {"lap-000002": (0, 3)}),
        (("--idle",), {"lap-000001": (80, 140)}),
        (("--before-departure", 2), {"lap-000002": (80, 130)}),
        (("--before-departure", 0), {"lap-000002": (120, 130)}),
        (("--idle", "--before-departure", 1), {"lap-000001": (80, 140), "lap-000002": (100, 130)}),
    ],
)
def test_what_is_asked_for_is_marked_and_can_be_taken_back(folder, run, options, expected):
    expected = {name: [*range(*steps)] for name, steps in expected.items()}
    code, said, _ = run(trim, folder, *options, "--dry-run")
    assert code == 0
    assert "Would mark" in said
    assert bad(folder) == {} and not (folder / "trims.json").exists()
    code, said, _ = run(trim, folder, *options)
    assert code == 0
    assert bad(folder) == expected
    assert f"Marked: {sum(map(len, expected.values()))} steps of {len(expected)} laps" in said
    assert f"python -m datasets.trim {folder} --undo" in said
    code, said, _ = run(trim, folder, "--undo")
    assert code == 0
    assert "Taken back" in said
    assert bad(folder) == {}


def test_only_the_laps_that_are_named_are_looked_at(folder, run):
    code, said, _ = run(trim, folder, "--idle", "--lap", "lap-000002")
    assert code == 0
    assert "Nothing to mark" in said
    assert bad(folder) == {} and not (folder / "trims.json").exists()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ((), "nothing to do; give --lap, --idle, --before-departure or --undo"),
        (("--lap", "lap-9"), "--lap: unknown name 'lap-9'. Known: lap-000001, lap-000002."),
        (("--lap", "lap-000001", "--from", 11), "lap-000001 lasts 10.0 s"),
        (("--lap", "lap-000001", "--to", 12), "lap-000001 lasts 10.0 s"),
        (("--lap", "lap-000001", "--from", 4, "--to", 3), "--from 4 --to 3"),
        (("--lap", "lap-000001", "--from", -1), "lap-000001 lasts 10.0 s"),
        (("--lap", "lap-000001", "--from", "nan"), "lap-000001 lasts 10.0 s"),
        (("--from", 1), "--from and --to go with --lap"),
        (("--idle", "--lap", "lap-000001", "--from", 1), "--from and --to go with --lap alone"),
        (("--before-departure", -1), "--before-departure: expected seconds from 0, got -1.0"),
        (("--undo", "--idle"), "--undo takes back the whole of the last trim"),
        (("--undo",), "--undo: nothing was trimmed"),
    ],
)
def test_wrong_use_is_answered_with_one_sentence_and_marks_nothing(folder, run, options, words):
    code, _, said = run(trim, folder, *options)
    assert code == 2
    assert said.startswith("error: ") and said.count("\n") == 1
    assert words in said
    assert bad(folder) == {} and not (folder / "trims.json").exists()


def test_a_single_lap_is_no_folder(folder, run):
    code, _, said = run(trim, folder / "lap-000001.parquet", "--idle")
    assert code == 2
    assert "is a file: give the folder of the laps, and --lap lap-000001" in said


def test_what_is_trimmed_is_not_learned_from(folder, run):
    frames = RenderedFrames(read_laps(folder)[0], CAMERAS["topdown"], Variety())
    before = len(frames)
    run(trim, folder, "--lap", "lap-000002")
    run(trim, folder, "--lap", "lap-000001", "--from", 0, "--to", 2)
    (lap,) = [lap for lap in read_laps(folder)[0] if lap.good.any()]
    frames = RenderedFrames(read_laps(folder)[0], CAMERAS["topdown"], Variety())
    assert len(frames) < before - 200
    (line,) = frames._lines
    bad_poses = {tuple(pose) for pose in lap.poses[~lap.good]}
    assert len(bad_poses) == 2 * HZ
    assert not bad_poses & {tuple(pose) for pose in line.poses}
    run(trim, folder, "--lap", "lap-000001")
    with pytest.raises(DrivesimError, match="all are marked bad"):
        RenderedFrames(read_laps(folder)[0], CAMERAS["topdown"], Variety())


def test_a_dead_recording_is_recovered_first_and_a_living_one_left_alone(folder, run):
    data = partial_lap(folder, drive(50))
    (folder / "lap-000004.arrows").write_bytes(data)
    writer = LapWriter(folder, make_info())
    writer.extend(drive(40))
    code, said, _ = run(trim, folder, "--lap", "lap-000004", "--dry-run")
    assert code == 2  # a dry run changes nothing, so that lap is not whole yet
    code, said, _ = run(trim, folder, "--lap", "lap-000004")
    assert code == 0
    assert "recovered 2.0 s" in said
    assert run(trim, folder, "--lap", writer.name)[0] == 2
    writer.close()
    marked = {lap.name for lap in read_laps(folder)[0] if (lap.columns["mark"] & MARK_BAD).all()}
    assert marked == {"lap-000004"}
