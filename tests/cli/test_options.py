"""Options come from dataclasses, the environment and a file, and are checked before anything runs."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
import typer

from grucast.cli import commands
from grucast.cli.options import build, words
from grucast.core.config import ReadOptions, TrainOptions


def test_train_without_options_asks_for_the_defaults(grucast, trained):
    assert grucast("train", "data.csv").code == 0
    assert trained[0].sources == ("data.csv",)
    assert trained[0].read == ReadOptions()
    assert trained[0].options == TrainOptions()
    assert trained[0].output is None
    assert trained[0].resume is False


def test_options_reach_the_fields_of_their_names(grucast, trained):
    grucast("train", "a.csv", "b.csv", "--horizon", "48", "--cell=lstm", "--dropout", "0.3", "--season", "24,168",
            "--levels", "50", "--time-col", "Date", "--time-col", "Time", "--na-value", "n/a", "--no-time",
            "--min", "-1e3", "-o", "x.grucast", "--resume", "--skip-rows", "2")
    request = trained[0]
    assert request.sources == ("a.csv", "b.csv")
    assert (request.options.window.horizon, request.options.window.season) == (48, (24, 168))
    assert (request.options.network.cell, request.options.network.dropout) == ("lstm", 0.3)
    assert (request.options.values.levels, request.options.values.min) == ((50,), -1000.0)
    assert request.read.columns.time_col == ("Date", "Time")
    assert (request.read.format.na_value, request.read.format.skip_rows) == (("n/a",), 2)
    assert request.read.time.no_time is True
    assert (request.output, request.resume) == (Path("x.grucast"), True)


@pytest.mark.parametrize(("arguments", "message"), [
    (["--horizon", "abc"], "--horizon: 'abc' is not a whole number"),
    (["--horizon", "2.5"], "--horizon: '2.5' is not a whole number"),
    (["--horizon", "1_000"], "--horizon: '1_000' is not a whole number"),
    (["--horizon", "0"], "--horizon: 0 is not between 1 and 100000"),
    (["--skip-rows", "-1"], "--skip-rows: -1 is not at least 0"),
    (["--dropout", "nan"], "--dropout: 'nan' is not a number"),
    (["--max", "1e999"], "--max: '1e999' is not a number"),
    (["--levels", "80,,95"], "--levels: '' is not a whole number"),
    (["--levels", "80,100"], "--levels: 100 is not between 1 and 99"),
    (["--cell", "grru"],
     "--cell: 'grru' is not one of gru, gru-v1, gru-simple, lstm, rnn, mingru, tau-gru, did you mean 'gru'?"),
    (["--duplicates", "frist"],
     "--duplicates: 'frist' is not one of error, first, last, mean, did you mean 'first'?"),
    (["--horizn", "3"], "no option --horizn, did you mean '--horizon'?"),
    (["--horizon"], "option '--horizon' requires an argument"),
    (["-o", ""], "--output: the name of a file is missing"),
])
def test_a_wrong_option_is_one_line_and_exit_2(grucast, trained, arguments, message):
    ran = grucast("train", "data.csv", *arguments)
    assert (ran.code, ran.out, ran.err) == (2, "", f"grucast: error: {message}\n")
    assert trained == []


def test_data_are_asked_for(grucast, trained):
    assert grucast("train").err == "grucast: error: DATA is missing; see grucast train --help\n"


# ---- the environment -----------------------------------------------------------------------------


def test_every_option_is_read_from_the_environment(grucast, trained, monkeypatch):
    for name, value in {"HORIZON": "12", "SEASON": "24,168", "TIME_COL": 'Date,"Time, local"', "RESUME": "yes",
                        "OUTPUT": "x.grucast", "NO_HEADER": "0"}.items():
        monkeypatch.setenv(f"GRUCAST_{name}", value)
    assert grucast("train", "data.csv").code == 0
    request = trained[0]
    assert (request.options.window.horizon, request.options.window.season) == (12, (24, 168))
    assert request.read.columns.time_col == ("Date", "Time, local")
    assert (request.resume, request.output, request.read.format.no_header) == (True, Path("x.grucast"), False)


def test_the_command_line_wins_over_the_environment(grucast, trained, monkeypatch):
    monkeypatch.setenv("GRUCAST_HORIZON", "12")
    grucast("train", "data.csv", "--horizon", "48")
    assert trained[0].options.window.horizon == 48


@pytest.mark.parametrize(("name", "value", "message"), [
    ("HORIZON", "x", "GRUCAST_HORIZON: 'x' is not a whole number"),
    ("QUIET", "maybe", "GRUCAST_QUIET: 'maybe' is not true or false")])
def test_an_error_names_the_variable_it_came_from(grucast, trained, monkeypatch, name, value, message):
    monkeypatch.setenv(f"GRUCAST_{name}", value)
    ran = grucast("train", "data.csv")
    assert (ran.code, ran.err) == (2, f"grucast: error: {message}\n")


# ---- the configuration file ----------------------------------------------------------------------


def config(text: str) -> list[str]:
    Path("run.toml").write_text(text)
    return ["train", "data.csv", "--config", "run.toml"]


def test_a_file_gives_settings_by_the_names_of_the_options(grucast, trained):
    assert grucast(*config('horizon = 12\nseason = [24, 168]\nlevels = "50,90"\ntarget-col = ["a", "b"]\n'
                           'id_col = "id"\ndropout = 0.25\nresume = true\nmin = 0\n')).code == 0
    request = trained[0]
    assert (request.options.window.horizon, request.options.window.season) == (12, (24, 168))
    assert (request.options.values.levels, request.options.values.min) == ((50, 90), 0.0)
    assert (request.read.columns.target_col, request.read.columns.id_col) == (("a", "b"), ("id",))
    assert (request.options.network.dropout, request.resume) == (0.25, True)


def test_the_command_line_wins_over_the_environment_and_that_over_the_file(grucast, trained, monkeypatch):
    monkeypatch.setenv("GRUCAST_EPOCHS", "2")
    grucast(*config("horizon = 12\nepochs = 9\npatience = 7\n"), "--horizon", "48")
    options = trained[0].options
    assert (options.window.horizon, options.fit.epochs, options.fit.patience) == (48, 2, 7)


def test_a_switch_that_is_on_in_the_file_is_switched_off_by_its_opposite(grucast, trained):
    on = config("resume = true\nno_header = true\nno-time = true\n")
    grucast(*on)
    grucast(*on, "--no-resume", "--header", "--time")
    states = [(one.resume, one.read.format.no_header, one.read.time.no_time) for one in trained]
    assert states == [(True, True, True), (False, False, False)]


def test_a_switch_that_is_on_in_the_environment_is_switched_off_by_its_opposite(grucast, trained, monkeypatch):
    monkeypatch.setenv("GRUCAST_RESUME", "yes")
    grucast("train", "data.csv")
    grucast("train", "data.csv", "--no-resume")
    grucast("train", "data.csv", "--no-resume", "--resume")
    assert [one.resume for one in trained] == [True, False, True]


def with_options():
    """The commands that have options, those under `evaluate` included."""
    built = typer.main.get_command(commands.build()).commands
    inner = {name: getattr(built[name], "commands", {name: built[name]}) for name in commands.MODULES}
    return [pytest.param(one, id=name) for found in inner.values() for name, one in found.items() if one.params]


@pytest.mark.parametrize("command", with_options())
def test_no_option_has_the_name_that_switches_another_off(command):
    flags = [flag for one in command.params for flag in (*one.opts, *one.secondary_opts) if flag.startswith("-")]
    assert len(set(flags)) == len(flags)
    assert "--no-quiet" in flags


@pytest.mark.parametrize(("text", "message"), [
    ("horizn = 3", "run.toml: no option 'horizn', did you mean 'horizon'?"),
    ("config = 'other.toml'", "run.toml: no option 'config'"),
    ("[window]\nhorizon = 3", "run.toml: no option 'window'"),
    ("horizon = {a = 1}", "run.toml: horizon is a table; the options stand at the top, as horizon = ..."),
    ("horizon = 'x'", "run.toml: horizon: 'x' is not a whole number"),
    ("horizon = true", "run.toml: horizon: True is not a text or a number"),
    ("horizon = [1, 2]", "run.toml: horizon: takes one value"),
    ("resume = 'perhaps'", "run.toml: resume: 'perhaps' is not true or false"),
    ("layers = 99", "run.toml: layers: 99 is not between 1 and 8"),
    ("horizon = ", "--config run.toml: not TOML: "),
])
def test_a_file_that_is_wrong_is_a_usage_error_that_names_it(grucast, trained, text, message):
    ran = grucast(*config(text))
    assert ran.code == 2
    assert ran.err.startswith(f"grucast: error: {message}")
    assert ran.err.count("\n") == 1


def test_a_file_that_is_not_there_is_missing_input(grucast, trained):
    ran = grucast("train", "data.csv", "--config", "none.toml")
    assert (ran.code, ran.err) == (66, "grucast: error: --config none.toml: no such file or directory\n")


# ---- the generator -------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [ReadOptions, TrainOptions])
def test_the_defaults_build_the_dataclass_they_came_from(kind):
    assert build(kind, {word.name: word.default for word in words(kind)}) == kind()


@pytest.mark.parametrize("name", commands.MODULES)
def test_no_command_has_two_options_of_one_name(name):
    command = typer.main.get_command(commands.build()).commands[name]
    flags = [flag for one in command.params for flag in one.opts]
    assert len(flags) == len(set(flags))


def test_every_default_stays_inside_its_own_bounds_and_choices():
    for word in [*words(ReadOptions), *words(TrainOptions)]:
        for value in word.default if word.many else [word.default] * (word.default is not None):
            assert not word.choices or value in word.choices
            assert word.meta.get("low", value) <= value <= word.meta.get("high", value)


def test_a_new_field_is_an_option_without_another_line(grucast, trained):
    names, parts = set(), [TrainOptions]
    while parts:
        for field in dataclasses.fields(parts.pop()):
            if dataclasses.is_dataclass(field.default_factory):
                parts.append(field.default_factory)
            else:
                names.add(field.name)
    command = typer.main.get_command(commands.build()).commands["train"]
    assert names <= {one.name for one in command.params}
