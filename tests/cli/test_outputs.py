"""Where commands write: nothing over what they read, no two things into one file, nowhere that no file can be."""

from __future__ import annotations

import pytest

from tests.command import TINY, contents, hourly, write_lines

ALIKE = "would be written twice; name another file with"
READ = "is read by this very command; name another file to write to"
TRAINED = ("load.csv", *TINY)


@pytest.fixture
def full(tiny):
    """The folder with a model and its data, and files of which none may be lost."""
    write_lines(tiny / "ex.csv", ["2024-01-02T00:00:00,2024-01-02T03:00:00"], "from,to")
    (tiny / "c.toml").write_text("hidden = 4\n")
    for name in ("h.csv", "st.db", "t.db", "a.svg", "m.txt"):
        (tiny / name).touch()
    (tiny / "h_link.csv").symlink_to("h.csv")
    write_lines(tiny / "past.csv", hourly(400), "ds,y")
    write_lines(tiny / "said.csv", hourly(24, first="2024-01-17T16:00:00"), "ds,y_hat")
    write_lines(tiny / "scores.csv", [f"{one % 7},0" for one in range(60)], "score,label")
    return tiny


@pytest.mark.parametrize("words", [
    ("forecast", "-o", "h.csv", "--append", "h.csv"),
    ("forecast", "-o", "h_link.csv", "--append", "./h.csv"),
    ("forecast", "-o", "st.db", "--job", "a", "--state", "st.db"),
    ("forecast", "--append", "st.db", "--state", "st.db"),
    ("forecast", "-o", "a.svg", "--plot", "a.svg"),
    ("forecast", "-o", "m.txt", "--metrics-file", "m.txt"),
    ("detect-anomalies", "-o", "h.csv", "--scores", "h.csv"),
    ("detect-anomalies", "-o", "a.svg", "--plot", "a.svg"),
    ("detect-anomalies", "--scores", "m.txt", "--metrics-file", "m.txt"),
    ("detect-anomalies", "--metrics-file", "st.db", "--state", "st.db"),
    ("explain", "-o", "a.svg", "--plot", "a.svg"),
    ("backtest", *TRAINED, "-o", "h.csv", "--forecasts", "./h.csv"),
    ("tune", *TRAINED, "-o", "t.db", "--storage", "t.db"),
], ids=" ".join)
def test_no_two_outputs_have_one_name(installed, full, words):
    before = contents(full)
    ended = installed(*words)
    assert (ended.code, ended.error) == (2, f"grucast: error: {words[-1].removeprefix('./')} {ALIKE} {words[-2]}")
    assert contents(full) == before


@pytest.mark.parametrize("words", [
    ("train", *TRAINED, "--config", "c.toml", "-o", "c.toml"),
    ("train", *TRAINED, "--exclude", "ex.csv", "-o", "ex.csv"),
    ("tune", *TRAINED, "--config", "c.toml", "--compare-cells", "--max-seconds", "0", "-o", "c.toml"),
    ("tune", *TRAINED, "--exclude", "ex.csv", "--storage", "ex.csv"),
    ("backtest", *TRAINED, "--config", "c.toml", "--forecasts", "c.toml"),
    ("backtest", *TRAINED, "--exclude", "ex.csv", "-o", "ex.csv"),
    ("forecast", "--exclude", "ex.csv", "-o", "ex.csv"),
    ("forecast", "--exclude", "ex.csv", "--append", "ex.csv"),
    ("detect-anomalies", "--exclude", "ex.csv", "-o", "ex.csv"),
    ("explain", "--exclude", "ex.csv", "-o", "ex.csv"),
    ("evaluate", "forecasts", "said.csv", "past.csv", "--exclude", "ex.csv", "-o", "ex.csv"),
    ("evaluate", "forecasts", "said.csv", "past.csv", "--history", "h.csv", "-o", "h.csv"),
    ("evaluate", "anomalies", "scores.csv", "-o", "scores.csv"),
    ("check", "load.csv", "-o", "load.csv"),
    ("check", "load.csv", "--exclude", "ex.csv", "-o", "ex.csv"),
    ("inspect", "load.grucast", "-o", "load.grucast"),
    ("status", "load.grucast", "-o", "load.grucast"),
    ("status", "--state", "st.db", "--events", "-o", "st.db"),
], ids=" ".join)
def test_nothing_that_is_read_is_written_over(installed, full, words):
    before = contents(full)
    ended = installed(*words)
    assert (ended.code, ended.error) == (2, f"grucast: error: {words[-1]} {READ}")
    assert contents(full) == before


def test_settings_named_in_the_environment_are_not_written_over_either(installed, full):
    ended = installed("train", *TRAINED, "-o", "c.toml", env={"GRUCAST_CONFIG": "c.toml"})
    assert (ended.code, ended.error) == (2, f"grucast: error: c.toml {READ}")


def test_a_device_may_be_named_twice(installed, tiny):
    ended = installed("detect-anomalies", "-q", "-o", "/dev/null", "--scores", "/dev/null")
    assert (ended.code, ended.out, ended.err) == (0, "", "")


@pytest.mark.parametrize(("words", "option"), [
    (("export", "load.grucast", "--data", "gone.csv"), "-o"),
    (("explain", "gone.csv"), "-o"), (("explain", "gone.csv"), "--plot"),
    (("forecast", "gone.csv"), "-o"), (("forecast", "gone.csv"), "--append"), (("forecast", "gone.csv"), "--plot"),
    (("forecast", "gone.csv"), "--metrics-file"), (("forecast", "gone.csv"), "--state"),
    (("detect-anomalies", "gone.csv"), "-o"), (("detect-anomalies", "gone.csv"), "--scores"),
    (("detect-anomalies", "gone.csv"), "--plot"), (("detect-anomalies", "gone.csv"), "--metrics-file"),
    (("detect-anomalies", "gone.csv"), "--state"),
    (("backtest", "gone.csv"), "-o"), (("backtest", "gone.csv"), "--forecasts"),
    (("tune", "gone.csv"), "-o"), (("tune", "gone.csv"), "--storage"), (("train", "gone.csv"), "-o"),
    (("evaluate", "forecasts", "gone.csv"), "-o"), (("evaluate", "anomalies", "gone.csv"), "-o"),
    (("check", "gone.csv"), "-o"), (("inspect", "gone.grucast"), "-o"), (("status", "gone.grucast"), "-o"),
], ids=lambda one: one if isinstance(one, str) else " ".join(one))
def test_a_place_that_cannot_be_written_is_73_before_anything_is_read(installed, tiny, words, option):
    """What is to be read is not there, which would be 66."""
    path = {"-o": "no/x.onnx", "--plot": "no/x.svg"}.get(option, "no/x.db")
    ended = installed(*words, option, path)
    assert (ended.code, ended.error) == (73, f"grucast: error: cannot write {path}: there is no folder no")


def test_a_report_may_go_to_a_device_or_through_a_link(installed, tiny):
    (tiny / "link.csv").symlink_to("accuracy.csv")
    ended = installed("backtest", *TRAINED, "-q", "-o", "link.csv", "--forecasts", "/dev/null")
    assert (ended.code, ended.out, ended.err) == (0, "", "")
    assert (tiny / "accuracy.csv").read_text().startswith("forecaster,")
