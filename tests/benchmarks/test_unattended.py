"""An hour of cron in fast motion, with everything that a day of it has: every event is told, and told once."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import pytest

FOLDER = Path(__file__).resolve().parents[2] / "benchmarks"
sys.path.insert(0, str(FOLDER))

import unattended  # noqa: E402
from unattended import HISTORY, compare, in_two, live, once, train, wave  # noqa: E402

RUNS, SEED = 60, 3


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """A folder with two small models, and the rows of the hour."""
    folder, lines = tmp_path_factory.mktemp("hour"), wave(HISTORY + 900, SEED)
    for seed, name in enumerate(("first.grucast", "second.grucast")):
        train(folder, lines, seed=seed, name=name)
    return folder, lines


@pytest.fixture
def hour(home, tmp_path, monkeypatch):
    """A simulated hour with these models: fifteen rows a run, and a run in four killed."""
    folder, lines = home
    for name in ("first.grucast", "second.grucast"):
        shutil.copyfile(folder / name, tmp_path / name)
    monkeypatch.setattr(unattended, "EACH", 15)
    monkeypatch.setitem(unattended.RATES, "killed", 0.25)
    return lambda *models: live(tmp_path, lines, RUNS, SEED, models)


def assert_every_event_once(found, day):
    assert set(day.codes) <= {0, -9}
    assert day.killed > 5
    assert day.late > 3
    assert found.wanted >= 3
    assert (found.lost, found.extra, found.split) == (0, 0, 0)
    for times in (found.printed, found.told):
        assert min(times.values()) == 1
        assert sum(count > 1 for count in times.values()) <= day.killed


def test_every_event_is_that_of_one_run_over_the_final_file_and_is_told(hour, tmp_path):
    day, file = hour("first.grucast", "first.grucast")
    assert_every_event_once(compare(tmp_path, once(tmp_path, file.known, "first.grucast")), day)


def test_a_model_that_is_replaced_half_way_changes_nothing_about_that(hour, tmp_path):
    models = "first.grucast", "second.grucast"
    day, file = hour(*models)
    assert_every_event_once(compare(tmp_path, in_two(tmp_path, file.known, day.changed, models)), day)
