"""Seasons of series whose equations are known."""

import numpy as np
import pytest
from series_making import every, panel, series

from grucast.core.series import Clock
from grucast.preprocessing.seasons import find_seasons

NOISE = np.random.default_rng(7)


@pytest.fixture(autouse=True)
def _same_noise_in_any_order():
    NOISE.bit_generator.state = np.random.default_rng(7).bit_generator.state


def wave(rows, period):
    return np.sin(2 * np.pi * np.arange(rows) / period)


def noise(rows, size=1.0):
    return size * NOISE.standard_normal(rows)


def seasons(*columns, freq="", most=2):
    """The seasons of series with these values (T,) or (T, C), numbered rows where there is no frequency."""
    clock = Clock(freq=freq) if freq else Clock(kind="index")
    axes = [every("2020-01-06", "1h", len(one)) if freq else np.arange(float(len(one))) for one in columns]
    members = [series(ds, y, unique_id=str(name)) for name, (ds, y) in enumerate(zip(axes, columns, strict=True))]
    return find_seasons(panel(*members, clock=clock), most=most)


def load(rows, day=24):
    """A day and a week: the weekend is lower by three."""
    weekend = np.arange(rows) // day % 7 >= 5
    return 5 * wave(rows, day) - 3 * weekend + noise(rows, 0.5) + noise(rows, 0.02).cumsum()


@pytest.mark.parametrize(("freq", "day"), [("h", 24), ("30min", 48), ("15min", 96), ("10min", 144)])
def test_a_load_has_a_day_and_a_week(freq, day):
    assert seasons(load(60 * day, day), freq=freq) == (day, 7 * day)


def test_a_week_that_changes_only_the_shape_of_its_days_is_found():
    rows = 24 * 70
    weekend = np.arange(rows) // 24 % 7 >= 5
    y = np.where(weekend, wave(rows, 12), wave(rows, 24)) + noise(rows, 0.2)  # each day has the mean 0
    assert seasons(y, freq="h") == (24, 168)


def test_a_day_alone_has_no_week():
    assert seasons(wave(24 * 100, 24) + noise(2400, 0.5), freq="h") == (24,)


def test_most_says_how_many_are_given():
    assert seasons(load(24 * 60), freq="h", most=1) == (24,)


def test_days_have_a_week_and_a_year():
    rows = 4 * 365
    y = 8 * wave(rows, 365.25) + 4 * (np.arange(rows) % 7 == 6) + noise(rows, 2)
    assert seasons(y, freq="D") == (7, 365)


@pytest.mark.parametrize(("freq", "season"), [("B", 5), ("MS", 12), ("ME", 12), ("QS", 4), ("QE-NOV", 4)])
def test_the_season_of_the_calendar_is_found_on_a_trend(freq, season):
    shape = np.resize(np.linspace(-1, 1, season), 20 * season)
    assert seasons(shape + 0.1 * np.arange(20 * season) + noise(20 * season, 0.2), freq=freq) == (season,)


def test_a_year_of_weeks_is_found():
    assert seasons(5 * wave(300, 52.18) + noise(300), freq="W-SUN") == (52,)


def test_numbered_rows_show_their_day_and_week_in_the_autocorrelation():
    assert seasons(*(load(840) for _ in range(6))) == (24, 168)


@pytest.mark.parametrize("period", [5, 12, 50, 137])
def test_numbered_rows_show_any_period(period):
    shape = np.resize(np.exp(-(((np.arange(period) - period / 3) / (period / 10)) ** 2)), 30 * period)
    assert seasons(shape + noise(30 * period, 0.05)) == (period,)


@pytest.mark.parametrize("period", [30, 48, 90])
def test_noise_on_the_slope_of_a_wave_is_no_season(period):
    assert seasons(10 * wave(3000, period) + noise(3000)) == (period,)


def test_a_slow_wave_in_noise_is_found_over_block_means():
    (period,) = seasons(wave(12_000, 400) + noise(12_000, 0.7))
    assert period == pytest.approx(400, rel=0.02)


def test_heart_beats_of_varying_length_have_a_season_and_no_longer_one():
    beats = np.cumsum(200 + 4 * NOISE.standard_normal(150)).astype(int)
    y = np.zeros(beats[-1] + 20)
    for beat in beats:
        y[beat : beat + 12] += np.hanning(12)
    (period,) = seasons(y + noise(len(y), 0.02))
    assert period == pytest.approx(200, rel=0.04)


def test_the_hum_of_the_mains_does_not_hide_the_pace_of_a_heart():
    beats = np.cumsum(290 + 7 * NOISE.standard_normal(170)).astype(int)
    y = np.zeros(beats[-1] + 60)
    for beat in beats:  # up and down again, about 18 rows long
        y[beat : beat + 24] += np.hanning(24) * np.cos(2 * np.pi * (np.arange(24) - 12) / 18)
    (period,) = seasons(y + 0.03 * wave(len(y), 6) + noise(len(y), 0.03))
    assert period == pytest.approx(290, rel=0.02)


@pytest.mark.parametrize(
    ("freq", "rows"), [("h", 2000), ("D", 1500), ("B", 1000), ("MS", 120), ("W-SUN", 400), ("", 1000)]
)
def test_of_sixty_walks_and_noises_at_most_one_has_a_season(freq, rows):
    found = 0
    for _ in range(20):
        for y in (noise(rows), noise(rows).cumsum(), np.abs(noise(rows)).cumsum()):
            found += seasons(y, freq=freq) != ()
    assert found <= 1


def test_a_season_in_a_quarter_of_the_channels_is_one_of_the_system():
    rows = 24 * 60
    y = np.stack([load(rows), load(rows), *(noise(rows).cumsum() for _ in range(4))], axis=1)
    assert seasons(y, freq="h") == (24, 168)


def test_holes_and_faults_do_not_hide_a_season():
    y = load(24 * 60)
    y[NOISE.integers(0, len(y), 8)] += 500
    y[300:360] = np.nan
    y[NOISE.integers(0, len(y), 150)] = np.nan
    assert seasons(y, freq="h") == (24, 168)


@pytest.mark.parametrize("size", [1e-300, 1e300])
def test_the_size_of_the_values_does_not_matter(size):
    assert seasons(size * load(24 * 60), freq="h") == (24, 168)


def test_fewer_than_two_and_a_half_seasons_are_no_evidence():
    assert seasons(wave(29, 12), freq="MS") == ()


@pytest.mark.parametrize("y", [np.full(500, 3.0), np.full(500, np.nan), np.ones(1)])
def test_nothing_is_found_where_nothing_changes(y):
    assert seasons(y, freq="h") == ()
    assert seasons(y) == ()


def test_the_answer_is_the_same_each_time():
    y = load(24 * 60)
    assert seasons(y, freq="h") == seasons(y.copy(), freq="h")


def test_steps_below_a_second_are_searched_as_no_calendar_says_what_repeats():
    ds = every("2024-01-01", "8ms", 3000)
    beats = panel(series(ds, 5 * wave(3000, 100) + noise(3000, 0.05)), clock=Clock(freq="8ms"))
    assert find_seasons(beats) == (100,)
