"""Which windows are drawn."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from grucast.training.sampling import sampler_of


def test_a_series_with_a_hundred_times_the_windows_is_drawn_ten_times_as_often():
    sampler = sampler_of(np.array([0, 0]), np.array([9_999, 99]))
    stream, _ = sampler.draw(110_000, np.random.default_rng(0))
    assert abs(np.mean(stream == 0) - 10 / 11) < 5 * np.sqrt(10 / 121 / 110_000)


def test_every_window_of_a_series_is_drawn_alike():
    sampler = sampler_of(np.array([5]), np.array([8]))
    _, cutoff = sampler.draw(40_000, np.random.default_rng(0))
    counts = np.bincount(cutoff, minlength=10)
    assert counts[[0, 1, 2, 3, 4, 9]].sum() == 0
    assert (np.abs(counts[5:9] - 10_000) < 5 * np.sqrt(40_000 * 3 / 16)).all()


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(0, 50), st.integers(-30, 50)), min_size=1, max_size=6), st.integers(0, 2**32 - 1))
def test_no_window_lies_outside_its_bounds(spans, seed):
    first = np.array([start for start, _ in spans])
    last = np.array([start + more for start, more in spans])
    sampler = sampler_of(first, last)
    assert sampler.windows == sum(max(more + 1, 0) for _, more in spans)
    if sampler.windows:
        stream, cutoff = sampler.draw(200, np.random.default_rng(seed))
        assert (first[stream] <= cutoff).all()
        assert (cutoff <= last[stream]).all()


def test_one_seed_draws_the_same_windows():
    sampler = sampler_of(np.array([0, 3]), np.array([40, 9]))
    one, two = (sampler.draw(50, np.random.default_rng(7)) for _ in range(2))
    np.testing.assert_array_equal(one, two)
