"""Files of forecasts that other tools write: which columns are the point, the quantiles, the ids and the cutoff."""

from __future__ import annotations

import numpy as np
import pytest

from grucast.core.config import ColumnOptions, FormatOptions, ReadOptions, TimeOptions
from grucast.core.errors import DataError
from grucast.workflows.judging.files import read_forecasts
from tests.workflows.forecast_making import write


@pytest.fixture(autouse=True)
def _folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def read(name, forecast_col=None, **columns):
    return read_forecasts(name, ReadOptions(columns=ColumnOptions(**columns)), forecast_col)


def test_what_grucast_writes_has_a_median_and_the_ends_of_its_intervals():
    write("f.csv", "unique_id,ds,y_hat,lo-80,hi-80,lo-95,hi-95", ("load", "2024-01-01T00:00:00", 5, 4, 6, 2, 9),
          ("load", "2024-01-01T01:00:00", 15, 14, 16, 12, 19))
    found = read("f.csv")
    assert found.ids == ("load",)
    assert found.levels == pytest.approx((0.025, 0.1, 0.5, 0.9, 0.975))
    np.testing.assert_array_equal(found.quantiles, [[2, 4, 5, 6, 9], [12, 14, 15, 16, 19]])
    assert (found.cutoff, found.truth) == (None, None)


@pytest.mark.parametrize("names", ["q-0.1,q-0.5,q-0.9", "0.1,0.5,0.9", "q0.1,q0.5,q0.9"])
def test_quantiles_are_known_by_several_spellings_and_the_middle_one_is_the_point(names):
    write("f.csv", f"ds,{names}", ("2024-01-01", 1, 2, 4))
    found = read("f.csv")
    assert found.levels == (0.1, 0.5, 0.9)
    assert found.y_hat == [2.0]


def test_a_point_beside_a_median_is_not_the_median():
    write("f.csv", "item_id,timestamp,mean,0.1,0.5,0.9", ("A", "2024-01-01", 3, 1, 2, 4))
    found = read("f.csv", "mean", id_col=("item_id",))
    assert (found.ids, found.y_hat.tolist(), found.quantiles.tolist()) == (("A",), [3.0], [[1.0, 2.0, 4.0]])


def test_of_several_models_one_is_named_and_has_its_own_intervals():
    write("f.csv", "unique_id,ds,cutoff,ETS,ETS-lo-80,ETS-hi-80,GRU-median,GRU-lo-80.0,GRU-hi-80.0",
          ("A", "2024-01-02", "2024-01-01", 5, 4, 6, 15, 14, 17))
    assert read("f.csv", "ETS").quantiles.tolist() == [[4, 5, 6]]
    assert read("f.csv", "GRU-median").quantiles.tolist() == [[14, 15, 17]]
    with pytest.raises(DataError, match=r"f.csv:1: the columns 'ETS', 'GRU-median' may all be forecasts; "
                                        r"name one with --forecast-col"):
        read("f.csv")


def test_the_only_column_of_numbers_beside_an_id_is_the_point():
    write("f.csv", "unique_id,ds,Theta", ("A", "2024-01-02", 5), ("B", "2024-01-02", 6))
    found = read("f.csv")
    assert (found.ids, found.y_hat.tolist(), found.named) == (("A", "B"), [5, 6], True)


def test_a_wide_file_has_a_series_in_each_column():
    write("f.csv", "time,load,temp", ("2024-01-02", 5, 50), ("2024-01-03", 6, 60))
    found = read("f.csv")
    assert found.ids == ("load", "temp")
    assert not found.named
    assert sorted(zip(found.series.tolist(), found.row.tolist(), found.y_hat.tolist(), strict=True)) == [
        (0, 0, 5), (0, 1, 6), (1, 0, 50), (1, 1, 60)]


def test_values_of_one_series_and_cutoff_are_one_forecast():
    write("f.csv", "unique_id,cutoff,ds,y_hat", ("A", "2024-01-01", "2024-01-02", 1),
          ("A", "2024-01-01", "2024-01-03", 1), ("A", "2024-01-02", "2024-01-03", 1),
          ("B", "2024-01-02", "2024-01-03", 1))
    window = read("f.csv").window
    assert window[0] == window[1]
    assert len(set(window[1:].tolist())) == 3


def test_numbers_in_ds_are_times_though_they_repeat():
    write("f.csv", "cutoff,ds,y_hat", (7, 8, 1), (7, 9, 1), (8, 9, 1))
    found = read("f.csv")
    assert (found.sheet.clock, found.ds.tolist(), found.cutoff.tolist()) == ("number", [8, 9, 9], [7, 7, 8])


def test_a_time_that_is_not_to_be_used_is_no_series_either():
    write("f.csv", "t,load", (7, 1.5), (8, 2.5))
    found = read_forecasts("f.csv", ReadOptions(time=TimeOptions(no_time=True)), None)
    assert (found.ids, found.ds) == (("load",), None)


def test_the_column_y_is_the_truth_unless_it_is_the_forecast():
    write("f.csv", "ds,y_hat,y", ("2024-01-01", 1, 2))
    assert read("f.csv").truth.tolist() == [2]
    write("g.csv", "ds,y", ("2024-01-01", 1))
    assert read("g.csv", "y").truth is None
    with pytest.raises(DataError, match=r"g.csv:1: there is no column of forecasts, such as y_hat"):
        read("g.csv")


def test_a_format_is_found_and_one_that_was_said_for_the_data_need_not_fit():
    write("f.csv", "ds;y_hat", ("2024-01-13;1,5",), ("2024-01-14;2,5",))
    asked = ReadOptions(time=TimeOptions(time_format="%d.%m.%Y"), format=FormatOptions(delimiter="|", skip_rows=3))
    assert read_forecasts("f.csv", asked, None).y_hat.tolist() == [1.5, 2.5]
    write("g.csv", "ds,y_hat", ("03/04/2024", 1))
    with pytest.raises(DataError, match=r"may be day first or month first"):
        read_forecasts("g.csv", ReadOptions(), None)
    asked = ReadOptions(time=TimeOptions(time_format="%d/%m/%Y"))
    assert read_forecasts("g.csv", asked, None).ds.view("datetime64[us]").astype(str).tolist()[0][:10] == "2024-04-03"


def test_a_cell_that_is_no_number_is_refused_with_its_line():
    write("f.csv", "ds,y_hat", ("2024-01-01", 1), ("2024-01-02", "none?"))
    with pytest.raises(DataError, match=r"f.csv:3: column 'y_hat': 'none\?' is not a number; add --na-value"):
        read("f.csv")


def test_a_row_without_a_cutoff_is_refused_with_its_line():
    write("f.csv", "cutoff,ds,y_hat", ("2024-01-01", "2024-01-02", 1), ("", "2024-01-03", 1))
    with pytest.raises(DataError, match=r"f.csv:3: column 'cutoff': the stamp is missing"):
        read("f.csv")


def test_cutoffs_and_times_are_told_alike():
    write("f.csv", "cutoff,ds,y_hat", ("2024-01-01T00:00:00", "2024-01-02T00:00:00+01:00", 1))
    with pytest.raises(DataError, match=r"f.csv: column 'cutoff': UTC offsets"):
        read("f.csv")
