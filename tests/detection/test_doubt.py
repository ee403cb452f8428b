"""A row comes in doubt when the rows before it were forecast far worse than usual, and never by itself."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from grucast.core.config import WindowSpec
from grucast.detection.doubt import RunningDoubt, doubted, fit_usual, relative, rows_doubted_over

USUAL = np.array([0.5, 2.0])


def errors(rows: int, times: float = 1.0) -> np.ndarray:
    """So many usual errors, in each of two channels."""
    return np.full((rows, 2), times) * USUAL


def test_usual_errors_are_means_of_rows_held_out_whatever_their_sign():
    one = np.concatenate([np.full((30, 2), 99.0), np.tile([[0.5, -1.0], [-1.5, 3.0]], (30, 1))])
    other = np.concatenate([np.full((5, 2), 77.0), np.full((40, 2), 4.0)])  # too few rows for an error of its own
    found = fit_usual([one, other], [30, 5])
    np.testing.assert_allclose(found[0], [1.0, 2.0])
    together = (60 * np.array([1.0, 2.0]) + 40 * 4.0) / 100
    np.testing.assert_allclose(found[1:], [together, together])


@pytest.mark.parametrize("held", [np.zeros((80, 1)), np.full((80, 1), np.nan), np.ones((49, 1))])
def test_errors_that_are_nought_missing_or_few_are_not_known(held):
    assert np.isnan(fit_usual([held], [0])).all()


def test_an_error_is_measured_in_usual_ones_and_averaged_over_the_channels():
    found = relative(np.array([[1.0, -2.0], [np.nan, 6.0], [np.nan, np.nan], [1e300, 0.0]]), USUAL)
    np.testing.assert_array_equal(found, [1.5, 3.0, np.nan, 2.5])  # one channel counts for five usual errors at most


def test_rows_after_large_errors_are_doubted_until_these_are_past():
    found = doubted(np.concatenate([errors(100), errors(30, 7.0), errors(100)]), USUAL, 60)
    # k such rows among sixty count for five each: 60 + 4 k > 120 from k = 16 on, and a row itself does not count
    assert np.flatnonzero(found).tolist() == list(range(116, 175))


def test_one_wild_row_casts_no_doubt():
    assert not doubted(np.concatenate([errors(100), errors(1, 1e9), errors(100)]), USUAL, 60).any()


def test_nothing_is_said_before_half_of_the_rows_have_an_error():
    wild = errors(100, 5.0)
    wild[:20] = np.nan
    assert np.flatnonzero(doubted(wild, USUAL, 60)).tolist() == list(range(50, 100))


def test_a_model_without_usual_errors_is_not_doubted():
    assert not doubted(errors(200, 9.0), np.full(2, np.nan), 60).any()


def test_later_rows_change_nothing_before_them():
    drawn = np.abs(np.random.default_rng(3).standard_cauchy((300, 2)))
    other = drawn.copy()
    other[200:] *= 50.0
    np.testing.assert_array_equal(doubted(drawn, USUAL, 60)[:201], doubted(other, USUAL, 60)[:201])


@given(st.integers(0, 2**32), st.integers(2, 70), st.integers(1, 250))
def test_rows_that_come_one_by_one_are_doubted_as_together(seed, window, rows):
    rng = np.random.default_rng(seed)
    drawn = np.abs(rng.normal(0.0, 2.0, (rows, 2))) * np.exp(rng.normal(0.0, 1.5, (rows, 1)))
    drawn[rng.random((rows, 2)) < 0.2] = np.nan
    running = RunningDoubt(USUAL, window)
    assert [running.push(one) for one in drawn] == doubted(drawn, USUAL, window).tolist()


@pytest.mark.parametrize(("context", "seasons", "rows"), [(96, (24, 168), 96), (96, (1440,), 1440), (12, (7,), 50),
                                                          (60, (), 60)])
def test_a_turn_of_the_shortest_season_is_looked_at_and_no_less_than_a_context(context, seasons, rows):
    window = WindowSpec(context_length=context, horizon=4, segment=4, seasons=seasons)
    assert rows_doubted_over(window) == rows
