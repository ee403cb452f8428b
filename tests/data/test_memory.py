"""What a reading holds on to: a file of millions of rows must fit beside what is made of it."""

from __future__ import annotations

import gc

import numpy as np
import pytest

from grucast.data import reading
from grucast.data.numbers import NumberStyle
from grucast.data.sources import Source
from grucast.data.table import Table

TEXT = "ds,load\n" + "".join(f"2024-01-{day:02d},{day % 7}.5\n" for day in range(1, 29))


def test_the_bytes_of_a_file_are_gone_when_its_values_are_gathered(read_text, tmp_path, monkeypatch):
    held, gather = [], reading.gather

    def watched(*given):
        held.append([one for one in gc.get_objects() if type(one) is Source])
        return gather(*given)

    monkeypatch.setattr(reading, "gather", watched)
    first = read_text(TEXT)
    assert held == [[]]
    assert read_text(TEXT, layout=first.panel.layout).digest == first.digest
    assert held == [[], []]


@pytest.mark.parametrize(("last", "kind"), [(2**31 - 1, np.int32), (2**31, np.int64)])
def test_lines_take_four_bytes_a_row_where_that_holds_them(last, kind):
    table = Table({}, NumberStyle(), lines=[np.array([2, 3]), np.array([last])])
    assert table.line().tolist() == [2, 3, last]
    assert table.line().dtype == kind
