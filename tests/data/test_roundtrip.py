"""Any table that the standard csv module writes reads back equal."""

from __future__ import annotations

import csv
import io

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from grucast.core.errors import DataError
from grucast.data.reading import read_panel
from grucast.data.writing import format_stamps, render_csv
from tests.data.conftest import options_of

finite = st.floats(allow_nan=False, allow_infinity=False, width=64).filter(lambda one: abs(one) < 1e300)
numbers = st.one_of(st.none(), finite, st.integers(-10**15, 10**15).map(float))
names = st.text(st.sampled_from("abcxyzäöüß_"), min_size=1, max_size=8).map(lambda one: "c" + one)


@st.composite
def tables(draw):
    rows, width = draw(st.integers(3, 30)), draw(st.integers(1, 4))
    start = draw(st.integers(-60_000, 60_000))
    ds = np.datetime64("2000-01-01T00:00") + np.timedelta64(1, "h") * (start + np.arange(rows))
    values = [draw(st.lists(numbers, min_size=rows, max_size=rows)) for _ in range(width)]
    for column in values:
        column[0], column[1] = 0.5, 1.25  # a column of its own, with a decimal sign in it
    header = draw(st.lists(names, min_size=width, max_size=width, unique=True))
    return header, ds, np.array([[np.nan if one is None else one for one in column] for column in values]).T


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(table=tables(), delimiter=st.sampled_from(",;\t|"), decimal=st.sampled_from(".,"),
       encoding=st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "cp1252"]), end=st.sampled_from(["\n", "\r\n"]))
def test_a_table_reads_back_equal_however_it_is_written(tmp_path, table, delimiter, decimal, encoding, end):
    header, ds, values = table
    text = io.StringIO()
    writer = csv.writer(text, delimiter=delimiter, lineterminator=end)
    writer.writerow(["ds", *header])
    for stamp, row in zip(ds, values, strict=True):
        writer.writerow([str(stamp), *("" if np.isnan(one) else repr(float(one)).replace(".", decimal) for one in row)])
    path = tmp_path / "table.csv"
    path.write_bytes(text.getvalue().encode(encoding))
    panel = read_panel([str(path)], options_of(target_col=tuple(header))).panel
    assert panel.channels == tuple(header)
    assert np.array_equal(panel.series[0].ds, ds.astype("datetime64[us]"))
    assert np.array_equal(panel.series[0].y, values, equal_nan=True)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(ids=st.lists(st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cs", "Z")), min_size=1, max_size=6)
                    .filter(lambda one: not one.startswith(("=", "+", "-", "@", "#", '"', "'"))),
                    min_size=1, max_size=5, unique=True),
       tz=st.sampled_from(["", "UTC", "+05:30", "Europe/Berlin"]))
def test_what_we_write_we_read(tmp_path, ids, tz):
    ds = np.arange("2024-10-26T20:00", "2024-10-27T04:00", dtype="datetime64[h]").astype("datetime64[us]")
    rows = [[name, stamp, float(at)] for name in ids for at, stamp in enumerate(format_stamps(ds, tz))]
    path = tmp_path / "ours.csv"
    path.write_text(render_csv(["unique_id", "ds", "y"], rows), encoding="utf-8")
    panel = read_panel([str(path)], options_of()).panel
    assert panel.ids() == tuple(ids)
    for series in panel.series:
        assert np.array_equal(series.ds, ds)
        assert series.y[:, 0].tolist() == list(range(8))


@pytest.mark.parametrize("seed", range(60))
def test_damaged_bytes_end_in_a_reading_or_in_one_line_about_the_data(tmp_path, seed):
    rng = np.random.default_rng(seed)
    rows = "".join(f"2024-01-{day:02d},{day * 1.5},{day}\n" for day in range(1, 29))
    body = bytearray(("ds,load,temp\n" + rows).encode())
    for _ in range(int(rng.integers(1, 6))):
        body[int(rng.integers(len(body)))] = int(rng.integers(256))
    path = tmp_path / "damaged.csv"
    path.write_bytes(bytes(body[: int(rng.integers(1, len(body)))]))
    try:
        said = read_panel([str(path)], options_of(), now=4e9).notes
    except DataError as error:
        said = (str(error),)
    assert not any("\n" in line for line in said)
