"""How far now is from usual: the index and the distance against what is known of them."""

import numpy as np
import pytest

from agents.deployment.drift import PSI_LIMIT, Distribution, Normality


def roads(rng, count=50, steps=200):
    """Values of roads that differ less among themselves than along each of them."""
    return [rng.normal(rng.normal(0, 0.1), 1.0, steps) for _ in range(count)]


def test_an_index_of_the_reference_itself_is_nought_and_of_a_shifted_one_large():
    rng = np.random.default_rng(0)
    values = roads(rng)
    usual = Distribution.of(values)
    assert usual.psi(np.concatenate(values)) == pytest.approx(0.0, abs=1e-9)
    assert usual.psi(np.concatenate(values) + 1.0) > 0.5
    assert usual.mean == pytest.approx(np.concatenate(values).mean())


def test_an_index_is_the_formulas():
    usual = Distribution((0.0, 1.0), (0.25, 0.5, 0.25), 0.5, 0.0)
    values = np.array([-1.0, 0.5, 0.5, 0.5])
    shares = np.array([0.25, 0.75, 1e-3])
    was = np.array(usual.shares)
    assert usual.psi(values) == pytest.approx(((shares - was) * np.log(shares / was)).sum())


def test_roads_of_the_reference_are_within_the_limit_and_new_ones_alike_too():
    rng = np.random.default_rng(1)
    values = roads(rng)
    usual = Distribution.of(values)
    assert usual.limit == usual.usual + PSI_LIMIT
    assert max(usual.psi(road) for road in [*values, *roads(rng, 20)]) < usual.limit


def test_a_road_of_one_value_is_usual_where_that_is_usual_and_drifted_beyond_it():
    # As a look is: the same all along a road, another on the next.
    rng = np.random.default_rng(2)
    values = [np.full(200, value) + rng.normal(0, 0.01, 200) for value in rng.uniform(1, 2, 100)]
    usual = Distribution.of(values)
    assert usual.psi(values[3]) > 1
    assert usual.psi(np.full(200, 1.5)) < usual.limit
    assert usual.psi(np.full(200, 2.5)) > usual.limit
    assert usual.psi(np.full(200, 0.5)) > usual.limit


def test_a_value_that_never_changes_has_no_drift_until_it_does():
    usual = Distribution.of([np.zeros(50)] * 3)
    assert usual.psi(np.zeros(50)) == 0.0
    assert usual.psi(np.full(50, 0.1)) > usual.limit


def test_a_distance_is_in_standard_deviations_of_the_logarithm():
    rng = np.random.default_rng(3)
    statistics = np.exp(rng.normal(-1.0, 0.2, (5000, 4))) - 0.01
    normal = Normality.of(statistics)
    middle = np.exp(np.array([normal.mean])) - 0.01
    assert normal.distance(middle)[0] == pytest.approx(0.0, abs=1e-6)
    off = np.exp(np.add([normal.mean], [0.0, 0.6, 0.0, 0.0])) - 0.01
    assert normal.distance(off)[0] == pytest.approx(3.0, rel=0.05)
    assert np.mean(normal.distance(statistics) > normal.limit) == pytest.approx(0.001)


def test_values_that_belong_together_are_far_apart_when_they_do_not():
    rng = np.random.default_rng(4)
    both = rng.normal(0, 0.3, (2000, 1)) + rng.normal(0, 0.01, (2000, 4)) - 1
    normal = Normality.of(np.exp(both))
    along, across = np.exp([[-0.7] * 4]), np.exp([[-0.7, -1.3, -0.7, -1.3]])
    assert normal.distance(along)[0] < normal.limit < normal.distance(across)[0]


def test_frames_that_are_all_alike_leave_a_distance_that_is_a_number():
    normal = Normality.of(np.full((30, 4), 0.3))
    assert normal.distance(np.full((1, 4), 0.3))[0] == pytest.approx(0.0, abs=1e-6)
    assert np.isfinite(normal.distance(np.zeros((1, 4)))[0])
