"""What the four samples share: a table with planted faults, its CSV bytes, random streams, and slow noise."""

import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate, chain, cycle, islice
from typing import Any

import numpy as np
from numpy.typing import NDArray

SEED = 1

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Fault:
    """One planted fault: rows `start` to `stop` (half-open, rows of the finished table, the header not counted).

    `size` is signed and in deviations of what the sample's docstring says; 0 where a kind has no size (`stuck`).
    `column` is "*" for a fault of every column.
    """

    kind: str
    column: str
    start: int
    stop: int
    size: float


@dataclass(frozen=True)
class Sample:
    """A table as it is written: equally long columns, rounded as in the file, NaN for an empty cell."""

    columns: Mapping[str, NDArray[Any]]  # each (T,)
    formats: Mapping[str, str]  # format specification of each float column
    faults: tuple[Fault, ...] = ()

    def __post_init__(self) -> None:
        """Refuse columns of different length."""
        lengths = {name: len(column) for name, column in self.columns.items()}
        if len(set(lengths.values())) != 1:
            raise ValueError(f"columns of different length: {lengths}")


def to_csv(sample: Sample) -> bytes:
    """Give the table as ASCII CSV with a header and `\\n` after every line."""
    cells = [_cells(column, sample.formats.get(name, "")) for name, column in sample.columns.items()]
    lines = chain([",".join(sample.columns)], map(",".join, zip(*cells, strict=True)))
    return ("\n".join(lines) + "\n").encode("ascii")


def _cells(column: NDArray[Any], spec: str) -> Iterable[str]:
    return ("" if value != value else format(value, spec) for value in column.tolist())  # NaN differs from itself


def rounded(values: Floats, decimals: int) -> Floats:
    """Give the values as the file will hold them, and never a negative zero."""
    return np.round(values, decimals) + 0.0


def stream(seed: int, name: str) -> np.random.Generator:
    """Give the random stream of one purpose, so that faults can be left out and all else stays as it was."""
    return np.random.default_rng([seed, zlib.crc32(name.encode())])


def recursion(drive: Floats, keep: float) -> Floats:
    """Give y (T,) with y[0] = drive[0] and y[t] = keep * y[t-1] + drive[t]."""
    return np.array(list(accumulate(drive.tolist(), lambda state, new: keep * state + new)))


def slow_noise(rng: np.random.Generator, rows: int, memory: float, deviation: float) -> Floats:
    """Give a stationary AR(1) path (rows,) of that deviation, whose correlation falls to 1/e after `memory` rows."""
    keep = float(np.exp(-1.0 / memory))
    drive = rng.standard_normal(rows) * deviation
    drive[1:] *= np.sqrt(1.0 - keep**2)
    return recursion(drive, keep)


def scattered(rng: np.random.Generator, count: int, span: tuple[int, int], room: int) -> Ints:
    """Give `count` ascending positions in `span` (half-open), each with `room` free positions before the next.

    The span is cut into equal slots, one position falls in each. Raises ValueError where the slots are too narrow.
    """
    edges = np.linspace(span[0], span[1], count + 1).astype(np.int64)
    widths = np.diff(edges) - room
    if count and widths.min() < 1:
        raise ValueError(f"{count} faults of {room} rows do not fit in rows {span[0]} to {span[1]}; make more rows")
    within: Ints = np.floor(rng.random(count) * widths).astype(np.int64)
    return edges[:-1] + within


def sizes_for(rng: np.random.Generator, count: int, fault_sizes: Sequence[float]) -> Floats:
    """Give a size for each of `count` faults: the wished sizes in turn, up or down by chance."""
    signs = np.where(rng.random(count) < 0.5, -1.0, 1.0)
    return signs * np.array(list(islice(cycle(fault_sizes), count)), dtype=np.float64)


def labels(rows: int, faults: Iterable[Fault]) -> Ints:
    """Give 1 for the rows (rows,) of a fault and 0 elsewhere."""
    label = np.zeros(rows, dtype=np.int64)
    for fault in faults:
        label[fault.start : fault.stop] = 1
    return label
