"""`explain` on a small model that watches loads: which forecast, which event, rows that sum up, and refusals."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from grucast.core.config import ReadOptions
from grucast.core.errors import DataError, ModelError, UsageError
from grucast.workflows.detect import DetectRequest, detect
from grucast.workflows.explain import Asked, ExplainRequest, explain
from grucast.workflows.explaining.table import COLUMNS, OTHERS
from grucast.workflows.forecast import ForecastRequest, forecast
from tests.command import hourly, run_installed, write_lines


def explained(folder, source="load.csv", *, top=12, plot=None, **asked):
    return explain(ExplainRequest(str(folder / source), folder / "load.grucast", ReadOptions(), Asked(**asked), top,
                                  plot))


def forecast_of(folder, source="load.csv", **more):
    found = forecast(ForecastRequest(str(folder / source), folder / "load.grucast", ReadOptions(), **more))
    return found.forecasts[0]


@pytest.fixture(scope="module")
def faulty(watcher, tmp_path_factory):
    """The model and a file with a jump of five hours in it."""
    folder = tmp_path_factory.mktemp("faulty")
    (folder / "load.grucast").write_bytes((watcher / "load.grucast").read_bytes())
    lines = hourly(1300)
    for row in range(1250, 1255):
        stamp, value = lines[row].split(",")
        lines[row] = f"{stamp},{float(value) + 90.0}"
    write_lines(folder / "load.csv", lines)
    return folder


def test_the_newest_forecast_is_explained_all_steps_summed(watcher):
    found, given = explained(watcher).document, forecast_of(watcher)
    assert found["ds"] == given["ds"]
    assert found["forecast"] == pytest.approx(sum(given["y_hat"]), rel=1e-5)
    assert found["unique_id"] == given["unique_id"] == "load"


@pytest.mark.parametrize("step", [1, 12])
def test_one_step_is_explained(watcher, step):
    found, given = explained(watcher, step=step).document, forecast_of(watcher)
    assert found["ds"] == [given["ds"][step - 1]]
    assert found["forecast"] == pytest.approx(given["y_hat"][step - 1], rel=1e-5)


def test_an_earlier_forecast_is_explained(watcher):
    cutoff = "2024-02-01T05:00:00"
    found, given = explained(watcher, cutoff=cutoff).document, forecast_of(watcher, cutoff=cutoff)
    assert found["cutoff"] == cutoff
    assert found["forecast"] == pytest.approx(sum(given["y_hat"]), rel=1e-5)


def test_contributions_sum_to_the_forecast_less_that_of_a_flat_window(watcher):
    found = explained(watcher).document
    wanted = found["forecast"] - found["baseline"]
    assert sum(row["contribution"] for row in found["inputs"]) == pytest.approx(wanted, rel=0.01)
    by_row = sum(found["values"]["contribution"]) + sum(sum(one["contribution"]) for one in found["covariates"])
    assert by_row == pytest.approx(found["completeness"]["sum"], rel=1e-9)
    assert found["completeness"]["error"] <= 0.01


def test_the_parts_sum_to_the_forecast(watcher):
    found = explained(watcher).document
    assert sum(found["parts"].values()) == pytest.approx(found["forecast"], rel=1e-5)
    assert found["parts"]["last value"] == pytest.approx(12 * found["last"], rel=1e-6)


def test_rows_are_the_largest_and_sum_to_the_whole(watcher):
    found = explained(watcher, top=2)
    *largest, rest = found.rows
    assert [row[0] for row in (rest,)] == [OTHERS]
    sizes = [abs(row["contribution"]) for row in found.document["inputs"]]
    assert sizes == sorted(sizes, reverse=True)
    assert len(largest) == 2
    place = COLUMNS.index("contribution")
    total = sum(row[place] for row in found.rows)
    assert total == pytest.approx(found.document["completeness"]["sum"])
    assert sum(row[COLUMNS.index("share")] for row in found.rows) == pytest.approx(1.0)


def test_rows_are_gathered_by_segment_and_say_how_long_ago(watcher):
    rows = [row for row in explained(watcher).document["inputs"] if row["input"] == "load"]
    rows.sort(key=lambda row: row["lag"])
    assert sum(row["rows"] for row in rows) == 48
    assert [row["lag"] for row in rows] == list(np.cumsum([1, *(row["rows"] for row in rows)])[:-1])
    assert rows[0]["end"] == explained(watcher).document["cutoff"]


def test_each_past_value_stands_beside_its_contribution(watcher):
    found = explained(watcher).document["values"]
    last = (watcher / "load.csv").read_text().splitlines()[-1].split(",")
    assert len(found["ds"]) == len(found["y"]) == len(found["contribution"]) == 48
    assert found["y"][-1] == float(last[1])
    assert found["contribution"][-1] == 0.0  # the flat window has this value too


def test_gates_are_told_for_each_step(watcher):
    found = explained(watcher).document
    assert {(one["layer"], one["gate"]) for one in found["gates"]} == {("1", "kept"), ("1", "reset")}
    assert all(len(one["by_step"]) == len(found["steps"]) for one in found["gates"])
    assert found["attention"] is None


def test_an_empty_cell_contributes_nothing(watcher, tmp_path):
    lines = hourly(1200)
    lines[1190] = lines[1190].split(",")[0] + ","
    (tmp_path / "load.grucast").write_bytes((watcher / "load.grucast").read_bytes())
    write_lines(tmp_path / "load.csv", lines)
    found = explained(tmp_path).document["values"]
    assert found["contribution"][38] == 0.0
    assert np.isnan(found["y"][38])
    assert found["contribution"][37] != 0.0


def test_later_rows_move_nothing(watcher, tmp_path):
    (tmp_path / "load.grucast").write_bytes((watcher / "load.grucast").read_bytes())
    lines = hourly(1200)
    write_lines(tmp_path / "load.csv", [*lines[:1000], *(f"{one.split(',')[0]},77.5" for one in lines[1000:])])
    cutoff = lines[999].split(",")[0]
    assert (explained(tmp_path, cutoff=cutoff).document["values"]
            == explained(watcher, cutoff=cutoff).document["values"])


# ---- events --------------------------------------------------------------------------------------


def event_in(folder):
    return detect(DetectRequest(str(folder / "load.csv"), folder / "load.grucast", ReadOptions())).events[0]


def test_what_was_expected_of_an_event_is_explained(faulty):
    event = event_in(faulty)
    found = explained(faulty, event=event["event_id"]).document
    assert found["event"] == event
    assert found["ds"] == [event["peak"]]
    assert found["forecast"] == pytest.approx(event["y_hat"], rel=1e-5)


def test_an_event_may_be_named_by_any_of_its_rows(faulty):
    event = event_in(faulty)
    named = explained(faulty, event=event["event_id"]).document
    assert explained(faulty, event=event["start"]).document == named


def test_a_row_without_an_event_is_explained_with_a_note(faulty):
    found = explained(faulty, event="2024-01-20T06:00:00")
    assert found.document["event"] is None
    assert found.document["ds"] == ["2024-01-20T06:00:00"]
    assert any("no event at 2024-01-20T06:00:00" in note for note in found.notes)


def test_an_event_that_is_not_there_is_refused_by_those_there_are(faulty):
    with pytest.raises(UsageError, match=f"no such event .* there are {event_in(faulty)['event_id']}"):
        explained(faulty, event="e0123456789ab")


def test_a_stamp_without_a_row_is_refused(faulty):
    with pytest.raises(UsageError, match="neither an event nor a row"):
        explained(faulty, event="2024-01-20T06:30:00")


def test_a_row_before_which_nothing_was_expected_is_refused(faulty):
    with pytest.raises(DataError, match="48 rows must come before it"):
        explained(faulty, event="2024-01-01T06:00:00")


# ---- refusals ------------------------------------------------------------------------------------


@pytest.mark.parametrize(("asked", "says"), [
    ({"step": 13}, "beyond the horizon of 12"),
    ({"series": "laod"}, "did you mean 'load'"),
    ({"event": "2024-01-20T06:00:00", "step": 1}, "--event and --step do not go together"),
    ({"event": "2024-01-20T06:00:00", "cutoff": "2024-01-21"}, "--event and --cutoff do not go together"),
    ({"future": "ahead.csv"}, "--future would change nothing"),
    ({"cutoff": "yesterday"}, "is not a stamp")])
def test_what_cannot_be_explained_is_refused(watcher, asked, says):
    with pytest.raises(UsageError, match=says):
        explained(watcher, **asked)


def test_another_unit_is_refused_as_in_forecast(watcher, tmp_path):
    (tmp_path / "load.grucast").write_bytes((watcher / "load.grucast").read_bytes())
    write_lines(tmp_path / "load.csv", hourly(1200, scale=1e6))
    with pytest.raises(ModelError):
        explained(tmp_path)


# ---- the command ---------------------------------------------------------------------------------


def test_the_command_writes_rows_and_says_the_whole_beside_them(watcher):
    ended = run_installed("explain", "load.csv", "--top", "3", folder=watcher)
    assert ended.code == 0
    header, *rows = ended.out.splitlines()
    assert header == ",".join(COLUMNS)
    assert len(rows) == 4
    assert "they miss" in ended.err
    assert run_installed("explain", "load.csv", "-q", folder=watcher).err == ""


def test_the_keys_of_json_are_those_that_are_documented(watcher):
    ended = run_installed("explain", "load.csv", "--json", "-q", folder=watcher)
    page = (Path(__file__).parents[2] / "docs" / "reference" / "json.md").read_text()
    rows = page.partition("## grucast explain --json\n")[2].partition("\n## ")[0].splitlines()
    told = {key for row in rows if row.startswith("| `") for key in re.findall("`([^`]+)`", row.split("|")[1])}
    assert set(json.loads(ended.out)) == told


@pytest.mark.parametrize("ending", [".svg", ".html"])
def test_the_plot_holds_a_panel_for_each_thing(watcher, tmp_path, ending):
    path = tmp_path / f"why{ending}"
    explained(watcher, plot=path)
    text = path.read_text()
    assert all(f'id="{one}"' in text for one in ("observed", "median", "cutoff", "raised", "lowered"))


def test_torch_is_not_imported(watcher):
    program = ("import sys; from grucast.cli import app; sys.argv = ['grucast', 'explain', 'load.csv', '-q'];\n"
               "try: app.main()\nexcept SystemExit as ended: assert ended.code == 0, ended.code\n"
               "print(*{'torch', 'sklearn', 'scipy', 'pandas'} & set(sys.modules), file=sys.stderr)")
    ran = subprocess.run([sys.executable, "-c", program], cwd=watcher, capture_output=True, text=True, check=True)
    assert ran.stderr.strip() == ""
