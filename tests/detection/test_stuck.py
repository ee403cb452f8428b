"""How rare it is that a value is repeated so often."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from grucast.detection.stuck import COUNTED, RunningStuck, StuckScale, fit_stuck, repeats, stuck, together


def fitted(values):
    """The scale of one channel whose rows are all trained on."""
    return fit_stuck([np.asarray(values, dtype=float)[:, None]], [slice(0, len(values))])


def moving(rows, seed=0):
    return np.random.default_rng(seed).standard_normal(rows)


def test_repeats_are_counted_up_to_the_row():
    assert repeats(np.array([5.0, 5, 5, 2, 5, 5])).tolist() == [0, 1, 2, 0, 0, 1]


def test_ahead_a_row_counts_its_whole_run():
    assert repeats(np.array([5.0, 5, 5, 2, 5, 5]), ahead=True).tolist() == [2, 2, 2, 0, 1, 1]


def test_a_missing_row_neither_counts_nor_interrupts():
    assert repeats(np.array([5.0, np.nan, 5, 2])).tolist() == [0, -1, 1, 0]
    assert repeats(np.array([np.nan, np.nan])).tolist() == [-1, -1]


def test_what_was_counted_is_its_share_of_the_rows():
    """Of 100 rows 20 pairs: 60 runs stay alone, 20 reach one repeat."""
    values = np.concatenate([np.arange(60), np.repeat(np.arange(100, 120), 2)])
    scale = fitted(values)
    np.testing.assert_allclose(scale.surprise[0], -np.log([80 / 100, 20 / 100]))
    assert scale.beyond[0] == pytest.approx(np.log(22))  # nobody went on: (0 + 1) / (20 + 2)


def test_where_most_runs_went_on_their_median_says_how_far():
    """Forty runs of 301 rows: each is longer than what is counted, by 100 repeats."""
    values = np.repeat(np.arange(40.0), 301)
    scale = fitted(values)
    assert scale.surprise.shape == (1, COUNTED + 1)
    assert scale.beyond[0] == pytest.approx(np.log(2) / 100)


def test_a_fault_among_the_rows_trained_on_hardly_moves_it():
    values = moving(2_000)
    values[::50] = values[1::50]  # forty pairs
    faulty = values.copy()
    faulty[700:730] = faulty[699]
    assert fitted(faulty).beyond[0] > 0.75 * fitted(values).beyond[0]


def test_a_sensor_that_rests_every_night_does_not_surprise():
    night = np.concatenate([moving(16), np.zeros(8)])
    values = np.concatenate([np.where(night == 0, 0.0, night + day) for day in range(40)])[:, None]
    scale = fit_stuck([values], [slice(0, len(values))])
    found, _ = stuck(values, scale, "online")
    assert found.max() == pytest.approx(-np.log(40 / 960))


def test_a_constant_channel_tells_nothing():
    scale = fitted(np.full(500, 7.0))
    assert stuck(np.full((900, 1), 7.0), scale, "online")[0].max() == 0.0


def test_channels_that_stand_still_together_add_up():
    """One alone may be any of three, and so many count for all of them too."""
    values = np.stack([moving(400, seed) for seed in (1, 2, 3)], axis=1)
    scale = fit_stuck([values], [slice(0, 400)])
    values[300:303] = values[299]
    alone = values.copy()
    alone[300:303, :2] = moving(6).reshape(3, 2)
    all_three, one = (stuck(each, scale, "online")[0][302] for each in (values, alone))
    assert all_three == pytest.approx(3 * (one + np.log(3)) - np.log(3))


def test_of_several_channels_the_most_surprising_number_of_them_counts():
    own = np.array([[9.0, 0.5, 0.0, 0.1], [4.0, 0.0, 5.0, 0.0]], dtype=np.float32)
    np.testing.assert_allclose(together(own), [9.6 - np.log(6), 9.0 - np.log(6)], rtol=1e-6)
    np.testing.assert_allclose(together(np.array([[9.0, 0.1, 0, 0]], np.float32)), [9.0 - np.log(4)], rtol=1e-6)


def test_chance_coincidences_are_as_rare_as_the_surprise_says():
    """Five channels that repeat one row in fifty by chance: a surprise of log 1000 in one row of 1,000 or fewer."""
    own = np.where(np.random.default_rng(0).random((200_000, 5)) < 0.02, np.log(50), 0.0).astype(np.float32)
    share = float(np.mean(together(own) >= np.log(1000)))
    assert 1e-5 < share < 1e-3


def test_the_channel_that_surprises_most_leads():
    values = np.stack([moving(400, 1), moving(400, 2)], axis=1)
    scale = fit_stuck([values], [slice(0, 400)])
    values[100:105, 1] = values[99, 1]
    assert stuck(values, scale, "online")[1][102] == 1


def test_offline_the_first_row_of_a_run_knows_the_whole():
    values = moving(400)[:, None]
    scale = fit_stuck([values], [slice(0, 400)])
    values[200:210] = values[199]
    found, _ = stuck(values, scale, "offline")
    assert found[199] == found[209] == stuck(values, scale, "online")[0][209]


def test_series_are_counted_together_and_runs_end_with_their_series():
    one, other = np.array([1.0, 2, 3, 3]), np.array([3.0, 4, 5, 6])
    apart = fit_stuck([np.tile(one, 10)[:, None], np.tile(other, 10)[:, None]], [slice(0, 40), slice(0, 40)])
    np.testing.assert_allclose(apart.surprise[0], -np.log([70 / 80, 10 / 80]))


@given(st.lists(st.tuples(st.sampled_from([0.0, 1.0, np.nan]), st.sampled_from([0.0, 1.0])), min_size=1, max_size=40))
def test_row_by_row_it_is_the_same(rows):
    values = np.array(rows)
    scale = StuckScale(np.array([[0.1, 1.0, 2.5], [0.2, 3.0, 4.0]]), np.array([0.5, 0.75]))
    found, lead = stuck(values, scale, "online")
    running = RunningStuck(scale)
    for row, value, channel in zip(values, found.tolist(), lead.tolist(), strict=True):
        said, led = running.push(row)
        assert said == pytest.approx(value, nan_ok=True)
        assert led == channel or value == 0.0


@given(st.lists(st.sampled_from([0.0, 1.0, np.nan]), max_size=60))
def test_repeats_are_those_of_a_plain_loop(values):
    last, count, wanted = None, 0, []
    for value in values:
        if np.isnan(value):
            wanted.append(-1)
            continue
        count = count + 1 if value == last else 0
        last = value
        wanted.append(count)
    assert repeats(np.array(values, dtype=float)).tolist() == wanted
