"""Covariates of several series: brought to size together, or in each series by itself where that forecasts better."""

from dataclasses import replace

import numpy as np
import pytest
from small_panels import HORIZON, ROWS, options_of

from grucast.core.series import Columns, Panel
from grucast.preprocessing.sources import Setting, fit_scales, make_source, with_own_covariates
from grucast.workflows.learning.learn import prepare
from tests.command import write_lines
from tests.making import hourly_panel, series_of

VISITORS = (50.0, 1_000.0, 40_000.0)  # a usual day of three shops


def shops(effect, *, known=1) -> Panel:
    """Three series y = 10 + day + effect(k) + noise, k being visitors; each has its own usual number of them."""
    rng = np.random.default_rng(3)
    day = np.sin(np.arange(ROWS) * 2 * np.pi / 24)
    members = []
    for number, size in enumerate(VISITORS):
        k = size * (1.0 + 0.4 * rng.normal(size=(ROWS, known)))
        y = 10 + day + effect(k[:, 0], size) + 0.05 * rng.normal(size=ROWS)
        members.append(series_of(y, unique_id=f"shop {number}", known=k))
    panel = hourly_panel(*members)
    return replace(panel, layout=replace(panel.layout, columns=Columns(target=("a",), known=("k", "l")[:known])))


def relative() -> Panel:
    """What visitors mean depends on how many there usually are."""
    return shops(lambda k, size: 3.0 * k / size)


def absolute() -> Panel:
    """A visitor means the same everywhere."""
    return shops(lambda k, size: k / 5_000.0)


def source(panel, scales, place):
    one = panel.series[place]
    return make_source(one, scales, Setting(panel.layout.clock, one.ds[0], 0), stop=len(one))


# ---- the choice ----------------------------------------------------------------------------------


def test_visitors_of_shops_of_unlike_size_are_told_shop_by_shop_and_it_is_said():
    prepared = prepare(relative(), options_of(transform="none"))
    assert prepared.scales.known.shape == (len(VISITORS) + 1, 2, 1)
    np.testing.assert_allclose(prepared.scales.known[:-1, 0, 0], VISITORS, rtol=0.1)
    assert sum("in each series by itself" in note for note in prepared.notes) == 1


def test_visitors_that_mean_the_same_everywhere_are_told_together():
    prepared = prepare(absolute(), options_of(transform="none"))
    assert prepared.scales.known.shape == (2, 1)
    assert not any("in each series by itself" in note for note in prepared.notes)


def test_one_series_has_one_size():
    panel = relative()
    prepared = prepare(replace(panel, series=panel.series[:1]), options_of(transform="none"))
    assert prepared.scales.known.shape == (2, 1)


# ---- sizes ---------------------------------------------------------------------------------------


def test_each_series_is_brought_to_mean_zero_and_deviation_one_by_its_own_rows():
    panel = relative()
    scales = with_own_covariates(fit_scales(panel, [200] * 3, "none"), panel, [200] * 3)
    for place in range(3):
        known = source(panel, scales, place).known[:200]
        assert known.mean() == pytest.approx(0.0, abs=1e-9)
        assert known.std() == pytest.approx(1.0)


def test_rows_after_those_learned_from_change_no_size():
    panel = relative()
    later = replace(panel, series=tuple(replace(one, known=np.where(np.arange(ROWS)[:, None] < 200, one.known, 1e6))
                                        for one in panel.series))
    one, two = (with_own_covariates(fit_scales(each, [200] * 3, "none"), each, [200] * 3) for each in (panel, later))
    np.testing.assert_array_equal(one.known, two.known)


def test_a_new_series_is_brought_to_the_size_of_all_together():
    panel = relative()
    whole = fit_scales(panel, [ROWS] * 3, "none")
    scales = with_own_covariates(whole, panel, [ROWS] * 3)
    np.testing.assert_allclose(scales.moments(scales.known, "unheard of"), whole.known)
    joined = scales.joined_by("unheard of", np.ones(1))
    np.testing.assert_allclose(joined.moments(joined.known, "unheard of"), whole.known)
    for name in panel.ids():
        np.testing.assert_array_equal(joined.moments(joined.known, name), scales.moments(scales.known, name))


def test_a_column_that_stands_still_in_one_series_has_its_mean_there_and_the_deviation_of_all():
    panel = shops(lambda k, size: 3.0 * k / size, known=2)
    still, missing = panel.series[0].known.copy(), panel.series[1].known.copy()
    still[:, 1], missing[:, 1] = 7.0, np.nan
    panel = replace(panel, series=(replace(panel.series[0], known=still), replace(panel.series[1], known=missing),
                                   panel.series[2]))
    whole = fit_scales(panel, [ROWS] * 3, "none")
    scales = with_own_covariates(whole, panel, [ROWS] * 3)
    assert scales.known[0, :, 1].tolist() == [7.0, whole.known[1, 1]]
    np.testing.assert_array_equal(scales.known[1, :, 1], whole.known[:, 1])
    assert np.isfinite(scales.known).all()


def numbers(out: str) -> dict[tuple[str, str], list[float]]:
    """The forecast of each series and stamp."""
    rows = [line.split(",") for line in out.splitlines()[1:]]
    return {(row[0], row[1]): [float(cell) for cell in row[2:]] for row in rows}


# ---- from the command line -----------------------------------------------------------------------


def test_a_model_with_sizes_by_series_forecasts_from_its_file_and_takes_new_rows_and_new_series(installed, tmp_path):
    """The forecast of the file is that of the last rows whatever other series stand beside it."""
    panel, ahead = relative(), 6
    rng = np.random.default_rng(5)
    header, lines = "unique_id,ds,y,k", list[str]()
    for one, size in zip(panel.series, VISITORS, strict=True):
        lines += [f"{one.unique_id},{stamp},{y:.4f},{k:.3f}"
                  for stamp, y, k in zip(one.ds.astype("M8[s]"), one.y[:, 0], one.known[:, 0], strict=True)]
        later = one.ds[-1].astype("M8[s]") + np.arange(1, ahead + 1) * np.timedelta64(3600, "s")
        lines += [f"{one.unique_id},{stamp},,{size * (1 + 0.4 * rng.normal()):.3f}" for stamp in later]
    write_lines(tmp_path / "shops.csv", lines, header)
    words = ["--known-col", "k", "--horizon", str(HORIZON), "--hidden", "4", "--epochs", "2", "--transform", "none"]
    trained = installed("train", "shops.csv", *words)
    assert trained.code == 0, trained.err
    assert "in each series by itself" in trained.err
    alone = installed("forecast", "-q")
    assert alone.code == 0, alone.err
    fourth = [line.replace("shop 0", "shop 9") for line in lines if line.startswith("shop 0")]
    write_lines(tmp_path / "more.csv", lines + fourth, header)
    beside = installed("forecast", "more.csv", "-q")
    assert beside.code == 0, beside.err
    wanted, found = numbers(alone.out), numbers(beside.out)
    assert len(found) == len(wanted) + HORIZON
    for row, said in wanted.items():
        assert found[row] == pytest.approx(said, rel=1e-5)
