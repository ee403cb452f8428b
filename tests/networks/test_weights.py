"""Weights are rounded to what half precision holds, where that does no harm."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from grucast.inference.weights import LARGEST, rounded, short, whole

ANY = np.random.default_rng(0).normal(size=(5, 7)).astype(np.float32)
ODD = np.full((2, 3), 0.1, dtype=np.float32)  # 0.1 is no number of half precision


def rounded_one(value, name="head.out.weight"):
    return rounded({name: value})[name]


@pytest.mark.parametrize("name", ["head.out.weight", "core.cells.0.weight_ih", "linear.up.weight", "state.whiten"])
def test_a_rounded_matrix_fits_into_16_bits_and_is_held_in_32(name):
    found = rounded_one(ANY, name)
    assert found.dtype == np.float32
    assert short(found).dtype == np.float16
    np.testing.assert_array_equal(whole(short(found)), found)


@given(st.floats(2.0**-14, LARGEST, width=32))
def test_a_weight_moves_by_a_4096th_of_itself_at_most(value):
    found = rounded_one(np.full((1, 1), value, dtype=np.float32))
    assert abs(float(found[0, 0]) - value) <= 2.0**-12 * 2.0 ** np.ceil(np.log2(value))


@pytest.mark.parametrize("name", ["seasons.tables.0", "effects.straight", "effects.bend.weight", "rebuild.down.weight"])
def test_what_is_added_whole_or_nearly_cancels_stays_as_it_is(name):
    assert rounded_one(ODD, name) is ODD


def test_a_vector_stays_as_it_is():
    assert rounded_one(ODD[0], "head.out.bias").tolist() == ODD[0].tolist()


@pytest.mark.parametrize("name", ["head.out.weight", "linear.up.weight"])
@pytest.mark.parametrize("value", [65505.0, -1e30, np.inf, np.nan])
def test_an_array_with_a_value_that_16_bits_do_not_hold_stays_as_it_is(name, value):
    array = ODD.copy()
    array[1, 2] = value
    np.testing.assert_array_equal(rounded_one(array, name), array)
    assert short(array) is array


def test_the_largest_number_of_16_bits_is_rounded_with_the_rest():
    for name in ("head.out.weight", "linear.up.weight"):
        found = rounded_one(np.array([[0.1, LARGEST, LARGEST]], dtype=np.float32), name)
        assert found[0, 1:].tolist() == [LARGEST, LARGEST]
        assert found[0, 0] == np.float16(0.1)


def test_on_the_linear_path_each_lag_takes_what_those_before_it_lost():
    # near 1 the numbers of half precision are 2^-10 apart: of 0.4 steps, 0.8, 0.2, 0.6, 0 and 0.4
    # are wanted when what was lost is added: each a whole step or none
    row = np.full((1, 6), 1.0 + 0.4 / 1024, dtype=np.float32)
    steps = (rounded_one(row, "linear.up.weight")[0] - 1.0) * 1024
    assert steps.tolist() == [0.0, 1.0, 0.0, 1.0, 0.0, 0.0]
    assert ((rounded_one(row)[0] - 1.0) * 1024).tolist() == [0.0] * 6  # elsewhere each is rounded alone


def test_large_weights_that_cancel_on_a_smooth_context_still_do():
    rng = np.random.default_rng(1)
    path = (50 * rng.normal(size=(4, 60))).astype(np.float32)
    context = np.sin(np.arange(60) / 40)  # smooth
    exact = path.astype(np.float64) @ context
    carried, alone = (np.abs(found.astype(np.float64) @ context - exact).max()
                      for found in (rounded_one(path, "linear.up.weight"), rounded_one(path)))
    assert carried < 0.25 * alone


@pytest.mark.parametrize("name", ["head.out.weight", "linear.up.weight", "linear.down.weight"])
def test_to_round_twice_is_to_round_once(name):
    once = rounded_one(ANY, name)
    np.testing.assert_array_equal(rounded_one(once, name), once)


def test_the_weights_given_are_not_changed():
    before = ANY.copy()
    rounded({"head.out.weight": ANY, "linear.up.weight": ANY})
    np.testing.assert_array_equal(ANY, before)


def test_arrays_that_would_lose_something_stay_in_32_bits():
    assert short(ODD) is ODD
    assert whole(ODD) is ODD
