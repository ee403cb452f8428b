"""What the fault benchmarks share: a count of tries and of what went wrong, and a small model to try things on."""

from __future__ import annotations

import signal
import sys
import time
import types
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import NoReturn

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from common import Report, Table, grucast

__all__ = ["TINY", "Tally", "shown", "small_model", "table", "write_hours"]

SHOWN = 12  # examples kept of what went wrong
PATIENCE = 30  # seconds for one try
TINY = ("--hidden", "4", "--epochs", "1", "--threads", "1")


@dataclass
class Tally:
    """How often something was tried, what went wrong, and the longest try."""

    what: str
    tried: int = 0
    wrong: int = 0
    slowest: float = 0.0  # seconds
    examples: list[str] = field(default_factory=list)

    def fail(self, example: str) -> None:
        """Count a try that went wrong."""
        self.wrong += 1
        if len(self.examples) < SHOWN:
            self.examples.append(example[:300])

    @contextmanager
    def attempt(self, name: str, patience: float = PATIENCE) -> Iterator[None]:
        """One try; what it raises is wrong, and is said, and so is one that does not end."""
        self.tried += 1
        began = time.perf_counter()
        signal.signal(signal.SIGALRM, _too_long)
        signal.setitimer(signal.ITIMER_REAL, patience)
        try:
            yield
        except Exception as error:
            self.fail(f"{name}: {type(error).__name__}: {error}")
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
        self.slowest = max(self.slowest, time.perf_counter() - began)

    @property
    def bound(self) -> str:
        """The share that 95 % confidence still allows where nothing went wrong: 3/n."""
        return f"< {3 / self.tried:.2g}" if self.tried and not self.wrong else ""


def _too_long(_number: int, _frame: types.FrameType | None) -> NoReturn:
    raise TimeoutError("it did not end")


def table(title: str, tallies: list[Tally]) -> Table:
    """A line for each tally."""
    rows = tuple((one.what, f"{one.tried:,}", str(one.wrong), one.bound, f"{1000 * one.slowest:,.0f} ms")
                 for one in tallies)
    return Table(title, ("what", "tried", "wrong", "rate (95 %)", "slowest"), rows)


def shown(report: Report, title: str, tallies: Iterator[Tally]) -> int:
    """Show tallies as they come and then in a table; 1 when anything went wrong."""
    found = []
    for one in tallies:
        found.append(one)
        print(f"{one.what}: {one.tried:,} tried, {one.wrong} wrong", flush=True)
        for example in one.examples:
            print(f"WRONG {one.what}: {example}", flush=True)
    report.show(table(title, found))
    report.close(tallies=[vars(one) for one in found])
    return int(any(one.wrong for one in found))


def write_hours(path: Path, rows: int, *, scale: float = 1.0) -> Path:
    """Hourly values with a day in them and some noise."""
    hours = np.arange(rows)
    stamps = np.datetime64("2024-01-01T00:00:00") + hours * np.timedelta64(1, "h")
    y = scale * (100 + 20 * np.sin(hours * np.pi / 12) + np.random.default_rng(7).normal(0, 1, rows))
    path.write_text("ds,load\n" + "".join(f"{ds},{value!r}\n" for ds, value in zip(stamps, y.tolist(), strict=True)))
    return path


def small_model(folder: Path, *, rows: int = 400) -> Path:
    """`load.csv` and `load.grucast`, 60 KB, in `folder`; the model."""
    write_hours(folder / "load.csv", rows)
    grucast(["train", "load.csv", "-q", *TINY], folder)
    return folder / "load.grucast"
