"""Series and panels: what was read, as arrays that check themselves."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from grucast.core.arrays import Array, Ints, Mask, Stamps

STAMP = np.dtype("datetime64[us]")
Lines: TypeAlias = npt.NDArray[np.integer[Any]]  # physical lines of a file


@dataclass(frozen=True, slots=True, eq=False)
class Repeats:
    """N rows of the file that the series does not have, as another row has their stamp; in order of time."""

    ds: Stamps  # (N,)
    y: Array  # (N, C)
    line: Lines  # (N,)


@dataclass(frozen=True, slots=True, eq=False)
class Series:
    """One series of T rows and C channels in order of time.

    `ds` is (T,): datetime64[us], strictly increasing (in UTC where a zone is known, else local),
    or float64 where the time axis is a number. `y` is (T, C) in the units of the file, NaN where
    `observed` is False. `line` is the physical line of each row in its file, 0 for a row that the
    file does not have (a gap that was masked). `label` is (T,) or None, `static` is (S,). `repeats`
    are rows of the file that were dropped for another of the same stamp, None for none.
    """

    unique_id: str
    ds: Stamps
    y: Array
    observed: Mask
    known: Array  # (T, K) covariates known ahead, NaN where missing
    past: Array  # (T, P) covariates known only so far, NaN where missing
    static: Array  # (S,)
    line: Lines  # (T,)
    label: Ints | None = None
    repeats: Repeats | None = None

    def __post_init__(self) -> None:
        rows = len(self.ds)
        for name, dims in (("y", 2), ("observed", 2), ("known", 2), ("past", 2), ("static", 1), ("line", 1)):
            value = getattr(self, name)
            if value.ndim != dims:
                raise ValueError(f"{name} has {value.ndim} dimensions, not {dims}")
            if name != "static" and len(value) != rows:
                raise ValueError(f"{name} has {len(value)} rows, ds has {rows}")
        if self.observed.shape != self.y.shape:
            raise ValueError(f"observed {self.observed.shape} does not fit y {self.y.shape}")
        if self.ds.dtype != STAMP and self.ds.dtype != np.float64:
            raise ValueError(f"ds is {self.ds.dtype}, not datetime64[us] or float64")

    def __len__(self) -> int:
        return len(self.ds)

    def rows(self, start: int, stop: int) -> Series:
        """Rows start (inclusive) to stop (exclusive), as views, without repeats."""
        part = slice(start, stop)
        return Series(self.unique_id, self.ds[part], self.y[part], self.observed[part], self.known[part],
                      self.past[part], self.static, self.line[part],
                      None if self.label is None else self.label[part])


@dataclass(frozen=True, slots=True)
class FileFormat:
    """How the bytes of a file become cells."""

    delimiter: str = ","  # one character, or "whitespace"
    decimal: str = "."
    thousands: str = ""
    encoding: str = "utf-8"
    na_values: tuple[str, ...] = ()
    skip_rows: int = 0
    comment: str = ""
    header: bool = True


@dataclass(frozen=True, slots=True)
class Columns:
    """Which column plays which part. `shape` is "wide" (one system, a channel a column) or "long" (an id a row)."""

    shape: str = "wide"
    time: tuple[str, ...] = ()
    id: tuple[str, ...] = ()
    target: tuple[str, ...] = ()
    known: tuple[str, ...] = ()
    past: tuple[str, ...] = ()
    static: tuple[str, ...] = ()
    label: str = ""


@dataclass(frozen=True, slots=True)
class Clock:
    """What the time column means.

    `kind` is one of stamp, epoch_s, epoch_ms (all give datetime64), elapsed (seconds), index and row
    (all give float64). `tz` is "" (local, unknown), an IANA name, or an offset like "+02:00"; with a
    `tz` stamps are UTC instants. `freq` is a pandas alias ("h", "15min", "B", "MS"), "" for none.
    """

    kind: str = "stamp"
    format: str = ""  # strptime format; "" is ISO 8601
    tz: str = ""
    freq: str = ""
    step: float = 1.0  # of a numeric axis, in its own units


@dataclass(frozen=True, slots=True)
class Layout:
    """How a file was read, so that the next one is read alike."""

    format: FileFormat = field(default_factory=FileFormat)
    columns: Columns = field(default_factory=Columns)
    clock: Clock = field(default_factory=Clock)
    duplicates: str = "error"
    gaps: str = "mask"
    resample: str = ""
    agg: str = "mean"


@dataclass(frozen=True, slots=True, eq=False)
class Panel:
    """Series that are read alike: the same channels, frequency and zone, any lengths."""

    series: tuple[Series, ...]
    layout: Layout

    @property
    def channels(self) -> tuple[str, ...]:
        """Names of the C channels."""
        return self.layout.columns.target

    @property
    def freq(self) -> str:
        """The pandas alias of the frequency, "" for none."""
        return self.layout.clock.freq

    @property
    def tz(self) -> str:
        """The zone, "" when unknown."""
        return self.layout.clock.tz

    @property
    def rows(self) -> int:
        """Rows of all series together."""
        return sum(len(one) for one in self.series)

    def ids(self) -> tuple[str, ...]:
        """The ids, in the order of the file."""
        return tuple(one.unique_id for one in self.series)
