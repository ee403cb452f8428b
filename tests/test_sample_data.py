"""The sample files: made again byte for byte, and as their README says they are."""

import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.integrate import solve_ivp

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))  # the samples are not installed with grucast

from sample_data.ecg import beat_times, voltage, with_ectopics  # noqa: E402
from sample_data.energy import easter, holidays  # noqa: E402
from sample_data.generate import SAMPLES, Sample, ecg, energy, main, meters, stock, to_csv  # noqa: E402
from sample_data.table import recursion, rounded, scattered, stream  # noqa: E402

FOLDER = ROOT / "sample_data"
Floats = NDArray[np.float64]


@pytest.fixture(scope="module")
def town() -> Sample:
    return energy()


@pytest.fixture(scope="module")
def heart() -> Sample:
    return ecg()


@pytest.fixture(scope="module")
def healthy_heart() -> Sample:
    return ecg(fault_sizes=())


@pytest.fixture(scope="module")
def shares() -> Sample:
    return stock()


def prices(sample: Sample) -> Floats:
    names = [name for name in sample.columns if name not in ("date", "label")]
    return np.stack([sample.columns[name] for name in names], axis=1)  # (T, 5)


# The files


def test_the_script_writes_the_committed_bytes(tmp_path: Path) -> None:
    command = [sys.executable, str(FOLDER / "generate.py"), "--out", str(tmp_path / "new")]
    subprocess.run(command, check=True, cwd=tmp_path, capture_output=True)
    assert sorted(path.name for path in (tmp_path / "new").iterdir()) == sorted(SAMPLES)
    for name in SAMPLES:
        assert (tmp_path / "new" / name).read_bytes() == (FOLDER / name).read_bytes(), name


def test_another_seed_writes_other_bytes(tmp_path: Path) -> None:
    main(["--seed", "7", "--out", str(tmp_path)])
    for name in SAMPLES:
        assert (tmp_path / name).read_bytes() != (FOLDER / name).read_bytes(), name


def test_the_files_together_stay_below_five_megabytes() -> None:
    assert sum((FOLDER / name).stat().st_size for name in SAMPLES) < 5_000_000


@pytest.mark.parametrize(
    ("name", "header", "rows"),
    [
        ("energy.csv", "time,load,temperature,label", 821 * 24 - 1 - 40),  # one spring more than autumns, 40 missing
        ("stock.csv", "date,AXOLT,BRYNN,CORVY,DUSKA,ELMOR,label", 2_520),
        ("ecg.csv", "time_s,mV,label", 75_000),
    ],
)
def test_a_file_has_its_header_and_its_rows(name: str, header: str, rows: int) -> None:
    lines = (FOLDER / name).read_text(encoding="ascii").split("\n")
    assert lines[0] == header
    assert lines[-1] == ""
    assert len(lines) - 2 == rows


@pytest.mark.parametrize("make", [energy, stock, ecg])
def test_without_faults_there_are_no_labels_and_the_columns_stay(make: Callable[..., Sample]) -> None:
    clean = make(fault_sizes=())
    assert clean.faults == ()
    assert not clean.columns["label"].any()
    assert list(clean.columns) == list(make().columns)


@pytest.mark.parametrize("make", [energy, stock, ecg])
def test_the_labels_are_the_rows_of_the_faults(make: Callable[..., Sample]) -> None:
    sample = make()
    label = sample.columns["label"]
    rows = {row for fault in sample.faults for row in range(fault.start, fault.stop)}
    assert set(np.flatnonzero(label).tolist()) == rows
    assert len(rows) == sum(fault.stop - fault.start for fault in sample.faults)  # no two faults overlap
    assert 0.001 < label.mean() < 0.03


def test_columns_of_different_length_are_refused() -> None:
    with pytest.raises(ValueError, match="'b': 2"):
        Sample({"a": np.zeros(3), "b": np.zeros(2)}, {})


def test_an_empty_cell_is_written_for_nan_and_no_negative_zero() -> None:
    sample = Sample({"a": np.array(["x", "y"]), "b": rounded(np.array([np.nan, -0.04]), 1)}, {"b": ".1f"})
    assert to_csv(sample) == b"a,b\nx,\ny,0.0\n"


def test_more_faults_than_rows_can_hold_are_refused() -> None:
    with pytest.raises(ValueError, match="4 faults of 10 rows do not fit"):
        scattered(np.random.default_rng(0), 4, (0, 40), room=10)


def test_scattered_faults_keep_their_distance() -> None:
    for seed in range(50):
        starts = scattered(np.random.default_rng(seed), 6, (5, 90), room=11)
        assert starts[0] >= 5
        assert starts[-1] + 11 <= 90
        assert np.diff(starts).min() >= 11


# energy.csv


def test_the_offsets_change_at_the_five_clock_changes_and_every_step_is_an_hour_but_for_the_gaps(town: Sample) -> None:
    stamps = [datetime.fromisoformat(stamp) for stamp in town.columns["time"].tolist()]
    changes = [after.astimezone(UTC) for before, after in pairwise(stamps) if before.utcoffset() != after.utcoffset()]
    assert changes == [
        datetime(2023, 3, 26, 1, tzinfo=UTC),
        datetime(2023, 10, 29, 1, tzinfo=UTC),
        datetime(2024, 3, 31, 1, tzinfo=UTC),
        datetime(2024, 10, 27, 1, tzinfo=UTC),
        datetime(2025, 3, 30, 1, tzinfo=UTC),
    ]
    hour = timedelta(hours=1)
    steps = [after - before for before, after in pairwise(stamps)]
    assert sorted(step // hour - 1 for step in steps if step != hour) == [1, 2, 3, 8, 26]
    assert all(step % hour == timedelta(0) for step in steps)


def test_a_spring_night_lacks_two_o_clock_and_an_autumn_night_has_it_twice(town: Sample) -> None:
    stamps = town.columns["time"].tolist()
    spring = stamps.index("2024-03-31T01:00:00+01:00")
    assert stamps[spring + 1] == "2024-03-31T03:00:00+02:00"
    autumn = stamps.index("2024-10-27T02:00:00+02:00")
    assert stamps[autumn + 1] == "2024-10-27T02:00:00+01:00"


def test_the_empty_cells_are_the_documented_ones(town: Sample) -> None:
    assert np.isnan(town.columns["load"]).sum() == 1 + 4
    assert np.isnan(town.columns["temperature"]).sum() == 2 + 6
    whole = energy(gaps=False)
    assert len(whole.columns["load"]) == len(town.columns["load"]) + 40
    assert not np.isnan(whole.columns["load"]).any()


@pytest.mark.parametrize(
    ("year", "month", "day"), [(1954, 4, 18), (1981, 4, 19), (2023, 4, 9), (2024, 3, 31), (2025, 4, 20), (2049, 4, 18)]
)
def test_easter_falls_when_the_almanac_says(year: int, month: int, day: int) -> None:
    assert easter(year) == date(year, month, day)


def test_the_town_works_less_on_a_holiday() -> None:
    assert date(2024, 5, 20) in holidays(2024)  # Whit Monday
    town = energy(fault_sizes=(), gaps=False)
    noon = town.columns["time"].tolist().index("2024-05-20T12:00:00+02:00")
    load = town.columns["load"]
    assert load[noon] < 0.95 * min(load[noon - 168], load[noon + 168])


def test_a_fault_moves_the_reading_by_its_size_and_nothing_else_moves(town: Sample) -> None:
    clean = energy(fault_sizes=())
    twice = energy(fault_sizes=(8.0,))
    label = town.columns["label"] == 1
    per_size = []
    for fault in twice.faults:
        if fault.column == "load" and fault.size:
            moved = (twice.columns["load"] - clean.columns["load"])[fault.start : fault.stop]
            assert abs(fault.size) == 8.0
            per_size.extend((moved / fault.size).tolist())
    assert len(per_size) == 12 + 5 + 8 + 12 + 18 + 24
    assert max(per_size) - min(per_size) < 0.2 / 8.0  # readings are rounded to 0.1 kW
    assert np.array_equal(town.columns["load"][~label], clean.columns["load"][~label], equal_nan=True)
    assert np.array_equal(town.columns["temperature"][~label], clean.columns["temperature"][~label], equal_nan=True)


def test_a_stuck_meter_repeats_the_reading_before(town: Sample) -> None:
    stuck = [fault for fault in town.faults if fault.kind == "stuck"]
    assert sorted(fault.stop - fault.start for fault in stuck) == [8, 12, 18, 30]
    for fault in stuck:
        assert len(set(town.columns["load"][fault.start - 1 : fault.stop].tolist())) == 1


def test_a_few_lags_beat_the_seasonal_naive_clearly_but_not_perfectly() -> None:
    load = energy(fault_sizes=(), gaps=False).columns["load"]
    lags = [24, 25, 26, 48, 72, 144, 168, 169, 192, 336]
    rows = np.arange(336, len(load))
    past = np.stack([load[rows - lag] for lag in lags] + [np.ones(len(rows))], axis=1)
    cut = 15_000
    weights = np.linalg.lstsq(past[:cut], load[rows[:cut]], rcond=None)[0]
    actual = load[rows[cut:]]
    naive = min(np.abs(past[cut:, lags.index(lag)] - actual).mean() for lag in (24, 168))
    error = np.abs(past[cut:] @ weights - actual).mean()
    assert 0.5 * naive < error < 0.9 * naive


# stock.csv


def test_the_stamps_are_successive_business_days(shares: Sample) -> None:
    days = shares.columns["date"].astype("datetime64[D]")
    assert days[0] == np.datetime64("2015-05-04")
    assert np.is_busday(days).all()
    assert set(np.busday_count(days[:-1], days[1:]).tolist()) == {1}


def test_no_simple_forecast_beats_the_last_price() -> None:
    years = [np.log(prices(stock(seed, fault_sizes=()))) for seed in range(20)]
    returns = np.concatenate([np.diff(logs, axis=0) for logs in years])  # (20 * 2519, 5)
    followed = np.abs(returns[1:] - 0.1 * returns[:-1]).mean()
    reverted = np.abs(returns[1:] + 0.1 * returns[:-1]).mean()
    drifted = np.abs(returns[1:] - 0.001).mean()
    assert np.abs(returns[1:]).mean() < min(followed, reverted, drifted)


def test_volatility_comes_in_clusters_and_prices_jump() -> None:
    returns = np.diff(np.log(prices(stock(fault_sizes=()))), axis=0)  # (T, 5)
    size = np.abs(returns) - np.abs(returns).mean(axis=0)
    clustering = (size[1:] * size[:-1]).mean(axis=0) / size.var(axis=0)
    kurtosis = ((returns - returns.mean(axis=0)) ** 4).mean(axis=0) / returns.var(axis=0) ** 2
    assert clustering.min() > 0.04  # two deviations of independent sizes: 2 / sqrt(2519)
    assert kurtosis.min() > 4.0  # a normal has 3


def test_a_fat_finger_is_a_price_of_one_day_and_a_stuck_feed_repeats_every_price(shares: Sample) -> None:
    clean = stock(fault_sizes=())
    kinds = [fault.kind for fault in shares.faults]
    assert (kinds.count("fat_finger"), kinds.count("stuck")) == (9, 4)
    for fault in shares.faults:
        if fault.kind == "stuck":
            assert (np.diff(prices(shares)[fault.start - 1 : fault.stop], axis=0) == 0).all()
        else:
            ratio = shares.columns[fault.column][fault.start] / clean.columns[fault.column][fault.start]
            deviation = np.std(np.diff(np.log(clean.columns[fault.column])))
            assert np.log(ratio) / deviation == pytest.approx(fault.size, rel=0.02)
    regular = shares.columns["label"] == 0
    assert np.array_equal(prices(shares)[regular], prices(clean)[regular])


# ecg.csv


def test_the_signal_solves_the_three_equations_of_the_paper() -> None:
    beats = with_ectopics(beat_times(stream(3, "test"), 6), np.array([], dtype=np.int64), np.array([]), stream(3, "x"))
    angle = np.pi * np.array([-1 / 3, -1 / 12, 0, 1 / 12, 1 / 2])  # table I
    a, b = np.array([1.2, -5.0, 30.0, -7.5, 0.75]), np.array([0.25, 0.1, 0.1, 0.1, 0.4])
    speed = np.diff(beats.phases) / np.diff(beats.times)

    def slopes(t: float, state: Floats) -> list[float]:
        x, y, z = state
        alpha = 1.0 - np.hypot(x, y)
        omega = speed[np.searchsorted(beats.times, t, side="right") - 1]
        off = np.mod(np.arctan2(y, x) - angle + np.pi, 2 * np.pi) - np.pi
        drive = 25.0 * np.sum(a * off * np.exp(-(off**2) / (2 * b**2)))
        z0 = 0.15 * np.sin(2 * np.pi * 0.25 * t)
        return [alpha * x - omega * y, alpha * y + omega * x, -drive - (z - z0)]

    start = np.interp(0.0, beats.times, beats.phases)
    seconds = np.arange(6 * 125) / 125
    state = [np.cos(start), np.sin(start), 0.0]
    solved = solve_ivp(slopes, (0.0, 6.0), state, t_eval=seconds, max_step=2e-3, rtol=1e-7)
    assert np.abs(solved.y[2]).max() > 0.8  # mV
    assert np.abs(voltage(beats, 6) - solved.y[2]).max() < 2e-3


def test_the_heart_beats_about_68_times_a_minute(healthy_heart: Sample) -> None:
    above = healthy_heart.columns["mV"] > 0.55
    beats = np.flatnonzero(~above[:-1] & above[1:]) / 125
    between = np.diff(beats)
    assert 66 < 60 / between.mean() < 70
    assert 0.03 < between.std() < 0.05
    assert between.min() > 0.7


def test_the_time_between_beats_has_the_two_humps_of_the_paper() -> None:
    times = beat_times(stream(1, "test"), 600)
    even = np.interp(np.arange(0, 600, 0.25), times[1:], np.diff(times))
    power = np.abs(np.fft.rfft(even - even.mean())) ** 2
    frequency = np.fft.rfftfreq(len(even), 0.25)
    low = power[(frequency > 0.07) & (frequency < 0.13)].sum()
    high = power[(frequency > 0.21) & (frequency < 0.29)].sum()
    assert low + high > 0.85 * power.sum()
    assert 0.35 < low / high < 0.9  # 0.5 by construction; beats sample the fast hump too coarsely to keep it whole


def test_an_ectopic_beat_is_early_tall_and_broad_and_a_pause_follows(heart: Sample, healthy_heart: Sample) -> None:
    assert len(heart.faults) == 24
    signal, usual = heart.columns["mV"], healthy_heart.columns["mV"]
    for fault in heart.faults:
        wave = signal[fault.start : fault.stop]
        rise = wave.max() - wave[0]
        peak = fault.start + int(wave.argmax())
        assert wave.max() > usual.max()
        assert rise / np.std(usual) == pytest.approx(fault.size, rel=0.05)
        # 2.355 * 0.28 / (2 pi) of a beat of 60 / 68 s; a sinus beat: 0.033 s
        assert (wave - wave[0] > rise / 2).sum() / 125 == pytest.approx(0.093, abs=0.017)
        before = peak - 40 - (signal[peak - 120 : peak - 40][::-1] > 0.55).argmax()
        after = peak + 40 + (signal[peak + 40 : peak + 220] > 0.55).argmax()
        assert (peak - before) / 125 < 0.68 < 0.95 < (after - peak) / 125
        assert (after - before) / 125 == pytest.approx(2 * 60 / 68, abs=0.3)


# meters.csv


def test_fifty_meters_of_different_length_end_together_and_span_four_orders_of_magnitude() -> None:
    columns = meters().columns
    assert list(columns) == ["unique_id", "ds", "y"]
    ids = columns["unique_id"]
    names, counts = np.unique(ids, return_counts=True)
    assert len(names) == 50
    assert len(set(counts.tolist())) == 50
    assert counts.min() >= 200
    assert counts.max() <= 1_600
    hour = np.timedelta64(60, "m")
    means = []
    for name in names.tolist():
        stamps = np.array([stamp.replace(" ", "T") for stamp in columns["ds"][ids == name].tolist()], "datetime64[m]")
        assert (np.diff(stamps) == hour).all()
        assert stamps[-1] == np.datetime64("2024-03-24T23:00")
        means.append(columns["y"][ids == name].mean())
    assert columns["y"].min() > 0
    assert 5e3 < max(means) / min(means) < 2e4


def test_a_recursion_keeps_its_share_of_the_last_value() -> None:
    assert recursion(np.array([8.0, 1.0, 0.0]), 0.5).tolist() == [8.0, 5.0, 2.5]
