"""Errors of rows, against a slow loop over rows and windows; what online signals may not know."""

from dataclasses import replace

import numpy as np
import pytest

from grucast.core.config import ModelConfig, WindowSpec
from grucast.forecasting.errors import NARROWEST, row_errors, stride_of, without_sight
from grucast.forecasting.predict import Forecaster
from grucast.inference.network import outputs
from grucast.preprocessing.scaling import Transform
from grucast.preprocessing.windows import FARTHEST, gather
from tests.making import random_streams, torch_network, weights_of

LEVELS = (0.025, 0.1, 0.3, 0.5, 0.7, 0.9, 0.975)
NAMES = ("near", "whole", "band", "rebuilt", "latest", "state")
ONLINE = ("near", "whole", "band", "latest", "state")
LENGTHS = (83, 40, 17, 9)
SPECS = {
    "every second row": WindowSpec(14, 9, 8),
    "every row": WindowSpec(14, 9, 5),
    "every third row, which divides nothing": WindowSpec(14, 7, 13),
    "a horizon shorter than the stride": WindowSpec(14, 2, 12),
    "a horizon of one row": WindowSpec(11, 1, 16),
    "a context longer than all but one": WindowSpec(45, 6, 8),
    "holes that are filled": WindowSpec(14, 9, 4, fill=(1, 7)),
}


def forecaster_of(window: WindowSpec, *, narrow: int = 3, members: int = 1, seed: int = 0) -> Forecaster:
    """Random weights, states' law and calibration; three channels."""
    model = ModelConfig(hidden=6, channels=3, narrow=narrow, linear_rank=-1, quantile_levels=LEVELS)
    rng = np.random.default_rng(seed)
    made = []
    for member in range(members):
        weights = weights_of(torch_network(model, window, seed=seed + member))
        weights["state.mean"] = rng.normal(size=6).astype(np.float32)
        weights["state.whiten"] = rng.normal(size=(6, 5)).astype(np.float32)
        made.append(weights)
    factors = np.repeat(rng.uniform(0.5, 2.0, (window.horizon, 1)), len(LEVELS), axis=1)
    return Forecaster(made, model, window, Transform("none", np.ones(3)), factors, np.array([1.0, 0.4, 0.0]))


def streams_of(lengths=LENGTHS):
    """Random streams; in the first a gap longer than a context, the third never moved when it was trained."""
    streams = random_streams(lengths)
    streams.observed[30:48] = False
    streams.scale[2] = 0.0
    return streams


def blind(seen, segment) -> bool:
    """No row seen, or fewer than a segment where more than a segment in a row is missing."""
    longest = max((len(run) for run in "".join("x" if one else "." for one in seen).split("x")), default=0)
    return not seen.any() or (int(seen.sum()) < segment < longest)


def slow_errors(forecaster: Forecaster, streams) -> dict[str, np.ndarray]:
    """The docstring of `forecasting/errors.py`, read word by word: for each row, over all windows."""
    L, H, w = forecaster.window.context_length, forecaster.window.horizon, forecaster.window.segment
    k, middle = stride_of(forecaster), LEVELS.index(0.5)
    found = {name: np.full(len(streams.z), np.nan) for name in NAMES}
    found["expected"] = np.full((len(streams.z), 3), np.nan)
    for n in range(len(streams.start)):
        start, length = int(streams.start[n]), int(streams.length[n])
        y, seen = streams.z[start : start + length], streams.observed[start : start + length]
        scale, share = streams.scale[n] or 1.0, forecaster.trusted[streams.channel[n]]
        windows = []  # (cutoff, quantiles, context error, distance), blind ones left out
        for cutoff in range(L, length + 1):
            if cutoff % k or blind(seen[cutoff - L : cutoff], w):
                continue
            one = gather(streams, forecaster.window, np.array([n]), np.array([cutoff]))
            said = [outputs(weights, forecaster.model, forecaster.window, one) for weights in forecaster.members]
            q = np.mean([each.quantiles[0].astype(float) for each in said], axis=0)
            if streams.scale[n] == 0:
                q = np.zeros_like(q)
            q = q - (1 - share) * q[:, [middle]] + one.level[0]  # q is from the anchor, the naive forecast is 0
            missed = {}
            if forecaster.model.narrow:
                back = np.mean([each.rebuilt[0].astype(float) for each in said], axis=0) + one.level[0]
                missed = {row: abs(y[row] - back[row - cutoff + L]) for row in range(cutoff - L, cutoff) if seen[row]}
            far = np.mean([each.distance[0] for each in said]) if forecaster.model.narrow else np.nan
            windows.append((cutoff, q, missed, far))
        for row in range(length):
            ahead = [(row - cutoff, q) for cutoff, q, _, _ in windows if 0 <= row - cutoff < H]
            if ahead and ahead[-1][0] < k:
                lead, q = ahead[-1]
                told = q[lead, middle] + (q[lead] - q[lead, middle]) * forecaster.factors[lead]
                found["expected"][start + row] = told[[0, middle, -1]] * scale
                found["near"][start + row] = y[row] - q[lead, middle] if seen[row] else np.nan
            if ahead and seen[row]:
                low, high = LEVELS.index(0.1), LEVELS.index(0.9)
                away = np.array([abs(y[row] - q[lead, middle]) for lead, q in ahead])
                width = np.array([max(q[lead, high] - q[lead, low], NARROWEST) for lead, q in ahead])
                found["whole"][start + row], found["band"][start + row] = away.mean(), (away / width).mean()
            back = [missed[row] for _, _, missed, _ in windows if row in missed]
            found["rebuilt"][start + row] = np.mean(back) if back else np.nan
            held = [window for window in windows if 0 <= row - (window[0] - 1) < k]
            if held and forecaster.model.narrow:
                cutoff, _, missed, far = held[-1]
                newest = [missed[one] for one in range(cutoff - min(w, L), cutoff) if one in missed]
                found["latest"][start + row] = np.mean(newest) if newest else np.nan
                found["state"][start + row] = far
    return found


def assert_equal(found, wanted) -> None:
    for name in (*NAMES, "expected"):
        np.testing.assert_allclose(getattr(found, name), wanted[name], rtol=2e-4, atol=2e-5, err_msg=name)


# ---- the definition ------------------------------------------------------------------------------


@pytest.mark.parametrize("case", SPECS)
def test_errors_are_those_of_a_loop_over_rows_and_windows(case):
    forecaster, streams = forecaster_of(SPECS[case]), streams_of()
    wanted = slow_errors(forecaster, streams)
    assert_equal(row_errors(forecaster, streams), wanted)
    assert all(np.isfinite(wanted[name]).any() for name in NAMES)


def test_an_ensemble_speaks_with_one_voice():
    forecaster, streams = forecaster_of(SPECS["every second row"], members=3), streams_of((31, 20))
    assert_equal(row_errors(forecaster, streams), slow_errors(forecaster, streams))


def test_a_network_that_rebuilds_nothing_forecasts_alike():
    window, streams = SPECS["every third row, which divides nothing"], streams_of()
    with_head = forecaster_of(window)
    without = replace(with_head, model=replace(with_head.model, narrow=0))
    found, other = row_errors(without, streams), row_errors(with_head, streams)
    for name in ("near", "whole", "band", "expected"):
        np.testing.assert_array_equal(getattr(found, name), getattr(other, name), err_msg=name)
    assert all(np.isnan(getattr(found, name)).all() for name in ("rebuilt", "latest", "state"))


def test_a_series_shorter_than_the_context_has_no_errors():
    forecaster = forecaster_of(WindowSpec(30, 5, 8))
    found = row_errors(forecaster, random_streams((29, 12)))
    assert all(np.isnan(getattr(found, name)).all() for name in (*NAMES, "expected"))


def test_a_series_as_long_as_the_context_is_rebuilt_only():
    found = row_errors(forecaster_of(WindowSpec(30, 5, 8)), random_streams((30,)))
    assert all(np.isnan(getattr(found, name)).all() for name in ("near", "whole", "band", "expected"))
    assert np.isfinite(found.rebuilt).any()
    assert np.flatnonzero(np.isfinite(found.state)).tolist() == [29, 59, 89]


def test_a_series_that_never_moved_is_expected_where_it_was():
    streams = random_streams((60,), channels=3)
    streams.observed[:], streams.z[:], streams.scale[:] = True, 7.0, 0.0
    found = row_errors(forecaster_of(SPECS["every second row"]), streams)
    late = np.arange(14, 60)
    np.testing.assert_array_equal(found.expected[late], 7.0)
    np.testing.assert_array_equal(found.near[late], 0.0)
    np.testing.assert_array_equal(found.band[late], 0.0)


@pytest.mark.parametrize("size", [1, 7])
def test_windows_in_small_chunks_give_what_they_give_at_once(monkeypatch, size):
    forecaster, streams = forecaster_of(SPECS["every second row"]), streams_of()
    whole = row_errors(forecaster, streams)
    seen = []
    monkeypatch.setattr("grucast.forecasting.errors.chunk_size", lambda model, window: size)
    parts = row_errors(forecaster, streams, lambda name, done, total: seen.append((done, total)))
    for name in (*NAMES, "expected"):
        np.testing.assert_allclose(getattr(parts, name), getattr(whole, name), rtol=1e-4, atol=1e-5, err_msg=name)
    assert [done for done, _ in seen] == sorted({done for done, _ in seen})
    assert max(np.diff([done for done, _ in seen])) <= size
    assert seen[-1][0] == seen[-1][1]


# ---- time flows one way --------------------------------------------------------------------------


@pytest.mark.parametrize("border", [20, 33, 50, 61])
@pytest.mark.parametrize("case", SPECS)
def test_what_comes_later_changes_no_online_error(case, border):
    forecaster = forecaster_of(SPECS[case])
    before, after = streams_of((70,)), streams_of((70,))
    rng = np.random.default_rng(border)
    for start in after.start:
        after.z[start + border : start + 70] = rng.normal(0, 50, 70 - border)
        after.observed[start + border : start + 70] = rng.random(70 - border) < 0.7
    one, two = row_errors(forecaster, before), row_errors(forecaster, after)
    early = np.concatenate([np.arange(start, start + border) for start in before.start])
    for name in ONLINE:
        np.testing.assert_array_equal(getattr(two, name)[early], getattr(one, name)[early], err_msg=name)
    # a band is told with its window, at most k rows ahead, and never looks at the row itself
    told = np.concatenate([early, before.start + border])
    np.testing.assert_array_equal(two.expected[told], one.expected[told])
    late = np.setdiff1d(np.arange(len(one.near)), early)
    assert not np.array_equal(two.near[late], one.near[late], equal_nan=True)


def test_rows_that_come_change_no_online_error_of_those_before():
    forecaster = forecaster_of(SPECS["every third row, which divides nothing"])
    long = random_streams((70,), channels=1)
    short = replace(long, z=long.z[:41], observed=long.observed[:41], length=np.array([41]))
    one, two = row_errors(forecaster, short), row_errors(forecaster, long)
    for name in ONLINE:
        np.testing.assert_allclose(getattr(two, name)[:41], getattr(one, name), rtol=1e-5, atol=1e-6, err_msg=name)


def test_the_rebuilt_signal_does_look_at_later_rows():
    forecaster = forecaster_of(SPECS["every second row"])
    before, after = random_streams((70,)), random_streams((70,))
    after.z[50:70] += 9.0
    one, two = row_errors(forecaster, before), row_errors(forecaster, after)
    assert not np.array_equal(two.rebuilt[40:50], one.rebuilt[40:50])


# ---- faults --------------------------------------------------------------------------------------


@pytest.mark.parametrize("value", [1e20, 1e300, -1e308])
def test_a_fault_of_any_size_has_the_largest_finite_errors(value):
    forecaster, streams = forecaster_of(SPECS["every second row"]), random_streams((80,))
    streams.observed[:], streams.z[50] = True, value
    with np.errstate(over="raise"):
        found = row_errors(forecaster, streams)
    for name in NAMES:
        error = np.abs(getattr(found, name)[14:80])
        assert np.isfinite(error).all(), name
    assert abs(found.near[50]) == np.float32(FARTHEST)
    for name in ("near", "whole", "band", "rebuilt"):
        assert np.nanargmax(np.abs(getattr(found, name)[:80])) == 50, name


def test_a_missing_row_has_no_error_but_an_expectation():
    forecaster, streams = forecaster_of(SPECS["every second row"]), random_streams((80,))
    streams.observed[:80] = True
    streams.observed[50:53] = False
    found = row_errors(forecaster, streams)
    for name in ("near", "whole", "band", "rebuilt"):
        assert np.isnan(getattr(found, name)[50:53]).all(), name
        assert np.isfinite(getattr(found, name)[[49, 53]]).all(), name
    assert np.isfinite(found.expected[50:53]).all()


# ---- windows that a gap left without sight -------------------------------------------------------


@pytest.mark.parametrize(("rows", "wanted"), [
    ("....................", True), ("xxxxxxxxxxxxxxxxxxxx", False), ("xxx.............xxxx", False),
    (".................xxx", True), ("xx................x.", True), ("...x...x...x...x...x", False),
    (".....x.....x.....x..", False), ("x..............xxxxx", False), ("xxx.................", True)])
def test_a_window_says_nothing_where_a_gap_leaves_less_than_a_segment(rows, wanted):
    seen = np.array([[one == "x" for one in rows]], dtype=np.float32)
    assert without_sight(seen, 5).tolist() == [wanted] == [blind(seen[0] > 0, 5)]
