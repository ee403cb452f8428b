"""How many false alarms somebody is ready to bear: `1 per 30d`, `3 per 5000 rows`."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

from grucast.core.errors import UsageError

SECONDS = {"s": 1.0, "min": 60.0, "h": 3600.0, "d": 86400.0, "w": 7 * 86400.0}
NUMBER = r"(\d+(?:\.\d+)?)"
FORM = re.compile(rf"{NUMBER}\s+(?:per|in|/)\s+{NUMBER}\s*([a-z]+)", re.IGNORECASE)
REACH = 5  # times: a threshold is known so far beyond the rows it comes from, and events apart so many gaps
EXAMPLES = "write '1 per 30d' (s, min, h, d, w) or '1 per 5000 rows'"


@dataclass(frozen=True, slots=True)
class Budget:
    """`events` false alarms in `rows` rows or in `seconds` seconds of time; the other of the two is None."""

    events: float
    rows: float | None = None
    seconds: float | None = None


def parse_budget(text: str) -> Budget:
    """The budget that `text` says, or a UsageError that shows how to write one.

    >>> parse_budget("3 per 5000 rows")
    Budget(events=3.0, rows=5000.0, seconds=None)
    >>> parse_budget("1 per 30d").seconds
    2592000.0
    """
    found = FORM.fullmatch(text.strip())
    if not found:
        raise UsageError(f"--false-alarms {text!r} is not understood; {EXAMPLES}")
    events, length, unit = float(found[1]), float(found[2]), found[3].lower()
    if not (0.0 < events < math.inf and 0.0 < length < math.inf):
        raise UsageError(f"--false-alarms {text!r}: both numbers must be above 0; {EXAMPLES}")
    if unit in ("row", "rows"):
        if events > length:
            raise UsageError(f"--false-alarms {text!r} asks for more events than rows; {EXAMPLES}")
        return Budget(events, rows=length)
    if unit not in SECONDS:
        raise UsageError(f"--false-alarms {text!r}: {found[3]!r} is not a unit; {EXAMPLES}")
    return Budget(events, seconds=length * SECONDS[unit])


def rate(budget: Budget, step_seconds: float | None = None, *, series: int = 1) -> float:
    """Events per row that normal data may give, at most 1.

    The budget is for the whole file: a budget of time is shared by the `series` that run beside each other, and needs
    `step_seconds` from one row to the next (for months and years: the mean). Without it, a UsageError.
    """
    if budget.rows is not None:
        return min(budget.events / budget.rows, 1.0)
    if budget.seconds is None or step_seconds is None or not step_seconds > 0:
        raise UsageError("--false-alarms in time needs data with a frequency; write 'N per M rows', or give --freq")
    return min(budget.events / (budget.seconds / step_seconds) / series, 1.0)


def strained(rate: float, rows: int, gap: int) -> str:
    """Why a budget of `rate` events per row cannot be kept, "" where it can.

    `rows` normal scores are known, and alarms with at most `gap` rows between them are one event. A `rate` of 0 is no
    budget.
    """
    if not rate or not rows:
        return ""
    period = 1.0 / rate
    if period > REACH * rows:
        return (f"the threshold is a guess: the model knows how {rows:,} normal rows score, and the budget is one "
                f"false alarm in {period:,.0f} rows")
    if period < REACH * gap:
        return (f"the budget is one false alarm in {period:,.0f} rows, but alarms within {gap} rows of each other are "
                "one event: expect few long events; lower --false-alarms or --min-gap")
    return ""
