"""What every rule promises, and what each works out."""

from __future__ import annotations

from statistics import NormalDist

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from grucast.detection.calibration import EMPTY, ScoreCalibration, Tail
from grucast.detection.events import find_events
from grucast.detection.thresholds import STREAMS, THRESHOLDS, open_stream
from grucast.detection.thresholds.dynamic import STEP, WINDOW
from grucast.detection.thresholds.pot import PeakStream
from tests.detection.making import EVENTS, EXPONENTIAL, fitted, moving_average, plain

RULES = THRESHOLDS.names()
FIXED = [rule for rule in RULES if rule not in STREAMS.names()]
TEN = plain([1, 2, 3, 4, 5, 6, 7, 8, 9, 10])


def thresholds(rule: str, score: np.ndarray, calibration: ScoreCalibration, rate: float) -> np.ndarray:
    return THRESHOLDS.load(rule)(score, calibration, rate)


# ---- every rule ----------------------------------------------------------------------------------


@pytest.mark.parametrize("rule", RULES)
def test_a_rule_gives_a_number_for_every_row_also_where_there_is_no_score(rule):
    score = moving_average(1, 300)
    score[40:90] = np.nan
    score[90] = np.inf
    found = thresholds(rule, score, fitted(), 1e-3)
    assert found.shape == score.shape
    assert np.isfinite(found).all()


@pytest.mark.parametrize("rule", RULES)
def test_no_rows_give_no_thresholds(rule):
    assert thresholds(rule, np.empty(0), fitted(), 1e-3).shape == (0,)


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("rate", [1e-6, 0.01, 1.0])
def test_scores_that_stay_as_they_always_were_are_never_flagged(rule, rate):
    score = np.full(321, 0.1)  # of which the mean is not exactly 0.1
    assert find_events(score, thresholds(rule, score, plain([0.1] * 77), rate)) == []


@pytest.mark.parametrize("rule", RULES)
def test_against_nothing_nothing_is_flagged(rule):
    assert find_events(np.full(99, 1e9), thresholds(rule, np.full(99, 1e9), EMPTY, 0.5)) == []


@pytest.mark.parametrize("rule", RULES)
@settings(max_examples=15, deadline=None)
@given(one=st.floats(1e-6, 0.5), other=st.floats(1e-6, 0.5))
def test_who_bears_fewer_alarms_gets_no_lower_first_threshold(rule, one, other):
    few, many = sorted([one, other])
    score = moving_average(2, 3)
    assert (thresholds(rule, score, fitted(), few) >= thresholds(rule, score, fitted(), many)).all()


@pytest.mark.parametrize("rule", RULES)
def test_who_bears_fewer_alarms_gets_no_more_events(rule):
    score = moving_average(4, 6000)
    events = [len(find_events(score, thresholds(rule, score, fitted(), rate), min_gap=7))
              for rate in (1e-4, 3e-4, 1e-3, 3e-3)]
    assert events == sorted(events)


@pytest.mark.parametrize("rule", RULES)
def test_what_comes_later_moves_no_threshold(rule):
    score = moving_average(5, 2500)
    changed = score.copy()
    changed[1700:] = 50.0
    before = thresholds(rule, score, fitted(), 1e-3)
    after = thresholds(rule, changed, fitted(), 1e-3)
    np.testing.assert_array_equal(after[:1701], before[:1701])  # nor does the row itself move its own


@pytest.mark.parametrize("rule", RULES)
def test_row_by_row_is_the_same_as_all_at_once(rule):
    score = moving_average(6, 1100)
    score[50:60] = np.nan
    stream = open_stream(rule, fitted(), 1e-3)
    assert [stream.push(value) for value in score.tolist()] == thresholds(rule, score, fitted(), 1e-3).tolist()


@pytest.mark.parametrize("rule", FIXED)
def test_a_rule_that_does_not_learn_gives_all_rows_the_same_whatever_their_order(rule):
    score = moving_average(7, 500)
    found = thresholds(rule, score, fitted(), 1e-3)
    assert len(set(found.tolist())) == 1
    shuffled = np.random.default_rng(0).permutation(score)
    np.testing.assert_array_equal(thresholds(rule, shuffled, fitted(), 1e-3), found)


def test_an_unknown_rule_is_refused_with_the_nearest():
    with pytest.raises(Exception, match="did you mean 'conformal'"):
        THRESHOLDS.load("confromal")


# ---- by hand -------------------------------------------------------------------------------------


def test_conformal_flags_scores_whose_p_is_within_the_budget():
    # above 9 lies one: p = (1 + 1) / 11 = 0.182; above 8: 3 / 11 = 0.27
    assert thresholds("conformal", np.zeros(2), TEN, 0.19).tolist() == [9.0, 9.0]


def test_conformal_allows_more_rows_when_several_make_an_event():
    ten = plain([1, 2, 3, 4, 5, 6, 7, 8, 9, 10], dependence=0.5)
    assert thresholds("conformal", np.zeros(1), ten, 0.19)[0] == 7.0  # (1 + 3) / 11 = 0.364 <= 0.38


def test_conformal_without_a_tail_flags_nothing_that_is_rarer_than_its_sample():
    assert thresholds("conformal", np.zeros(1), TEN, 0.05)[0] == np.inf


def test_quantile_lets_the_budget_of_rows_pass_and_ends_at_the_largest():
    assert thresholds("quantile", np.zeros(1), TEN, 0.2)[0] == 8.0
    assert thresholds("quantile", np.zeros(1), TEN, 1e-9)[0] == 10.0


def test_pot_reads_the_law_of_events():
    calibration = plain([0.0, 3.0], tail=EXPONENTIAL, events=EVENTS)
    # 0.02 exp(-(u - 2) / 0.5) = 0.001
    assert thresholds("pot", np.zeros(1), calibration, 0.001)[0] == pytest.approx(2.0 + 0.5 * np.log(20))


def test_mad_goes_as_many_normal_deviations_up_as_the_budget_asks():
    # median 5 (the fifth of ten), distances 0 1 1 2 2 3 3 4 4 5: MAD 2. The 95 % quantile is 10, 2.5 MAD away, which is
    # 1.52 for each of the 1.645 deviations of a normal law: more than its 1.4826
    reach = 5 / (2 * NormalDist().inv_cdf(0.95))
    expected = 5 + reach * NormalDist().inv_cdf(0.999) * 2
    assert thresholds("mad", np.zeros(1), TEN, 0.001)[0] == pytest.approx(expected)


def test_mad_does_not_feel_how_far_out_a_few_rows_lie():
    near, far = plain([*range(100), 200, 300]), plain([*range(100), 1e6, 1e9])
    assert thresholds("mad", np.zeros(1), near, 1e-4)[0] == thresholds("mad", np.zeros(1), far, 1e-4)[0]


def test_dynamic_puts_the_threshold_below_what_stood_out_in_its_window():
    score = np.concatenate([np.tile([1.0, 2.0], WINDOW // 2), np.full(6, 50.0), np.ones(2 * STEP)])
    found = thresholds("dynamic", score, plain([1.0, 2.0]), 0.01)
    mean, deviation = 1.5, 0.5  # of the window before the six
    assert found[WINDOW] == pytest.approx(mean + NormalDist().inv_cdf(0.99) * deviation)
    assert 2.0 < found[-1] < 50.0  # the six are in the window now, and above the threshold that they made


def test_dynamic_forgets_what_left_its_window():
    low, high = np.tile([1.0, 2.0], WINDOW), np.tile([11.0, 12.0], WINDOW)
    found = thresholds("dynamic", np.concatenate([low, high]), plain([1.0, 2.0]), 0.01)
    assert found[0] < 3
    assert found[-1] == pytest.approx(11.5 + NormalDist().inv_cdf(0.99) * 0.5)


# ---- the running form of pot ---------------------------------------------------------------------


def test_pot_stream_begins_where_pot_does():
    assert thresholds("pot-stream", np.zeros(1), fitted(), 1e-3) == thresholds("pot", np.zeros(1), fitted(), 1e-3)


def test_pot_stream_rises_when_normal_peaks_grow():
    score = 1.2 * moving_average(8, 20_000)
    found = thresholds("pot-stream", score, fitted(), 1e-3)
    assert found[-1] > 1.1 * found[0]


def test_pot_stream_sinks_when_peaks_stay_away():
    score = np.minimum(moving_average(9, 20_000), 1.2)
    found = thresholds("pot-stream", score, fitted(), 1e-3)
    assert found[-1] < found[0]


def test_pot_stream_learns_nothing_from_faults_far_above_all():
    score = moving_average(10, 8000)
    faulty = score.copy()
    faulty[np.arange(100, 8000, 400)] = 40.0
    clean, found = (thresholds("pot-stream", rows, fitted(), 1e-3) for rows in (score, faulty))
    assert found[-1] == pytest.approx(clean[-1], rel=0.05)
    assert len(find_events(faulty, found, min_gap=7)) >= 20


def test_pot_stream_takes_no_more_alarms_for_normal_than_the_budget_explains():
    stream = PeakStream(plain([0.0, 3.0], tail=EXPONENTIAL, events=EVENTS), EVENTS, 0.01)
    for _ in range(400):  # every second row an alarm, a hair above its threshold
        stream.push(1.001 * stream.threshold)
        stream.push(0.0)
    # 800 rows promise 8; two deviations are 5.7, and three are allowed from the first row on
    assert 8 <= len(stream.alarms) <= 8 + 5.7 + 3 + 1


def test_pot_stream_comes_nearer_to_the_budget_than_pot_where_the_calibration_was_short():
    rate, static, running = 1e-3, [], []
    for seed in range(8):
        calibration, score = fitted(100 + seed, 500), moving_average(200 + seed, 30_000)
        for rule, counts in (("pot", static), ("pot-stream", running)):
            counts.append(len(find_events(score, thresholds(rule, score, calibration, rate), min_gap=7)))
    away = [float(np.mean(np.abs(np.log(np.array(counts) / 30)))) for counts in (static, running)]
    assert away[1] < 0.7 * away[0]


def test_pot_stream_without_a_law_stays_where_it_is():
    assert thresholds("pot-stream", np.array([1.0, 99, 1, 99]), TEN, 0.1).tolist() == [9.0] * 4


def test_pot_stream_waits_for_the_end_of_an_event():
    calibration = ScoreCalibration(np.array([0.0]), np.array([50.0]), 50, EVENTS, Tail(2.0, 0.5, 0.0, 0.02), gap=2)
    #                  an event with a hole; two rows of quiet are not its end, three are
    score = np.array([9.0, 0.0, 0.0, 2.5, 0.0, 0.0, 0.0, 0.0])
    found = thresholds("pot-stream", score, calibration, 0.01)
    assert len(set(found[:7].tolist())) == 1
