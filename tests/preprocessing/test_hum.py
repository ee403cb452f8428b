"""A hum is taken out, what only looks like one is left."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from grucast.preprocessing.hum import ROWS, without_hum

NOISE = np.random.default_rng(11)


@pytest.fixture(autouse=True)
def _same_noise_in_any_order():
    NOISE.bit_generator.state = np.random.default_rng(11).bit_generator.state


def wave(rows, period):
    return np.sin(2 * np.pi * np.arange(rows) / period)


def calmed(column, below=0.25):
    return without_hum(column, np.diff(column), below)


@pytest.mark.parametrize("period", [2.5, 4.17, 6.0, 7.2])
def test_a_weak_lone_wave_is_taken_out(period):
    noise, hum = NOISE.standard_normal(6001), 0.8 * wave(6001, period)
    left = calmed(noise + hum, below=0.5) - noise
    assert np.abs(left @ hum) / (hum @ hum) < 0.05  # of the hum
    assert left.std() < 0.3 * hum.std()  # nor much of anything else


def test_a_hum_that_wavers_is_taken_out():
    rows = 20_000
    phase = 2 * np.pi * np.cumsum(1 / 6 + 4e-5 * wave(rows, 5000))
    noise, hum = NOISE.standard_normal(rows), 0.8 * np.sin(phase)
    left = calmed(noise + hum) - noise
    assert np.abs(left @ hum) / (hum @ hum) < 0.05


def test_what_is_missing_stays_missing_and_the_rest_is_calmed():
    noise, hum = NOISE.standard_normal(8000), 0.8 * wave(8000, 6)
    column = noise + hum
    column[1000:1100] = np.nan
    left = calmed(column)
    np.testing.assert_array_equal(np.isnan(left), np.isnan(column))
    known = ~np.isnan(column)
    assert np.abs((left - noise)[known] @ hum[known]) / (hum[known] @ hum[known]) < 0.1


@pytest.mark.parametrize("column", [
    np.random.default_rng(1).standard_normal(5000),
    np.random.default_rng(2).standard_normal(5000).cumsum(),
    np.random.default_rng(3).standard_normal(5000) + 2 * wave(5000, 6),  # a season of its own
    np.random.default_rng(4).standard_normal(5000) + 0.8 * wave(5000, 12),  # not short
    np.random.default_rng(5).standard_normal(5000) + 0.8 * wave(5000, 6) + 0.8 * wave(5000, 4),  # two
    np.random.default_rng(6).standard_normal(5000) + 0.8 * wave(5000, 6) + 1.5 * wave(5000, 18),  # part of a longer one
    np.random.default_rng(7).standard_normal(ROWS - 5) + 0.8 * wave(ROWS - 5, 6),
    np.zeros(5000),
    np.full(5000, np.nan),
], ids=["noise", "walk", "strong", "long", "two", "harmonic", "few rows", "constant", "missing"])
def test_a_column_without_a_hum_is_handed_on_as_it_is(column):
    assert calmed(column) is column


@given(st.integers(0, 200), st.floats(1e-100, 1.0))
def test_the_size_of_the_values_does_not_matter(seed, size):
    column = np.random.default_rng(seed).standard_normal(2000) + 0.8 * wave(2000, 6)
    column /= np.abs(column).max()
    np.testing.assert_allclose(calmed(column * size), calmed(column) * size, rtol=1e-6, atol=1e-9 * size)
