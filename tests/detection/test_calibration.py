"""How rare a score is, and how often an event begins."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from grucast.detection.calibration import (
    EMPTY,
    ScoreCalibration,
    event_rate,
    middle,
    p_values,
    pack,
    places,
    sample,
    score_at,
    score_for_rate,
    unpack,
)
from tests.detection.making import EVENTS, EXPONENTIAL, fitted, plain

NINE = plain([1, 2, 3, 4, 5, 6, 7, 8, 9])
TAILED = plain([0.0] * 90 + [2.5] * 9 + [3.0], tail=EXPONENTIAL, events=EVENTS, dependence=0.2)


def test_p_is_one_more_than_the_scores_at_least_as_high_over_one_more_than_all():
    np.testing.assert_allclose(p_values(np.array([0.5, 1, 5, 5.5, 9]), NINE), [1.0, 1.0, 0.6, 0.6, 0.2])


def test_without_a_tail_p_ends_at_one_over_one_more_than_all():
    np.testing.assert_allclose(p_values(np.array([9.1, 1e300, np.inf]), NINE), 0.1)


def test_beyond_the_sample_p_is_that_of_the_tail():
    # 0.1 exp(-(5 - 2) / 0.5) = 0.1 e^-6
    np.testing.assert_allclose(p_values(np.array([5.0]), TAILED), 0.1 * np.exp(-6))


def test_the_tail_never_makes_a_score_less_rare_than_the_sample_says():
    # the tail says 0.1 exp(-2.02) = 0.0133 just above the largest score; the sample says 1/101
    assert p_values(np.array([3.01]), TAILED)[0] == pytest.approx(1 / 101)


def test_a_missing_score_has_no_p():
    assert np.isnan(p_values(np.array([np.nan]), TAILED)).all()


def test_against_nothing_every_score_is_ordinary():
    np.testing.assert_array_equal(p_values(np.array([0.0, 1e9, np.nan]), EMPTY), [1.0, 1.0, np.nan])
    assert score_at(0.5, EMPTY) == np.inf
    assert score_for_rate(0.5, EMPTY) == np.inf


def test_score_at_is_the_score_above_which_p_is_small_enough():
    assert score_at(0.2, NINE) == 8.0  # above 8: (1 + 1) / 10
    assert score_at(0.1, NINE) == 9.0
    assert score_at(0.09, NINE) == np.inf
    assert score_at(1.0, NINE) == 1.0


def test_score_at_goes_on_in_the_tail():
    assert score_at(1e-4, TAILED) == pytest.approx(2.0 + 0.5 * np.log(1000))


def test_events_are_rarer_than_rows_by_the_dependence():
    assert event_rate(1.0, TAILED) == pytest.approx(10 / 100 * 0.2)  # ten rows above 1, five rows to an event
    assert event_rate(4.0, TAILED) == pytest.approx(0.02 * np.exp(-4))


def test_the_score_for_a_rate_of_events_lies_where_their_law_says():
    assert score_for_rate(0.0002, TAILED) == pytest.approx(2.0 + 0.5 * np.log(100))


def test_without_a_law_the_score_for_a_rate_is_an_order_statistic_and_at_last_the_largest():
    assert score_for_rate(2 / 9, NINE) == 7.0
    assert score_for_rate(1e-9, NINE) == 9.0


def test_scores_that_never_moved_are_never_above_their_threshold():
    still = plain([4.0] * 11)
    assert score_for_rate(0.5, still) == 4.0
    assert score_at(1.0, still) == 4.0
    assert p_values(np.array([4.0, 5.0]), still).tolist() == pytest.approx([1.0, 1 / 12])


@settings(deadline=None)
@given(st.lists(st.floats(0, 20), min_size=2, max_size=30))
def test_p_never_rises_with_the_score(values):
    p = p_values(np.sort(np.array(values)), TAILED)
    assert (np.diff(p) <= 0).all()
    assert ((p > 0) & (p <= 1)).all()


@settings(deadline=None)
@given(st.floats(1e-9, 1.0), st.floats(1e-9, 1.0))
def test_a_smaller_share_never_lowers_the_score(one, other):
    low, high = sorted([one, other])
    for calibration in (NINE, TAILED, fitted()):
        assert score_at(low, calibration) >= score_at(high, calibration)
        assert score_for_rate(low, calibration) >= score_for_rate(high, calibration)


@settings(deadline=None)
@given(st.floats(1e-7, 0.015))
def test_event_rate_undoes_score_for_rate(rate):
    assert event_rate(score_for_rate(rate, TAILED), TAILED) == pytest.approx(rate)


def test_a_large_sample_is_thinned_below_and_whole_above():
    scores = np.random.default_rng(0).permutation(np.arange(50_000.0))
    values, ranks = sample(scores)
    assert len(values) <= 450
    np.testing.assert_array_equal(values[-100:], np.arange(49_900.0, 50_000.0))
    np.testing.assert_array_equal(ranks, 50_000.0 - values)  # exact for what was kept
    thinned = ScoreCalibration(values, ranks, 50_000)
    asked = np.linspace(1.0, 49_999.0, 777).round()
    exact = (1 + 50_000 - asked) / 50_001
    found = p_values(asked, thinned)
    assert (found >= exact - 1e-12).all()
    assert (found <= exact * 1.02).all()


@pytest.mark.parametrize("rows", [0, 1, 2, 99, 100, 101, 5_000, 1_600_000])
def test_ranks_that_are_kept_go_from_all_rows_to_one_in_steps_of_a_fiftieth_at_most(rows):
    ranks = places(rows)
    assert len(ranks) <= 620
    assert ranks[:1].tolist() == [rows][: len(ranks)]
    assert ranks[-1:].tolist() == [1.0][: len(ranks)]
    steps = ranks[:-1] - ranks[1:]
    assert (steps >= 1).all()
    assert (steps <= np.maximum(1, ranks[1:] / 50)).all()


@settings(deadline=None)
@given(st.lists(st.integers(0, 300), min_size=1, max_size=400))
def test_among_equal_scores_p_is_never_too_small_and_at_most_a_fiftieth_too_large(scores):
    array = np.array(scores, dtype=float)
    values, ranks = sample(array)
    asked = np.unique(array)
    exact = 1 + (array >= asked[:, None]).sum(axis=1)
    found = p_values(asked, ScoreCalibration(values, ranks, len(array))) * (len(array) + 1)
    assert (found >= exact - 1e-9).all()
    assert (found <= 1.02 * exact + 1e-9).all()


def test_equal_scores_count_as_often_as_they_came():
    values, ranks = sample(np.array([2.0, 1.0, 2.0, 2.0, 5.0]))
    assert (values.tolist(), ranks.tolist()) == ([1.0, 2.0, 5.0], [5.0, 4.0, 1.0])


def test_the_middle_counts_the_rows_that_a_score_stands_for():
    assert middle(plain([1, 1, 1, 7, 9])) == 1.0
    assert middle(NINE) == 5.0
    assert middle(NINE, 0.75) == 7.0


OLDER = ScoreCalibration(np.array([1.0, 2.0, 5.0]), np.array([900.0, 333.0, 7.0]), 900)  # kept by another rule
KINDS = {"empty": EMPTY, "plain": NINE, "tailed": TAILED, "fitted": fitted(), "pair": plain([1, 1, 7, 8, 9]),
         "older": OLDER}


@pytest.mark.parametrize("calibration", KINDS.values(), ids=KINDS)
def test_what_was_packed_comes_out_the_same(calibration):
    arrays = {**pack(calibration, "near"), **pack(NINE, "far")}
    assert all(name.startswith("anomaly.") for name in arrays)
    assert arrays["anomaly.near.scores"].dtype == np.float32  # half the size of a model file
    back = unpack(arrays, "near")
    assert back is not None
    np.testing.assert_array_equal(back.scores, calibration.scores)
    np.testing.assert_array_equal(back.ranks, calibration.ranks)
    for name in ("rows", "tail", "events", "dependence", "gap", "left_out"):
        assert getattr(back, name) == getattr(calibration, name)


def test_ranks_are_in_the_file_only_where_they_do_not_follow_from_the_rows():
    distinct, pair, crowd = fitted(), plain([1, 1, 7, 8, 9]), plain([0.0] * 90 + [2.5] * 9 + [3.0])
    assert not {"anomaly.ranks", "anomaly.absent"} & pack(distinct).keys()
    assert pack(pair)["anomaly.absent"].tolist() == [4.0]  # five rows are at or above the pair, three above it
    assert "anomaly.ranks" not in pack(pair)
    assert pack(crowd)["anomaly.ranks"].tolist() == [100.0, 10.0, 1.0]
    assert "anomaly.absent" not in pack(crowd)


def test_scores_of_another_number_than_their_rows_say_are_refused():
    packed = pack(fitted())
    with pytest.raises(ValueError, match="ranks"):
        unpack(packed | {"anomaly.scores": packed["anomaly.scores"][1:]})


def test_a_file_without_a_calibration_says_so():
    assert unpack({"scale.mean": np.zeros(2)}) is None


@pytest.mark.parametrize("wrong", [
    {"scores": np.array([2.0, 1.0]), "ranks": np.array([2.0, 1.0])},
    {"scores": np.array([1.0, np.nan]), "ranks": np.array([2.0, 1.0])},
    {"scores": np.array([1.0, 2.0]), "ranks": np.array([1.0, 2.0])},
    {"scores": np.array([1.0, 2.0]), "ranks": np.array([2.0])},
])
def test_a_calibration_that_contradicts_itself_is_refused(wrong):
    with pytest.raises(ValueError, match="scores"):
        ScoreCalibration(rows=2, **wrong)
