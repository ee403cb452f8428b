"""What came whole seasons before: the right row, of the past only, and nothing where it is missing."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from grucast.preprocessing.repeats import rows_before, values_before
from tests.making import random_sources, random_streams

STREAM, CUTOFF = np.array([1, 4]), np.array([30, 17])


def test_the_rows_are_those_of_the_seasonal_naive_forecast():
    found = rows_before(np.array([3, 5]), 7)
    assert found.tolist() == [[-3, -2, -1, -3, -2, -1, -3], [-5, -4, -3, -2, -1, -5, -4]]


@given(lag=st.integers(1, 40), horizon=st.integers(1, 60))
def test_every_row_is_known_at_the_cutoff_and_whole_lags_before_its_step(lag, horizon):
    rows = rows_before(np.array([lag]), horizon)[0]
    assert (rows < 0).all()
    assert (rows >= -lag).all()
    assert ((np.arange(horizon) - rows) % lag == 0).all()


def test_values_are_those_of_the_stream_at_these_rows():
    sources = random_sources((40, 23))
    streams = random_streams((40, 23))
    found, seen = values_before(streams, (STREAM, CUTOFF), np.array([4, 6]), 5)
    for row, (series, channel, cutoff, lag) in enumerate([(0, 1, 30, 4), (1, 1, 17, 6)]):
        for step in range(5):
            place = cutoff + step - lag * (step // lag + 1)
            known = sources[series].observed[place, channel]
            assert seen[row, step] == known
            assert found[row, step] == (sources[series].z[place, channel] if known else 0.0)


@pytest.mark.parametrize(("lag", "cutoff"), [(0, 17), (18, 17), (9, 0)])
def test_nothing_is_seen_without_a_lag_and_before_the_first_row(lag, cutoff):
    _, seen = values_before(random_streams(), (np.array([1]), np.array([cutoff])), np.array([lag]), 1)
    assert not seen.any()
