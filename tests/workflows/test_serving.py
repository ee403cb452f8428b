"""What the commands share that use a model: reading data onto their grid."""

from __future__ import annotations

import os

from grucast.core.config import ReadOptions
from grucast.core.series import Clock, Columns, Layout
from grucast.workflows.serving import read_gridded
from tests.command import hourly, write_lines


def test_a_reading_whose_gaps_were_filled_does_not_hold_its_rows_twice(tmp_path):
    lines = hourly(50)
    path = write_lines(tmp_path / "load.csv", [*lines[:20], *lines[23:]])
    os.utime(path, (1e9, 1e9))
    layout = Layout(columns=Columns(time=("ds",), target=("load",)), clock=Clock(freq="h"))
    reading, panel, notes = read_gridded(str(path), ReadOptions(), layout)
    assert (len(panel.series[0]), reading.rows) == (50, 47)
    assert reading.panel is panel
    assert notes == ["3 rows are missing, from 2024-01-01T20:00:00 to 2024-01-01T22:00:00: masked"]
