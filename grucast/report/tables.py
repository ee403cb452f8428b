"""Results as tables of words: what `cli` draws on a terminal and the benchmarks print as Markdown."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

NOTHING = "–"

# What a table of accuracy shows, in this order: its heading and the key of the metric.
ACCURACY = (("MAE", "mae"), ("RMSE", "rmse"), ("sMAPE", "smape"), ("MASE", "mase"), ("WQL", "wql"), ("MSIS", "msis"))
BASELINES = ("naive", "seasonal_naive", "linear")  # from the plainest on
LITTLE = 0.005  # a skill below this is no skill


@dataclass(frozen=True, slots=True)
class Table:
    """A heading and rows of words; the first column holds names, the others numbers."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]

    def __post_init__(self) -> None:
        for row in self.rows:
            if len(row) != len(self.columns):
                raise ValueError(f"{len(row)} cells do not fit {len(self.columns)} columns")


def number(value: float | None, digits: int = 4) -> str:
    """`value` with `digits` significant digits, `–` for what is undefined.

    >>> [number(v) for v in (1234567.0, 1234.56, 0.012345, 0.0, float("nan"), None, 1e-9)]
    ['1.235e+06', '1235', '0.01235', '0', '–', '–', '1.000e-09']
    """
    if value is None or not math.isfinite(value):
        return NOTHING
    size = abs(value)
    if size and not 1e-4 <= size < 1e6:
        return f"{value:.{digits - 1}e}"
    places = max(0, digits - 1 - math.floor(math.log10(size))) if size else 0
    return f"{value:.{places}f}"


def percent(share: float | None, digits: int = 1) -> str:
    """A share as per cent.

    >>> percent(0.8046), percent(None)
    ('80.5 %', '–')
    """
    return NOTHING if share is None or not math.isfinite(share) else f"{100 * share:.{digits}f} %"


def seconds(value: float) -> str:
    """A duration for people.

    >>> seconds(0.0123), seconds(7.25), seconds(192.0)
    ('12 ms', '7.2 s', '3 min 12 s')
    """
    if value < 1:
        return f"{1000 * value:.0f} ms"
    if value < 60:
        return f"{value:.1f} s"
    return f"{int(value) // 60} min {int(value) % 60} s"


def accuracy_table(metrics: Mapping[str, Mapping[str, Any]], *, title: str = "", corner: str = "") -> Table:
    """One row for each method in `metrics` (name → metrics as in the JSON of `train`), shares of coverage last."""
    levels = list(dict.fromkeys(level for one in metrics.values() for level in one.get("coverage") or {}))
    columns = (corner, *(heading for heading, _ in ACCURACY), *(f"coverage {level}" for level in levels))
    rows = tuple(
        (name, *(number(one.get(key)) for _, key in ACCURACY),
         *(number((one.get("coverage") or {}).get(level), 3) for level in levels))
        for name, one in metrics.items()
    )
    return Table(title, columns, rows)


def report_table(accuracy: Mapping[str, Any]) -> Table:
    """The table of a report of `train` or of the accuracy in a model: the model, then baselines, the plainest first."""
    order = {name: place for place, name in enumerate(BASELINES)}
    baselines = sorted((accuracy.get("baselines") or {}).items(), key=lambda item: order.get(item[0], len(order)))
    return accuracy_table({"grucast": accuracy.get("holdout") or {}, **dict(baselines)}, corner="held out")


def facts_table(facts: Mapping[str, object], *, title: str = "") -> Table:
    """Names and what they are, a row each."""
    return Table(title, ("", ""), tuple((name, str(value)) for name, value in facts.items()))


def verdict(skill: float | None, baselines: Mapping[str, Mapping[str, Any]]) -> str:
    """How the model does beside the best baseline, in one plain sentence.

    >>> verdict(0.25, {"naive": {"mae": 4.0}, "linear": {"mae": 3.5}})
    'skill 0.250: the error is 25.0 % below that of the best baseline, linear'
    >>> verdict(-0.25, {"naive": {"mae": 4.0}})
    'no skill over the naive forecast: its error is 20.0 % smaller'
    """
    known = {name: one["mae"] for name, one in baselines.items() if one.get("mae") is not None
             and math.isfinite(one["mae"])}
    if not known:
        return "skill not defined: there is no baseline to compare with"
    best = min(known, key=lambda name: known[name]).replace("_", " ")
    if skill is None or not math.isfinite(skill):
        return f"skill not defined: the error cannot be compared with that of the best baseline, {best}"
    if skill >= LITTLE:
        return f"skill {skill:.3f}: the error is {percent(skill)} below that of the best baseline, {best}"
    if skill > -LITTLE:
        return f"no skill over the {best} forecast: the errors are alike"
    return f"no skill over the {best} forecast: its error is {percent(skill / (skill - 1))} smaller"


def markdown(table: Table) -> str:
    """`table` in Markdown, numbers to the right."""
    widths = [max(3, len(name), *(len(row[place]) for row in table.rows)) if table.rows else max(3, len(name))
              for place, name in enumerate(table.columns)]
    head = _line([name.ljust(width) if not place else name.rjust(width)
                  for place, (name, width) in enumerate(zip(table.columns, widths, strict=True))])
    rule = _line(["-" * width if not place else "-" * (width - 1) + ":" for place, width in enumerate(widths)])
    rows = [_line([cell.replace("|", "\\|").ljust(width) if not place else cell.rjust(width)
                   for place, (cell, width) in enumerate(zip(row, widths, strict=True))]) for row in table.rows]
    return "\n".join([*([f"**{table.title}**", ""] if table.title else []), head, rule, *rows])


def _line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cells) + " |"
