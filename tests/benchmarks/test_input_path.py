"""The benchmark of the input path: its JPEG files are the frames, and a short run writes all figures."""

import json
import time

import numpy as np
import pytest

from benchmarks import input_path
from benchmarks.input_path import ReadyBatches, TimedFrames, write_jpegs
from datasets.frames import Batch
from datasets.recording import LapWriter
from tests.datasets.laps import circle_lap


def batches(count=3, size=4):
    rng = np.random.default_rng(0)
    grey = rng.integers(0, 256, (count, size, 1, 1, 3))
    frames = np.broadcast_to(grey, (count, size, 16, 16, 3)).astype(np.uint8)
    actions = rng.uniform(-1, 1, (count, size, 1)).astype(np.float32)
    return [Batch((frames[i],), actions[i], np.zeros(size, np.float32)) for i in range(count)]


def test_what_is_decoded_are_the_frames_that_were_drawn_with_their_labels(tmp_path):
    made = batches()
    files = write_jpegs(tmp_path / "jpegs", made)
    assert len(files) == 12
    for index in range(12):
        frame, label = files[index]
        assert np.abs(frame.numpy().astype(int) - made[index // 4].frames[0][index % 4]).max() <= 4
        assert label.numpy() == made[index // 4].actions[index % 4]


def test_waiting_is_what_the_source_takes_and_not_what_is_done_between(monkeypatch):
    clock = [0.0]
    monkeypatch.setattr(input_path.time, "perf_counter", lambda: clock[0])

    class Slow(ReadyBatches):
        def epoch(self, *_):
            for batch in super().epoch():
                clock[0] += 0.25
                yield batch

    timed = TimedFrames(Slow(batches()))
    for _ in timed.epoch(12, 4, None):
        clock[0] += 1.0
    assert (timed.waited, timed.seconds) == (0.75, 3.75)
    assert len(timed) == 12


def test_a_short_run_prints_and_writes_every_figure(tmp_path, run, one_torch_thread):
    lap = circle_lap()
    with LapWriter(tmp_path / "laps", lap.info) as writer:
        writer.extend(lap.columns)
    rounds = ("--rounds", 2, "--training-rounds", 2)
    options = (*rounds, "--samples", 64, "--batch-size", 16, "--json", tmp_path / "i.json")
    started = time.perf_counter()
    code, said, wrong = run(input_path, "--data", tmp_path / "laps", *options)
    taken = time.perf_counter() - started
    assert code == 0, wrong
    report = json.loads((tmp_path / "i.json").read_text())
    assert report["machine"] and report["commit"]
    turns, medians, ratios = report["turns"], report["medians"], report["ratios"]
    assert all(len(values) == 2 for values in turns.values())
    assert medians == {name: pytest.approx(np.median(values)) for name, values in turns.items()}
    assert 0 < medians["waiting (s)"] < medians["training, rendered (s)"] < taken
    assert ratios["rendered / decoded"] == pytest.approx(
        medians["rendered (frames/s)"] / medians["decoded from JPEG (frames/s)"]
    )
    assert "rendered / decoded" in said
    assert str(tmp_path) not in json.dumps(report)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--rounds", 0), "--rounds: expected 1 or more, got 0"),
        (("--samples", 100), "--samples: expected a batch of 128 at least, got 100"),
    ],
)
def test_wrong_use_is_one_sentence(run, options, words):
    code, _, said = run(input_path, *options)
    assert code == 2
    assert words in said
