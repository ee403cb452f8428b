"""The installed command, and one small model that many tests forecast with."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.command import TINY, Ended, hourly, run_installed, write_lines


@pytest.fixture
def installed(tmp_path) -> Callable[..., Ended]:
    """Run the installed command in an empty folder."""
    return lambda *words, **more: run_installed(*words, folder=tmp_path, **more)


@pytest.fixture(scope="session")
def trained_once(tmp_path_factory) -> Path:
    """A folder with `load.csv`, 400 hours, and the tiny model that was trained on it."""
    folder = tmp_path_factory.mktemp("tiny")
    write_lines(folder / "load.csv", hourly(400))
    ended = run_installed("train", "load.csv", "-q", *TINY, folder=folder)
    assert ended == Ended(0, "", "")
    return folder


@pytest.fixture
def tiny(trained_once, tmp_path) -> Path:
    """The current test's folder, with `load.csv` and `load.grucast` in it."""
    for name in ("load.csv", "load.grucast"):
        shutil.copyfile(trained_once / name, tmp_path / name)
    return tmp_path
