"""A file that somebody writes to while it is read: its length is fixed, or the run comes back later."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from grucast.core.errors import Busy, InputMissing
from grucast.data import sources
from grucast.data.sources import load

OLD = b"ds,y\n2024-01-01,1\n2024-01-02,2\n"


@pytest.fixture
def read_while(tmp_path, monkeypatch):
    """The source that is read from `OLD` while `change`, given the path, happens after the first reading."""
    whole = sources._whole

    def run(change) -> sources.Source:
        path = tmp_path / "load.csv"
        path.write_bytes(OLD)
        os.utime(path, (1_700_000_000, 1_700_000_000))
        left = [change]

        def meddled(handle, size):
            raw = whole(handle, size)
            if left:
                left.pop()(path)
            return raw

        monkeypatch.setattr(sources, "_whole", meddled)
        return load(str(path))

    return run


def appended(path: Path) -> None:
    with path.open("ab") as file:
        file.write(b"2024-01-03,3\n")


def changed(path: Path) -> None:
    with path.open("r+b") as file:
        file.seek(-2, os.SEEK_END)
        file.write(b"7")


def written_anew(path: Path) -> None:
    path.write_bytes(OLD.replace(b"2\n", b"5\n") + b"2024-01-03,3\n")


def emptied(path: Path) -> None:
    path.write_bytes(b"")


def rotated(path: Path) -> None:
    path.rename(path.with_suffix(".1"))
    path.write_bytes(b"ds,y\n")


@pytest.mark.parametrize("change", [appended, os.utime, rotated])
def test_what_is_appended_or_put_in_its_place_meanwhile_does_not_count(read_while, change):
    assert read_while(change).body == OLD


@pytest.mark.parametrize("change", [changed, written_anew, emptied])
def test_a_file_that_was_changed_while_it_was_read_is_busy(read_while, change):
    with pytest.raises(Busy, match=r"load\.csv: was changed while it was read; try later"):
        read_while(change)


def test_a_file_that_ends_before_the_length_it_had_is_busy(tmp_path, monkeypatch):
    (tmp_path / "load.csv").write_bytes(OLD)
    monkeypatch.setattr(sources, "_whole", lambda handle, size: OLD[:-9])
    with pytest.raises(Busy, match="became shorter"):
        load(str(tmp_path / "load.csv"))


@pytest.mark.parametrize(("kind", "said"), [("folder", "is a directory"), ("pipe", "is not a regular file"),
                                            ("nothing", "there is no such file"), ("below", "there is no such file")])
def test_what_is_no_file_is_not_waited_for(tmp_path, kind, said):
    path = tmp_path / "load.csv"
    {"folder": path.mkdir, "pipe": lambda: os.mkfifo(path), "nothing": lambda: None,
     "below": path.touch}[kind]()
    with pytest.raises(InputMissing, match=said):
        load(str(path / "deep" if kind == "below" else path))
