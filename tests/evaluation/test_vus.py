"""Volumes under the surface against the reference implementation, the bare definition, and numbers by hand."""

from __future__ import annotations

import json
import math
import time
from pathlib import Path

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from grucast.evaluation.vus import FALLBACK, TOGETHER, period, vus

REFERENCE = json.loads((Path(__file__).parent / "fixtures" / "tsb_ad_reference.json").read_text())


def runs(label):
    """First and last row of each event, one row after the other."""
    found = []
    for row, one in enumerate(label):
        if one and (row == 0 or not label[row - 1]):
            found.append([row, row])
        elif one:
            found[-1][1] = row
    return found


def soft_label(label, w):
    soft = np.array(label, float)
    for first, last in runs(label):
        for distance in range(1, w // 2 + 1):
            for row in (first - distance, last + distance):
                if 0 <= row < len(soft):
                    soft[row] += math.sqrt(1 - distance / w)
    return np.minimum(soft, 1.0)


def joined(label, reach):
    groups = []
    for first, last in runs(label):
        if groups and first - reach <= groups[-1][1] + reach:
            groups[-1][1] = last
        else:
            groups.append([first, last])
    return [slice(max(first - reach, 0), last + reach + 1) for first, last in groups]


def by_the_definition(score, label, window):
    """VUS-PR and VUS-ROC word for word, threshold by threshold."""
    falling = np.sort(score)[::-1]
    areas = []
    for w in range(window + 1):
        soft, groups = soft_label(label, w), joined(label, w // 2)
        recalls, falses, area = [0.0], [0.0], 0.0
        for at in np.linspace(0, len(score) - 1, 250).astype(int):
            fired = score >= falling[at]
            true, positive = (soft * fired).sum(), sum(label)
            positive = (positive + positive + (soft * fired)[np.array(label) == 0].sum()) / 2
            exists = np.mean([fired[group].any() for group in groups])
            recalls.append(min(true / positive, 1.0) * exists)
            falses.append((fired.sum() - true) / (len(label) - positive))
            area += (recalls[-1] - recalls[-2]) * true / fired.sum()
        areas.append((area, np.trapezoid([*recalls, 1.0], [*falses, 1.0])))
    return tuple(np.mean(areas, axis=0))


@pytest.mark.parametrize("case", REFERENCE["cases"], ids=lambda case: f"window {case['window']}")
def test_the_volumes_are_those_of_the_reference_implementation(case):
    found = vus(np.array(case["scores"], float), np.array(case["labels"]), case["window"])
    assert found == pytest.approx((case["vus_pr"], case["vus_roc"]), abs=1e-9)


@pytest.mark.parametrize("case", REFERENCE["periods"], ids=lambda case: f"{len(case['series'])} rows")
def test_the_period_is_that_of_the_reference_implementation(case):
    assert period(np.array(case["series"], float)) == case["period"]


@settings(deadline=None, max_examples=60)
@given(seed=st.integers(0, 2**32 - 1), rows=st.integers(2, 60), window=st.integers(0, 17),
       share=st.sampled_from([0.05, 0.3, 0.7]), ties=st.booleans())
def test_the_fast_way_gives_what_the_definition_gives(seed, rows, window, share, ties):
    rng = np.random.default_rng(seed)
    label = (rng.random(rows) < share).astype(int)
    label[rng.integers(rows)] = 1
    assume(not label.all())
    score = rng.integers(0, 4, rows).astype(float) if ties else rng.normal(size=rows)
    assert vus(score, label, window) == pytest.approx(by_the_definition(score, list(label), window), abs=1e-12)


def test_buffers_wider_than_what_is_worked_on_at_once_are_counted_too():
    rng = np.random.default_rng(8)
    score, label = rng.normal(size=90), np.repeat([0, 1, 0, 1, 0], [30, 4, 9, 1, 46])
    assert vus(score, label, 2 * TOGETHER + 3) == pytest.approx(
        by_the_definition(score, list(label), 2 * TOGETHER + 3), abs=1e-12)


def test_without_a_buffer_it_is_the_average_precision():
    # fired 1, 2, 3, 4 rows: precision 1, 1/2, 2/3, 2/4; recall 1/2 × one event of two, then 1/2 × 1/2, 2/2, 2/2
    found = vus(np.array([4.0, 3.0, 2.0, 1.0]), np.array([1, 0, 1, 0]), 0)[0]
    assert found == pytest.approx((1 / 4) * 1 + (1 - 1 / 4) * 2 / 3)


def test_a_score_that_is_high_in_events_alone_is_perfect_without_a_buffer():
    label = np.repeat([0, 1, 0], [50, 7, 43])
    assert vus(label.astype(float), label, 0) == pytest.approx((1.0, 1.0))


def test_only_the_order_of_scores_counts():
    rng = np.random.default_rng(3)
    score, label = rng.normal(size=300), np.repeat([0, 1, 0, 1], [90, 20, 160, 30])
    assert vus(np.exp(3 * score), label, 11) == vus(score, label, 11)


def test_a_score_that_is_missing_is_the_lowest():
    score, label = np.array([np.nan, 3.0, 1.0, np.nan, 2.0, 5.0, 4.0]), np.array([0, 1, 0, 0, 0, 1, 0])
    assert vus(score, label, 2) == vus(np.nan_to_num(score, nan=-7.0), label, 2)


def test_without_events_nothing_is_defined():
    assert np.isnan(vus(np.arange(5.0), np.zeros(5), 3)).all()


def test_with_nothing_but_an_event_only_precision_is_defined():
    found = vus(np.arange(5.0), np.ones(5), 3)
    assert found[0] == pytest.approx(1.0)
    assert math.isnan(found[1])


def test_arrays_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match="do not fit"):
        vus(np.zeros(5), np.zeros(6), 3)
    with pytest.raises(ValueError, match="do not fit"):
        vus(np.zeros(5), np.zeros(5), -1)


def test_the_period_of_a_wave_is_its_length():
    assert period(np.sin(2 * np.pi * np.arange(3000) / 37)) == 37


@pytest.mark.parametrize("rows", [np.zeros(0), np.full(9, np.nan), np.full(500, 3.0), np.arange(3.0)])
def test_where_no_period_is_clear_the_window_is_the_fallback(rows):
    assert period(rows) == FALLBACK


def test_values_of_1e200_have_a_period_and_missing_ones_do_not_hide_it():
    wave = 1e200 * np.sin(2 * np.pi * np.arange(1000) / 21)
    wave[::7] = np.nan
    assert period(wave) == 21


def test_a_period_longer_than_303_rows_is_not_taken():
    assert period(np.sin(2 * np.pi * np.arange(9000) / 350)) == FALLBACK


@pytest.mark.slow
def test_30_000_rows_take_less_than_a_second():
    rng = np.random.default_rng(5)
    score, label = rng.normal(size=30_000), (rng.random(30_000) < 0.01).astype(int)
    start = time.perf_counter()
    vus(score, label, 125)
    assert time.perf_counter() - start < 1.0
