"""Small files of forecasts and of actual values, and what is measured of them."""

from __future__ import annotations

from pathlib import Path

from grucast.core.config import ColumnOptions, ReadOptions, TimeOptions
from grucast.workflows.evaluate_forecasts import ForecastsRequest, ForecastsResult, evaluate_forecasts

DAYS = [f"2024-01-{day:02}" for day in range(1, 32)]


def write(name: str, header: str, *rows: object) -> str:
    """A CSV file with these rows, each a tuple of cells."""
    Path(name).write_text("\n".join([header, *(",".join(map(str, row)) for row in rows)]) + "\n")
    return name


def actuals(name: str = "a.csv", rows: int = 20) -> str:
    """Two series by day: A is 10, 11, 12, …; B is 100, 98, 96, …"""
    return write(name, "unique_id,ds,y", *((one, DAYS[day], first + step * day) for day in range(rows)
                                           for one, first, step in (("A", 10, 1), ("B", 100, -2))))


def measure(forecasts: str, *actuals: str, columns: ColumnOptions | None = None, tz: str | None = None,
            no_time: bool = False, **more) -> ForecastsResult:
    """What `evaluate forecasts` finds."""
    read = ReadOptions(columns=columns or ColumnOptions(), time=TimeOptions(tz=tz, no_time=no_time))
    return evaluate_forecasts(ForecastsRequest(forecasts, tuple(actuals), read=read, **more))


def said(result: ForecastsResult) -> str:
    """The notes."""
    return "\n".join(result.notes)
