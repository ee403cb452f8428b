"""Short ways to read a fixture or a text."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import pytest

from grucast.core.config import ReadOptions
from grucast.core.series import Layout
from grucast.data.reading import Reading, read_panel

FIXTURES = Path(__file__).parent / "fixtures"
Read = Callable[..., Reading]


def options_of(**given: Any) -> ReadOptions:
    """ReadOptions with the given fields, in whichever group they live."""
    options = ReadOptions()
    for name, value in given.items():
        group = next(one.name for one in fields(options) if hasattr(getattr(options, one.name), name))
        options = replace(options, **{group: replace(getattr(options, group), **{name: value})})
    return options


@pytest.fixture
def read() -> Read:
    """Read a fixture by name, as if nobody had touched it for an hour."""

    def read_fixture(name: str, *, rested: float = 3600.0, layout: Layout | None = None, **given: Any) -> Reading:
        path = FIXTURES / name
        return read_panel([str(path)], options_of(**given), layout=layout, now=path.stat().st_mtime + rested)

    return read_fixture


@pytest.fixture
def read_text(tmp_path: Path) -> Read:
    """Write a text (or bytes) to data.csv and read it."""

    def read_written(content: str | bytes, *, name: str = "data.csv", layout: Layout | None = None,
                     **given: Any) -> Reading:
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode("utf-8"))
        os.utime(path, (1e9, 1e9))
        return read_panel([str(path)], options_of(**given), layout=layout)

    return read_written
