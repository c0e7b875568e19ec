"""Bootstrap intervals hold what they should as often as they say."""

import numpy as np
import pytest

from agents.evaluation.intervals import bootstrap_interval
from drivesim.errors import DrivesimError


def test_an_interval_holds_the_true_mean_about_as_often_as_it_says():
    rng = np.random.default_rng(0)
    hits = 0
    for trial in range(200):
        low, high = bootstrap_interval(rng.normal(3.0, 2.0, 60), resamples=400, seed=trial)
        hits += low <= 3.0 <= high
    assert 0.89 <= hits / 200 <= 0.99


def test_an_interval_of_the_mean_is_that_of_the_normal_approximation():
    values = np.random.default_rng(1).normal(0.0, 1.0, 400)
    low, high = bootstrap_interval(values)
    half = 1.96 * values.std() / 20
    assert low == pytest.approx(values.mean() - half, abs=0.01)
    assert high == pytest.approx(values.mean() + half, abs=0.01)


def test_the_same_seed_gives_the_same_interval_and_another_seed_another():
    values = np.arange(20.0)
    assert bootstrap_interval(values, seed=4) == bootstrap_interval(values, seed=4)
    assert bootstrap_interval(values, seed=4) != bootstrap_interval(values, seed=5)


def test_several_statistics_of_rows_have_an_interval_each():
    rows = np.column_stack([np.arange(30.0), np.full(30, 7.0)])
    low, high = bootstrap_interval(rows, lambda some: some.mean(axis=0))
    assert low.shape == high.shape == (2,)
    assert low[0] < 14.5 < high[0]
    assert low[1] == high[1] == 7.0


def test_one_value_is_its_own_interval_and_none_is_refused():
    assert bootstrap_interval(np.array([2.5])) == (2.5, 2.5)
    with pytest.raises(DrivesimError, match="values: expected one or more"):
        bootstrap_interval(np.array([]))
