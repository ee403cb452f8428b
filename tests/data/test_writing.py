"""Cells and stamps as text."""

from __future__ import annotations

import numpy as np
import pytest

from grucast.data.writing import cell_text, format_stamps, render_csv


@pytest.mark.parametrize(("value", "text"), [
    (None, ""), (float("nan"), ""), (0.1, "0.1"), (1e300, "1e+300"), (-3.0, "-3.0"), (7, "7"), (True, "1"),
    (np.float64(0.30000000000000004), "0.30000000000000004"), (np.int64(-5), "-5"), ("plain", "plain"),
    ("=1+1", "'=1+1"), ("+1", "'+1"), ("-x", "'-x"), ("@a", "'@a"), ("\tx", "'\tx"), ("\rx", "'\rx"), ("a=b", "a=b"),
])
def test_a_cell_is_exact_and_no_formula(value, text):
    assert cell_text(value) == text


def test_rows_are_rendered_with_quotes_where_needed():
    assert render_csv(["unique_id", "lo-80"], [["a,b", -1.5], ["=cmd|x", None]]) == \
        'unique_id,lo-80\n"a,b",-1.5\n\'=cmd|x,\n'


SUMMER = np.array(["2024-10-27T00:00", "2024-10-27T01:00"], dtype="datetime64[us]")


@pytest.mark.parametrize(("tz", "texts"), [
    ("", ["2024-10-27T00:00:00", "2024-10-27T01:00:00"]),
    ("UTC", ["2024-10-27T00:00:00+00:00", "2024-10-27T01:00:00+00:00"]),
    ("-03:30", ["2024-10-26T20:30:00-03:30", "2024-10-26T21:30:00-03:30"]),
    ("Europe/Berlin", ["2024-10-27T02:00:00+02:00", "2024-10-27T02:00:00+01:00"]),
])
def test_stamps_carry_the_offset_of_their_zone(tz, texts):
    assert format_stamps(SUMMER, tz) == texts


def test_microseconds_are_written_only_when_there_are_any():
    assert format_stamps(SUMMER + np.timedelta64(8, "ms"), "")[0] == "2024-10-27T00:00:00.008000"


def test_numbers_of_an_axis_have_no_needless_point():
    assert format_stamps(np.array([0.0, 1.0, 0.008]), "") == ["0", "1", "0.008"]


def test_an_axis_without_rows_has_no_stamps():
    assert format_stamps(np.array([], dtype="datetime64[us]"), "Europe/Berlin") == []
