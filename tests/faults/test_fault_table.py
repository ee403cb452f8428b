"""The table of faults, to the letter: each file through the installed command, its exit code and what is said.

What is said stands in `golden/`; a message that changes is changed there too, and read once more.
"""

from __future__ import annotations

import csv
import io
import math

import pytest

from tests.command import contents, hourly, write_lines
from tests.faults.fault_files import copied, read, refused

TABLE = {str(number) for number in range(1, 36)} - {"18"} | {"18a", "18b"}
ELSEWHERE = {"24"}  # shorter than the context: ten.csv below, and in test_read_with_a_note.py
TINY_MODEL = ("-m", "load.grucast")


def test_every_number_of_the_table_is_here():
    assert {one[0] for one in (*refused(), *read())} - {"-"} == TABLE - ELSEWHERE


@pytest.mark.parametrize(("number", "name", "line"), refused(), ids=lambda one: str(one)[:30])
def test_train_refuses_it_with_that_line_and_the_model_that_was_there_stays(installed, tmp_path, number, name, line):
    copied(name, tmp_path)
    (tmp_path / "old.grucast").write_bytes(b"a model trained last year")
    before = contents(tmp_path)
    ended = installed("train", name, "-o", "old.grucast", "--max-seconds", "1", "--epochs", "1", "--hidden", "4")
    assert ended.code == 65
    assert ended.error == f"grucast: error: {line}"
    assert contents(tmp_path) == before


@pytest.mark.parametrize(("number", "name", "line"), refused(), ids=lambda one: str(one)[:30])
def test_check_ends_with_65_and_finds_the_same_first(installed, tmp_path, number, name, line):
    ended = installed("check", copied(name, tmp_path), "-q")
    assert (ended.code, ended.err) == (65, "")
    first = next(one for one in csv.DictReader(io.StringIO(ended.out)) if one["severity"] == "error")
    where = first["file"] + (f":{first['line']}" if first["line"] else "")
    column = f": column {first['column']!r}" if first["column"] else ""
    mend = f"; {first['mend']}" if first["mend"] else ""
    assert f"{where}{column}: {first['message']}{mend}" == line


@pytest.mark.parametrize(("number", "name", "said"), read(), ids=lambda one: str(one)[:30])
def test_check_reads_it_and_says_what_was_assumed(installed, tmp_path, number, name, said):
    ended = installed("check", copied(name, tmp_path), "-q")
    assert (ended.code, ended.err) == (0, "")
    found = list(csv.DictReader(io.StringIO(ended.out)))
    assert [f"{one['severity']}: " + (f"line {one['line']}: " if one["line"] else "") + one["message"]
            + (f"; {one['mend']}" if one["mend"] else "") for one in found] == said


# ---- a model meets other data: the last row of the table -----------------------------------------


def emptied(lines: list[str]) -> list[str]:
    """The lines without their values."""
    return [f"{line.partition(',')[0]}," for line in lines]


DAILY = [f"2024-02-{day:02d}T00:00:00,{100 + day}" for day in range(1, 29)]
UNIT = "column 'load' is about 1e+{}, the model was trained on values about 100; another unit? train a model on them"
DEAD = ("the whole context is missing: nothing to forecast from; give newer rows, or forecast from earlier ones with "
        "--cutoff")
OTHER = [  # name, column, lines, exit code of `forecast`, the line said
    ("price.csv", "price", hourly(50), 78, "the model needs a column 'load', and there is none; there are ds, price"),
    ("daily.csv", "load", DAILY, 78, "the rows come every 'D', the model was trained on 'h'; train a model on them"),
    ("million.csv", "load", hourly(50, scale=1e6), 78, UNIT.format("08")),
    ("giant.csv", "load", hourly(50, scale=1e305), 78, UNIT.format("307")),
    ("dead.csv", "load", [*hourly(10), *emptied(hourly(400, first="2024-01-01T10:00:00"))], 65, DEAD),
    ("ten.csv", "load", hourly(10), 0, "fewer rows (10) than the context of 96: what is missing is masked"),
    ("tail.csv", "load", [*hourly(397), *emptied(hourly(3, first="2024-01-17T13:00:00"))], 0,
     "the last 3 rows have no value: masked, the forecast begins after them"),
]


@pytest.mark.parametrize(("name", "column", "lines", "code", "said"), OTHER, ids=[one[0] for one in OTHER])
def test_other_data_are_forecast_with_a_note_or_refused(installed, tiny, name, column, lines, code, said):
    write_lines(tiny / name, lines, header=f"ds,{column}")
    (tiny / "next.csv").write_text("the forecast of yesterday")
    before = contents(tiny)
    ended = installed("forecast", name, *TINY_MODEL, "-o", "next.csv")
    assert (ended.code, ended.out) == (code, "")
    if code:
        assert ended.error == f"grucast: error: {name}: {said}"
        assert contents(tiny) == before
        return
    assert f"grucast: note: {said}" in ended.err.splitlines()
    rows = list(csv.DictReader(io.StringIO((tiny / "next.csv").read_text())))
    assert len(rows) == 24
    assert all(math.isfinite(float(value)) for row in rows for key, value in row.items()
               if key not in ("unique_id", "ds"))


@pytest.mark.parametrize(("name", "column", "lines", "code", "said"), [one for one in OTHER if one[3] == 78],
                         ids=[one[0] for one in OTHER if one[3] == 78])
def test_what_is_not_forecast_is_not_scored_either(installed, tiny, name, column, lines, code, said):
    write_lines(tiny / name, lines, header=f"ds,{column}")
    ended = installed("detect-anomalies", name, *TINY_MODEL, "--scores", "scores.csv")
    assert (ended.code, ended.error) == (code, f"grucast: error: {name}: {said}")
    assert not (tiny / "scores.csv").exists()
