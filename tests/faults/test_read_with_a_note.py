"""Data that are unusual and can be right are read, said and forecast: never a number that is not finite."""

from __future__ import annotations

import csv
import io
import json
import math
import re

import pytest

from tests.command import TINY, hourly, write_lines
from tests.faults.fault_files import copied, read


def train_and_forecast(installed, name: str, *options: str) -> tuple[str, list[dict[str, str]]]:
    """What `train` said, and the rows of a forecast, all of their numbers finite."""
    trained = installed("train", name, "-o", "new.grucast", *TINY, *options)
    assert (trained.code, trained.out) == (0, "")
    forecast = installed("forecast", name, "-m", "new.grucast", "-q")
    assert (forecast.code, forecast.err) == (0, "")
    rows = list(csv.DictReader(io.StringIO(forecast.out)))
    assert rows
    assert all(math.isfinite(float(value)) for row in rows for key, value in row.items()
               if key not in ("unique_id", "ds"))
    return trained.err, rows


def test_a_constant_series_is_forecast_as_that_constant(installed, tmp_path):
    said, rows = train_and_forecast(installed, copied("constant.csv", tmp_path))
    assert "grucast: note: load is always 7" in said.splitlines()
    assert {row[key] for row in rows for key in ("y_hat", "lo-80", "hi-80", "lo-95", "hi-95")} == {"7.0"}
    assert "load is always 7" in installed("forecast").err


@pytest.mark.parametrize("scale", [1e305, pytest.param(1e-302, marks=pytest.mark.slow)])
def test_forecasts_of_extreme_numbers_are_those_of_plain_ones(installed, tmp_path, scale):
    """A power of ten more or less changes nothing but the last digits: all is scaled in float64."""
    write_lines(tmp_path / "plain.csv", hourly(60))
    write_lines(tmp_path / "extreme.csv", hourly(60, scale=scale))
    _, plain = train_and_forecast(installed, "plain.csv")
    _, extreme = train_and_forecast(installed, "extreme.csv")
    for one, other in zip(plain, extreme, strict=True):
        assert float(other["y_hat"]) / scale == pytest.approx(float(one["y_hat"]), rel=1e-4)


@pytest.mark.slow
@pytest.mark.parametrize(("number", "name", "said"), read(), ids=lambda one: str(one)[:30])
def test_it_is_learned_from_and_forecast(installed, tmp_path, number, name, said):
    trained, rows = train_and_forecast(installed, copied(name, tmp_path))
    assert all(re.sub(r"^\w+: (line \d+: )?", "", one) in trained for one in said)
    assert not any(row["unique_id"].startswith("=") for row in rows)


def test_a_series_shorter_than_the_usual_context_has_a_shorter_one_and_it_is_said(installed, tmp_path):
    """Number 24: hourly rows would look back on two weeks, there is one day."""
    write_lines(tmp_path / "day.csv", hourly(24))
    said, rows = train_and_forecast(installed, "day.csv")
    assert "context shortened to" in said
    assert len(rows) == 2  # a tenth of the rows


def test_duplicates_are_settled_as_asked_and_said(installed, tmp_path):
    name = copied("duplicate_timestamp.csv", tmp_path)
    ended = installed("check", name, "--duplicates", "mean", "--json", "-q")
    assert ended.code == 0
    assert "stand at a stamp that is there already" in str(json.loads(ended.out)["findings"])


def test_offsets_or_a_zone_make_the_hour_that_comes_twice_right(installed, tmp_path):
    plain = installed("check", copied("autumn_hour_twice.csv", tmp_path), "--tz", "Europe/Berlin", "--json", "-q")
    assert plain.code == 0
    understood = json.loads(plain.out)
    assert (understood["first"], understood["missing_rows"]) == ("2024-10-26T22:00:00+02:00", 0)
