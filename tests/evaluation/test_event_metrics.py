"""Alarms against events: by hand, against scikit-learn, against TSB-AD, and against plain loops."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score, roc_auc_score

from grucast.evaluation.affiliation import affiliation, affiliation_f1
from grucast.evaluation.event_metrics import auc_pr, auc_roc, event_scores, f1, range_f1
from grucast.evaluation.tuning import propose

REFERENCE = json.loads((Path(__file__).parent / "fixtures" / "tsb_ad_reference.json").read_text())["cases"]


def rows(text):
    """A mask from a drawing such as "..##."."""
    return np.array([one == "#" for one in text])


def drawn(seed, count, *, ties=False):
    """Scores (count,) and labels with both kinds in them."""
    rng = np.random.default_rng(seed)
    label = np.repeat(rng.random(count) < 0.4, rng.integers(1, 5, count))[:count]
    score = rng.integers(0, 5, count).astype(float) if ties else rng.normal(size=count)
    return score, label


# ---- the order of scores -------------------------------------------------------------------------


@pytest.mark.parametrize("case", REFERENCE, ids=lambda case: f"window {case['window']}")
def test_areas_and_best_f1_are_those_of_the_reference_implementation(case):
    score, label = np.array(case["scores"]), np.array(case["labels"]) > 0
    thresholds = np.linspace(score.min(), score.max(), 100)  # where the reference looks for the best
    assert auc_pr(score, label) == pytest.approx(case["auc_pr"], abs=1e-12)
    assert auc_roc(score, label) == pytest.approx(case["auc_roc"], abs=1e-12)
    assert max(range_f1(score > one, label) for one in thresholds) == pytest.approx(case["range_f1"], abs=1e-12)
    best = max(affiliation_f1(score > one, label) for one in thresholds)
    assert best == pytest.approx(case["affiliation_f1"], abs=1e-12)


@given(seed=st.integers(0, 2**32 - 1), count=st.integers(2, 90), ties=st.booleans())
def test_areas_are_those_of_scikit_learn(seed, count, ties):
    score, label = drawn(seed, count, ties=ties)
    assume(label.any() and not label.all())
    assert auc_pr(score, label) == pytest.approx(average_precision_score(label, score))
    assert auc_roc(score, label) == pytest.approx(roc_auc_score(label, score))


def test_rows_with_one_score_fire_together_whatever_their_order():
    assert auc_pr(np.full(5, 2.0), rows("#...#")) == pytest.approx(2 / 5)
    assert auc_roc(np.full(5, 2.0), rows("#...#")) == pytest.approx(0.5)


def test_a_missing_score_is_the_lowest():
    score, label = np.array([np.nan, 2.0, -9.0, 4.0]), rows("#.#.")
    assert auc_roc(score, label) == 0.0
    assert auc_pr(score, label) == auc_pr(np.array([-10.0, 2.0, -9.0, 4.0]), label)


def test_areas_need_events_and_the_roc_curve_normal_rows_too():
    assert math.isnan(auc_pr(np.arange(3.0), rows("...")))
    assert math.isnan(auc_roc(np.arange(3.0), rows("...")))
    assert math.isnan(auc_roc(np.arange(3.0), rows("###")))
    assert auc_pr(np.arange(3.0), rows("###")) == 1.0


# ---- events --------------------------------------------------------------------------------------


def test_events_and_alarms_are_counted_as_runs():
    found = event_scores(fired=rows("#..##.#...#.."),
                         label=rows("....###...##."))  # fmt: skip
    # the first of four alarms is false; one event has two alarms; delays 0 and 0
    assert (found.alarms, found.events, found.false_alarms, found.missed) == (4, 2, 1, 0)
    assert (found.precision, found.recall) == (0.75, 1.0)
    assert found.f1 == pytest.approx(2 * 0.75 / 1.75)


def test_the_delay_is_the_mean_over_found_events_from_their_first_row():
    found = event_scores(fired=rows("..#.....##......"),
                         label=rows("###..##.###..##."))  # fmt: skip
    assert found.delay == pytest.approx((2 + 0) / 2)
    assert (found.recall, found.missed) == (0.5, 2)


def test_an_alarm_that_was_on_before_the_event_has_no_delay():
    assert event_scores(rows(".####.."), rows("...###.")).delay == 0.0


def test_an_alarm_just_behind_an_event_is_false():
    found = event_scores(fired=rows("...##."), label=rows(".##..."))
    assert (found.precision, found.recall, found.f1) == (0.0, 0.0, 0.0)


def test_one_fired_row_does_not_stand_for_its_event_in_range_or_affiliation():
    label = rows("....########....")
    assert event_scores(rows(".....#.........."), label).f1 == 1.0
    assert range_f1(rows(".....#.........."), label) < range_f1(rows("....######......"), label) < 1.0
    assert affiliation_f1(rows(".....#.........."), label) < affiliation_f1(rows("....######......"), label) < 1.0


def test_without_an_alarm_recall_and_f1_are_0_and_precision_is_undefined():
    nothing, label = rows("......"), rows("..##..")
    found = event_scores(nothing, label)
    assert (found.recall, found.f1) == (0.0, 0.0)
    assert math.isnan(found.precision)
    assert math.isnan(found.delay)
    assert range_f1(nothing, label) == 0.0
    assert affiliation_f1(nothing, label) == 0.0


def test_without_a_labelled_event_everything_is_undefined():
    found = event_scores(rows(".#."), rows("..."))
    values = found.precision, found.recall, found.f1, found.delay
    assert all(map(math.isnan, (*values, range_f1(rows(".#."), rows("...")), affiliation_f1(rows(".#."), rows("...")))))
    assert found.false_alarms == 1


def test_f1_is_the_harmonic_mean():
    assert f1(0.5, 1.0) == pytest.approx(2 / 3)
    assert f1(0.0, 0.0) == 0.0


def test_the_range_f1_by_hand():
    # events of 4 and 2 rows, alarms of 2, 1 and 1: the first event has 2 of 4 rows in two alarms, the second nothing
    label, fired = rows(".####..##.."), rows("##.#.....#.")
    recall = ((0.2 + 0.8 * (2 / 4) / 2) + 0) / 2
    precision = (1 / 2 + 1 + 0) / 3
    assert range_f1(fired, label) == pytest.approx(2 * precision * recall / (precision + recall))


def test_the_affiliation_of_a_single_row_by_hand():
    # the zone is 0 to 10, the event 2 to 4; a point fired at distance s behind it: 1 - (2 + min(s, 2) + s) / 10
    precision, recall = affiliation(rows("......#..."), rows("..##......"))
    assert precision == pytest.approx(1 - (2 + 2 + 2.5) / 10)
    # of the event, a point at y is 6 - y from the alarm: chance is no nearer with 1 - (min(6 - y, y) + 6 - y) / 10
    # the mean of min(6 - y, y) is 2.5: y on [2, 3], 6 - y on [3, 4]; that of 6 - y is 3
    assert recall == pytest.approx(1 - (2.5 + 3) / 10)


@settings(deadline=None, max_examples=40)
@given(seed=st.integers(0, 2**32 - 1), count=st.integers(4, 25))
def test_affiliation_is_the_integral_of_its_definition(seed, count):
    score, label = drawn(seed, count)
    fired = score > 0.3
    assume(label.any())
    precision, recall = affiliation_on_a_grid(fired, label, 40)
    found = affiliation(fired, label)
    assert found[0] == pytest.approx(precision, abs=0.02, nan_ok=True)
    assert found[1] == pytest.approx(recall, abs=0.02)


def affiliation_on_a_grid(fired, label, fine):
    """Precision and recall with every row cut into `fine` points, and chance taken from those points."""
    at = (np.arange(len(label) * fine) + 0.5) / fine
    hot = np.repeat(fired, fine)
    starts = np.flatnonzero(np.diff(np.r_[False, label]) & label)
    names = np.cumsum(np.isin(np.arange(len(label)), starts))
    events = [np.repeat((names == one + 1) & label, fine) for one in range(len(starts))]
    away = np.stack([np.abs(at[:, None] - at[None, event]).min(axis=1) for event in events])
    zone = away.argmin(axis=0)
    precisions, recalls = [], []
    for one, event in enumerate(events):
        mine, alarm = zone == one, hot & (zone == one)
        if alarm.any():
            precisions.append(np.mean([(away[one, mine] >= away[one, at == x]).mean() for x in at[alarm]]))
        near = [np.abs(at[alarm] - y).min() if alarm.any() else np.inf for y in at[event]]
        recalls.append(np.mean([(np.abs(at[mine] - y) >= d).mean() for y, d in zip(at[event], near, strict=True)]))
    return np.mean(precisions) if precisions else np.nan, np.mean(recalls)


@given(seed=st.integers(0, 2**32 - 1), count=st.integers(2, 60))
def test_alarms_that_are_the_events_are_perfect_and_no_measure_leaves_0_to_1(seed, count):
    score, label = drawn(seed, count)
    assume(label.any())
    perfect = event_scores(label, label)
    assert (perfect.f1, perfect.delay) == (1.0, 0.0)
    assert range_f1(label, label) == pytest.approx(1.0)
    assert affiliation_f1(label, label) == pytest.approx(1.0)
    fired = score > 0
    for value in (range_f1(fired, label), affiliation_f1(fired, label), event_scores(fired, label).f1):
        assert -1e-12 <= value <= 1 + 1e-12


@given(seed=st.integers(0, 2**32 - 1), count=st.integers(2, 60))
def test_range_and_affiliation_are_the_same_when_time_runs_backwards(seed, count):
    score, label = drawn(seed, count)
    assume(label.any())
    fired = score > 0.5
    assert range_f1(fired[::-1], label[::-1]) == pytest.approx(range_f1(fired, label))
    assert affiliation_f1(fired[::-1], label[::-1]) == pytest.approx(affiliation_f1(fired, label))


# ---- the threshold in hindsight ------------------------------------------------------------------


@settings(max_examples=200)
@given(seed=st.integers(0, 2**32 - 1), count=st.integers(2, 70), ties=st.booleans(), holes=st.booleans())
def test_no_threshold_has_a_better_event_f1_than_the_one_proposed(seed, count, ties, holes):
    score, label = drawn(seed, count, ties=ties)
    if holes:
        score[:: 1 + seed % 7] = np.nan
    known = [one for one in score if (score[~label] >= one).sum() <= 0.1 * (~label).sum()]
    best = max((event_scores(score >= one, label).f1 for one in known if not math.isnan(one)), default=math.nan)
    proposal = propose([score], [label])
    if not best > 0:
        assert proposal is None
        return
    assert proposal is not None
    assert proposal.scores.f1 == pytest.approx(best)
    assert proposal.scores == event_scores(score > proposal.threshold, label)


def test_the_threshold_lies_in_the_middle_of_its_room():
    proposal = propose([np.array([0.0, 1.0, 7.0, 1.0, 0.5, 6.0, 5.0])], [rows("..#..##")])
    assert proposal is not None
    assert proposal.threshold == pytest.approx((1.0 + 6.0) / 2)  # 6 is what the lower of the two events reaches
    assert proposal.scores.f1 == 1.0


def test_an_alarm_that_is_always_on_is_not_proposed():
    score, label = np.r_[np.linspace(2.0, 3.0, 40), 1.0, 2.5], rows("." * 40 + "#.")
    assert event_scores(score >= 1.0, label).f1 == 1.0
    assert propose([score], [label]) is None


def test_what_a_threshold_costs_is_told_in_false_alarms_per_5000_rows():
    score = np.zeros(1000)
    score[[10, 500]] = 3.0, 3.0
    label = np.zeros(1000, bool)
    label[500:504] = True
    proposal = propose([score], [label])
    assert proposal is not None
    assert (proposal.scores.false_alarms, proposal.scores.missed) == (1, 0)
    assert proposal.false_alarms_per_5000_rows == 5.0


def test_without_events_or_scores_no_threshold_is_proposed():
    assert propose([np.arange(4.0)], [rows("....")]) is None
    assert propose([np.full(4, np.nan)], [rows(".##.")]) is None


def test_one_threshold_is_proposed_for_several_series_whose_alarms_do_not_run_on():
    proposal = propose([np.array([0.0, 0.0, 5.0]), np.array([6.0, 0.0])], [rows("..#"), rows("#.")])
    assert proposal is not None
    assert (proposal.scores.events, proposal.scores.alarms, proposal.rows) == (2, 2, 5)
    assert proposal.threshold == pytest.approx(5.0 / 2)
