"""Tables are words: rounded, with a dash for what is undefined, and a verdict that does not flatter."""

from __future__ import annotations

import doctest
import math

import pytest

from grucast.report import panel, tables
from grucast.report.tables import (
    NOTHING,
    Table,
    accuracy_table,
    facts_table,
    markdown,
    number,
    percent,
    report_table,
    verdict,
)

SCORES = {"mae": 1.5, "rmse": 2.0, "mse": 4.0, "smape": 12.0, "mase": 0.8, "wql": 0.05, "msis": 7.0,
          "coverage": {"80": 0.81, "95": None}}


@pytest.mark.parametrize("module", [tables, panel])
def test_the_examples_in_the_docstrings_hold(module):
    assert doctest.testmod(module).failed == 0


@pytest.mark.parametrize(("value", "words"), [
    (0.5, "0.5000"), (99.999, "100.00"), (123.456, "123.5"), (-0.25, "-0.2500"), (1e7, "1.000e+07"),
    (2.5e-7, "2.500e-07"), (math.inf, NOTHING),
])
def test_numbers_have_four_significant_digits(value, words):
    assert number(value) == words


def test_an_accuracy_table_has_a_row_a_method_and_the_coverage_last():
    table = accuracy_table({"grucast": SCORES, "seasonal_naive": {**SCORES, "mae": None}})
    assert table.columns[1:] == ("MAE", "RMSE", "sMAPE", "MASE", "WQL", "MSIS", "coverage 80", "coverage 95")
    assert table.rows[0][:2] == ("grucast", "1.500")
    assert table.rows[0][-2:] == ("0.810", NOTHING)
    assert table.rows[1][:2] == ("seasonal_naive", NOTHING)


def test_a_report_has_the_model_first_and_then_the_plainest_baseline_on():
    table = report_table({"holdout": SCORES, "baselines": {"linear": SCORES, "drift": SCORES, "naive": SCORES}})
    assert [row[0] for row in table.rows] == ["grucast", "naive", "linear", "drift"]
    assert table.columns[0] == "held out"


def test_a_row_that_does_not_fit_is_refused():
    with pytest.raises(ValueError, match="do not fit"):
        Table("", ("a", "b"), (("1",),))


def test_facts_are_names_and_what_they_are():
    assert facts_table({"rows": 12, "freq": "h"}).rows == (("rows", "12"), ("freq", "h"))


def test_markdown_aligns_numbers_to_the_right():
    text = markdown(Table("T", ("", "MAE"), (("grucast", "1.5"), ("a|b", "10.25"))))
    assert text.splitlines() == [
        "**T**", "", "|         |   MAE |", "| ------- | ----: |", "| grucast |   1.5 |", "| a\\|b    | 10.25 |"]


def test_percent_of_nothing_is_a_dash():
    assert percent(math.nan) == NOTHING


BASELINES = {"naive": {"mae": 4.0}, "seasonal_naive": {"mae": 2.0}, "linear": {"mae": None}}


def test_skill_is_said_beside_the_best_baseline():
    assert verdict(0.1, BASELINES) == \
        "skill 0.100: the error is 10.0 % below that of the best baseline, seasonal naive"


def test_no_skill_is_said_plainly():
    # skill −0.25: the model's error is 2.5, the baseline's 2.0 is 20 % smaller
    assert verdict(-0.25, BASELINES) == "no skill over the seasonal naive forecast: its error is 20.0 % smaller"
    for little in (0.0, 0.004, -0.004):
        assert verdict(little, BASELINES) == "no skill over the seasonal naive forecast: the errors are alike"


def test_what_cannot_be_compared_is_said():
    assert "cannot be compared" in verdict(None, BASELINES)
    assert "no baseline" in verdict(0.1, {"naive": {"mae": math.nan}})
