"""`grucast forecast` in a process of its own: cold, quiet, whole or not at all, with its history and its plots."""

from __future__ import annotations

import csv
import io
import json
import subprocess
import sys

import pytest

from tests.command import COMMAND, Ended, clean_environment, contents, hourly, run_installed, write_lines

HEAVY = ("torch", "sklearn", "scipy", "pandas", "matplotlib", "rich", "pydantic", "safetensors")
LOADED = """
import sys
from grucast.cli.app import main
sys.argv = ["grucast", "forecast", "-q", "-o", "next.csv"]
try:
    main()
except SystemExit as end:
    print(end.code, *sorted({name.partition(".")[0] for name in sys.modules} & set(HEAVY)))
"""


def test_a_cold_forecast_imports_nothing_heavy(tiny):
    source = f"HEAVY = {HEAVY!r}\n{LOADED}"
    ran = subprocess.run([sys.executable, "-c", source], cwd=tiny, env=clean_environment(), capture_output=True,
                         text=True, check=True)
    assert (ran.stdout, ran.stderr) == ("0\n", "")
    assert (tiny / "next.csv").exists()


def test_a_quiet_forecast_into_a_file_prints_nothing_and_leaves_one_file(installed, tiny):
    before = contents(tiny)
    assert installed("forecast", "-q", "-o", "next.csv") == Ended(0, "", "")
    after = contents(tiny)
    assert after.pop("next.csv").startswith(b"unique_id,ds,y_hat,lo-80,hi-80,lo-95,hi-95\nload,2024-01-17T16:00:00,")
    assert after == before


def test_the_same_forecast_is_written_everywhere_alike(installed, tiny):
    printed = installed("forecast", "-q").out
    installed("forecast", "-q", "-o", "next.csv")
    assert (tiny / "next.csv").read_text() == printed
    document = json.loads(installed("forecast", "--json", "-q").out)
    assert document.keys() == {"model", "digest", "cutoff", "freq", "forecasts", "notes"}
    assert (document["cutoff"], document["freq"]) == ("2024-01-17T15:00:00", "h")
    rows = list(csv.DictReader(io.StringIO(printed)))
    assert [one["unique_id"] for one in document["forecasts"]] == ["load"]
    for key in ("ds", "y_hat", "lo-80", "hi-80", "lo-95", "hi-95"):
        assert [str(value) for value in document["forecasts"][0][key]] == [row[key] for row in rows]


def test_quantiles_do_not_cross_and_may_be_named(installed, tiny):
    rows = list(csv.DictReader(io.StringIO(installed("forecast", "--quantiles", "0.1,0.5,0.9", "-q").out)))
    assert list(rows[0]) == ["unique_id", "ds", "y_hat", "q-0.1", "q-0.5", "q-0.9"]
    assert all(float(row["q-0.1"]) <= float(row["q-0.5"]) <= float(row["q-0.9"]) for row in rows)
    assert all(row["q-0.5"] == row["y_hat"] for row in rows)


@pytest.mark.parametrize("environment", [
    {"HOME": "/nowhere", "LANG": "C", "LC_ALL": "C"}, {"HOME": "", "TZ": "Pacific/Auckland"}])
@pytest.mark.parametrize("umask", [0o000, 0o077])
def test_the_environment_of_cron_changes_nothing(tiny, environment, umask):
    expected = run_installed("forecast", "-q", folder=tiny).out
    ran = subprocess.run([*COMMAND, "forecast", "-q", "-o", "next.csv"], cwd=tiny, env=environment, umask=umask,
                         stdin=subprocess.DEVNULL, capture_output=True, check=False)
    assert (ran.returncode, ran.stdout, ran.stderr) == (0, b"", b"")
    assert (tiny / "next.csv").read_text() == expected
    assert (tiny / "next.csv").stat().st_mode & 0o777 == 0o666 & ~umask


def test_the_model_and_its_data_may_move_together(installed, tiny):
    (tiny / "elsewhere").mkdir()
    for name in ("load.csv", "load.grucast"):
        (tiny / name).rename(tiny / "elsewhere" / name)
    assert installed("forecast", "-m", "elsewhere/load.grucast", "-q").code == 0
    (tiny / "elsewhere" / "load.csv").unlink()
    ended = installed("forecast", "-m", "elsewhere/load.grucast")
    assert ended.code == 66
    assert "are not there; name the file" in ended.error


# ---- the history ---------------------------------------------------------------------------------


def test_a_history_grows_once_for_each_cutoff(installed, tiny):
    for _ in range(2):
        assert installed("forecast", "--append", "all.csv", "-q", "-o", "next.csv").code == 0
    rows = list(csv.DictReader((tiny / "all.csv").open()))
    assert list(rows[0])[:4] == ["unique_id", "cutoff", "ds", "y_hat"]
    assert len(rows) == 24
    write_lines(tiny / "load.csv", hourly(401))
    assert installed("forecast", "--append", "all.csv", "-q", "-o", "next.csv").code == 0
    rows = list(csv.DictReader((tiny / "all.csv").open()))
    assert [row["cutoff"] for row in rows] == ["2024-01-17T15:00:00"] * 24 + ["2024-01-17T16:00:00"] * 24
    assert [row["y_hat"] for row in rows[24:]] == [row["y_hat"] for row in csv.DictReader((tiny / "next.csv").open())]
    assert {one.name for one in tiny.iterdir()} == {"load.csv", "load.grucast", "all.csv", "next.csv"}


@pytest.mark.parametrize(("text", "line", "said"), [
    ("unique_id,cutoff,ds,y\na,b,c,1\n", 1, "the columns are unique_id, cutoff, ds, y, not"),
    ("unique_id,cutoff,ds,y_hat,lo-80,hi-80,lo-95,hi-95\na,b,c,1\n", 2, "4 fields, the header has 8"),
    ("unique_id,cutoff,ds,y_hat,lo-80,hi-80,lo-95,hi-95\nä,b,c,1,2,3,4,5\n".encode("latin-1"), 2, "not UTF-8"),
    ('unique_id,cutoff,ds,y_hat,lo-80,hi-80,lo-95,hi-95\n"a,b,c,1,2,3,4,5\n', 2, "not CSV"),
])
def test_a_history_of_another_kind_is_65_and_stays_as_it_is(installed, tiny, text, line, said):
    (tiny / "all.csv").write_bytes(text if isinstance(text, bytes) else text.encode())
    before = contents(tiny)
    ended = installed("forecast", "--append", "all.csv", "-o", "next.csv")
    assert ended.code == 65
    assert f"all.csv:{line}: " in ended.error
    assert said in ended.error
    assert contents(tiny) == before


def test_an_id_that_is_a_formula_is_escaped_once_in_a_history(installed, tmp_path):
    lines = [f"=cmd|' /C calc'!A0,{line}" for line in hourly(40)]
    write_lines(tmp_path / "load.csv", lines, header="unique_id,ds,load")
    assert installed("train", "load.csv", "-q", "--hidden", "4", "--epochs", "1", "--threads", "1").code == 0
    for _ in range(2):
        assert installed("forecast", "--append", "all.csv", "-q").code == 0
    rows = list(csv.DictReader((tmp_path / "all.csv").open()))
    assert {row["unique_id"] for row in rows} == {"'=cmd|' /C calc'!A0"}
    assert len(rows) == 4


# ---- plots ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "begins"), [
    ("a.png", b"\x89PNG"), ("a.svg", b"<?xml"), ("a.html", b"<!DOCTYPE html>")])
def test_a_plot_is_drawn_in_each_kind_and_leaves_nothing_beside_it(installed, tiny, name, begins):
    before = contents(tiny)
    ended = installed("forecast", "-q", "-o", "next.csv", "--plot", name, env={"HOME": str(tiny / "home")})
    assert ended == Ended(0, "", "")
    after = contents(tiny)
    assert after.pop(name).startswith(begins)
    del after["next.csv"]
    assert after == before


def test_a_plot_has_the_intervals_that_were_asked_for(installed, tiny):
    assert installed("forecast", "-q", "--levels", "50,90", "--plot", "a.svg").code == 0
    drawn = (tiny / "a.svg").read_text()
    assert 'id="interval-50"' in drawn
    assert 'id="interval-90"' in drawn
    assert 'id="interval-80"' not in drawn


def test_a_plot_of_zoned_stamps_is_handed_its_zone(installed, tmp_path):
    """Kolkata is half past five before Greenwich: the cutoff and the axis are on its clock."""
    lines = [line.replace(",", "+05:30,") for line in hourly(40)]
    write_lines(tmp_path / "load.csv", lines)
    assert installed("train", "load.csv", "-q", "--hidden", "4", "--epochs", "1", "--threads", "1").code == 0
    from grucast.artifacts.store import load
    from grucast.core.config import ReadOptions
    from grucast.workflows.forecast import ForecastRequest, forecast
    from grucast.workflows.picture import zone_of

    model = tmp_path / "load.grucast"
    assert load(model).manifest.layout.clock.tz == "+05:30"
    result = forecast(ForecastRequest(str(tmp_path / "load.csv"), model, ReadOptions(), plot=tmp_path / "a.svg"))
    assert result.cutoff == "2024-01-02T15:00:00+05:30"
    assert str(zone_of("+05:30")) == "UTC+05:30"
    assert str(zone_of("Europe/Berlin")) == "Europe/Berlin"
    assert zone_of("") is None


# ---- two at once ---------------------------------------------------------------------------------


def test_two_jobs_may_write_one_file_at_the_same_time(tiny):
    command = [*COMMAND, "forecast", "-q", "-o", "next.csv", "--append", "all.csv"]
    jobs = [subprocess.Popen(command, cwd=tiny, env=clean_environment(), stderr=subprocess.PIPE) for _ in range(4)]
    codes = {job.wait() for job in jobs}
    assert 0 in codes
    assert codes <= {0, 75}
    assert len((tiny / "next.csv").read_text().splitlines()) == 25
    assert len((tiny / "all.csv").read_text().splitlines()) == 25
    assert {one.name for one in tiny.iterdir()} == {"load.csv", "load.grucast", "next.csv", "all.csv"}
