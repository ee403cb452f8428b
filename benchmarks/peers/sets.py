"""Ten small and middle series sets, the same for everybody: histories up to five cutoffs, and what came.

They were chosen before anything was measured, by size (one training of every method takes minutes) and kind (four that
newcomers try, four of energy, one stock, one of heartbeats). A history is a long file `unique_id, ds, y`. Where stamps
are not regular (trading days, heartbeats) everybody gets row numbers.
"""

from __future__ import annotations

import csv
import gzip
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

CUTOFFS = 5


@dataclass(frozen=True)
class Source:
    """A file, its columns, and what a user of any library would say about it.

    `time` is empty where rows are numbered; `series` names the column of ids in a long file. `season` is what the
    frequency suggests, the same for every method and for MASE; 1 where it suggests none.
    """

    file: str
    columns: tuple[str, ...]
    freq: str
    horizon: int
    season: int
    time: str = ""
    series: str = ""

    @property
    def name(self) -> str:
        """The file's name without folder and ending."""
        return Path(self.file).stem


HOUSE = ("Global_active_power", "Global_reactive_power", "Voltage", "Global_intensity", "Sub_metering_1",
         "Sub_metering_2", "Sub_metering_3", "sub_metering_4")
SOURCES = (  # the quick ones first
    Source("newcomer/airline_passengers.csv", ("Passengers",), "MS", 12, 12, time="Month"),
    Source("energy/us_gasoline_weekly.csv", ("Gasoline",), "W-FRI", 8, 52, time="Week"),
    Source("newcomer/monthly_sunspots.csv", ("Sunspots",), "MS", 12, 12, time="Month"),
    Source("newcomer/daily_min_temperatures.csv", ("Temp",), "D", 14, 7, time="Date"),
    Source("newcomer/heart_rate_no_timestamp.csv", ("Heart rate",), "", 24, 1),
    Source("energy/opsd_germany_daily.csv", ("Consumption",), "D", 14, 7, time="Date"),
    Source("stock/AAPL_ohlcv_2006_2017.csv", ("Open", "High", "Low", "Close", "Volume"), "", 10, 1),
    Source("energy/household_power_daily.csv", HOUSE, "D", 14, 7, time="datetime"),
    Source("ecg/mitbih_100_rr_intervals.csv", ("rr_s",), "", 24, 1),
    Source("energy/epf_electricity_price_short_panel.csv", ("y",), "h", 24, 24, time="ds", series="unique_id"),
)


@dataclass(frozen=True)
class Line:
    """One series in order of time: `ds` in words, `y` (T,)."""

    ds: tuple[str, ...]
    y: np.ndarray


@dataclass(frozen=True)
class Task:
    """What every method is given for a set, and what it is judged by.

    `histories` are files, the shortest first, each a horizon longer than the one before. By series: `truth`
    (CUTOFFS, H), and `past`, the values of the shortest history, (T,).
    """

    source: Source
    histories: tuple[Path, ...]
    truth: Mapping[str, np.ndarray]
    past: Mapping[str, np.ndarray]

    @property
    def rows(self) -> int:
        """Rows of the shortest history, over all series."""
        return sum(map(len, self.past.values()))


def read(path: Path, source: Source) -> dict[str, Line]:
    """The series of a file by name, each in order of time."""
    with (gzip.open if path.suffix == ".gz" else open)(path, "rt", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    if source.time:
        rows.sort(key=lambda row: row[source.time])
    lines = {}
    for name, column, chosen in _parts(rows, source):
        ds = [_stamp(row[source.time]) if source.time else str(place) for place, row in enumerate(chosen)]
        lines[name] = Line(tuple(ds), np.array([float(row[column]) for row in chosen]))
    return lines


def prepare(path: Path, source: Source, folder: Path) -> Task:
    """Write the five histories of a set into `folder`, and keep what came after each."""
    lines, steps = read(path, source), source.horizon
    histories = tuple(folder / f"history_{cutoff}.csv" for cutoff in range(CUTOFFS))
    for cutoff, history in enumerate(histories):
        _write(history, lines, (CUTOFFS - cutoff) * steps)
    truth = {name: line.y[-CUTOFFS * steps:].reshape(CUTOFFS, steps) for name, line in lines.items()}
    return Task(source, histories, truth, {name: line.y[:-CUTOFFS * steps] for name, line in lines.items()})


def _parts(rows: list[dict[str, str]], source: Source) -> Iterator[tuple[str, str, list[dict[str, str]]]]:
    """Each series: its name, its column, its rows."""
    if not source.series:
        yield from ((column, column, rows) for column in source.columns)
        return
    for name in sorted({row[source.series] for row in rows}):
        yield name, source.columns[0], [row for row in rows if row[source.series] == name]


def _stamp(text: str) -> str:
    return str(np.datetime64(text.replace(" ", "T"), "s"))


def _write(path: Path, lines: Mapping[str, Line], left_out: int) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        out = csv.writer(file)
        out.writerow(("unique_id", "ds", "y"))
        for name, line in lines.items():
            known = zip(line.ds[:-left_out], line.y[:-left_out].tolist(), strict=True)
            out.writerows((name, ds, repr(y)) for ds, y in known)
