"""Scales of series of any size, the transforms, and what is fitted on covariates."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from series_making import every, panel, series

from grucast.core.errors import DataError
from grucast.core.series import Clock
from grucast.preprocessing.scaling import FAULT_FACTOR, fit_scale, fit_transform
from grucast.preprocessing.sources import Setting, clock_origin, fit_scales, length_known, make_source

HOURS = every("2024-01-01", "1h", 12)


def scale_of(values):
    y = np.asarray(values, dtype=np.float64)[:, None]
    return float(fit_scale(y, np.isfinite(y))[0])


def test_the_scale_is_the_mean_distance_from_the_median():
    assert scale_of([1, 2, 3, 4, 10]) == pytest.approx((2 + 1 + 0 + 1 + 7) / 5)


@pytest.mark.parametrize("size", [1e307, 1e-300, 1.0])
def test_a_series_of_any_size_has_its_scale(size):
    assert scale_of(size * np.array([1, 2, 3, 4, 10])) == pytest.approx(2.2 * size)


@pytest.mark.parametrize("values", [[7, 7, 7, 7], [0, 0, 0], [np.nan, np.nan], [5.0], [np.nan, 3, 3]])
def test_a_series_that_never_moves_has_no_scale(values):
    assert scale_of(values) == 0.0


def test_a_fault_counts_as_ten_typical_distances():
    values = [0, 1, -1, 1, -1, 2, -2, 2, -2, 1e12]
    # distances from the median, 0.5 (of -2 -2 -1 -1 0 1 1 2 2 1e12)
    away = np.array([0.5, 0.5, 1.5, 0.5, 1.5, 1.5, 2.5, 1.5, 2.5])
    assert scale_of(values) == pytest.approx((away.sum() + FAULT_FACTOR * 1.5) / 10)


def test_a_series_that_mostly_rests_is_scaled_by_its_moves():
    assert scale_of([0] * 9 + [5]) == pytest.approx(0.5)


def test_each_channel_has_its_own_scale():
    y = np.array([[0.0, 10.0], [2.0, 10.0], [4.0, 40.0]])
    np.testing.assert_allclose(fit_scale(y, np.ones_like(y, dtype=bool)), [4 / 3, 10.0])


# ---- transforms ----------------------------------------------------------------------------------


def test_the_logarithm_refuses_zero_and_names_line_and_column():
    one = series(HOURS[:4], [[3.0, 1.0], [2.0, 1.0], [4.0, 0.0], [1.0, 2.0]])
    with pytest.raises(DataError, match=r"^load\.csv:4: column 'b': 0 has no logarithm; use --transform asinh$"):
        fit_transform("log", [one], "load.csv", ("a", "b"))


def test_the_logarithm_does_not_mind_what_is_missing():
    one = series(HOURS[:3], [np.e, np.nan, 1.0])
    z = fit_transform("log", [one]).forward(one.y)
    np.testing.assert_allclose(z[[0, 2], 0], [1.0, 0.0])
    assert np.isnan(z[1, 0])


@given(st.lists(st.floats(-1e9, 1e9), min_size=2, max_size=9), st.sampled_from([1e-9, 1.0, 1e9]))
def test_asinh_is_undone_exactly_enough(values, unit):
    one = series(every("2024-01-01", "1h", len(values)), np.array(values) * unit)
    kept = fit_transform("asinh", [one])
    peak = float(np.abs(one.y).max())
    np.testing.assert_allclose(kept.backward(kept.forward(one.y)), one.y, rtol=1e-9, atol=1e-9 * peak)


def test_asinh_is_finite_where_nearly_all_values_are_next_to_nothing():
    one = series(HOURS[:3], [477.0, 1e-306, 1e-309])
    kept = fit_transform("asinh", [one])
    np.testing.assert_allclose(kept.backward(kept.forward(one.y)), one.y, rtol=1e-9, atol=1e-300)


def test_the_unit_of_asinh_is_the_median_size_of_each_channel():
    one = series(HOURS[:3], np.array([[0.0, -8.0], [-2.0, 1.0], [6.0, 3.0]]))
    assert fit_transform("asinh", [one]).unit.tolist() == [4.0, 3.0]


# ---- panels --------------------------------------------------------------------------------------


def test_scales_come_from_the_fit_part_alone():
    one = series(HOURS, np.r_[1, 2, 3, 4, 10, [1e6] * 7], known=np.r_[[1, 3], [1e9] * 10][:, None])
    found = fit_scales(panel(one, clock=Clock(freq="h")), [5], "none")
    assert found.scale[0, 0] == pytest.approx(2.2)
    found = fit_scales(panel(one, clock=Clock(freq="h")), [2], "none")
    assert found.known[:, 0].tolist() == [2.0, 1.0]


def test_a_covariate_is_scaled_by_mean_and_deviation_over_all_series():
    members = [series(HOURS[:2], known=[[0.0], [np.nan]]), series(HOURS[:3], known=[[4.0], [2.0], [2.0]])]
    found = fit_scales(panel(*members), [2, 3], "none")
    assert found.known[:, 0] == pytest.approx([2.0, np.sqrt(8 / 4)])


@pytest.mark.parametrize("size", [1e300, 1e-300])
def test_a_covariate_of_any_size_has_its_scale(size):
    one = series(HOURS[:4], known=size * np.array([[1.0], [3.0], [1.0], [3.0]]))
    found = fit_scales(panel(one), [4], "none")
    np.testing.assert_allclose(found.known[:, 0], [2 * size, size])


def test_a_constant_or_missing_covariate_is_zero():
    one = series(HOURS[:3], known=np.array([[0.1, np.nan]] * 3))
    group = panel(one, clock=Clock(freq="h"))
    source = make_source(one, fit_scales(group, [3], "none"), Setting(Clock(freq="h"), one.ds[0], 2))
    assert not source.known.any()


def test_a_series_that_was_trained_on_keeps_its_scale_and_a_new_one_gets_its_own():
    trained = series(HOURS[:3], [0.0, 3.0, 6.0], unique_id="one")
    found = fit_scales(panel(trained), [3], "none")
    later = series(HOURS[:3], [0.0, 300.0, 600.0], unique_id="one")
    other = series(HOURS[:3], [0.0, 300.0, 600.0], unique_id="two")
    assert found.of(later).tolist() == [2.0]
    assert found.of(other).tolist() == [200.0]


def test_a_source_holds_values_in_units_of_its_scale_and_zero_where_missing():
    one = series(HOURS[:4], [0.0, 3.0, np.nan, 6.0])
    group = panel(one, clock=Clock(freq="h"))
    source = make_source(one, fit_scales(group, [4], "none"), Setting(Clock(freq="h"), one.ds[0], 2))
    assert source.scale.tolist() == [2.0]
    assert source.z[:, 0].tolist() == [0.0, 1.5, 0.0, 3.0]
    assert source.observed[:, 0].tolist() == [True, True, False, True]


def test_rows_after_the_last_target_are_not_known_but_their_covariates_are():
    one = series(HOURS[:6], [1.0, 2.0, np.nan, 4.0, np.nan, np.nan], known=np.arange(6.0)[:, None])
    assert length_known(one) == 4
    group = panel(one, clock=Clock(freq="h"))
    source = make_source(one, fit_scales(group, [4], "none"), Setting(Clock(freq="h"), one.ds[0], 2))
    assert len(source.z) == 4
    np.testing.assert_allclose(source.known[:, 0], (np.arange(6.0) - 1.5) / np.sqrt(1.25))


def test_a_series_without_a_target_has_no_known_row():
    assert length_known(series(HOURS[:3], [np.nan] * 3)) == 0


@pytest.mark.parametrize(
    ("first", "wanted"),
    [("2024-01-01T00", 0), ("2024-01-02T05", 29), ("2023-12-31T22", -2), ("2024-01-01T03:20", 3)],
)
def test_the_clock_of_a_series_counts_from_that_of_the_panel(first, wanted):
    one = series(every(first, "1h", 4))
    assert clock_origin(one, HOURS[0], Clock(freq="h")) == wanted


def test_without_a_frequency_every_series_begins_at_zero():
    assert clock_origin(series(np.array([5.0, 9.0])), 0.0, Clock(kind="index")) == 0
