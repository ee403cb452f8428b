"""A model meets data that are not what it learned from: it forecasts and says so, or it refuses."""

from __future__ import annotations

import csv
import io
import json
import math

import pytest

from tests.command import TINY, contents, hourly, write_lines


def forecast(installed, *words: str) -> tuple[list[dict[str, str]], str]:
    """Rows and notes of a forecast that must succeed, every number finite."""
    ended = installed("forecast", *words)
    assert ended.code == 0, ended.err
    rows = list(csv.DictReader(io.StringIO(ended.out)))
    assert all(math.isfinite(float(value)) for row in rows for key, value in row.items()
               if key not in ("unique_id", "ds"))
    return rows, ended.err


def refused(installed, code: int, *words: str) -> str:
    """The line of a forecast that must be refused."""
    ended = installed("forecast", *words)
    assert ended.code == code, ended.err
    return ended.error


# ---- refused -------------------------------------------------------------------------------------


def test_daily_rows_in_an_hourly_model_are_78(installed, tiny):
    write_lines(tiny / "daily.csv", [f"2024-02-{day:02d}T00:00:00,{100 + day}" for day in range(1, 29)])
    line = refused(installed, 78, "daily.csv")
    assert "daily.csv: the rows come every 'D', the model was trained on 'h'" in line


@pytest.mark.parametrize(("minutes", "found"), [(120, "2h"), (30, "30min"), (15, "15min")])
def test_another_step_is_78(installed, tiny, minutes, found):
    lines = [f"2024-02-01T{at // 60:02d}:{at % 60:02d}:00,100" for at in range(0, 1440, minutes)]
    write_lines(tiny / "other.csv", lines)
    assert repr(found) in refused(installed, 78, "other.csv")


def test_a_column_of_the_model_that_is_not_there_is_78(installed, tiny):
    write_lines(tiny / "other.csv", hourly(50), header="ds,price")
    line = refused(installed, 78, "other.csv")
    assert "'load'" in line
    assert "price" in line


@pytest.mark.parametrize("scale", [1e6, 1e-6, 1e305])
def test_values_of_another_order_of_magnitude_are_78(installed, tiny, scale):
    write_lines(tiny / "other.csv", hourly(50, scale=scale))
    assert "another unit?" in refused(installed, 78, "other.csv")


def test_values_of_another_magnitude_below_the_rows_trained_on_are_no_other_unit(installed, tiny):
    lines = [*hourly(400), *hourly(300, first="2024-01-17T16:00:00", scale=1e4)]
    write_lines(tiny / "load.csv", lines)
    rows, _ = forecast(installed)
    assert rows


@pytest.mark.parametrize("name", ["next.csv", "history.csv", "next.png"])
def test_a_refused_forecast_writes_nothing(installed, tiny, name):
    write_lines(tiny / "other.csv", hourly(50, scale=1e6))
    before = contents(tiny)
    refused(installed, 78, "other.csv", "-o", "next.csv", "--append", "history.csv", "--plot", "next.png")
    assert contents(tiny) == before


def test_a_whole_context_without_a_value_is_65(installed, tiny):
    lines = [*hourly(10), *(line.partition(",")[0] + "," for line in hourly(400, first="2024-01-01T10:00:00"))]
    write_lines(tiny / "dead.csv", lines)
    assert "the whole context is missing" in refused(installed, 65, "dead.csv")


# ---- forecast, and said --------------------------------------------------------------------------


def test_ten_rows_are_a_short_context_and_it_is_said(installed, tiny):
    write_lines(tiny / "ten.csv", hourly(10))
    rows, said = forecast(installed, "ten.csv")
    assert "fewer rows (10) than the context" in said
    assert rows[0]["ds"] == "2024-01-01T10:00:00"


def test_one_row_is_enough_to_forecast_from(installed, tiny):
    write_lines(tiny / "one.csv", ["2024-03-05T07:00:00,101.5"])
    rows, said = forecast(installed, "one.csv")
    assert "fewer rows (1) than the context" in said
    assert rows[0]["ds"] == "2024-03-05T08:00:00"


def test_values_missing_at_the_end_are_masked_and_the_forecast_begins_after_them(installed, tiny):
    lines = hourly(400)
    lines[-3:] = [line.partition(",")[0] + "," for line in lines[-3:]]
    write_lines(tiny / "tail.csv", lines)
    rows, said = forecast(installed, "tail.csv")
    assert rows[0]["ds"] == "2024-01-17T16:00:00"
    assert "the last 3 rows have no value" in said


def test_a_missing_row_is_masked_or_with_gaps_error_refused(installed, tiny):
    lines = hourly(400)
    del lines[390]
    write_lines(tiny / "load.csv", lines)
    assert forecast(installed)[0]
    assert "load.csv:392: 1 row is missing, 2024-01-17T06:00:00" in refused(installed, 65, "--gaps", "error")


def test_values_without_a_logarithm_are_masked_and_it_is_said(installed, tmp_path):
    """Two of the last 48 hours, the context; a zero before them is no matter."""
    write_lines(tmp_path / "load.csv", hourly(200))
    assert installed("train", "load.csv", "-q", *TINY, "--transform", "log", "--context-length", "48").code == 0
    _, said = forecast(installed)
    assert "logarithm" not in said
    lines = hourly(200)
    for row, value in ((100, "0"), (160, "0"), (190, "-3.5")):
        lines[row] = f"{lines[row].partition(',')[0]},{value}"
    write_lines(tmp_path / "load.csv", lines)
    _, said = forecast(installed)
    assert ("note: 2 values are not above zero, the first in line 162 (2024-01-07T16:00:00): without a logarithm, "
            "masked") in said


def test_rows_at_half_past_are_forecast_at_half_past(installed, tiny):
    write_lines(tiny / "half.csv", [line.replace(":00:00,", ":30:00,") for line in hourly(50)])
    rows, _ = forecast(installed, "half.csv")
    assert [row["ds"] for row in rows[:2]] == ["2024-01-03T02:30:00", "2024-01-03T03:30:00"]


def test_a_stamp_off_the_grid_is_65_with_its_line(installed, tiny):
    lines = hourly(50)
    lines[20] = lines[20].replace(":00:00,", ":20:00,")
    write_lines(tiny / "stray.csv", lines)
    assert "stray.csv:22: " in refused(installed, 65, "stray.csv")


def test_a_series_that_was_not_trained_on_and_a_dead_one_are_said(installed, tmp_path):
    """Intervals of a new series are those of the others; one without a value is left out beside those that live."""
    lines = [f"{name},{line}" for name in ("a", "b") for line in hourly(60)]
    write_lines(tmp_path / "meters.csv", lines, header="unique_id,ds,load")
    assert installed("train", "meters.csv", "-q", "--hidden", "4", "--epochs", "1", "--threads", "1").code == 0
    write_lines(tmp_path / "more.csv", [f"c,{line}" for line in hourly(60, scale=50.0)], header="unique_id,ds,load")
    rows, said = forecast(installed, "more.csv")
    assert {row["unique_id"] for row in rows} == {"c"}
    assert "1 series not trained on (c)" in said
    assert 2000 < float(rows[0]["y_hat"]) < 8000  # on its own scale
    dead = [f"b,{line.partition(',')[0]}," for line in hourly(60)]
    write_lines(tmp_path / "meters.csv", [*lines[:60], *dead], header="unique_id,ds,load")
    rows, said = forecast(installed)
    assert {row["unique_id"] for row in rows} == {"a"}
    assert "no forecast for b: the whole context is missing" in said


def test_covariates_known_ahead_must_be_there_for_each_row_of_the_horizon(installed, tmp_path):
    past = [f"{line},{hour % 24 > 7:d}" for hour, line in enumerate(hourly(100))]
    ahead = [f"{line.partition(',')[0]},,{hour % 24 > 7:d}" for hour, line in enumerate(hourly(112)) if hour >= 100]
    write_lines(tmp_path / "shop.csv", [*past, *ahead], header="ds,load,open")
    options = ("--target-col", "load", "--known-col", "open", "--hidden", "4", "--epochs", "1", "--threads", "1")
    assert installed("train", "shop.csv", "-q", *options, "--horizon", "10").code == 0
    rows, _ = forecast(installed)
    assert (rows[0]["ds"], len(rows)) == ("2024-01-05T04:00:00", 10)
    assert "open must be known for 13 rows ahead, and 12 are there" in refused(installed, 65, "--horizon", "13")
    rows, _ = forecast(installed, "--cutoff", "2024-01-04T00:00:00", "--horizon", "30")  # what was known then
    assert rows[0]["ds"] == "2024-01-04T01:00:00"
    write_lines(tmp_path / "shop.csv", past, header="ds,load,open")
    line = refused(installed, 65)
    assert "shop.csv: open must be known for 10 rows ahead, and 0 are there; add rows with empty targets" in line


# ---- horizon and cutoff --------------------------------------------------------------------------


def test_a_shorter_horizon_is_the_beginning_of_the_trained_one(installed, tiny):
    whole, _ = forecast(installed)
    short, said = forecast(installed, "--horizon", "5")
    assert len(whole) == 24
    assert short == whole[:5]
    assert "horizon" not in said


def test_a_longer_horizon_feeds_forecasts_back_and_says_so(installed, tiny):
    whole, _ = forecast(installed)
    far, said = forecast(installed, "--horizon", "60")
    assert far[:24] == whole
    assert [far[at]["ds"] for at in (24, 59)] == ["2024-01-18T16:00:00", "2024-01-20T03:00:00"]
    assert "horizon 60 is longer than the 24 trained" in said
    width = [float(row["hi-95"]) - float(row["lo-95"]) for row in far]
    assert width[59] > width[0]


def test_a_cutoff_forecasts_as_if_its_row_were_the_last(installed, tiny):
    write_lines(tiny / "until.csv", hourly(300))
    rows, _ = forecast(installed, "until.csv")
    earlier, _ = forecast(installed, "--cutoff", "2024-01-13T11:00:00")  # row 300 of load.csv
    assert earlier == rows
    document = json.loads(installed("forecast", "--cutoff", "2024-01-13T11:00:00", "--json").out)
    assert document["cutoff"] == "2024-01-13T11:00:00"


def test_a_cutoff_before_the_next_row_is_the_last_one(installed, tiny):
    assert forecast(installed, "--cutoff", "2024-01-17T15:59:59")[0] == forecast(installed)[0]


@pytest.mark.parametrize(("cutoff", "code", "words"), [
    ("yesterday", 2, "is not a stamp"), ("2024-01-13T11:00:00+01:00", 2, "has an offset"),
    ("2023-12-31", 65, "no row up to"),
    ("2024-01-17T16:00:00", 65, "load.csv: no row as late as --cutoff 2024-01-17T16:00:00: the last is at 2024-01-17"),
    ("2030-01-01", 65, "no row as late as --cutoff 2030-01-01")])
def test_a_cutoff_that_is_none_is_refused(installed, tiny, cutoff, code, words):
    assert words in refused(installed, code, "--cutoff", cutoff)


@pytest.mark.parametrize(("option", "given", "columns"), [
    ("--levels", "80,95,80", ["lo-80", "hi-80", "lo-95", "hi-95"]),
    ("--quantiles", "0.5,0.1,0.50", ["q-0.5", "q-0.1"])])
def test_a_level_that_is_named_twice_has_its_columns_once(installed, tiny, option, given, columns):
    ended = installed("forecast", option, given)
    assert ended.out.splitlines()[0].split(",")[3:] == columns


@pytest.mark.parametrize(("words", "said"), [
    (("--label-col", "load"), "--label-col load: the model learned it as a target"),
    (("--levels", "99"), "levels up to 95"), (("--quantiles", "0.001"), "quantiles from 0.025 to 0.975"),
    (("--levels", "80", "--quantiles", "0.5"), "do not go together"),
    (("--future", "f.csv"), "--future would change nothing: load.grucast has no covariates known ahead"),
    (("--plot", "a.pdf"), "ends in .png, .svg, .html"), (("-o", "load.csv"), "load.csv is read by this very command"),
    (("--append", "load.grucast"), "load.grucast is read by this very command")])
def test_what_does_not_make_sense_is_a_usage_error(installed, tiny, words, said):
    assert said in refused(installed, 2, *words)
