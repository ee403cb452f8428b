"""Arrays as bytes for a table of the state, and back; nothing in them can run.

    4 bytes    CRC-32 of all that follows
    4 bytes    length of the header, little endian
    header     JSON: {"NAME": ["<f8", [3, 2]], ...}
    arrays     one after the other, little endian, in C order

The checksum finds what a disk or a hand did to a blob; SQLite itself looks at its pages only.
"""

from __future__ import annotations

import json
import math
import zlib
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from grucast.core.errors import ModelError

Arrays = Mapping[str, npt.NDArray[Any]]

TYPES = ("<f8", "<f4", "<i8", "|b1")
DAMAGED = "the state is damaged: {}; move it away, and the next run begins a new one"


def pack(arrays: Arrays) -> bytes:
    """The bytes of named arrays of numbers or truths."""
    stored = {name: np.asarray(array, dtype=array.dtype.newbyteorder("<")) for name, array in arrays.items()}
    header = json.dumps({name: [array.dtype.str, list(array.shape)] for name, array in stored.items()}).encode()
    body = b"".join([len(header).to_bytes(4, "little"), header, *(array.tobytes() for array in stored.values())])
    return zlib.crc32(body).to_bytes(4, "little") + body


def unpack(content: object) -> dict[str, npt.NDArray[Any]]:
    """The arrays that `pack` wrote, read-only. ModelError for what it did not write."""
    if not isinstance(content, bytes) or len(content) < 8 or zlib.crc32(content[4:]) != int.from_bytes(content[:4],
                                                                                                      "little"):
        raise ModelError(DAMAGED.format("what a series was at is not what was written"))
    at = 8 + int.from_bytes(content[4:8], "little")
    found = {}
    for name, (kind, shape) in json.loads(content[8:at]).items():
        if kind not in TYPES:
            raise ModelError(DAMAGED.format(f"{name} is of the type {kind!r}"))
        count = math.prod(shape)
        found[name] = np.frombuffer(content, dtype=kind, count=count, offset=at).reshape(shape)
        at += count * np.dtype(kind).itemsize
    return found


def pack_row(values: npt.NDArray[np.float64]) -> bytes:
    """One row of numbers and their checksum."""
    body = values.astype("<f8", copy=False).tobytes()
    return body + zlib.crc32(body).to_bytes(4, "little")


def unpack_rows(rows: list[Any], width: int) -> npt.NDArray[np.float64]:
    """Rows of `width` numbers (N, width) that `pack_row` wrote. ModelError for others."""
    for row in rows:
        if not isinstance(row, bytes) or len(row) != 8 * width + 4 or zlib.crc32(row[:-4]) != int.from_bytes(row[-4:],
                                                                                                           "little"):
            raise ModelError(DAMAGED.format("a row that it kept is not what was written"))
    whole = np.frombuffer(b"".join(row[:-4] for row in rows), dtype="<f8")
    return whole.reshape(len(rows), width).astype(np.float64)
