"""The choice between the defaults and the finalists, worked out by hand."""

from __future__ import annotations

import math

import pytest

from grucast.workflows.tuning.choice import choose, standing


def by_origin(*errors):
    return {origin: [error] for origin, error in enumerate(errors)}


USUAL = by_origin(1.0, 2.0, 4.0, 1.0, 2.0, 4.0)


def beside(*ratios):
    """How settings stand whose errors are these multiples of the defaults'."""
    return standing(by_origin(*(ratio * USUAL[place][0] for place, ratio in enumerate(ratios))), USUAL)


def test_the_ratio_is_the_geometric_mean_over_origins_and_the_noise_its_standard_error():
    found = standing(by_origin(0.5, 2.0), by_origin(1.0, 2.0))
    # logarithms -ln 2 and 0, their median distance ln(2)/2, so that nothing is held back
    assert found.ratio == pytest.approx(1 / math.sqrt(2))
    assert found.noise == pytest.approx(math.log(2) / 2)  # deviation ln(2)/sqrt(2), over sqrt(2) again
    assert (found.origins, found.worse) == (2, 0)


def test_an_origin_with_large_errors_counts_as_much_as_any_other():
    small, large = by_origin(1.0, 1.0, 1.0), by_origin(1.0, 1.0, 1000.0)
    one, other = standing(by_origin(0.9, 0.95, 0.9), small), standing(by_origin(0.9, 0.95, 900.0), large)
    assert (one.ratio, one.noise) == (pytest.approx(other.ratio), pytest.approx(other.noise))


def test_a_consistent_gain_is_chosen():
    assert choose([beside(0.97, 0.96, 0.98, 0.97, 0.96, 0.98)]) == 0


def test_noise_keeps_the_defaults():
    noise = beside(0.9, 1.09, 0.95, 1.06, 0.93, 1.08)  # a mean logarithm of -.002, a standard error of .035
    assert noise.ratio < 1
    assert not noise.holds
    assert choose([noise, beside(1.1, 0.92, 1.07, 0.95, 1.04, 0.97)]) is None


def test_one_wild_origin_does_not_decide():
    # alone, e-fold gains at one origin would outweigh losses of 5 % at three others
    wild = beside(math.exp(-2), 1.05, 1.05, 1.05, 0.98, 0.98)
    assert 2 * wild.worse == wild.origins  # the rule of most origins would let it pass
    assert not wild.holds
    assert wild.ratio > 1  # it counts as two of ln 1.05, against three of these and gains of 2 %
    lost = beside(math.exp(2), 0.95, 0.95, 0.95, 0.95, 0.95)
    assert lost.holds  # nor does one origin take away what holds at the five others


def test_what_is_worse_at_most_origins_is_never_chosen():
    mostly = beside(0.8, 0.8, 1.01, 1.01, 1.01, 1.01)
    # held to twice the median of .01: four of +.01 and two of -.02
    assert mostly.worse == 4
    assert choose([mostly]) is None
    lucky = standing(by_origin(0.9, 0.9, 1.05, 1.05, 1.05), by_origin(*[1.0] * 5))
    assert lucky.ratio < 1
    assert choose([lucky]) is None


def test_the_same_errors_as_the_defaults_keep_the_defaults():
    assert choose([beside(1, 1, 1, 1, 1, 1)]) is None


def test_of_those_that_hold_the_one_with_the_lowest_ratio_is_chosen():
    good, better = beside(*[0.98] * 6), beside(*[0.95] * 6)
    noisy = beside(0.7, 1.0, 0.99, 1.01, 1.02, 1.01)
    assert choose([good, noisy, None, better]) == 3
    assert choose([None, noisy]) is None
    assert choose([]) is None


def test_what_was_tried_twice_at_an_origin_counts_as_its_mean():
    twice = standing({0: [0.8, 1.25], 1: [1.8]}, {0: [1.0], 1: [2.0, 2.0]})
    once = standing(by_origin(1.0, 1.8), by_origin(1.0, 2.0))  # .8 and 1.25 have the geometric mean 1
    assert (twice.ratio, twice.noise) == (pytest.approx(once.ratio), pytest.approx(once.noise))


def test_origins_where_one_of_both_was_not_tried_are_left_out():
    found = standing({0: [0.9], 1: [], 3: [0.9]}, {0: [1.0], 1: [1.0], 2: [1.0]})
    assert (found.origins, found.ratio) == (1, pytest.approx(0.9))
    assert not found.holds  # one origin does not tell noise from gain
    assert standing({5: [0.9]}, USUAL | {5: []}) is None


@pytest.mark.parametrize("bad", [None, math.nan, math.inf])
def test_settings_without_an_error_at_an_origin_are_out_and_an_origin_without_one_of_the_defaults_is_left_out(bad):
    assert standing(by_origin(0.5, bad), by_origin(1.0, 1.0)) is None
    assert standing(by_origin(0.5, 0.5), by_origin(1.0, bad)).origins == 1
