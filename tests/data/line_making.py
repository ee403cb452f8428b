"""Streams and files of one text, in random layouts."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
from hypothesis import strategies as st

from grucast.core.config import ReadOptions
from grucast.core.series import Clock, Columns, FileFormat, Layout
from grucast.data.lines import Row, RowReader
from grucast.data.reading import read_panel
from grucast.preprocessing.zones import local_stamps

WIDE = Layout(columns=Columns(time=("ds",), target=("load", "temp")))
BERLIN = Layout(columns=Columns(time=("ds",), target=("y",)), clock=Clock(tz="Europe/Berlin"))
AUTUMN, SPRING = np.datetime64("2024-10-26T18:00", "us"), np.datetime64("2024-03-30T18:00", "us")
CLOCKS = {  # what a time column may be, and how the instant or number in it is written
    "ISO": Clock(), "blank": Clock(), "day first": Clock(format="%d.%m.%Y %H:%M"), "fraction": Clock(),
    "American": Clock(format="%b %d %Y %I:%M %p"), "joined": Clock(format="%d/%m/%Y %H.%M.%S"),
    "digits": Clock(format="%Y%m%dT%H%M%S"), "seconds": Clock(kind="epoch_s", tz="UTC"),
    "milliseconds": Clock(kind="epoch_ms", tz="UTC"), "offset": Clock(tz="+05:30"),
    "changing offset": Clock(tz="Europe/Berlin"), "zone": Clock(tz="Europe/Berlin"), "fixed": Clock(tz="-03:00"),
    "index": Clock(kind="index"), "elapsed": Clock(kind="elapsed"), "row": Clock(kind="row"),
}  # fmt: skip


@dataclass(frozen=True)
class Table:
    """Rows as text, and the layout they were written by."""

    layout: Layout
    names: list[str]
    rows: list[list[str]]
    before: tuple[str, ...] = ()  # lines of preamble and comments

    def text(self) -> str:
        sign = " " if self.layout.format.delimiter == "whitespace" else self.layout.format.delimiter
        lines = [self.names, *self.rows] if self.layout.format.header else self.rows
        return "".join(f"{line}\n" for line in (*self.before, *(sign.join(row) for row in lines)))


def written(kind: str, instant: np.datetime64, place: int) -> list[str]:
    """The cells of the time columns for one instant (UTC), or for one place on a numeric axis."""
    if kind in ("index", "elapsed", "row"):
        return {"index": [str(7 + 3 * place)], "elapsed": [f"{place / 8:.3f}"], "row": []}[kind]
    since = int(instant.astype(np.int64))
    if kind in ("seconds", "milliseconds"):
        return [str(since // (1_000_000 if kind == "seconds" else 1000))]
    tz = CLOCKS[kind].tz
    local = local_stamps(np.array([instant]), tz)[0]
    iso = str(local.astype("datetime64[s]"))
    if kind in ("offset", "changing offset"):
        minutes = int((local - instant).astype(np.int64)) // 60_000_000
        return [f"{iso}{'+' if minutes >= 0 else '-'}{abs(minutes) // 60:02d}:{abs(minutes) % 60:02d}"]
    when = local.astype("datetime64[s]").item()
    if kind == "joined":
        return [when.strftime("%d/%m/%Y"), when.strftime("%H.%M.%S")]
    if CLOCKS[kind].format:
        return [when.strftime(CLOCKS[kind].format)]
    return [f"{iso}.250" if kind == "fraction" else iso.replace("T", " ") if kind == "blank" else iso]


def number(value: float, form: FileFormat) -> str:
    """A number by the signs of a format."""
    whole, fraction = f"{abs(value):.4f}".split(".")
    groups = f"{int(whole):,}".replace(",", form.thousands) if form.thousands else whole
    return f"{'-' if value < 0 else ''}{groups}{form.decimal}{fraction}"


@st.composite
def formats(draw, kind):
    decimal = draw(st.sampled_from(".,"))
    blanks = kind in ("blank", "day first", "American", "joined")
    signs = [sign for sign in (",", ";", "\t", "|", *(() if blanks else ("whitespace",))) if sign != decimal]
    delimiter = draw(st.sampled_from(signs))
    thousands = draw(st.sampled_from([one for one in ("", "'", ".", ",") if one not in (decimal, delimiter)]))
    return FileFormat(delimiter, decimal, thousands, na_values=draw(st.sampled_from([(), ("n/a",), ("-9999", "?")])),
                      comment=draw(st.sampled_from(["", "#"])), header=draw(st.booleans()))


@st.composite
def tables(draw):
    kind = draw(st.sampled_from(sorted(CLOCKS)))
    form = draw(formats(kind))
    ids = draw(st.integers(0, 2))
    width = [draw(st.integers(1, 3)), *(draw(st.integers(0, 2)) for _ in range(3))]  # targets, known, past, static
    count, series = draw(st.integers(20, 28)), draw(st.integers(1, 3)) if ids else 1
    start = draw(st.sampled_from([AUTUMN, SPRING])) + np.timedelta64(1, "h") * draw(st.integers(0, 5))
    random = np.random.default_rng(draw(st.integers(0, 10**6)))
    rows = []
    for place in range(count):
        for one in range(series):
            time = written(kind, start + place * np.timedelta64(30, "m"), place)
            time = [cell.replace(".", form.decimal) for cell in time] if kind == "elapsed" else time
            names = [["north", "süd", "7"][one], "same"][:ids]
            values = [_cell(random, form) for _ in range(sum(width[:3]))]
            rows.append([*time, *names, *values, *(number(one + 0.5, form) for _ in range(width[3])), "note"])
    order = random.permutation(len(rows[0])).tolist()
    names = [f"n{at}" if form.header else f"col{1 + order.index(at)}" for at in range(len(order))]
    times = len(time)
    cuts = np.cumsum([0, times, ids, *width]).tolist()
    parts = [tuple(names[low:high]) for low, high in pairwise(cuts)]
    before = tuple(["a preamble", "of two lines"][: draw(st.integers(0, 2))]) if form.header else ()
    form = replace(form, skip_rows=len(before))
    layout = Layout(form, Columns("long" if ids else "wide", *parts), CLOCKS[kind])
    before += ("# a comment",) if form.comment else ()
    return Table(layout, [names[at] for at in order], [[row[at] for at in order] for row in rows], before)


def _cell(random: np.random.Generator, form: FileFormat) -> str:
    if random.random() < 0.2:
        return str(random.choice(["NA", *form.na_values, *([] if form.delimiter == "whitespace" else ["", " "])]))
    return number(float(np.round(random.normal() * 10.0 ** random.integers(-3, 7), 4)), form)


def from_file(path, text: str, layout: Layout):
    path.write_text(text, encoding="utf-8")
    os.utime(path, (1e9, 1e9))
    return read_panel([str(path)], ReadOptions(), layout=layout).panel


def from_lines(text: str, layout: Layout, **more) -> list[Row]:
    reader = RowReader(layout, **more)
    return [row for line in text.splitlines(keepends=True) if (row := reader.read(line)) is not None]


def assert_alike(rows: list[Row], panel, *, lines: bool = True) -> None:
    """The rows of each series, stacked, are the series."""
    assert {row.unique_id for row in rows} == set(panel.ids())
    for series in panel.series:
        mine = [row for row in rows if row.unique_id == series.unique_id]
        assert [row.ds for row in mine] == list(series.ds)
        for name in ("y", "known", "past"):
            np.testing.assert_array_equal(np.array([getattr(row, name) for row in mine]), getattr(series, name))
        np.testing.assert_array_equal(mine[-1].static, series.static)
        assert not lines or [row.line for row in mine] == series.line.tolist()
