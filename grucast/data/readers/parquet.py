"""Read Parquet files into the same table of columns as text; needs the extra `parquet`."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Any

import numpy as np

from grucast.core.errors import DataError, UsageError
from grucast.data.numbers import NumberStyle
from grucast.data.sources import Source
from grucast.data.stamps import NO_OFFSET, Moments
from grucast.data.table import Column, Table, Words


def read_parquet(sources: Sequence[Source], style: NumberStyle, text: frozenset[str]) -> Table:
    """The table of all files; columns in `text` are kept as words. Lines are rows, the first being 2 as in CSV."""
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ImportError:
        raise UsageError("Parquet files need the extra: pip install 'grucast[parquet]'") from None
    table: Table | None = None
    for source in sources:
        try:
            content = pq.read_table(io.BytesIO(source.body))
        except (pa.ArrowException, OSError):
            raise DataError("this is not a Parquet file, or it is damaged", file=source.file,
                            mend="write it again") from None
        names = list(content.column_names)
        if table is None:
            table = Table({name: Column(name, text=name in text) for name in names}, style)
        if names != list(table.columns) or len(set(names)) < len(names):
            raise DataError("the columns are not those of the other files, or two have one name", file=source.file,
                            mend="give each its own name, or read the file on its own")
        table.files.append((source.file, table.rows))
        for name, column in table.columns.items():
            _add(column, content.column(name).combine_chunks(), pa)
        table.lines.append(np.arange(2, content.num_rows + 2, dtype=np.int64))
        table.rows += content.num_rows
    if table is None:
        raise UsageError("no data file is named")
    return table


def _add(column: Column, values: Any, pa: Any) -> None:
    """Take in one Arrow array; nulls are missing."""
    kind = values.type
    number = pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_boolean(kind)
    number = number or pa.types.is_decimal(kind)
    if number and not column.text:
        floats = values.cast(pa.float64()).to_numpy(zero_copy_only=False)
        if not np.isinf(floats).any():
            column.chunks.append(floats.astype(np.float64))
            return
    if (pa.types.is_timestamp(kind) or pa.types.is_date(kind)) and not column.text:
        zone = getattr(kind, "tz", None)
        ok = np.asarray(values.is_valid())
        us = values.cast(pa.timestamp("us", tz=zone), safe=False).cast(pa.int64()).fill_null(0).to_numpy()
        column.chunks.append(Moments(us.astype(np.int64), ok, np.where(ok, 0, NO_OFFSET) if zone else None))
        return
    places = column.places
    cells = ["" if cell is None else str(cell) for cell in values.to_pylist()]
    codes = np.fromiter((places.setdefault(cell, len(places)) for cell in cells), np.int32, len(cells))
    column.chunks.append(Words(codes))
