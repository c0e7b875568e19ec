"""Quantities are written as people read them."""

import math

import pytest

from agents.metrics import METRICS
from agents.quantities import quantity_of


@pytest.mark.parametrize(
    ("name", "value", "signed", "text"),
    [
        ("autonomy", 0.99449, False, "0.994"),
        ("autonomy", -0.002, True, "−0.002"),
        ("autonomy", 0.002, True, "+0.002"),
        ("tracks_without_departure", 0.98, False, "98.0%"),
        ("laps_completed", -0.015, True, "−1.5%"),
        ("departures", 3.0, False, "3"),
        ("mean_speed", math.nan, False, "–"),
        ("mean_speed", math.inf, True, "–"),
    ],
)
def test_a_value_is_written_with_its_digits(name, value, signed, text):
    assert quantity_of(name).text(value, signed) == text


def test_every_metric_has_words_of_its_own():
    labels = [quantity_of(name).label for name in METRICS]
    assert not [label for label, name in zip(labels, METRICS, strict=True) if label == name]
    assert all(quantity_of(name).unit == "per km" for name in METRICS if name.endswith("_per_km"))


def test_an_unknown_metric_is_written_by_its_name():
    assert quantity_of("comfort_index").label == "Comfort index"
