"""Data go to standard output or whole into a file, talk to standard error."""

from __future__ import annotations

import csv
import dataclasses
import io
import json
import os
import pty
import subprocess
import sys

import pytest

from grucast.artifacts.store import load, save
from grucast.cli.output import FormatChoice, Table, TalkOptions, aligned, chosen, json_text, progress, shown
from grucast.core.errors import UsageError


def test_data_are_csv_where_there_is_no_terminal(grucast, forecasted, model):
    ran = grucast("forecast")
    rows = list(csv.reader(io.StringIO(ran.out)))
    assert rows[0] == ["unique_id", "ds", "y_hat", "lo-80"]
    assert rows[2] == ["load", "2024-01-21T01:00:00", "2.0", "10000000.0"]
    assert ran.err == "grucast: note: the horizon was longer\n"


def test_a_cell_that_a_spreadsheet_would_run_is_written_so_that_it_does_not(grucast, forecasted, model):
    assert not list(csv.reader(io.StringIO(grucast("forecast").out)))[1][0].startswith("=")


def test_json_is_one_document_with_null_for_what_is_not_finite(grucast, forecasted, model):
    document = json.loads(grucast("forecast", "--json").out)
    assert document == {
        "model": "energy.grucast", "digest": "ab" * 32, "cutoff": "2024-01-20T23:00:00", "freq": "h",
        "forecasts": [{"unique_id": "load", "ds": ["2024-01-21T00:00:00"], "y_hat": [1.5], "lo-80": [None]}],
        "notes": ["the horizon was longer"]}


def test_jsonl_is_an_object_a_row(grucast, forecasted, model):
    lines = grucast("forecast", "--format", "jsonl").out.splitlines()
    assert json.loads(lines[1]) == {"unique_id": "load", "ds": "2024-01-21T01:00:00", "y_hat": 2.0, "lo-80": 1e7}


def test_a_table_has_its_columns_one_under_the_other(grucast, forecasted, model):
    assert grucast("forecast", "--format", "table").out == (
        "unique_id  ds                   y_hat       lo-80\n"
        "=cmd|x     2024-01-21T00:00:00    1.5\n"
        "load       2024-01-21T01:00:00      2  10,000,000\n")


def test_a_file_gets_the_data_and_standard_output_nothing(grucast, forecasted, model, tmp_path):
    before = {one.name for one in tmp_path.iterdir()}
    ran = grucast("forecast", "-q", "-o", "next.csv")
    assert (ran.code, ran.out, ran.err) == (0, "", "")
    assert (tmp_path / "next.csv").read_text().startswith("unique_id,ds,y_hat,lo-80\n")
    assert {one.name for one in tmp_path.iterdir()} == before | {"next.csv"}


def test_a_file_that_cannot_be_created_is_exit_73(grucast, forecasted, model):
    assert grucast("forecast", "-o", "none/next.csv").code == 73


def test_two_formats_do_not_go_together(grucast, forecasted, model):
    ran = grucast("forecast", "--json", "--format", "csv")
    assert (ran.code, ran.err.count("\n")) == (2, 1)  # before any work was done
    with pytest.raises(UsageError, match="do not go together"):
        chosen(FormatChoice(format="csv", json=True), terminal=False)


@pytest.mark.parametrize(("choice", "terminal", "kind"), [
    (FormatChoice(), True, "table"), (FormatChoice(), False, "csv"), (FormatChoice(format="jsonl"), True, "jsonl"),
    (FormatChoice(json=True), True, "json"), (FormatChoice(format="json", json=True), False, "json")])
def test_the_format_is_what_was_asked_for_or_what_fits(choice, terminal, kind):
    assert chosen(choice, terminal=terminal) == kind


# ---- train ---------------------------------------------------------------------------------------


def test_train_reports_on_standard_error(grucast, trained):
    ran = grucast("train", "data.csv")
    assert ran.out == ""
    assert ran.err.splitlines() == [
        "data.grucast: 1,000 rows, 1 series, frequency h, season 24, 168",
        "horizon 24, context 168, 12,345 parameters, 3 epochs in 4 s",
        "",
        "held out    MAE   RMSE  sMAPE  MASE  WQL  MSIS  coverage 80  coverage 95",
        "grucast   8.000  10.00      –     –    –     –        0.810        0.940",
        "naive     20.00      –      –     –    –     –            –            –",
        "linear    10.00      –      –     –    –     –            –            –",
        "",
        "skill 0.200: the error is 20.0 % below that of the best baseline, linear",
        "grucast: note: a gap was masked"]


def test_train_prints_its_report_as_json(grucast, trained):
    report = json.loads(grucast("train", "data.csv", "--json", "-q").out)
    assert report["skill"] == 0.2
    assert report["holdout"]["mase"] is None


def test_train_that_is_quiet_prints_nothing(grucast, trained):
    ran = grucast("train", "data.csv", "-q")
    assert (ran.code, ran.out, ran.err) == (0, "", "")


def test_train_that_is_verbose_tells_its_progress_to_a_log(grucast, trained):
    assert grucast("train", "data.csv", "-v").err.startswith("grucast: fit 1/2\n")


def test_progress_for_a_log_is_told_at_the_first_step_and_at_each_tenth(capsys):
    with progress(TalkOptions(verbose=True)) as report:
        for done in range(1, 2801):
            report("train", done, 2800, "epoch 1")
        report("judge", 1, 1)
    told = [line.split()[2] for line in capsys.readouterr().err.splitlines()]
    assert told == ["1/2800", *(f"{280 * tenth}/2800" for tenth in range(1, 11)), "1/1"]


# ---- inspect -------------------------------------------------------------------------------------


def test_inspect_finds_the_one_model_here(grucast, model):
    facts = json.loads(grucast("inspect", "--json").out)
    assert (facts["model"], facts["horizon"], facts["freq"], facts["data"]["rows"]) == ("energy.grucast", 24, "h", 480)
    assert facts["parameters"] == 15
    assert len(facts["digest"]) == 64
    assert facts["calibration"] == {"calibration.empty": [0, 24]}


def test_inspect_shows_a_page(grucast, model):
    out = grucast("inspect", "energy.grucast", "--format", "table").out
    assert "data/energy.csv, 480 rows, 1 series" in out
    assert "hidden" not in out
    assert "settings" not in out
    assert "network.hidden" in grucast("inspect", "-v", "--format", "table").out


def test_inspect_writes_stamps_with_the_offset_of_the_zone(grucast, model):
    """The fixture begins at midnight UTC, one hour later in Berlin's winter."""
    data = json.loads(grucast("inspect", "--json").out)["data"]
    assert (data["first"], data["last"]) == ("2024-01-01T01:00:00+01:00", "2024-01-21T00:00:00+01:00")
    assert "2024-01-01T01:00:00+01:00, 2024-01-21T00:00:00+01:00" in grucast("inspect", "--format", "table").out


def test_inspect_tells_what_was_left_out_of_training(grucast, model):
    known = load(model)
    data = dataclasses.replace(known.manifest.data, excluded=("2024-01-02T00:00:00.000000/2024-01-02T05:00:00.000000",),
                               excluded_labelled=True)
    save(dataclasses.replace(known, manifest=dataclasses.replace(known.manifest, data=data)), model)
    period = "2024-01-02T01:00:00+01:00/2024-01-02T06:00:00+01:00"
    facts = json.loads(grucast("inspect", "--json").out)["data"]
    assert (facts["excluded"], facts["excluded_labelled"]) == ([period], True)
    assert f"{period}, labelled rows" in grucast("inspect", "--format", "table").out


def test_inspect_refuses_a_damaged_model(grucast, model):
    model.write_bytes(model.read_bytes()[:-1])
    ran = grucast("inspect")
    assert (ran.code, ran.out, ran.err.count("\n")) == (78, "", 1)
    assert ran.err.startswith("grucast: error: energy.grucast: damaged: ")


# ---- values and terminals ------------------------------------------------------------------------


@pytest.mark.parametrize(("value", "text"), [
    (None, ""), (float("nan"), ""), (True, "yes"), (12345, "12,345"), (0.000123456, "0.000123456"),
    (123.456789, "123.457"), (12345678.9, "12,345,679"), (1e-300, "1e-300"), (1e307, "1e+307"), ("a\x1b[0m", "a�[0m")])
def test_a_value_for_people_has_six_digits(value, text):
    assert shown(value) == text


def test_wide_letters_take_two_columns():
    assert aligned(Table(["a", "b"], [["日本", "x"], ["abcd", "y"]])) == "a     b\n日本  x\nabcd  y\n"


def test_json_keeps_letters_as_they_are():
    assert json_text({"a": "Wärme", "b": [float("inf")]}) == '{"a": "Wärme", "b": [null]}\n'


def on_a_terminal(command: list[str], **environment: str) -> bytes:
    """What `command` writes when its standard output is a terminal."""
    ours, theirs = pty.openpty()
    try:
        subprocess.run(command, stdout=theirs, check=True, env={**os.environ, "TERM": "xterm", **environment})
        return os.read(ours, 1 << 16)
    finally:
        os.close(ours)
        os.close(theirs)


def test_a_terminal_gets_a_page_and_no_color_is_heeded(model):
    command = [sys.executable, "-m", "grucast", "inspect", str(model)]
    assert b"480 rows" in on_a_terminal(command)
    assert b"\x1b" not in on_a_terminal(command, NO_COLOR="1")


def test_a_forecast_of_low_confidence_says_so_in_json(grucast, forecasted, model, monkeypatch):
    module = sys.modules["grucast.workflows.forecast"]
    usual = module.forecast

    def doubted(request):
        found = usual(request)
        found.flags = ("low_confidence",)
        return found

    monkeypatch.setattr(module, "forecast", doubted)
    assert json.loads(grucast("forecast", "--json").out)["flags"] == ["low_confidence"]
