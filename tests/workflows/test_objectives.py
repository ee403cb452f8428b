"""What a model was trained for is what it can be asked for."""

from __future__ import annotations

import pytest

from tests.command import TINY, Ended, hourly, run_installed, write_lines


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """`load.csv`, and a tiny model for each objective."""
    folder = tmp_path_factory.mktemp("objectives")
    write_lines(folder / "load.csv", hourly(500))
    for objective in ("both", "forecast", "reconstruct"):
        ended = run_installed("train", "load.csv", "-q", *TINY, "--objective", objective, "-o", f"{objective}.grucast",
                              folder=folder)  # fmt: skip
        assert ended == Ended(0, "", "")
    return folder


def ask(folder, command, objective, *words):
    return run_installed(command, "load.csv", "-m", f"{objective}.grucast", "-q", *words, folder=folder)


def test_forecasts_are_the_same_with_and_without_the_second_job(folder):
    both, alone = (ask(folder, "forecast", objective).out for objective in ("both", "forecast"))
    assert both == alone != ""


def test_a_model_that_only_rebuilds_refuses_to_forecast(folder):
    ended = ask(folder, "forecast", "reconstruct")
    assert ended.code == 78
    assert "trained to rebuild the window only" in ended.error


@pytest.mark.parametrize(("objective", "scorer", "code"), [
    ("both", "combined", 0), ("both", "forecast", 0), ("both", "reconstruction", 0),
    ("forecast", "forecast", 0), ("forecast", "auto", 0), ("forecast", "reconstruction", 78),
    ("reconstruct", "reconstruction", 0), ("reconstruct", "auto", 0), ("reconstruct", "combined", 78),
])  # fmt: skip
def test_a_model_scores_by_what_it_was_trained_for(folder, objective, scorer, code):
    ended = ask(folder, "detect-anomalies", objective, "--scorer", scorer, "--scores", f"{objective}.csv")
    assert ended.code == code
    if code:
        assert "train with --objective both" in ended.error
        return
    lines = (folder / f"{objective}.csv").read_text().splitlines()
    assert len(lines) == 501
    assert sum(line.split(",")[5] != "" for line in lines[1:]) > 300


def test_a_model_that_only_rebuilds_reports_no_accuracy_of_forecasts(folder):
    ended = run_installed("inspect", "reconstruct.grucast", "--json", folder=folder)
    assert '"skill": null' in ended.out
    assert '"mae"' not in ended.out
