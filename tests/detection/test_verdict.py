"""Three judges and one budget: who calls a row, and what becomes of its score."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from grucast.detection.calibration import EMPTY, ScoreCalibration, p_values, score_for_rate
from grucast.detection.pareto import Tail
from grucast.detection.verdict import (
    Alarms,
    Laws,
    RowVerdicts,
    Seen,
    by_how_much,
    rarity,
    share_of,
    stuck_limit,
    verdicts,
)

LAW = ScoreCalibration(np.array([0.0, 1.0, 2.0]), np.array([2000.0, 60.0, 20.0]), 2000, None, Tail(1.0, 1.0, 0.0, 0.01))
FEW = ScoreCalibration(np.array([0.0, 40.0]), np.array([500.0, 1.0]), 500)  # one event: no law
ALARMS = Alarms("pot", 1e-3, None)
LAWS = Laws(LAW, LAW, LAW)


def seen(score, sudden=0.0, stuck=0.0):
    """Three rows that score alike, the middle one with what the other judges saw."""
    quiet = np.zeros(3)
    jump, still = quiet.copy(), quiet.copy()
    jump[1], still[1] = sudden, stuck
    return Seen(np.full(3, score), jump, still)


def test_half_of_the_budget_is_the_score_s():
    threshold, _, _, _ = verdicts(seen(0.5), LAWS, ALARMS)
    assert threshold.tolist() == [pytest.approx(score_for_rate(0.5e-3, LAW))] * 3


def test_without_forecasts_the_others_share_the_budget():
    threshold, _, _, _ = verdicts(seen(0.5), Laws(LAW, None, LAW), ALARMS)
    assert threshold[0] == pytest.approx(score_for_rate(0.5e-3 / 0.6, LAW))


def test_the_threshold_of_a_sudden_row_sinks_below_its_score():
    limit = score_for_rate(0.4e-3, LAW)
    usual = verdicts(seen(0.5), LAWS, ALARMS).threshold[0]
    threshold, score, cause, _ = verdicts(seen(0.5, sudden=2 * limit), LAWS, ALARMS)
    assert cause.tolist() == [0, 1, 0]
    assert score.tolist() == [0.5] * 3
    assert threshold.tolist() == [usual, pytest.approx(0.5 / (1 + math.log(2))), usual]


def test_the_p_value_of_a_called_row_is_that_of_its_judge():
    limit = score_for_rate(0.4e-3, LAW)
    found = verdicts(seen(0.5, sudden=2 * limit), LAWS, ALARMS).p_value
    assert found.tolist() == [*p_values(np.array([0.5, 2 * limit, 0.5]), LAW)]
    still = verdicts(seen(0.5, stuck=20.0), LAWS, ALARMS).p_value
    assert still[1] == min(math.exp(-20.0), p_values(np.array([20.0]), LAW)[0])


def test_a_called_row_that_scores_nothing_is_an_alarm_all_the_same():
    threshold, score, cause, _ = verdicts(seen(0.0, stuck=90.0), LAWS, ALARMS)
    assert cause[1] == 2
    assert 0.0 < threshold[1] < score[1] < 1e-6


def test_a_row_just_below_its_limit_keeps_its_score():
    limit = score_for_rate(0.4e-3, LAW)
    _, score, cause, _ = verdicts(seen(0.5, sudden=0.999 * limit), LAWS, ALARMS)
    assert score[1] == 0.5
    assert not cause.any()


def test_a_score_that_is_higher_anyhow_stays():
    limit = score_for_rate(0.4e-3, LAW)
    _, score, cause, _ = verdicts(seen(1e3, sudden=2 * limit), LAWS, ALARMS)
    assert score.tolist() == [1e3] * 3
    assert not cause.any()


def test_the_judge_that_sees_more_is_the_cause():
    limit = score_for_rate(0.4e-3, LAW)
    _, _, cause, _ = verdicts(seen(0.5, sudden=1.1 * limit, stuck=90.0), LAWS, ALARMS)
    assert cause[1] == 2
    _, _, cause, _ = verdicts(seen(0.5, sudden=90.0, stuck=1.1 * stuck_limit(LAWS, 1e-3)), LAWS, ALARMS)
    assert cause[1] == 1


def test_a_row_without_a_score_is_called_by_nobody():
    rows = Seen(np.full(3, np.nan), np.full(3, 1e9), np.full(3, 1e9))
    _, score, cause, _ = verdicts(rows, LAWS, ALARMS)
    assert np.isnan(score).all()
    assert not cause.any()


def test_a_threshold_fixed_by_hand_is_about_the_score_alone():
    threshold, score, cause, _ = verdicts(seen(0.5, sudden=1e9, stuck=1e9), LAWS, Alarms("pot", 0.0, 3.5))
    assert threshold.tolist() == [3.5] * 3
    assert score.tolist() == [0.5] * 3
    assert not cause.any()


def test_without_normal_rows_nobody_calls():
    _, score, cause, _ = verdicts(seen(9.0, sudden=1e9, stuck=1e9), Laws(EMPTY, EMPTY, EMPTY), ALARMS)
    assert score.tolist() == [9.0] * 3
    assert not cause.any()


def test_the_limit_of_the_stuck_is_at_least_what_one_channel_reaches_so_rarely():
    assert stuck_limit(Laws(LAW, LAW, FEW), 1e-3) == pytest.approx(-math.log(1e-4))


def test_the_limit_of_the_stuck_heeds_rows_not_trained_on():
    heavy = ScoreCalibration(np.array([0.0, 30.0]), np.array([900.0, 45.0]), 900, None, Tail(20.0, 5.0, 0.0, 0.05))
    assert stuck_limit(Laws(LAW, LAW, heavy), 1e-3) == pytest.approx(20.0 + 5.0 * math.log(500))


def test_a_limit_of_zero_can_be_exceeded():
    assert by_how_much(np.array([3.0, 2.5]), np.array([0.0, 2.499])).min() > 1.0


def test_the_channel_that_a_judge_called_has_the_whole_share():
    share = np.full((3, 2), 0.5)
    leads = np.array([0, 1, 0], np.int16), np.array([1, 0, 0], np.int16)
    assert share_of(np.array([0, 1, 2], np.int8), leads, share).tolist() == [[0.5, 0.5], [0.0, 1.0], [1.0, 0.0]]


@pytest.mark.parametrize("rule", ["pot", "pot-stream", "conformal", "quantile", "mad"])
@given(seed=st.integers(0, 2**32 - 1))
def test_row_by_row_it_is_the_same(rule, seed):
    rng = np.random.default_rng(seed)
    rows = Seen(*(rng.exponential(1.5, 60) for _ in range(3)))
    rows.stuck[rng.random(60) < 0.05] = 30.0
    rows.score[rng.random(60) < 0.1] = np.nan
    alarms = Alarms(rule, 0.01, None)
    running = RowVerdicts(LAWS, alarms)
    one = [running.push(dict(zip(Seen._fields, row, strict=True))) for row in zip(*rows, strict=True)]
    for found, wanted in zip(zip(*one, strict=True), verdicts(rows, LAWS, alarms), strict=True):
        np.testing.assert_allclose(found, wanted)


def test_beyond_the_end_of_a_short_law_nothing_is_impossible():
    """A law with a negative shape ends at 1 + 1 / 0.5 = 3; what lies at 4 is as rare as the exponential law says."""
    short = ScoreCalibration(LAW.scores, LAW.ranks, 2000, Tail(1.0, 1.0, -0.5, 0.03), Tail(1.0, 1.0, -0.5, 0.01))
    found = rarity(np.array([4.0]), "sudden", Laws(LAW, short, LAW))
    assert found[0] == pytest.approx(0.01 * math.exp(-3.0))
