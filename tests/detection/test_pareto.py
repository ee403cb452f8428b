"""The generalised Pareto law and its fit."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import genpareto

from grucast.detection.pareto import Tail, fit_pareto

SHAPES = (-0.3, 0.0, 1e-9, 0.25)


@pytest.mark.parametrize("shape", SHAPES)
def test_survival_is_that_of_scipy_times_the_share_above_the_start(shape):
    score = np.array([2.0, 2.5, 3.0, 7.0, 40.0])
    expected = 0.2 * genpareto.sf(score - 2.0, 0.0 if abs(shape) < 1e-6 else shape, scale=1.5)
    np.testing.assert_allclose(Tail(2.0, 1.5, shape, 0.2).survival(score), expected, rtol=1e-7, atol=1e-300)


def test_a_law_of_negative_shape_ends():
    # -scale / shape = 1.5 / 0.3 = 5 above the start
    assert Tail(2.0, 1.5, -0.3, 0.2).survival(np.array([6.9, 7.0, 8.0])).tolist()[1:] == [0.0, 0.0]


def test_the_quantile_of_an_exponential_tail_is_its_logarithm():
    # 0.1 exp(-x / 0.5) = 0.001 at x = 0.5 ln 100
    assert Tail(2.0, 0.5, 0.0, 0.1).quantile(0.001) == pytest.approx(2.0 + 0.5 * np.log(100))


def test_a_share_larger_than_that_of_the_tail_lies_at_its_start():
    assert Tail(2.0, 0.5, 0.2, 0.1).quantile(0.5) == 2.0


@given(st.floats(-0.5, 0.8), st.floats(0.01, 100), st.floats(1e-6, 0.1))
def test_quantile_and_survival_undo_each_other(shape, scale, share):
    tail = Tail(3.0, scale, shape, 0.1)
    assert float(tail.survival(np.array(tail.quantile(share)))) == pytest.approx(share, rel=1e-6)


@pytest.mark.parametrize("shape", [-0.3, -0.1, 0.2])
def test_the_fit_finds_the_law_of_many_peaks(shape):
    excess = genpareto.rvs(shape, scale=4.0, size=4000, random_state=np.random.default_rng(5))
    scale, found = fit_pareto(excess)
    assert scale == pytest.approx(4.0, rel=0.08)
    assert found == pytest.approx(shape, abs=0.06)


def test_with_few_peaks_the_shape_stays_near_that_of_most_scores():
    scale, shape = fit_pareto(np.array([1.0, 2.0]))
    assert shape == pytest.approx(-0.1, abs=0.06)
    assert 0.8 < scale < 3.0


@given(st.floats(1e-3, 1e3))
def test_the_scale_follows_the_units(unit):
    excess = np.array([0.1, 0.5, 0.7, 1.1, 2.0])
    scale, shape = fit_pareto(excess)
    other = fit_pareto(excess * unit)
    assert other == (pytest.approx(scale * unit, rel=1e-9), pytest.approx(shape, abs=1e-9))


def test_peaks_that_are_only_known_to_lie_beyond_a_level_give_the_same_law_as_if_they_were_seen():
    excess = np.sort(genpareto.rvs(-0.1, scale=2.0, size=3000, random_state=np.random.default_rng(8)))
    low, high = excess[:2400], excess[2400:]
    censored = fit_pareto(low, np.full(len(high), low[-1]))
    assert censored[0] == pytest.approx(2.0, rel=0.1)
    assert fit_pareto(low)[0] < 1.8  # forgotten, the law is too short
