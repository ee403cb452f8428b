"""Covariates known ahead from a file of their own give the forecast that rows at the end of DATA give."""

from __future__ import annotations

import csv
import shutil
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from grucast.core.config import FormatOptions, ReadOptions
from grucast.core.errors import DataError, InputMissing, UsageError
from grucast.core.series import Clock, Columns, Layout, Panel, Series
from grucast.workflows.explain import Asked, ExplainRequest, explain
from grucast.workflows.forecast import ForecastRequest, ForecastResult, forecast
from grucast.workflows.predicting.future import Ahead, Reach, lay_behind
from tests.command import TINY, hourly, run_installed, write_lines
from tests.preprocessing.series_making import series

HOUR = np.timedelta64(1, "h").astype("timedelta64[us]")
ROWS, HORIZON = 100, 10  # the last row is 2024-01-05T03:00:00
COVARIATES = ("--target-col", "load", "--known-col", "open", "--known-col", "price", "--horizon", "10")


def stamp(hour: int) -> str:
    return str(np.datetime64("2024-01-01T00:00:00") + np.timedelta64(hour, "h"))


def told(hour: int, shift: int = 0) -> str:
    """The covariates of an hour: `open` in the day, `price` of a pattern of its own."""
    return f"{int((hour + shift) % 24 > 7)},{(hour * 37 + shift) % 11}.5"


def past(rows: int = ROWS, shift: int = 0) -> list[str]:
    return [f"{line},{told(hour, shift)}" for hour, line in enumerate(hourly(rows))]


def ahead(first: int = ROWS, stop: int = ROWS + HORIZON, shift: int = 0) -> list[str]:
    return [f"{stamp(hour)},{told(hour, shift)}" for hour in range(first, stop)]


@pytest.fixture(scope="session")
def taught(tmp_path_factory) -> Path:
    """A folder with models that know covariates ahead: of one series, of two with ids, of numbered rows."""
    folder = tmp_path_factory.mktemp("ahead")
    write_lines(folder / "shop.csv", past(), "ds,load,open,price")
    both = [f"{name},{line}" for name, shift in (("a", 0), ("b", 5)) for line in past(shift=shift)]
    write_lines(folder / "shops.csv", both, "unique_id,ds,load,open,price")
    write_lines(folder / "rows.csv", [line.partition(",")[2] for line in past()], "load,open,price")
    for name in ("shop", "shops", "rows"):
        ended = run_installed("train", f"{name}.csv", "-q", *TINY, *COVARIATES, folder=folder)
        assert ended.code == 0, ended.err
    return folder


@pytest.fixture
def shop(taught, tmp_path, monkeypatch) -> Path:
    """The current folder, with the data and models of `taught`."""
    for one in taught.iterdir():
        shutil.copyfile(one, tmp_path / one.name)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(name: str = "shop", **more) -> ForecastResult:
    read = more.pop("read", ReadOptions())
    return forecast(ForecastRequest(more.pop("source", f"{name}.csv"), Path(f"{name}.grucast"), read, **more))


def same(one: ForecastResult, other: ForecastResult) -> bool:
    return one.rows == other.rows and one.cutoff == other.cutoff


def refused(**more) -> str:
    with pytest.raises(DataError) as caught:
        run(**more)
    assert caught.value.exit_code == 65
    return str(caught.value)


def longer(name: str, lines: list[str]) -> str:
    """DATA of that name with more lines at its end."""
    path = Path(f"longer-{name}.csv")
    path.write_text(Path(f"{name}.csv").read_text() + "\n".join(lines) + "\n")
    return str(path)


def empty_targets(lines: list[str], at: int = 1) -> list[str]:
    """Lines with an empty cell put in at that place."""
    return [",".join([*line.split(",")[:at], "", *line.split(",")[at:]]) for line in lines]


# ---- the same as rows at the end of DATA ---------------------------------------------------------


@pytest.mark.parametrize("horizon", [None, 4, 27])
def test_the_forecast_is_that_with_the_rows_at_the_end_of_data(shop, horizon):
    rows = ahead(stop=ROWS + (horizon or HORIZON))
    write_lines(shop / "next.csv", rows, "ds,open,price")
    expected = run(source=longer("shop", empty_targets(rows)), horizon=horizon)
    found = run(future="next.csv", horizon=horizon)
    assert same(found, expected)
    assert (found.cutoff, len(found.rows)) == ("2024-01-05T03:00:00", horizon or HORIZON)
    assert found.notes == expected.notes


def test_other_covariates_ahead_give_another_forecast(shop):
    write_lines(shop / "one.csv", ahead(), "ds,open,price")
    write_lines(shop / "other.csv", ahead(shift=9), "ds,open,price")
    assert run(future="one.csv").rows != run(future="other.csv").rows


def test_rows_up_to_the_cutoff_and_beyond_the_horizon_do_not_count(shop):
    write_lines(shop / "next.csv", ahead(), "ds,open,price")
    write_lines(shop / "more.csv", [*ahead(40, ROWS, shift=9), *ahead(), *ahead(ROWS + HORIZON, ROWS + 90, shift=9)],
                "ds,open,price")
    found, expected = run(future="more.csv"), run(future="next.csv")
    assert same(found, expected)
    assert found.notes == expected.notes


def test_an_earlier_cutoff_takes_the_file_for_the_rows_that_were_ahead_then(shop):
    """The file says other than DATA for the ten rows after the cutoff: the file is what was known then."""
    rows = ahead(60, 60 + HORIZON, shift=9)
    write_lines(shop / "then.csv", rows, "ds,open,price")
    changed = past(60) + empty_targets(rows)
    write_lines(shop / "changed.csv", changed, "ds,load,open,price")
    found = run(future="then.csv", cutoff=stamp(59))
    assert same(found, run(source="changed.csv"))
    assert "then.csv: 10 rows have other values than DATA has there: those of this file are taken" in found.notes


def test_the_file_may_go_on_where_data_end(shop):
    """Three rows ahead stand in DATA, the other seven in the file."""
    write_lines(shop / "rest.csv", ahead(ROWS + 3), "ds,open,price")
    expected = run(source=longer("shop", empty_targets(ahead())))
    assert same(run(source=longer("shop", empty_targets(ahead(stop=ROWS + 3))), future="rest.csv"), expected)


def test_every_series_of_a_long_file_gets_its_own_rows_in_any_order(shop):
    rows = {name: [f"{name},{line}" for line in ahead(shift=shift)] for name, shift in (("a", 0), ("b", 5))}
    expected = run("shops", source=longer("shops", empty_targets(rows["a"] + rows["b"], 2)))
    write_lines(shop / "next.csv", rows["b"] + rows["a"] + [f"c,{line}" for line in ahead()],
                "unique_id,ds,open,price")
    found = run("shops", future="next.csv")
    assert same(found, expected)
    assert {row[0] for row in found.rows} == {"a", "b"}
    assert "next.csv: 1 series not in DATA (c): not used" in found.notes


def test_without_the_id_column_the_rows_are_for_every_series(shop):
    rows = ahead(shift=3)
    write_lines(shop / "next.csv", rows, "ds,open,price")
    both = [f"{name},{line}" for name in ("a", "b") for line in rows]
    found = run("shops", future="next.csv")
    assert same(found, run("shops", source=longer("shops", empty_targets(both, 2))))
    assert "next.csv: no column 'unique_id': its rows are for every series" in found.notes


def test_numbered_rows_go_on_where_those_of_data_end(shop):
    rows = [line.partition(",")[2] for line in ahead()]
    write_lines(shop / "next.csv", rows, "open,price")
    found = run("rows", future="next.csv")
    assert same(found, run("rows", source=longer("rows", empty_targets(rows, 0))))
    assert found.rows[0][:2] == ["load", "100"]


def test_the_columns_may_be_written_otherwise_than_in_data(shop):
    rows = [line.split(",") for line in ahead()]
    lines = [f"{price.replace('.', ',')};{is_open};{when}" for when, is_open, price in rows]
    write_lines(shop / "other.csv", lines, "price;open;ds")
    write_lines(shop / "next.csv", ahead(), "ds,open,price")
    found = run(future="other.csv")
    assert found.rows == run(future="next.csv").rows
    assert "other.csv: not written like DATA: delimiter ';', decimal sign ',', encoding utf-8" in found.notes


def test_targets_in_the_file_are_not_read_and_it_is_said(shop):
    write_lines(shop / "next.csv", ahead(), "ds,open,price")
    for value, said in (("1e9", True), ("", False)):
        lines = [line.replace(",", f",{value},", 1) for line in ahead()]
        write_lines(shop / "full.csv", lines, "ds,load,open,price")
        found = run(future="full.csv")
        assert found.rows == run(future="next.csv").rows
        assert any("full.csv: 'load' not read" in note for note in found.notes) == said


def test_a_mark_for_missing_in_data_is_one_in_the_file(shop):
    lines = ahead()
    lines[4] = lines[4].rpartition(",")[0] + ",-999"
    write_lines(shop / "next.csv", lines, "ds,open,price")
    read = ReadOptions(format=FormatOptions(na_value=("-999",)))
    said = refused(future="next.csv", read=read)
    assert "next.csv:6: column 'price': the cell at 2024-01-05T08:00:00 is empty" in said


# ---- refused -------------------------------------------------------------------------------------


def test_too_few_rows_are_65_and_the_mend_names_the_horizon_that_would_do(shop):
    write_lines(shop / "next.csv", ahead(stop=ROWS + 7), "ds,open,price")
    assert refused(future="next.csv") == (
        "next.csv: no row at 2024-01-05T11:00:00: open, price must be known for 10 rows after 2024-01-05T03:00:00, "
        "and 7 are there; add the rows, or say --horizon 7")
    assert len(run(future="next.csv", horizon=7).rows) == 7


def test_explain_has_no_horizon_to_shorten_and_names_another_mend(shop):
    def ask(**asked):
        return explain(ExplainRequest("shop.csv", Path("shop.grucast"), ReadOptions(), Asked(**asked)))

    lines = ahead(stop=ROWS + 7)
    write_lines(shop / "next.csv", lines, "ds,open,price")
    with pytest.raises(DataError, match=r"and 7 are there; add the rows, or name an earlier --cutoff$"):
        ask(future="next.csv")
    lines[2] = f"{stamp(ROWS + 2)},,3.5"
    write_lines(shop / "empty.csv", lines, "ds,open,price")
    with pytest.raises(DataError, match=r"is empty; fill it, or name an earlier --cutoff$"):
        ask(future="empty.csv")
    with pytest.raises(DataError, match=r"give them with --future FILE, or name an earlier --cutoff$"):
        ask()
    assert len(ask(future="next.csv", cutoff=stamp(ROWS - 4)).document["ds"]) == HORIZON  # the mend mends
    assert len(ask(cutoff=stamp(ROWS - 1 - HORIZON)).document["ds"]) == HORIZON


def test_a_file_of_the_past_only_is_65(shop):
    write_lines(shop / "next.csv", ahead(50, ROWS), "ds,open,price")
    assert refused(future="next.csv").endswith("and 0 are there; add the rows")


def test_a_gap_is_65_with_its_stamp(shop):
    lines = ahead()
    del lines[5]
    write_lines(shop / "next.csv", lines, "ds,open,price")
    assert "next.csv: no row at 2024-01-05T09:00:00: " in refused(future="next.csv")


def test_an_empty_cell_is_65_with_line_and_column(shop):
    lines = ahead()
    lines[2] = f"{stamp(ROWS + 2)},,3.5"
    write_lines(shop / "next.csv", lines, "ds,open,price")
    assert refused(future="next.csv") == (
        "next.csv:4: column 'open': the cell at 2024-01-05T06:00:00 is empty; fill it, or say --horizon 2")


@pytest.mark.parametrize(("line", "number", "words"), [
    ("2024-01-05T06:20:00,1,2.5", 5, "is not on the grid of 'h'"),
    ("2024-01-05T05:00:00,1,2.5", 5, "the stamp 2024-01-05T05:00:00 stands in line 3 already, with other values"),
    ("2024-01-05T06:00:00,yes,2.5", 5, "column 'open': 'yes' is not a number"),
    ("tomorrow,1,2.5", 5, "'tomorrow' is not a time"),
    ("2024-01-05T06:00:00+05:00,1,2.5", 5, "has a UTC offset, the others have none"),
])
def test_a_wrong_row_is_65_with_its_line(shop, line, number, words):
    lines = ahead()
    lines.insert(3, line)
    write_lines(shop / "next.csv", lines, "ds,open,price")
    said = refused(future="next.csv")
    assert said.startswith(f"next.csv:{number}: ")
    assert words in said


def test_stamps_of_another_clock_are_65(shop):
    write_lines(shop / "next.csv", [line.replace(":00:00,", ":00:00+05:00,") for line in ahead()], "ds,open,price")
    assert "the stamps have UTC offsets, those the model learned from had none" in refused(future="next.csv")


def test_a_column_that_is_not_there_is_65(shop):
    write_lines(shop / "next.csv", [line.rpartition(",")[0] for line in ahead()], "ds,open")
    assert "next.csv: there is no column 'price'; there are ds, open" in refused(future="next.csv")


def test_a_series_that_is_not_there_is_65(shop):
    write_lines(shop / "next.csv", [f"a,{line}" for line in ahead()], "unique_id,ds,open,price")
    assert "next.csv: no row of series 'b'; add its rows" in refused(name="shops", future="next.csv")


def test_a_row_that_one_series_lacks_is_65_with_its_name(shop):
    rows = [f"a,{line}" for line in ahead()] + [f"b,{line}" for line in ahead()[:6]]
    write_lines(shop / "next.csv", rows, "unique_id,ds,open,price")
    assert "no row at 2024-01-05T10:00:00 (series 'b')" in refused(name="shops", future="next.csv")


def test_a_file_that_is_not_there_is_66(shop):
    with pytest.raises(InputMissing, match=r"none\.csv: there is no such file"):
        run(future="none.csv")


def test_a_file_that_would_change_nothing_is_a_usage_error(tiny, monkeypatch):
    monkeypatch.chdir(tiny)
    write_lines(tiny / "next.csv", ahead(), "ds,open,price")
    with pytest.raises(UsageError, match=r"--future would change nothing: load\.grucast has no covariates known ahead"):
        run("load", future="next.csv")


def test_data_themselves_are_no_file_of_the_future(shop):
    with pytest.raises(UsageError, match=r"--future shop\.csv is DATA itself"):
        run(future="shop.csv")


# ---- other clocks --------------------------------------------------------------------------------


def known_series(ds, y, known) -> Series:
    """A series with one covariate known ahead; a nan in `y` is no target."""
    return series(ds, np.array(y, dtype=float), known=np.array(known, dtype=float)[:, None])


def laid(one: Series, more: Series, clock: Clock, reach: Reach) -> Series:
    """The one series of the panel with the rows `more` behind it."""
    layout = Layout(columns=Columns(target=("a",), known=("k",)), clock=clock)
    found, _ = lay_behind(Panel((one,), layout), Ahead("next.csv", {"": more}, ()), reach)
    return found.series[0]


def test_the_month_after_january_ends_on_its_own_last_day():
    one = known_series(["2024-11-30", "2024-12-31", "2025-01-31"], [1, 2, 3], [4, 5, 6])
    more = known_series(["2025-02-28", "2025-03-31"], [np.nan, np.nan], [7, 8])
    found = laid(one, more, Clock(freq="ME"), Reach(2, 2))
    assert found.known[:, 0].tolist() == [4, 5, 6, 7, 8]
    assert found.ds.astype("datetime64[D]").astype(str).tolist()[3:] == ["2025-02-28", "2025-03-31"]
    assert found.observed[:, 0].tolist() == [True, True, True, False, False]


def test_days_go_on_across_the_night_in_which_clocks_change():
    """Midnight in Berlin is 22:00 before and 23:00 UTC after the 27th of October 2024."""
    clock = Clock(tz="Europe/Berlin", freq="D")
    one = known_series(["2024-10-24T22:00", "2024-10-25T22:00"], [1, 2], [4, 5])
    more = known_series(["2024-10-26T22:00", "2024-10-27T23:00", "2024-10-28T23:00"], [np.nan] * 3, [6, 7, 8])
    assert laid(one, more, clock, Reach(3, 3)).known[:, 0].tolist() == [4, 5, 6, 7, 8]


def test_rows_without_a_frequency_come_in_order_behind_those_of_data():
    """Two rows of DATA are ahead of its last target; the file says one of them anew and two later ones."""
    one = known_series([0.0, 1.3, 2.0, 3.9, 4.1], [1, 2, 3, np.nan, np.nan], [10, 11, 12, 13, 14])
    more = known_series([4.1, 5.5, 9.0], [np.nan] * 3, [24, 25, 26])
    found = laid(one, more, Clock(kind="elapsed", step=1.3), Reach(4, 4))
    assert found.known[:, 0].tolist() == [10, 11, 12, 13, 24, 25, 26]


def test_a_row_between_rows_of_data_without_a_frequency_is_refused():
    one = known_series([0.0, 1.3, 2.0, 3.9, 4.1], [1, 2, 3, np.nan, np.nan], [10, 11, 12, 13, 14])
    more = known_series([4.0, 5.5], [np.nan] * 2, [24, 25])
    with pytest.raises(DataError, match="stamp 4 is not on the grid"):
        laid(one, more, Clock(kind="elapsed", step=1.3), Reach(3, 3))


def test_a_wrong_stamp_beyond_what_the_network_looks_at_does_no_harm():
    one = known_series([0.0, 1.0, 2.0], [1, 2, 3], [10, 11, 12])
    more = known_series([3.0, 4.0, 5.5], [np.nan] * 3, [13, 14, 15])
    clock = Clock(kind="index", step=1.0)
    assert laid(one, more, clock, Reach(1, 2)).known[:, 0].tolist() == [10, 11, 12, 13, 14]
    with pytest.raises(DataError, match=r"stamp 5\.5 is not on the grid"):
        laid(one, more, clock, Reach(1, 3))


@given(own=st.integers(0, 7), first=st.integers(0, 7), gone=st.integers(0, 3))
def test_it_does_not_matter_where_data_end_and_the_file_begins(own, first, gone):
    """Five rows with targets and seven ahead: DATA hold `own` of these, the file those from `first` - `gone` on."""
    begin = max(min(first, own) - gone, -5)
    values = np.arange(12) * 1.5
    hours = np.datetime64("2024-01-01T00:00", "us") + np.arange(12) * HOUR
    one = known_series(hours[: 5 + own], [*range(5), *[np.nan] * own], values[: 5 + own])
    more = known_series(hours[5 + begin :], [np.nan] * (7 - begin), values[5 + begin :])
    if begin == 7:
        return  # DATA have all of it, and no file is without rows
    found = laid(one, more, Clock(freq="h"), Reach(7, 9))
    assert found.known[:, 0].tolist() == values.tolist()
    assert found.ds.tolist() == hours.tolist()
    assert found.observed[:, 0].tolist() == [True] * 5 + [False] * 7


def test_a_series_that_never_had_a_target_stays_as_it_is():
    one = known_series([0.0, 1.0], [np.nan, np.nan], [10, 11])
    more = known_series([2.0], [np.nan], [12])
    assert laid(one, more, Clock(kind="index", step=1.0), Reach(5, 5)) is one


# ---- the command ---------------------------------------------------------------------------------


def test_the_command_reads_the_file_and_does_not_write_over_it(installed, shop):
    write_lines(shop / "next.csv", ahead(), "ds,open,price")
    ended = installed("forecast", "-m", "shop.grucast", "--future", "next.csv", "-q")
    assert ended.code == 0
    rows = list(csv.reader(ended.out.splitlines()))[1:]
    assert [row[:3] for row in rows] == [[one[0], one[1], repr(one[2])] for one in run(future="next.csv").rows]
    ended = installed("forecast", "-m", "shop.grucast", "--future", "next.csv", "-o", "next.csv")
    assert ended.code == 2
    assert "next.csv is read by this very command" in ended.error


# ---- values far outside of what was learned ------------------------------------------------------


def with_open(value: str) -> list[str]:
    """The rows ahead, the third of them with another `open`."""
    lines = ahead()
    cells = lines[2].split(",")
    return [*lines[:2], f"{cells[0]},{value},{cells[2]}", *lines[3:]]


@pytest.mark.parametrize("value", ["1e300", "1e60"])
def test_a_covariate_that_no_forecast_can_follow_is_65_with_its_cell(shop, value):
    write_lines(shop / "f.csv", with_open(value), "ds,open,price")
    write_lines(shop / "more.csv", past() + empty_targets(with_open(value)), "ds,load,open,price")
    said = f"column 'open': {float(value)!r} at {stamp(ROWS + 2)} is "
    for more, cell in (({"future": "f.csv"}, "f.csv:4"), ({"source": "more.csv"}, f"more.csv:{ROWS + 4}")):
        assert refused(**more).startswith(f"{cell}: {said}")
        request = ExplainRequest(more.get("source", "shop.csv"), Path("shop.grucast"), ReadOptions(),
                                 Asked(future=more.get("future")))
        with pytest.raises(DataError, match=cell):
            explain(request)


def test_a_covariate_far_outside_of_those_learned_is_said_and_flagged(shop):
    write_lines(shop / "f.csv", with_open("500"), "ds,open,price")
    found = run(future="f.csv")
    assert found.flags == ("low_confidence",)
    assert any(note.startswith("low confidence: f.csv:4: column 'open': 500.0 at ") for note in found.notes)
    write_lines(shop / "f.csv", with_open("0"), "ds,open,price")
    assert not any("low confidence: f.csv" in note for note in run(future="f.csv").notes)
