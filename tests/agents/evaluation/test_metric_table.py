"""The metric table: what it says is what is computed, and the documents say the same."""

from pathlib import Path

import numpy as np

from agents.evaluation.metric_table import METRICS, markdown_table
from agents.evaluation.metrics import track_metrics
from tests.agents.drives import made_up_drive

ROOT = Path(__file__).resolve().parents[3]


def test_the_document_holds_the_table_word_for_word():
    assert markdown_table() in (ROOT / "docs" / "metrics.md").read_text(encoding="utf-8")


def test_every_metric_says_what_it_is():
    for metric in METRICS.values():
        assert metric.label
        assert len(metric.definition) > 10, metric.name
        assert "|" not in metric.definition, metric.name


def test_every_metric_is_made_of_what_a_track_tells_or_of_the_clock():
    drive = made_up_drive(np.zeros(50))
    told = set(track_metrics(drive, drive, drive))
    for metric in METRICS.values():
        assert {metric.of, metric.over} <= told | {""}, metric.name
    clocked = {metric.name for metric in METRICS.values() if not metric.of}
    assert clocked == {
        "inference_p50",
        "inference_p95",
        "inference_p99",
        "inference_per_frame",
        "inference_share",
        "frames_per_second",
    }


def test_values_are_written_with_their_digits_and_the_unknown_as_a_dash():
    assert METRICS["autonomy"].text(0.98765) == "0.9877"
    assert METRICS["tracks_without_departure"].text(0.98) == "98.0%"
    assert METRICS["frames_per_second"].text(12345.6) == "12,346"
    assert METRICS["autonomy"].text(float("nan")) == "–"
    assert METRICS["steering_reversals"].title == "steering reversals (1/min)"
