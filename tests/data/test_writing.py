"""Files written whole or not at all; cells and stamps as text."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import numpy as np
import pytest

from grucast.core.errors import CannotCreate, Denied, IoFailure
from grucast.data import writing
from grucast.data.writing import cell_text, format_stamps, render_csv, write_bytes, write_text


def test_a_file_is_written_and_nothing_else(tmp_path):
    write_text(tmp_path / "a.csv", "x\n")
    assert [one.name for one in tmp_path.iterdir()] == ["a.csv"]
    assert (tmp_path / "a.csv").read_text() == "x\n"


def test_the_temporary_file_of_a_killed_run_is_replaced(tmp_path):
    (tmp_path / ".a.csv.tmp").write_text("half")
    write_text(tmp_path / "a.csv", "x\n")
    assert [one.name for one in tmp_path.iterdir()] == ["a.csv"]


@pytest.mark.parametrize(("number", "kind"), [(errno.ENOSPC, IoFailure), (errno.EIO, IoFailure),
                                              (errno.EACCES, Denied), (errno.EPERM, Denied)])
def test_a_failure_leaves_the_old_file_and_nothing_beside_it(tmp_path, monkeypatch, number, kind):
    (tmp_path / "a.csv").write_text("old")

    def fail(handle):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(writing.os, "fsync", fail)
    with pytest.raises(kind, match=r"a\.csv"):
        write_text(tmp_path / "a.csv", "new")
    assert [one.name for one in tmp_path.iterdir()] == ["a.csv"]
    assert (tmp_path / "a.csv").read_text() == "old"


def test_a_missing_folder_or_a_directory_cannot_be_created(tmp_path):
    with pytest.raises(CannotCreate):
        write_text(tmp_path / "no" / "a.csv", "x")
    with pytest.raises(CannotCreate):
        write_bytes(tmp_path, b"x")


def test_a_link_is_followed_and_the_mode_kept(tmp_path):
    real = tmp_path / "real.csv"
    real.write_text("old")
    real.chmod(0o640)
    (tmp_path / "link.csv").symlink_to(real)
    write_text(tmp_path / "link.csv", "new")
    assert (tmp_path / "link.csv").is_symlink()
    assert real.read_text() == "new"
    assert real.stat().st_mode & 0o777 == 0o640


def test_a_device_is_written_to_and_not_replaced():
    write_text("/dev/null", "x")
    assert Path("/dev/null").is_char_device()


def test_a_path_below_a_file_cannot_be_created(tmp_path):
    (tmp_path / "file").write_text("x")
    with pytest.raises(CannotCreate):
        write_text(tmp_path / "file" / "a.csv", "x")


@pytest.mark.parametrize(("value", "text"), [
    (None, ""), (float("nan"), ""), (0.1, "0.1"), (1e300, "1e+300"), (-3.0, "-3.0"), (7, "7"), (True, "1"),
    (np.float64(0.30000000000000004), "0.30000000000000004"), (np.int64(-5), "-5"), ("plain", "plain"),
    ("=1+1", "'=1+1"), ("+1", "'+1"), ("-x", "'-x"), ("@a", "'@a"), ("\tx", "'\tx"), ("\rx", "'\rx"), ("a=b", "a=b"),
])
def test_a_cell_is_exact_and_no_formula(value, text):
    assert cell_text(value) == text


def test_rows_are_rendered_with_quotes_where_needed():
    assert render_csv(["unique_id", "lo-80"], [["a,b", -1.5], ["=cmd|x", None]]) == \
        'unique_id,lo-80\n"a,b",-1.5\n\'=cmd|x,\n'


SUMMER = np.array(["2024-10-27T00:00", "2024-10-27T01:00"], dtype="datetime64[us]")


@pytest.mark.parametrize(("tz", "texts"), [
    ("", ["2024-10-27T00:00:00", "2024-10-27T01:00:00"]),
    ("UTC", ["2024-10-27T00:00:00+00:00", "2024-10-27T01:00:00+00:00"]),
    ("-03:30", ["2024-10-26T20:30:00-03:30", "2024-10-26T21:30:00-03:30"]),
    ("Europe/Berlin", ["2024-10-27T02:00:00+02:00", "2024-10-27T02:00:00+01:00"]),
])
def test_stamps_carry_the_offset_of_their_zone(tz, texts):
    assert format_stamps(SUMMER, tz) == texts


def test_microseconds_are_written_only_when_there_are_any():
    assert format_stamps(SUMMER + np.timedelta64(8, "ms"), "")[0] == "2024-10-27T00:00:00.008000"


def test_numbers_of_an_axis_have_no_needless_point():
    assert format_stamps(np.array([0.0, 1.0, 0.008]), "") == ["0", "1", "0.008"]


def test_an_axis_without_rows_has_no_stamps():
    assert format_stamps(np.array([], dtype="datetime64[us]"), "Europe/Berlin") == []
