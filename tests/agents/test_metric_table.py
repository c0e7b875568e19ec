"""The table of metrics, and the document that is made of it."""

import math
from pathlib import Path

from agents.metric_table import METRICS, markdown_table

ROOT = Path(__file__).parents[2]


def test_the_documents_table_is_the_one_in_the_code():
    assert markdown_table().strip() in (ROOT / "docs" / "metrics.md").read_text(encoding="utf-8")


def test_every_metric_says_what_it_is():
    definitions = [metric.definition for metric in METRICS.values()]
    assert all(len(definition) > 15 for definition in definitions)
    assert all(METRICS[name].name == name for name in METRICS)


def test_values_are_written_with_their_digits_and_shares_in_per_cent():
    assert METRICS["autonomy"].text(0.99512) == "0.9951"
    assert METRICS["laps_completed"].text(0.97) == "97.0%"
    assert METRICS["autonomy"].text(math.nan) == "–"
