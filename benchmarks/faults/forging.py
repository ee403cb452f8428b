"""Model files made by somebody who wants harm: one thing in them replaced, their digest made to fit."""

from __future__ import annotations

import copy
import hashlib
import json
import random
from collections.abc import Iterator
from typing import Any

import numpy as np

HOSTILE: tuple[Any, ...] = (
    None, True, 0, -1, 1, 2, 3.5, -1e308, 1e308, 10**9, 10**30, "", "x" * 1000, "../../etc/passwd", "/etc/passwd",
    "os:system", "\ud800", "\0", [], [[]], [0], [-1], [10**9], ["x"], {}, {"a": 1}, [1] * 1000, "gru", "lstm", 100_000)


def parts(content: bytes) -> tuple[dict[str, Any], bytes]:
    """The header of a model file as JSON, and its arrays."""
    stop = 8 + int.from_bytes(content[:8], "little")
    return json.loads(content[8:stop]), content[stop:]


def sealed(header: dict[str, Any], arrays: bytes) -> bytes:
    """A file with this header, its digest made to fit."""
    header["__metadata__"]["sha256"] = "0" * 64
    text = json.dumps(header, sort_keys=True, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    whole = len(text).to_bytes(8, "little") + text + arrays
    digest = hashlib.sha256(whole).hexdigest().encode()
    return whole.replace(b'"sha256":"' + b"0" * 64, b'"sha256":"' + digest, 1)


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The way to every value below `value`."""
    pairs = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, one in pairs:
        yield (*path, key)
        yield from places(one, (*path, key))


def put(value: Any, path: tuple[Any, ...], what: Any) -> None:
    """Replace what `path` leads to."""
    for key in path[:-1]:
        value = value[key]
    value[path[-1]] = what


def forged(content: bytes, count: int, seed: int) -> Iterator[tuple[str, bytes]]:
    """The file with one thing in it replaced: a value of the manifest, one of the table, numbers of an array."""
    draw = random.Random(seed)
    header, arrays = parts(content)
    manifest = json.loads(header["__metadata__"]["manifest"])
    names = [name for name in header if name != "__metadata__"]
    in_manifest = list(places(manifest))
    for _ in range(count):
        changed, bytes_of = copy.deepcopy(header), bytearray(arrays)
        kind = draw.choice(("manifest", "manifest", "table", "numbers"))
        if kind == "manifest":
            path, what = draw.choice(in_manifest), draw.choice(HOSTILE)
            other = copy.deepcopy(manifest)
            put(other, path, what)
            changed["__metadata__"]["manifest"] = json.dumps(other)
            name = f"{'.'.join(map(str, path))} = {what!r:.40}"
        elif kind == "table":
            entry, key, what = draw.choice(names), draw.choice(("dtype", "shape", "data_offsets")), draw.choice(HOSTILE)
            changed[entry][key] = what
            name = f"{entry}.{key} = {what!r:.40}"
        else:
            entry = draw.choice(names)
            start, stop = header[entry]["data_offsets"]
            value = draw.choice((np.nan, np.inf, 0.0, -1.0, 1e38, -1e38, 1e-40))
            number = np.array([value], "<f8" if header[entry]["dtype"] == "F64" else "<f4").tobytes()
            if stop - start >= len(number):
                at = draw.randrange(start, stop - len(number) + 1)
                bytes_of[at - at % len(number) : at - at % len(number) + len(number)] = number
            name = f"{entry} holds {value}"
        yield name, sealed(changed, bytes(bytes_of))
