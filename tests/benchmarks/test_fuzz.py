"""Fuzzing: a little of every target; and whoever does what no reader may is found."""

import os
import resource
import time
from pathlib import Path

import numpy as np
import pytest

from benchmarks import fuzz
from benchmarks.fuzzing import hunt as hunting
from benchmarks.fuzzing.damaged_files import DamagedFile, DamagedFolder, LossError
from benchmarks.fuzzing.hunt import Tally, hunt, watched_hunt
from benchmarks.fuzzing.mutation import mutated_bytes, mutated_json, mutated_text
from benchmarks.fuzzing.targets import TARGETS, make_target
from drivesim.errors import DrivesimError

# Cases of each target; the full run has 50,000.
CASES = int(os.environ.get("DRIVESIM_FUZZED", "40"))


@pytest.mark.parametrize("name", TARGETS)
def test_nothing_made_up_or_damaged_crashes_hangs_or_is_changed(tmp_path, name):
    for package in {"minari": ["h5py", "minari"], "lerobot": ["av"], "onnx": ["onnx", "onnxscript"]}.get(name, ()):
        pytest.importorskip(package)
    tally = Tally()
    # Cuts, flipped bits and changes alike.
    numbers = np.random.default_rng(0).integers(0, 50_000, CASES).tolist()
    hunt(make_target(name, tmp_path / "target"), numbers, 0, tally, lambda _: None)
    assert tally.findings == []
    assert tally.cases == CASES


def read(path):
    """A reader with every fault: of what a file's first byte asks for."""
    kind = path.read_bytes()[:1]
    if kind == b"c":
        raise KeyError("no such thing")
    if kind == b"l":
        path.write_bytes(b"lost")
    if kind == b"m":
        # Beyond what the process has once had.
        resident = int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()
        peak = 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        np.ones(400 * 2**20 + max(peak - resident, 0), np.uint8)
    if kind == b"d":
        raise DrivesimError("this file is no file that can be read")


def fault(tmp_path, kind):
    """What is found of a reader that does what `kind` says."""
    tally = Tally()
    data = kind.encode() + b"x" * 20
    hunt(DamagedFile(tmp_path / "file", [data], read), [15], 0, tally, lambda _: None)
    return [finding.kind for finding in tally.findings], tally


def test_a_crash_a_loss_and_memory_are_found_and_a_documented_error_is_none(tmp_path):
    assert fault(tmp_path, "crash")[0] == ["crash"]
    assert fault(tmp_path, "loss")[0] == ["loss"]
    assert fault(tmp_path, "memory")[0] == ["memory"]
    found, tally = fault(tmp_path, "documented")
    assert (found, tally.refused, tally.accepted) == ([], 1, 0)
    assert fault(tmp_path, "x")[1].accepted == 1


def test_a_file_of_a_folder_that_is_changed_by_being_read_is_found(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "one.json").write_text("{}\n")
    folder = DamagedFolder(tmp_path / "a", lambda path: (path / "new").touch())
    with pytest.raises(LossError):
        folder(0, np.random.default_rng(0))


def hang(number, rng):
    if number == 2:
        time.sleep(60)
    if number == 3:
        os.abort()


def test_a_case_that_has_no_end_and_one_that_ends_the_process_are_found_and_the_rest_is_run(monkeypatch, tmp_path):
    monkeypatch.setattr(hunting, "HANG", 1.0)
    # In a process of its own, which takes over what is patched here.
    monkeypatch.setattr(hunting.multiprocessing, "get_context", lambda _: FORK)
    monkeypatch.setattr(hunting, "make_target", lambda name, folder: hang)
    monkeypatch.setattr(hunting.resource, "setrlimit", lambda *_: None)
    tally = watched_hunt("tracks", 6)
    assert [(finding.case, finding.kind) for finding in tally.findings] == [(2, "hang"), (3, "crash")]
    assert tally.accepted == 4


FORK = hunting.multiprocessing.get_context("fork")


def test_the_command_writes_figures_and_keeps_those_of_other_targets(tmp_path, run, monkeypatch):
    monkeypatch.setattr(fuzz, "watched_hunt", lambda *_: Tally(accepted=3, refused=2, seconds=1.0))
    figures = tmp_path / "fuzz.json"
    for name in ("tracks", "laps"):
        code, said, _ = run(fuzz, "--target", name, "--cases", 5, "--json", figures)
        assert code == 0
        assert "0 findings" in said
    assert '"tracks"' in figures.read_text() and '"laps"' in figures.read_text()
    assert run(fuzz, "--target", "moons")[0] == 2
    assert run(fuzz, "--cases", 0)[0] == 2


def test_changes_are_the_same_for_the_same_seed_and_change_something():
    data, value = bytes(range(200)), {"a": [1, {"b": "c"}], "d": 0.5}
    for change, of in ((mutated_bytes, data), (mutated_json, value), (mutated_text, b'{"a": 1}\n1,2,3\n')):
        made = [change(of, np.random.default_rng(seed)) for seed in range(50)]
        assert [repr(change(of, np.random.default_rng(seed))) for seed in range(50)] == [repr(each) for each in made]
        assert sum(each != of for each in made) > 40
    assert data == bytes(range(200))
    assert value == {"a": [1, {"b": "c"}], "d": 0.5}
