"""Holidays: which day is marked, whose they are, how far they are known, and what is refused."""

import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from series_making import every, panel, series

from grucast.core.errors import ModelError, UsageError
from grucast.core.holidays import Holidays
from grucast.core.series import STAMP, Clock
from grucast.preprocessing.holidays import (
    check_codes,
    find_holidays,
    holiday_feature,
    local_days,
    renewed,
    words_of,
)


def day(text):
    return int(np.datetime64(text, "D").astype(int))


def days_of(found, code):
    return {str(np.datetime64(one, "D")) for one in found.days[code]}


def daily(first, rows, *names):
    """A panel of daily series; one without an id where no names are given."""
    return panel(*(series(every(first, "24h", rows), unique_id=name) for name in names or ("",)), clock=Clock(freq="D"))


CHRISTMAS = Holidays({"": "X"}, {"X": (day("2024-12-25"), day("2024-12-26"))}, day("2024-01-01"), day("2025-12-31"))


def test_the_day_itself_is_marked_and_not_the_days_beside_it():
    days = day("2024-12-23") + np.arange(6)
    assert holiday_feature(days, "", CHRISTMAS).tolist() == [0, 0, 1, 1, 0, 0]


@pytest.mark.parametrize(
    ("stamp", "tz", "marked"),
    [("2024-12-24T22:59", "Europe/Berlin", 0), ("2024-12-24T23:00", "Europe/Berlin", 1), ("2024-12-24T23:00", "", 0),
     ("2024-12-25T07:00", "-08:00", 0), ("2024-12-25T08:00", "-08:00", 1)],
)
def test_a_day_is_that_of_the_clock_on_the_wall(stamp, tz, marked):
    days = local_days(np.array([stamp], dtype=STAMP), tz)
    assert holiday_feature(days, "", CHRISTMAS).tolist() == [marked]


@pytest.mark.parametrize("outside", ["2023-12-31", "2026-01-01"])
def test_a_day_whose_holidays_are_not_known_is_refused_with_what_to_do(outside):
    days = np.array([day("2024-05-01"), day(outside)])
    with pytest.raises(ModelError, match=rf"from 2024-01-01 to 2025-12-31, not those of {outside}; train a model anew"):
        holiday_feature(days, "", CHRISTMAS)


def test_a_new_series_without_a_country_is_refused():
    only = Holidays({"south": "X"}, CHRISTMAS.days, CHRISTMAS.first, CHRISTMAS.last)
    assert holiday_feature(np.array([day("2024-12-25")]), "south", only).tolist() == [1]
    with pytest.raises(ModelError, match="series 'north' is new"):
        holiday_feature(np.array([day("2024-12-25")]), "north", only)


# ---- what the package is asked for ---------------------------------------------------------------


def test_they_are_known_from_the_first_year_of_the_data_to_ten_years_after_the_last():
    found = find_holidays(daily("2023-06-01", 400, ), ["DE"], [400])
    assert (found.first, found.last) == (day("2023-01-01"), day("2034-12-31"))
    assert {"2023-01-01", "2024-10-03", "2034-12-26"} <= days_of(found, "DE")


def test_a_holiday_kept_on_the_last_day_of_the_year_before_is_known():
    found = find_holidays(daily("2011-01-01", 365), ["US"], [365])
    assert "2021-12-31" in days_of(found, "US")  # 1 January 2022 is a Saturday


def test_a_region_has_its_own_and_each_series_those_of_its_country():
    found = find_holidays(daily("2024-01-01", 366, "a", "b", "c"), ["DE-BY", "b=FR"], [366] * 3)
    assert found.codes == {"": "DE-BY", "b": "FR"}
    assert "2024-01-06" in days_of(found, "DE-BY")
    assert "2024-07-14" in days_of(found, "FR") - days_of(found, "DE-BY")


def test_a_market_that_closes_is_a_country_too():
    found = find_holidays(panel(series(every("2024-01-01", "24h", 200)), clock=Clock(freq="B")), ["XNYS"], [200])
    assert "2024-03-29" in days_of(found, "XNYS")  # Good Friday, on which banks of the US work


@given(st.dictionaries(st.text("abc=", min_size=1, max_size=4), st.sampled_from(["DE", "FR"]), max_size=3))
def test_the_words_that_ask_for_them_come_back(codes):
    words = words_of(Holidays(codes))
    assert {word.rpartition("=")[0]: word.rpartition("=")[2] for word in words} == codes


def test_without_the_option_there_are_none():
    assert find_holidays(daily("2024-01-01", 9), [], [9]) == Holidays()


# ---- what is refused -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("word", "said"),
    [("QQ", "no country or market 'QQ' is known"), ("DE-XX", "DE has no region 'XX'; DE has BB, BE"),
     ("a=FRR", "did you mean 'FR'"), ("", "no country or market ''")],
)
def test_a_code_that_nobody_knows_is_refused(word, said):
    with pytest.raises(UsageError, match=said):
        check_codes([word])


@pytest.mark.parametrize(
    ("words", "said"),
    [(["a=DE"], r"no country for series 'b'; add --holidays b=CODE"), (["DE", "FR"], "two codes for all series: DE"),
     (["a=DE", "a=FR", "b=DE"], "two codes for series 'a'"),
     (["DE", "x=FR"], "there is no series 'x'.*there are a, b")],
)
def test_a_series_without_a_country_or_with_two_is_refused(words, said):
    with pytest.raises(UsageError, match=said):
        find_holidays(daily("2024-01-01", 366, "a", "b"), words, [366, 366])


def test_the_columns_of_a_wide_file_are_one_series():
    with pytest.raises(UsageError, match="the columns of a wide file are one series: give one CODE"):
        find_holidays(daily("2024-01-01", 366), ["load=DE"], [366])


@pytest.mark.parametrize(
    ("clock", "said"),
    [(Clock(freq="MS"), "marks days, and the frequency is MS; .* --known-col"), (Clock(freq="W-SUN"), "is W-SUN"),
     (Clock(freq="2D"), "is 2D"), (Clock(freq=""), "needs stamps of one frequency")],
)
def test_rows_longer_than_a_day_or_without_a_frequency_are_refused(clock, said):
    with pytest.raises(UsageError, match=said):
        find_holidays(panel(series(every("2024-01-01", "24h", 9)), clock=clock), ["DE"], [9])


def test_numbered_rows_have_no_days():
    with pytest.raises(UsageError, match="there are no days here"):
        find_holidays(panel(series(np.arange(9.0)), clock=Clock(kind="row", freq="1")), ["DE"], [9])


def test_where_no_holiday_lies_in_what_is_learned_from_the_option_would_change_nothing():
    grown = daily("2024-12-01", 40)
    with pytest.raises(UsageError, match="no holiday lies in the rows to learn from"):
        find_holidays(grown, ["DE"], [24])
    assert find_holidays(grown, ["DE"], [25]).codes == {"": "DE"}


def test_without_the_package_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "holidays", None)
    with pytest.raises(UsageError, match=r"pip install 'grucast\[holidays\]'"):
        check_codes(["DE"])


# ---- an update -----------------------------------------------------------------------------------


def test_an_update_knows_them_for_more_years():
    old = find_holidays(daily("2023-12-01", 31), ["DE"], [31])
    new = renewed(old, daily("2023-12-01", 63))
    assert (old.last, new.last) == (day("2033-12-31"), day("2034-12-31"))
    assert set(old.days["DE"]) <= set(new.days["DE"])


def test_an_update_without_the_package_keeps_those_that_are_known(monkeypatch):
    old = find_holidays(daily("2023-12-01", 31), ["DE"], [31])
    monkeypatch.setitem(sys.modules, "holidays", None)
    assert renewed(old, daily("2023-12-01", 63)) is old
