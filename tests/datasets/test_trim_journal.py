"""Trims and the way back from them, whatever happens in between."""

import errno
import json
import os
import stat

import numpy as np
import pytest

from datasets.lap_files import read_laps, write_lap
from datasets.schema import MARK_BAD, MARK_CORRECTION
from datasets.trim_journal import Trim, apply, plan, read_journal, undo
from drivesim import whole_file
from drivesim.errors import DrivesimError
from tests.datasets.laps import circle_lap


@pytest.fixture
def folder(tmp_path):
    """Two laps, the second with marks of its own."""
    mark = np.full(200, MARK_CORRECTION, np.uint8)
    mark[20:40] |= MARK_BAD
    write_lap(tmp_path / "lap-000001.parquet", circle_lap())
    write_lap(tmp_path / "lap-000002.parquet", circle_lap(mark=mark))
    return tmp_path


def marks(folder):
    return {lap.name: lap.columns["mark"].tolist() for lap in read_laps(folder)[0]}


def flags(*steps):
    values = np.zeros(200, bool)
    values[list(steps)] = True
    return values


def planned(folder, **chosen):
    return plan(read_laps(folder)[0], {name.replace("_", "-"): values for name, values in chosen.items()}, "a test")


def data(folder):
    return {path.name: path.read_bytes() for path in folder.glob("*.parquet")}


def test_a_trim_marks_what_it_says_and_nothing_else(folder):
    before = {lap.name: lap for lap in read_laps(folder)[0]}
    apply(folder, planned(folder, lap_000001=flags(*range(50, 60)), lap_000002=flags(*range(30, 50))))
    for lap in read_laps(folder)[0]:
        for name in set(lap.columns) - {"mark"}:
            assert lap.columns[name].tobytes() == before[lap.name].columns[name].tobytes()
        assert lap.info == before[lap.name].info and lap.complete
    bad = {name: np.flatnonzero(np.array(values) & MARK_BAD).tolist() for name, values in marks(folder).items()}
    assert bad == {"lap-000001": [*range(50, 60)], "lap-000002": [*range(20, 50)]}
    assert all(value & MARK_CORRECTION for value in marks(folder)["lap-000002"])


def test_a_plan_leaves_out_what_is_marked_already(folder):
    trim = planned(folder, lap_000002=flags(*range(10, 50)))
    assert trim.marked == {"lap-000002": [(10, 20), (40, 50)]}
    assert trim.steps == 20
    assert planned(folder, lap_000002=flags(*range(20, 40))).marked == {}


def test_trims_are_taken_back_one_after_the_other(folder):
    states, bytes_before = [marks(folder)], data(folder)
    for steps in (range(0, 30), range(25, 60), range(190, 200)):
        apply(folder, planned(folder, lap_000001=flags(*steps), lap_000002=flags(*steps)))
        states.append(marks(folder))
    assert len({json.dumps(state) for state in states}) == 4
    for state in states[-2::-1]:
        undo(folder)
        assert marks(folder) == state
    assert data(folder) == bytes_before
    with pytest.raises(DrivesimError, match="--undo: nothing was trimmed in"):
        undo(folder)


@pytest.mark.parametrize("fails_at", range(7))
def test_a_trim_that_is_cut_short_anywhere_can_be_taken_back(folder, monkeypatch, fails_at):
    before, real, calls = marks(folder), os.replace, iter(range(100))

    def dies(*arguments):
        if next(calls) == fails_at:
            raise KeyboardInterrupt
        real(*arguments)

    trim = planned(folder, lap_000001=flags(1, 2, 3), lap_000002=flags(*range(100)))
    with monkeypatch.context() as patched:
        patched.setattr(os, "replace", dies)
        # Three replacements to trim, three to take it back.
        try:
            apply(folder, trim)
            undo(folder)
        except KeyboardInterrupt:
            assert fails_at < 6
    assert not list(folder.glob(".*"))
    assert all(len(values) == 200 for values in marks(folder).values())
    if read_journal(folder):
        undo(folder)
    assert marks(folder) == before


def test_a_lap_that_was_removed_since_does_not_stand_in_the_way_back(folder):
    before = marks(folder)
    apply(folder, planned(folder, lap_000001=flags(5), lap_000002=flags(5)))
    (folder / "lap-000001.parquet").unlink()
    undo(folder)
    assert marks(folder) == {"lap-000002": before["lap-000002"]}


@pytest.mark.parametrize(
    ("room_for", "words"),
    [(0, "trims.json: cannot write .*No lap was touched"), (1, "lap-000001.parquet: cannot write")],
)
def test_a_disk_that_is_full_is_said_and_nothing_is_lost(folder, monkeypatch, room_for, words):
    before = data(folder)
    written = []

    class Full:
        """The module `os`, on a disk that takes so many more files; folders it has room for."""

        def __getattr__(self, name):
            return getattr(os, name)

        def fsync(self, fd):
            if stat.S_ISDIR(os.fstat(fd).st_mode) or len(written) < room_for:
                if not stat.S_ISDIR(os.fstat(fd).st_mode):
                    written.append(fd)
                return os.fsync(fd)
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    trim = planned(folder, lap_000001=flags(5))
    with monkeypatch.context() as patched:
        patched.setattr(whole_file, "os", Full())
        with pytest.raises(DrivesimError, match=words) as caught:
            apply(folder, trim)
    assert "No space left" in str(caught.value)
    assert data(folder) == before
    while read_journal(folder):
        undo(folder)
    assert data(folder) == before


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        '{"format_version": 9, "trims": []}',
        '{"format_version": 1, "trims": [{"why": "x"}]}',
        '{"format_version": 1, "trims": [{"why": "x", "marked": {"../lap": [[0, 1]]}}]}',
        '{"format_version": 1, "trims": [{"why": "x", "marked": {"lap": [["a", 1]]}}]}',
    ],
)
def test_a_journal_that_cannot_be_read_is_refused_and_kept(folder, text):
    path = folder / "trims.json"
    path.write_text(text)
    before = data(folder)
    for action in (lambda: undo(folder), lambda: apply(folder, Trim("x", {"lap-000001": [(0, 1)]}))):
        with pytest.raises(DrivesimError, match=r"trims\.json: cannot be read"):
            action()
    assert path.read_text() == text and data(folder) == before
