"""Which rows a forecast may see: every origin is there, and no context looks ahead."""

from __future__ import annotations

import numpy as np
import pytest

from grucast.core.errors import UsageError
from grucast.evaluation.folds import Parts, contexts, origins, parse_splits, rolling, windows


def test_the_long_horizon_protocol_has_every_window():
    parts = parse_splits("8640:2880:2880")
    assert parts == Parts(8640, 11520, 14400)
    counts = [len(origins(parts.test, parts.stop, horizon)) for horizon in (96, 192, 336, 720)]
    assert counts == [2785, 2689, 2545, 2161]


def test_the_last_origin_ends_with_the_last_row():
    assert origins(4, 10, 3).tolist() == [4, 5, 6, 7]
    assert origins(4, 10, 3, step=3).tolist() == [4, 7]


def test_a_part_shorter_than_the_horizon_has_no_origin():
    assert origins(4, 6, 3).size == 0


@pytest.mark.parametrize("text", ["1:2", "1:2:3:4", "a:b:c", "-1:2:3", "0:2:3", "5:2:0", "", "1.5:2:3", "²:1:1"])
def test_splits_that_are_not_three_numbers_of_rows_are_a_usage_error(text):
    with pytest.raises(UsageError, match="--splits"):
        parse_splits(text)


def test_parts_out_of_order_cannot_be_made():
    with pytest.raises(ValueError, match="order of time"):
        Parts(5, 3, 9)


def test_a_window_is_the_rows_before_and_the_rows_from_its_origin():
    y = np.arange(14.0).reshape(7, 2)
    found = windows(y, np.array([3, 5]), 3, 2)
    np.testing.assert_array_equal(found.context[0], y[0:3])
    np.testing.assert_array_equal(found.context[1], y[2:5])
    np.testing.assert_array_equal(found.target[0], y[3:5])
    np.testing.assert_array_equal(found.target[1], y[5:7])


def test_a_context_that_begins_before_the_series_is_filled_with_nan():
    context = contexts(np.array([[1.0], [2.0]]), np.array([1]), 3)
    np.testing.assert_array_equal(context[0, :, 0], [np.nan, np.nan, 1.0])


def test_the_end_of_a_series_is_an_origin_for_the_future():
    y = np.arange(5.0)[:, None]
    np.testing.assert_array_equal(contexts(y, np.array([5]), 2)[0, :, 0], [3.0, 4.0])


def test_no_context_changes_when_the_future_does():
    y = np.random.default_rng(3).normal(size=(40, 3))
    for origin in range(1, 41):
        future = y.copy()
        future[origin:] = 1e9
        np.testing.assert_array_equal(contexts(y, np.array([origin]), 7), contexts(future, np.array([origin]), 7))


def test_chunks_hold_every_window_once_and_in_order():
    y = np.arange(30.0)[:, None]
    origin = origins(10, 30, 4)
    parts = list(rolling(y, origin, 6, 4, numbers=50))  # five windows of ten numbers a chunk, two in the last
    assert [len(part.origin) for part in parts] == [5, 5, 5, 2]
    np.testing.assert_array_equal(np.concatenate([part.origin for part in parts]), origin)
    np.testing.assert_array_equal(np.concatenate([part.target[:, 0, 0] for part in parts]), origin.astype(float))


def test_a_chunk_too_small_for_one_window_still_holds_one():
    assert [len(part.origin) for part in rolling(np.zeros((6, 1)), origins(2, 6, 2), 2, 2, numbers=1)] == [1, 1, 1]
