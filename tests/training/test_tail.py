"""From scores to their calibration."""

from __future__ import annotations

import numpy as np
import pytest

from grucast.detection.calibration import event_rate, score_for_rate
from grucast.detection.events import find_events
from grucast.training.tail import FEWEST, fit_calibration
from tests.detection.making import moving_average


def test_every_usable_row_counts_and_a_missing_one_does_not():
    score = moving_average(1, 900)
    score[100:130] = np.nan
    calibration = fit_calibration(score, gap=7)
    assert calibration.rows + calibration.left_out == 870
    assert calibration.ranks[0] == calibration.rows
    assert calibration.scores[-1] == np.float32(np.nanmax(score))


def test_the_law_of_events_counts_them_as_find_events_does():
    score = moving_average(2, 5000)
    calibration = fit_calibration(score, gap=7)
    assert calibration.events is not None
    found = find_events(score, calibration.events.start, min_gap=7)
    assert calibration.events.share * calibration.rows == pytest.approx(len(found))


@pytest.mark.parametrize("budget", [10, 30])
def test_inside_the_sample_the_threshold_gives_about_the_events_asked_for(budget):
    score = moving_average(3, 5000)
    threshold = score_for_rate(budget / 5000, fit_calibration(score, gap=7))
    assert len(find_events(score, threshold, min_gap=7)) == pytest.approx(budget, rel=0.3)


def test_over_many_new_rows_events_come_as_often_as_promised():
    calibration = fit_calibration(moving_average(4, 40_000), gap=7)
    threshold = score_for_rate(1e-3, calibration)
    events = find_events(moving_average(5, 300_000), threshold, min_gap=7)
    assert len(events) == pytest.approx(300, rel=0.25)


def test_independent_rows_are_events_of_their_own():
    calibration = fit_calibration(np.random.default_rng(6).exponential(size=5000))
    assert calibration.dependence > 0.95


def test_every_score_ten_times_over_is_a_tenth_of_an_event():
    score = np.repeat(np.random.default_rng(7).exponential(size=3000), 10)
    assert fit_calibration(score).dependence == pytest.approx(0.1, rel=0.05)


def test_an_event_ends_with_its_block():
    score = np.random.default_rng(8).uniform(0, 1, 4000)
    last = np.arange(99, 3999, 100)  # 39 pairs of rows, one on either side of a border
    score[last] = score[last + 1] = np.linspace(5, 9, 39)
    blocks = np.arange(4000) // 100
    whole, cut = fit_calibration(score), fit_calibration(score, blocks)
    # 20 events above the level of the dependence are pairs of one event in one block, two events in two
    assert whole.dependence == pytest.approx(0.5, abs=0.03)
    assert cut.dependence == pytest.approx(1.0, abs=0.03)


def test_faults_that_stand_apart_are_left_out_and_leave_the_threshold_where_it_was():
    score = moving_average(9, 3000)
    faulty = score.copy()
    for row in (400, 1300, 1310, 2600):
        faulty[row : row + 5] = 20.0 + row / 1000
    clean, found = fit_calibration(score, gap=7), fit_calibration(faulty, gap=7)
    assert clean.left_out == 0
    assert found.left_out >= 20
    assert found.scores[-1] < 5
    assert score_for_rate(1e-3, found) == pytest.approx(score_for_rate(1e-3, clean), rel=0.05)


def test_the_highest_normal_rows_are_seldom_taken_for_faults():
    left_out = [fit_calibration(moving_average(seed, 1500), gap=7).left_out for seed in range(20, 50)]
    assert np.count_nonzero(left_out) <= 1


@pytest.mark.parametrize("score", [np.empty(0), np.full(7, np.nan)], ids=["empty", "missing"])
def test_no_score_gives_an_empty_calibration(score):
    assert fit_calibration(score).rows == 0


def test_scores_that_never_moved_have_no_tail():
    calibration = fit_calibration(np.full(300, 2.5))
    assert (calibration.tail, calibration.events, calibration.scores.tolist()) == (None, None, [2.5])


def test_a_handful_of_rows_has_no_tail():
    calibration = fit_calibration(np.arange(float(FEWEST)))
    assert calibration.tail is None
    assert event_rate(6.5, calibration) == pytest.approx(1 / 8)


def test_the_units_of_the_score_do_not_matter():
    score = moving_average(11, 2000)
    one, other = fit_calibration(score, gap=7), fit_calibration(score * 1e-6, gap=7)
    assert score_for_rate(1e-4, other) == pytest.approx(1e-6 * score_for_rate(1e-4, one), rel=1e-9)
