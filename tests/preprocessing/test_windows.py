"""Windows against plain loops over rows, for any panel."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from grucast.core.config import WindowSpec
from grucast.preprocessing.windows import FARTHEST, Source, Windows, cutoffs_between, flatten, gather, gather_targets

numbers = st.integers(0, 2**32 - 1)


@st.composite
def panels(draw):
    """Sources of any length with masks and covariates, and the specification of windows."""
    rng = np.random.default_rng(draw(numbers))
    channels, known, past, static = (draw(st.integers(low, 3)) for low in (1, 0, 0, 0))
    seasons = tuple(draw(st.lists(st.integers(2, 9), max_size=2)))
    fill = draw(st.sampled_from([(), (1,), (1, 2), (1, 2, 4), (1, 3)]))
    spec = WindowSpec(draw(st.integers(1, 8)), draw(st.integers(1, 5)), 1, seasons, fill)
    sources = []
    for rows in draw(st.lists(st.integers(1, 15), min_size=1, max_size=4)):
        observed = rng.random((rows, channels)) < draw(st.sampled_from([0.0, 0.5, 1.0]))
        sources.append(
            Source(
                z=np.where(observed, rng.normal(size=(rows, channels)), 0.0),
                observed=observed,
                known=rng.normal(size=(rows + draw(st.integers(0, 7)), known)),
                past=rng.normal(size=(rows, past)),
                static=rng.normal(size=static),
                scale=rng.uniform(1, 2, channels),
                origin=draw(st.integers(-20, 20)),
            )
        )
    return sources, spec


def every_window(sources):
    """All (stream, cutoff) of these sources, and the source and the channel of each."""
    channels = sources[0].z.shape[1]
    places = [
        (index * channels + channel, cutoff, index, channel)
        for index, one in enumerate(sources)
        for channel in range(channels)
        for cutoff in range(len(one.z) + 1)
    ]
    return [np.array(column) for column in zip(*places, strict=True)]


@settings(deadline=None, max_examples=60)
@given(panels())
def test_a_context_is_what_a_plain_loop_collects(case):
    sources, spec = case
    stream, cutoff, index, channel = every_window(sources)
    found = gather(flatten(sources), replace(spec, fill=()), stream, cutoff)
    for n in range(len(stream)):
        one = sources[index[n]]
        rows = list(range(cutoff[n] - spec.context_length, cutoff[n]))
        seen = [row >= 0 and bool(one.observed[row, channel[n]]) for row in rows]
        last = max((place for place, yes in enumerate(seen) if yes), default=None)
        level = one.z[rows[last], channel[n]] if last is not None else 0.0
        x = [one.z[row, channel[n]] - level if yes else 0.0 for row, yes in zip(rows, seen, strict=True)]
        np.testing.assert_array_equal(found.x[n], np.float32(x))
        assert found.mask[n].tolist() == found.seen[n].tolist() == seen
        assert found.level[n] == level
        assert found.anchor[n] == (len(rows) - 1 if last is None else last)
        assert found.channel[n] == channel[n]
        np.testing.assert_array_equal(found.static[n], np.float32(one.static))


@settings(deadline=None, max_examples=60)
@given(panels())
def test_covariates_are_what_a_plain_loop_collects(case):
    sources, spec = case
    stream, cutoff, index, _ = every_window(sources)
    found = gather(flatten(sources), spec, stream, cutoff)
    nothing_known, nothing_past = np.zeros(sources[0].known.shape[1]), np.zeros(sources[0].past.shape[1])
    for n in range(len(stream)):
        one, first = sources[index[n]], cutoff[n] - spec.context_length
        for place in range(spec.context_length + spec.horizon):
            row = first + place
            wanted = one.known[row] if 0 <= row < len(one.known) else nothing_known
            np.testing.assert_array_equal(found.known[n, place], np.float32(wanted))
        for place in range(spec.context_length):
            row = first + place
            np.testing.assert_array_equal(found.past[n, place], np.float32(one.past[row] if row >= 0 else nothing_past))


@settings(deadline=None, max_examples=60)
@given(panels())
def test_targets_are_what_a_plain_loop_collects(case):
    sources, spec = case
    stream, cutoff, index, channel = every_window(sources)
    y, seen = gather_targets(flatten(sources), spec.horizon, stream, cutoff)
    for n in range(len(stream)):
        one = sources[index[n]]
        for step in range(spec.horizon):
            row = cutoff[n] + step
            there = row < len(one.z) and bool(one.observed[row, channel[n]])
            assert seen[n, step] == there
            assert y[n, step] == (one.z[row, channel[n]] if there else 0.0)


@settings(deadline=None, max_examples=60)
@given(panels(), numbers)
def test_nothing_after_the_cutoff_enters_a_window(case, seed):
    sources, spec = case
    rng = np.random.default_rng(seed)
    stop = int(rng.integers(0, len(sources[0].z) + 1))
    at = np.zeros(1, dtype=np.int64), np.array([stop])
    before = gather(flatten(sources), spec, *at)
    sources[0].z[stop:] = 1e9
    sources[0].observed[stop:] = True
    sources[0].past[stop:] = -1e9
    after = gather(flatten(sources), spec, *at)
    for name in Windows.__slots__:
        np.testing.assert_array_equal(getattr(after, name), getattr(before, name), err_msg=name)


# ---- holes ---------------------------------------------------------------------------------------


def slowly_filled(z, seen, first, seasons):
    """The docstring of `fill_holes` for one window whose series begins at row `first` of it: values by row, or None."""
    left = {row: z[row] for row in range(len(z)) if seen[row]}
    shape = dict.fromkeys(range(first, len(z)), 0.0)
    for season in seasons:
        same = [[left[one] for one in left if one % season == phase] for phase in range(season)]
        known = {phase: sum(those) / len(those) for phase, those in enumerate(same) if those}
        around = sorted((phase + turn * season, value) for phase, value in known.items() for turn in (-1, 0, 1))
        mean = {row: np.interp(row % season, *zip(*around, strict=True)) if around else 0.0 for row in shape}
        left = {row: value - mean[row] for row, value in left.items()}
        shape = {row: value + mean[row] for row, value in shape.items()}
    found = []
    for row in range(len(z)):
        before = max((one for one in left if one <= row), default=None)
        after = min((one for one in left if one >= row), default=None)
        if seen[row]:
            found.append(z[row])
        elif row < first or (before is None and after is None):
            found.append(None)
        elif before is None or after is None:
            found.append(shape[row] + left[after if before is None else before])
        else:
            found.append(shape[row] + left[before] + (left[after] - left[before]) * (row - before) / (after - before))
    return found


@settings(deadline=None, max_examples=60)
@given(panels())
def test_holes_are_filled_as_a_plain_loop_fills_them(case):
    sources, spec = case
    stream, cutoff, index, channel = every_window(sources)
    found = gather(flatten(sources), spec, stream, cutoff)
    for n in range(len(stream)):
        one, rows = sources[index[n]], range(cutoff[n] - spec.context_length, cutoff[n])
        seen = [row >= 0 and bool(one.observed[row, channel[n]]) for row in rows]
        z = [one.z[row, channel[n]] if yes else 0.0 for row, yes in zip(rows, seen, strict=True)]
        first = max(-rows[0], 0)
        wanted = slowly_filled(z, seen, first, spec.fill) if spec.fill else [
            value if yes else None for value, yes in zip(z, seen, strict=True)]
        assert found.mask[n].tolist() == [value is not None for value in wanted]
        assert found.seen[n].tolist() == seen
        x = [0.0 if value is None else value - found.level[n] for value in wanted]
        np.testing.assert_allclose(found.x[n], x, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("hole", [slice(20, 25), slice(40, 48), slice(0, 9)])
def test_a_season_goes_on_through_a_hole_and_the_level_on_a_straight_line(hole):
    y = 5.0 * np.sin(np.arange(48) * 2 * np.pi / 12) + 0.25 * (np.arange(48) // 12)  # each year a little higher
    streams = flatten([one_source(y, observed=[not hole.start <= row < hole.stop for row in range(48)])])
    found = gather(streams, WindowSpec(48, 2, 12, fill=(1, 12)), np.array([0]), np.array([48]))
    assert np.abs(found.x[0] + found.level[0] - y).max() < 0.5
    assert found.mask.all()
    assert found.seen.sum() == 48 - (hole.stop - hole.start)


def test_without_a_season_a_hole_is_a_straight_line_and_ends_are_level():
    streams = flatten([one_source([0, 0, 2, 0, 0, 5, 0, 0], observed=[0, 0, 1, 0, 0, 1, 0, 0])])
    found = gather(streams, WindowSpec(8, 2, 1, fill=(1,)), np.array([0]), np.array([8]))
    np.testing.assert_allclose(found.x[0], [-3, -3, -3, -2, -1, 0, 0, 0], atol=1e-6)


def test_what_is_before_a_series_is_no_hole_and_a_window_without_a_value_stays_empty():
    streams = flatten([one_source([3, 0, 5], observed=[1, 0, 1]), one_source([0, 0, 0], observed=[0, 0, 0])])
    found = gather(streams, WindowSpec(5, 2, 1, fill=(1, 2)), np.array([0, 1]), np.array([3, 3]))
    assert found.mask.tolist() == [[0, 0, 1, 1, 1], [0, 0, 0, 0, 0]]


def one_source(y, *, observed=None, origin=0):
    z = np.asarray(y, dtype=np.float64)[:, None]
    seen = np.ones_like(z, dtype=bool) if observed is None else np.asarray(observed, dtype=bool)[:, None]
    none = np.zeros((len(z), 0))
    return Source(z, seen, none, none, np.zeros(0), np.ones(1), origin)


def test_the_anchor_is_the_last_value_that_was_observed():
    streams = flatten([one_source([1, 2, 5, 0, 0, 7], observed=[1, 1, 1, 0, 0, 1])])
    found = gather(streams, WindowSpec(4, 2, 1), np.array([0]), np.array([5]))
    assert found.anchor.tolist() == [1]  # rows 1 to 4 are known, row 2 is the last one observed
    assert found.level.tolist() == [5.0]
    assert found.x.tolist() == [[-3.0, 0.0, 0.0, 0.0]]


def test_the_phase_is_that_of_the_first_row_of_the_context_on_the_clock_of_the_panel():
    streams = flatten([one_source(range(30), origin=100), one_source(range(30), origin=-3)])
    found = gather(streams, WindowSpec(4, 2, 1, (7, 24)), np.array([0, 1, 1]), np.array([10, 10, 2]))
    # first rows 6, 6 and -2 of the series: 106, 3 and -5 on the clock
    assert found.phase.tolist() == [[1, 10], [3, 3], [2, 19]]


def test_a_series_without_a_row_gives_a_window_that_is_all_mask():
    streams = flatten([one_source([1, 2, 3]), one_source([])])
    found = gather(streams, WindowSpec(4, 2, 1), np.array([1]), np.array([0]))
    y, seen = gather_targets(streams, 2, np.array([1]), np.array([0]))
    assert not found.mask.any()
    assert not seen.any()
    assert y.tolist() == [[0.0, 0.0]]


def test_a_fault_of_any_size_is_a_finite_number_in_a_window():
    streams = flatten([one_source([0, 1e300, -1e300, 2])])
    found = gather(streams, WindowSpec(4, 2, 1), np.array([0]), np.array([4]))
    assert found.x.tolist() == [[-2.0, np.float32(FARTHEST), -np.float32(FARTHEST), 0.0]]


def test_cutoffs_are_counted_back_from_the_last_one():
    stream, cutoff = cutoffs_between(np.array([3, 10, 5]), np.array([10, 9, 5]), 3)
    assert sorted(cutoff[stream == 0].tolist()) == [4, 7, 10]
    assert cutoff[stream == 1].tolist() == []
    assert cutoff[stream == 2].tolist() == [5]


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(0, 30), st.integers(-20, 30)), min_size=1, max_size=5), st.integers(1, 9))
def test_cutoffs_are_those_of_a_plain_loop(spans, stride):
    first = np.array([start for start, _ in spans])
    last = np.array([start + more for start, more in spans])
    stream, cutoff = cutoffs_between(first, last, stride)
    wanted = {
        (n, row) for n in range(len(spans)) for row in range(first[n], last[n] + 1) if (last[n] - row) % stride == 0
    }
    assert len(stream) == len(wanted)
    assert set(zip(stream.tolist(), cutoff.tolist(), strict=True)) == wanted


@pytest.mark.parametrize("channels", [1, 3])
def test_streams_are_the_channels_of_each_series_behind_each_other(channels):
    rng = np.random.default_rng(0)
    values = [rng.normal(size=(rows, channels)) for rows in (5, 2)]
    sources = []
    for z in values:
        none = np.zeros((len(z), 0))
        sources.append(Source(z, np.ones_like(z, dtype=bool), none, none, np.zeros(0), np.full(channels, 2.0)))
    streams = flatten(sources)
    for number in range(2 * channels):
        part = streams.z[streams.start[number] :][: streams.length[number]]
        np.testing.assert_array_equal(part, values[number // channels][:, number % channels])
