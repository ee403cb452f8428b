"""Models on disk: one safetensors file, checked whole before anything in it is used.

    8 bytes    length of the header, little endian
    header     JSON: {"__metadata__": {"format": "grucast", "manifest": "{…}", "sha256": "…"},
                      "NAME": {"data_offsets": [start, stop], "dtype": "F32", "shape": […]}, …}
               keys sorted, no spaces, padded with spaces so that the arrays begin at a multiple of 8
    arrays     little endian, widest type first, then by name; no gaps

`sha256` is that of the whole file with the 64 characters of the field itself as zeros. The same model
gives the same bytes, which the safetensors library does not promise (the order of its metadata
changes); so both directions are written out here, and nothing but NumPy is imported to read a model.
To change the form of a model see `migrations.py`.
"""

from __future__ import annotations

import errno
import hashlib
import itertools
import json
import math
import os
import re
import stat
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt

from grucast.artifacts.manifest import from_json, to_json
from grucast.artifacts.migrations import check_version, upgrade
from grucast.core.errors import Busy, Denied, InputMissing, InternalError, IoFailure, ModelError, UsageError
from grucast.core.files import publish
from grucast.core.results import Artifact

SIZE_LIMIT = 512 << 20  # bytes of a file
HEADER_LIMIT = 8 << 20
_STRUCTURE_LIMIT = 200_000  # braces, brackets and commas of a header: bounds the memory that parsing it takes
_READ_AT_ONCE = 32 << 20  # a larger file is hashed piece by piece before it is given memory
_DIMENSIONS = 8
_DTYPES: Mapping[str, np.dtype[Any]] = {
    "F64": np.dtype("<f8"), "I64": np.dtype("<i8"), "F32": np.dtype("<f4"), "I32": np.dtype("<i4"),
    "F16": np.dtype("<f2"), "U8": np.dtype("u1")}
_CODES = {dtype: code for code, dtype in _DTYPES.items()}
_DIGEST = re.compile(r"[0-9a-f]{64}")
_FIELD = b'"sha256":"'  # nowhere else in the header: inside a JSON text the quotes are escaped
_ZEROS = "0" * 64


def save(artifact: Artifact, path: Path, *, wait: bool = False, replacing: str = "") -> str:
    """Write `artifact` to `path`, whole or not at all, and return its digest; `wait` waits for another writer.

    What was written is read back from memory first, so that no file is published that would be refused. With
    `replacing`, a digest, only that model is replaced. Errors: those of `publish`; UsageError when the model is larger
    than a file may be; Busy where another model lies there than the one to replace.
    """
    content, digest = encode(artifact)
    try:
        decode(content)
    except ModelError as error:
        raise InternalError(f"{path}: this model would be refused: {error}") from error
    publish(path, content, wait=wait, check=(lambda: _check_same(path, replacing)) if replacing else None)
    return digest


def _check_same(path: Path, digest: str) -> None:
    """Busy where the model at `path` is not the one with this digest."""
    if load(path).digest != digest:
        raise Busy(f"{path}: another grucast has replaced it meanwhile; try again")


def load(path: Path) -> Artifact:
    """The model in `path`, every byte of it verified; its arrays are read-only views of one buffer.

    Errors: InputMissing (no such file), Denied, ModelError for everything wrong with it.
    """
    try:
        with _open(path) as file:
            content = _read(file)
        return decode(content)
    except ModelError as error:
        raise ModelError(f"{path}: {error}") from error
    except OSError as error:
        if error.errno in (errno.EACCES, errno.EPERM):
            raise Denied(f"{path}: permission denied") from error
        raise IoFailure(f"cannot read {path}: {(error.strerror or str(error)).lower()}") from error


# ---- from values to bytes ------------------------------------------------------------------------


def encode(artifact: Artifact) -> tuple[bytes, str]:
    """The bytes of the model file and their digest."""
    arrays = {name: _storable(name, array) for name, array in artifact.tensors.items()}
    order = sorted(arrays, key=lambda name: (-arrays[name].itemsize, name))
    table: dict[str, Any] = {}
    start = 0
    for name in order:
        stop = start + arrays[name].nbytes
        table[name] = {"dtype": _CODES[arrays[name].dtype], "shape": list(arrays[name].shape),
                       "data_offsets": [start, stop]}
        start = stop
    table["__metadata__"] = {"format": "grucast", "manifest": _canonical(to_json(artifact.manifest)), "sha256": _ZEROS}
    header = _canonical(table).encode()
    header += b" " * (-len(header) % 8)
    if len(header) > HEADER_LIMIT or 8 + len(header) + start > SIZE_LIMIT:
        raise UsageError(f"this model would take {(len(header) + start) / 1e6:,.0f} MB, more than a model file may "
                         "hold; choose a smaller --hidden or --layers, or fewer --target-col")
    parts = [len(header).to_bytes(8, "little"), header, *(arrays[name].tobytes() for name in order)]  # C order
    digest = _hash(parts)
    parts[1] = header.replace(_FIELD + _ZEROS.encode(), _FIELD + digest.encode())
    return b"".join(parts), digest


def _storable(name: str, array: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """`array` as it lies in the file, little endian."""
    dtype = array.dtype.newbyteorder("<")
    if dtype not in _CODES or name == "__metadata__" or array.ndim > _DIMENSIONS:
        raise InternalError(f"array {name!r}, {array.dtype} {array.shape}, has no place in a model file")
    return array.astype(dtype, copy=False)


def _canonical(value: Any) -> str:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)


def _hash(*groups: Iterable[bytes | memoryview]) -> str:
    digest = hashlib.sha256()
    for part in itertools.chain(*groups):
        digest.update(part)
    return digest.hexdigest()


# ---- from bytes to values ------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Header:
    """What stands before the arrays: their table, and the digest with the place where it stands."""

    metadata: Mapping[str, str]
    table: Mapping[str, Any]
    begin: int  # offset of the arrays
    digest: str
    digest_at: int


def decode(content: bytes) -> Artifact:
    """The model that `content` is, or a ModelError that says what is wrong, without the name of a file."""
    header = _header(content)
    _verify(header, content[: header.begin], [memoryview(content)[header.begin :]])
    manifest = _json(header.metadata["manifest"])
    check_version(manifest)
    if header.metadata.keys() != {"format", "manifest", "sha256"} or header.metadata["format"] != "grucast":
        raise ModelError("damaged: its metadata are not those of a grucast model")
    manifest, tensors = upgrade(manifest, _tensors(header.table, content, header.begin))
    return Artifact(manifest=from_json(manifest), tensors=tensors, digest=header.digest)


def _open(path: Path) -> BinaryIO:
    """`path` opened for reading when it is a regular file; a pipe is not waited for, a link not followed."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC)
    except (FileNotFoundError, NotADirectoryError) as error:
        raise InputMissing(f"{path}: no such model file") from error
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise ModelError("a link, not a model; name the file itself") from error
        if error.errno == errno.ENXIO:  # a socket
            raise ModelError("not a regular file, so not a model") from error
        raise
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        raise ModelError("not a regular file, so not a model")
    return open(handle, "rb")  # noqa: PTH123 - a descriptor, not a path


def _read(file: BinaryIO) -> bytes:
    """The whole of `file`; a large one is verified piece by piece before it is given memory."""
    size = os.fstat(file.fileno()).st_size
    if size > SIZE_LIMIT:
        raise ModelError(f"too large to be a model ({size / 1e6:,.0f} MB)")
    if size > _READ_AT_ONCE:
        head = file.read(8 + HEADER_LIMIT)
        _verify(_header(head, size), head, iter(lambda: file.read(1 << 20), b""))
        file.seek(0)
    return file.read(size + 1)  # more than `size` when somebody appends: then the table does not fit


def _header(head: bytes, size: int | None = None) -> _Header:
    """The header at the beginning of `head`; `size` is that of the whole file when `head` is not all of it."""
    size = len(head) if size is None else size
    length = int.from_bytes(head[:8], "little")
    if size < 8 or length > min(size - 8, HEADER_LIMIT) or length % 8 or not head.startswith(b'{"', 8):
        raise ModelError("not a grucast model, or damaged: its header is cut or was never there")
    begin = 8 + length
    table = _json(head[8:begin])
    metadata = table.pop("__metadata__", None)
    if not isinstance(metadata, dict) or not all(isinstance(one, str) for one in metadata.values()):
        raise ModelError("not a grucast model, or damaged: it has no metadata")
    digest = metadata.get("sha256", "")
    if not {"manifest", "sha256"} <= metadata.keys() or not _DIGEST.fullmatch(digest):
        raise ModelError("not a grucast model, or damaged: it has no manifest or no digest")
    if head.count(_FIELD + digest.encode(), 8, begin) != 1:
        raise ModelError("damaged: its digest does not stand where it should")
    return _Header(metadata, table, begin, digest, head.index(_FIELD, 8, begin) + len(_FIELD))


def _verify(header: _Header, head: bytes, rest: Iterable[bytes | memoryview]) -> None:
    """Refuse a file, `head` and then `rest`, that is not the one whose digest was taken."""
    at = header.digest_at
    if _hash([head[:at], _ZEROS.encode(), head[at + len(_ZEROS) :]], rest) != header.digest:
        raise ModelError("damaged: its content does not match its digest; train again or take it from a backup")


def _json(text: str | bytes) -> dict[str, Any]:
    """The JSON object `text`, if it is small enough in structure and strict: no key twice, no NaN."""
    try:
        text = text.decode("ascii") if isinstance(text, bytes) else text
        if sum(map(text.count, "{[,")) > _STRUCTURE_LIMIT:
            raise ModelError("damaged: its header is too large")
        value = json.loads(text, object_pairs_hook=_unique, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:  # ValueError: also what is not ASCII
        raise ModelError("damaged: its header is not JSON") from error
    if not isinstance(value, dict):
        raise ModelError("damaged: its header is not an object")
    return value


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) != len(pairs):
        raise ValueError("a key stands twice")
    return value


def _no_constant(word: str) -> None:
    raise ValueError(f"{word} is not JSON")


def _tensors(table: Mapping[str, Any], content: bytes, begin: int) -> dict[str, npt.NDArray[Any]]:
    """The arrays of `table` as views of `content`; together they must cover it without gap or overlap."""
    entries = sorted((_entry(value), name) for name, value in table.items())
    tensors = {}
    end = 0
    for (start, stop, code, shape), name in entries:
        dtype = _DTYPES[code]
        if start != end or math.prod(shape) * dtype.itemsize != stop - start or start % dtype.itemsize:
            raise ModelError(f"damaged: array {name[:40]!r} does not lie where it should")
        if begin + stop > len(content):
            raise ModelError("damaged: it ends before its arrays do")
        tensors[name] = np.frombuffer(content, dtype, math.prod(shape), begin + start).reshape(shape)
        end = stop
    if begin + end != len(content):
        raise ModelError("damaged: something stands after its last array")
    return tensors


def _entry(value: Any) -> tuple[int, int, str, tuple[int, ...]]:
    """Start, stop, type and shape of one array, each of the right type and none negative."""
    if isinstance(value, dict) and value.keys() == {"dtype", "shape", "data_offsets"}:
        code, shape, offsets = value["dtype"], value["shape"], value["data_offsets"]
        if (code in _CODES.values() and _counts(shape) and len(shape) <= _DIMENSIONS
                and _counts(offsets) and len(offsets) == 2
                and math.prod(max(one, 1) for one in shape) <= SIZE_LIMIT):  # NumPy refuses absurd empty arrays
            return offsets[0], offsets[1], code, tuple(shape)
    raise ModelError("damaged: the table of its arrays is not one")


def _counts(value: Any) -> bool:
    return isinstance(value, list) and all(type(one) is int and 0 <= one <= SIZE_LIMIT for one in value)
