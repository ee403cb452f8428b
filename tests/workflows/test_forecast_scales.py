"""What errors are divided by, what Naive2 goes on, and which quantiles are measured."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from grucast.core.config import ReadOptions
from grucast.evaluation.naive2 import naive2
from grucast.workflows.evaluate_forecasts import document, flat
from grucast.workflows.judging.files import read_forecasts
from grucast.workflows.judging.join import hold
from grucast.workflows.judging.truths import read_truth
from tests.workflows.forecast_making import DAYS, actuals, measure, said, write


@pytest.fixture(autouse=True)
def _folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


# ---- scales --------------------------------------------------------------------------------------


def test_errors_are_scaled_by_the_rows_before_the_forecasts():
    actuals()
    write("f.csv", "unique_id,ds,y_hat", ("A", DAYS[10], 22), ("B", DAYS[10], 83))  # errors 2 and 3
    one, two = measure("f.csv", "a.csv"), measure("f.csv", "a.csv", season=3)
    assert one.total.metrics["mase"] == pytest.approx((2 / 1 + 3 / 2) / 2)
    assert two.total.metrics["mase"] == pytest.approx((2 / 3 + 3 / 6) / 2)
    assert one.total.metrics["rmsse"] == pytest.approx(math.sqrt((4 + 9 / 4) / 2))
    assert document(two)["season"] == 3


def test_a_history_is_what_errors_are_scaled_by():
    write("h.csv", "unique_id,ds,y", *(("A", day, 5 * at) for at, day in enumerate(DAYS[:4])))
    write("a.csv", "unique_id,ds,y", ("A", DAYS[4], 7), ("A", DAYS[5], 8), ("A", DAYS[6], 9))
    write("f.csv", "unique_id,ds,y_hat", ("A", DAYS[5], 18), ("A", DAYS[6], 9))
    assert measure("f.csv", "a.csv", history="h.csv").total.metrics["mase"] == pytest.approx((10 / 5 + 0) / 2)
    assert math.isnan(measure("f.csv", "a.csv").total.metrics["mase"])  # one row before the forecasts has no step


def test_a_history_without_a_time_lies_before():
    write("h.csv", "y", (5,), (3,), (1,))
    write("a.csv", "y", (1,), (3,))
    write("f.csv", "y_hat", (1,), (4,))
    assert measure("f.csv", "a.csv", history="h.csv").total.metrics["mase"] == pytest.approx(0.25)


def test_rows_of_a_history_that_are_not_before_the_forecasts_are_not_used():
    write("h.csv", "ds,y", (DAYS[0], 1), (DAYS[1], 3), (DAYS[2], 500), (DAYS[3], 1))
    write("a.csv", "ds,y", (DAYS[2], 4), (DAYS[3], 5))
    write("f.csv", "ds,y_hat", (DAYS[2], 6), (DAYS[3], 5))
    found = measure("f.csv", "a.csv", history="h.csv")
    assert found.total.metrics["mase"] == pytest.approx(0.5)  # 2 / 2 and 0
    assert "2 rows of h.csv are not before the forecasts" in said(found)


def test_without_a_past_what_needs_it_is_left_out_and_said():
    write("a.csv", "ds,y", (DAYS[2], 4), (DAYS[3], 5))
    write("f.csv", "ds,y_hat,lo-95,hi-95", (DAYS[2], 6, 3, 9), (DAYS[3], 5, 3, 9))
    found = measure("f.csv", "a.csv")
    assert all(math.isnan(found.total.metrics[name]) for name in ("mase", "rmsse", "owa", "msis"))
    assert "mase, rmsse, owa and msis are left out" in said(found)
    assert found.total.metrics["coverage"] == {"95": 1.0}


def test_a_series_without_a_past_does_not_count_for_scaled_metrics_and_is_said():
    write("h.csv", "unique_id,ds,y", ("A", DAYS[0], 1), ("A", DAYS[1], 3))
    write("a.csv", "unique_id,ds,y", ("A", DAYS[2], 4), ("B", DAYS[2], 5))
    write("f.csv", "unique_id,ds,y_hat", ("A", DAYS[2], 7), ("B", DAYS[2], 500))
    found = measure("f.csv", "a.csv", history="h.csv")
    assert found.total.metrics["mase"] == 1.5
    assert math.isnan(found.total.metrics["owa"])
    assert "1 of 2 series have no past" in said(found)
    assert "owa is left out: nothing is known of 1 series before a forecast" in said(found)


def test_owa_is_relative_to_naive2_of_all_that_was_known():
    season = np.tile([8.0, 12.0, 20.0], 8)[:, None] * (1 + np.arange(24)[:, None] / 50)
    known, truth = season[:18, 0], season[18:22, 0]
    write("a.csv", "ds,y", *zip(DAYS, season[:, 0].tolist(), strict=False))
    write("f.csv", "ds,y_hat", *zip(DAYS[18:22], [10, 11, 12, 13], strict=True))
    reference = naive2(4, 3)(known[None, :, None], np.ones((1, 1)))[0, :, 0]
    ours = np.array([10, 11, 12, 13.0])

    def smape(y_hat):
        return np.mean(200 * np.abs(truth - y_hat) / (truth + y_hat))

    expected = (smape(ours) / smape(reference) + np.abs(truth - ours).sum() / np.abs(truth - reference).sum()) / 2
    assert measure("f.csv", "a.csv", season=3).total.metrics["owa"] == pytest.approx(expected)


def test_naive2_itself_has_an_owa_of_one_at_every_step():
    write("a.csv", "ds,y", *zip(DAYS, [5 + (at * 7) % 11 for at in range(31)], strict=True))
    write("f.csv", "cutoff,ds,y_hat", *((DAYS[cut], DAYS[cut + step], 5 + (cut * 7) % 11) for cut in range(20, 27)
                                        for step in (1, 2, 3)))
    found = measure("f.csv", "a.csv")
    assert [one.metrics["owa"] for _, one in found.by_step] == pytest.approx([1.0] * 3)


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 2**32 - 1))
def test_what_comes_later_changes_neither_scales_nor_naive2(seed, tmp_path_factory):
    rng = np.random.default_rng(seed)
    folder = tmp_path_factory.mktemp("leak")
    y, cut = rng.uniform(1, 9, 30), int(rng.integers(9, 24))
    changed = np.r_[y[: cut + 1], rng.uniform(100, 900, 29 - cut)]
    forecasts = write(str(folder / "f.csv"), "cutoff,ds,y_hat",
                      *((DAYS[cut], DAYS[at], 5) for at in range(cut + 1, 30)))
    held = []
    for values in (y, changed):
        truth = write(str(folder / "a.csv"), "ds,y", *zip(DAYS, values.tolist(), strict=False))
        both = read_forecasts(forecasts, ReadOptions(), None), read_truth([truth], ReadOptions())
        held.append(hold(*both, None, 3)[1])
    for name in ("scale", "root_scale", "naive2", "step"):
        np.testing.assert_array_equal(getattr(held[0], name), getattr(held[1], name))
    assert (held[0].y != held[1].y).all()


# ---- quantiles -----------------------------------------------------------------------------------


def test_intervals_and_quantiles_are_measured_as_far_as_they_are_there():
    write("a.csv", "ds,y", *((day, at) for at, day in enumerate(DAYS[:12])))
    write("f.csv", "ds,y_hat,lo-80,hi-80", (DAYS[10], 10, 8, 11), (DAYS[11], 9, 8, 10))
    found = measure("f.csv", "a.csv").total
    # truth 10 and 11: inside, and 1 above an interval of width 2, at 2 / .2
    assert found.metrics["coverage"] == {"80": 0.5}
    assert found.metrics["winkler"] == {"80": pytest.approx((3 + 2 + 10) / 2)}
    assert found.metrics["pinball"] == pytest.approx({"0.1": (0.2 + 0.3) / 2, "0.5": 0.5, "0.9": (0.1 + 0.9) / 2})
    assert math.isnan(found.metrics["wql"])
    assert set(flat(found)) >= {"points", "coverage-80", "winkler-80", "pinball-0.9"}


def test_wql_needs_the_nine_deciles_and_says_which_are_not_there():
    actuals()
    deciles = [f"q-0.{k}" for k in range(1, 10)]
    write("f.csv", f"unique_id,ds,{','.join(deciles)}", ("A", DAYS[10], *range(16, 25)))
    assert measure("f.csv", "a.csv").total.metrics["wql"] == pytest.approx(  # y = 20, the median
        np.mean([2 * (0.1 * k if k < 5 else 1 - 0.1 * k) * abs(k - 5) for k in range(1, 10)]) / 20)
    write("g.csv", "unique_id,ds,y_hat,lo-80,hi-80", ("A", DAYS[10], 1, 0, 2))
    assert "there is no 0.2, 0.3, 0.4, 0.6, 0.7, 0.8" in said(measure("g.csv", "a.csv"))


def test_the_point_is_judged_as_the_point_and_the_median_as_a_quantile():
    actuals()
    write("f.csv", "unique_id,ds,y_hat,q-0.5", ("A", DAYS[10], 20, 26))
    found = measure("f.csv", "a.csv").total.metrics
    assert (found["mae"], found["pinball"]) == (0.0, {"0.5": 3.0})


def test_quantiles_that_cross_are_said():
    actuals()
    write("f.csv", "unique_id,ds,y_hat,lo-80,hi-80", ("A", DAYS[10], 20, 24, 22))
    assert "the quantiles of 1 values cross" in said(measure("f.csv", "a.csv"))
