"""Only what was appended is read, and only where the file still begins as it did."""

from __future__ import annotations

import gzip
import os
from pathlib import Path

import pytest

from grucast.core.errors import Busy, DataError, InputMissing
from grucast.data import tail
from grucast.data.tail import EDGE, mark_behind, read_fresh, rotated, whole_lines

HEAD = b"ds,load\n"


@pytest.fixture
def path(tmp_path):
    return tmp_path / "load.csv"


def marked(path: Path, body: bytes):
    """The mark behind a file with this content."""
    path.write_bytes(body)
    return mark_behind(body, path.stat(), header=1)


def append(path: Path, body: bytes) -> None:
    with path.open("ab") as file:
        file.write(body)


def test_what_was_appended_is_read_with_the_header_and_its_line_number(path):
    mark = marked(path, HEAD + b"1,2\n3,4\n")
    append(path, b"5,6\n7,8\n")
    fresh = read_fresh(str(path), mark)
    assert (fresh.body, fresh.head, fresh.first, fresh.torn) == (b"5,6\n7,8\n", HEAD, 4, False)
    assert fresh.mark == mark_behind(path.read_bytes(), path.stat(), header=1)


@pytest.mark.parametrize("size", [0, 10, EDGE - 9, EDGE, EDGE + 7, 3 * EDGE])
def test_marks_that_moved_on_are_those_of_the_whole_file(path, size):
    mark = marked(path, HEAD + b"x" * size + b"\n")
    for length in (3, EDGE // 2, EDGE + 5):
        append(path, b"y" * length + b"\n")
        mark = read_fresh(str(path), mark).mark
        assert mark == mark_behind(path.read_bytes(), path.stat(), header=1)


def test_nothing_new_is_an_empty_body(path):
    mark = marked(path, HEAD + b"1,2\n")
    fresh = read_fresh(str(path), mark)
    assert (fresh.body, fresh.mark) == (b"", mark)


def test_a_line_that_does_not_end_is_left_until_it_does(path):
    mark = marked(path, HEAD + b"1,2\n")
    append(path, b"3,4\n5,")
    fresh = read_fresh(str(path), mark)
    assert (fresh.body, fresh.torn) == (b"3,4\n", True)
    append(path, b"6\n")
    fresh = read_fresh(str(path), fresh.mark)
    assert (fresh.body, fresh.first, fresh.torn) == (b"5,6\n", 4, False)


def test_no_more_than_the_edges_and_the_new_bytes_are_read(path, monkeypatch):
    mark = marked(path, HEAD + b"x" * (10 * EDGE) + b"\n")
    append(path, b"1,2\n")
    asked, read = [], os.pread

    def note(handle, count, start):
        asked.append(count)
        return read(handle, count, start)

    monkeypatch.setattr(tail.os, "pread", note)
    assert read_fresh(str(path), mark).body == b"1,2\n"
    assert asked == [EDGE, EDGE, 4]


@pytest.mark.parametrize("change", [
    lambda body: body[:-4],  # shorter
    lambda body: b"x" + body[1:],  # another first byte
    lambda body: body[:-2] + b"9\n",  # another last value
    lambda body: b"ds,load\n1,2\n",
])
def test_a_file_that_does_not_begin_as_it_did_is_not_read_on(path, change):
    body = HEAD + b"1,2\n3,4\n" + b"5,6\n" * (2 * EDGE)
    mark = marked(path, body)
    path.write_bytes(change(body))
    assert read_fresh(str(path), mark) is None


def test_a_file_that_was_copied_over_with_the_same_content_is_read_on(path):
    mark = marked(path, HEAD + b"1,2\n")
    path.unlink()
    path.with_name("other").write_bytes(b"")  # so that the number of the file is another one
    path.write_bytes(HEAD + b"1,2\n3,4\n")
    fresh = read_fresh(str(path), mark)
    assert fresh.body == b"3,4\n"
    assert fresh.mark.inode == path.stat().st_ino


def test_the_old_file_is_found_under_the_name_that_rotation_gave_it(path):
    mark = marked(path, HEAD + b"1,2\n")
    append(path, b"3,4\n")
    path.rename(path.with_name("load.csv.1"))
    path.write_bytes(HEAD + b"5,6\n")
    assert rotated(str(path), mark) == str(path.with_name("load.csv.1"))
    assert read_fresh(rotated(str(path), mark), mark).body == b"3,4\n"
    path.with_name("load.csv.1").unlink()
    assert rotated(str(path), mark) is None


def test_a_file_that_is_written_over_while_it_is_read_is_busy(path, monkeypatch):
    mark = marked(path, HEAD + b"1,2\n")
    append(path, b"3,4\n")
    read = os.pread

    def write_too(handle, count, start):
        part = read(handle, count, start)
        if start:
            os.utime(path, ns=(1, 1))
        return part

    monkeypatch.setattr(tail.os, "pread", write_too)
    with pytest.raises(Busy):
        read_fresh(str(path), mark)


def test_a_file_that_is_gone_is_missing(path):
    mark = marked(path, HEAD)
    path.unlink()
    with pytest.raises(InputMissing):
        read_fresh(str(path), mark)


def test_the_first_reading_leaves_out_a_line_that_does_not_end(path):
    path.write_bytes(HEAD + b"1,2\n3,")
    source, mark, torn = whole_lines(str(path))
    assert (source.body, torn) == (HEAD + b"1,2\n", True)
    assert mark == mark_behind(HEAD + b"1,2\n", path.stat())


@pytest.mark.parametrize(("name", "content"), [
    ("load.csv.gz", gzip.compress(HEAD + b"1,2\n" * 5000, mtime=0)),
    ("load.csv", gzip.compress(HEAD, mtime=0)),  # mtime: two workers must collect the same cases
    ("load.csv", "ds,load\n1,2\n".encode("utf-16"))], ids=["compressed", "compressed-unnamed", "utf-16"])
def test_what_cannot_be_read_on_by_its_bytes_has_no_mark(tmp_path, name, content):
    (tmp_path / name).write_bytes(content)
    assert whole_lines(str(tmp_path / name))[1:] == (None, False)


def test_damaged_gzip_is_an_error_as_ever(tmp_path):
    (tmp_path / "load.csv.gz").write_bytes(gzip.compress(HEAD)[:-3])
    with pytest.raises(DataError):
        whole_lines(str(tmp_path / "load.csv.gz"))
