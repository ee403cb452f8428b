"""Every forecast of a backtest as a line: what was said when, and what came."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import cache

import numpy as np

from grucast.core.results import Forecast
from grucast.core.series import Panel
from grucast.data.writing import format_stamps, render_csv
from grucast.workflows.backtesting.speak import MODEL, Block


def names_of(panel: Panel) -> list[str]:
    """What each channel of each series is called, as in a forecast: its column, its id, or `id/column`."""
    if panel.layout.columns.shape == "wide":
        return list(panel.channels) * len(panel.series)
    several = len(panel.channels) > 1
    return [f"{one.unique_id}/{name}" if several else one.unique_id for one in panel.series for name in panel.channels]


def forecast_lines(
    blocks: Iterable[Block], panel: Panel, levels: Sequence[int], quantile_levels: tuple[float, ...]
) -> Iterator[bytes]:
    """The model's forecasts as CSV, piece by piece: unique_id, cutoff, ds, y_hat, an interval a level, y."""
    columns = {f"{side}-{level}": 0.5 + sign * level / 200
               for level in levels for side, sign in (("lo", -1), ("hi", 1))}
    yield render_csv(("unique_id", "cutoff", "ds", "y_hat", *columns, "y"), ()).encode()
    names, channels = names_of(panel), len(panel.channels)

    @cache
    def stamps(index: int) -> list[str]:
        return format_stamps(panel.series[index].ds, panel.tz)

    for block in blocks:
        rows: list[list[object]] = []
        for number, (index, origin) in enumerate(zip(block.index.tolist(), block.origin.tolist(), strict=True)):
            quantiles = block.quantiles[MODEL][number]
            ahead = slice(origin, origin + len(quantiles))
            one = panel.series[index]
            said = Forecast(one.unique_id, one.ds[origin - 1], one.ds[ahead], quantiles, quantile_levels)
            y = np.where(one.observed[ahead], one.y[ahead], np.nan)
            told = np.stack([said.y_hat, *(said.level(level) for level in columns.values()), y], axis=2)  # (H, C, K)
            cutoff = stamps(index)[origin - 1]
            for channel in range(channels):
                name = names[index * channels + channel]
                rows += [[name, cutoff, stamp, *values] for stamp, values in
                         zip(stamps(index)[ahead], told[:, channel].tolist(), strict=True)]
        yield _without_header(rows)


def _without_header(rows: list[list[object]]) -> bytes:
    return render_csv((), rows).encode("utf-8", "surrogateescape").removeprefix(b"\n")
