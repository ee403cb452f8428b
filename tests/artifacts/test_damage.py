"""Damaged, hostile and foreign files are refused with one line, quickly, in little memory."""

from __future__ import annotations

import hashlib
import json
import os
import random
import resource
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from grucast.artifacts import migrations
from grucast.artifacts.store import decode, load
from grucast.core.errors import ModelError


@pytest.fixture(scope="module", params=range(1, migrations.FORMAT_VERSION + 1), ids="format {}".format)
def content(request) -> bytes:
    return (Path(__file__).parent / "fixtures" / f"format_{request.param}.grucast").read_bytes()


def parts(content: bytes) -> tuple[dict[str, Any], bytes]:
    """The header as JSON, and the arrays."""
    stop = 8 + int.from_bytes(content[:8], "little")
    return json.loads(content[8:stop]), content[stop:]


def forged(table: dict[str, Any] | str, arrays: bytes) -> bytes:
    """A file with this header and a digest that fits: only what is in it can be refused."""
    if isinstance(table, dict):
        table["__metadata__"]["sha256"] = "0" * 64
        table = json.dumps(table, sort_keys=True, separators=(",", ":"))
    header = table.encode()
    header += b" " * (-len(header) % 8)
    whole = len(header).to_bytes(8, "little") + header + arrays
    digest = hashlib.sha256(whole).hexdigest()
    return whole.replace(b'"sha256":"' + b"0" * 64, b'"sha256":"' + digest.encode(), 1)


def with_manifest(content: bytes, change) -> bytes:
    """The file with its manifest changed in place by `change`, and a digest that fits."""
    table, arrays = parts(content)
    manifest = json.loads(table["__metadata__"]["manifest"])
    change(manifest)
    table["__metadata__"]["manifest"] = json.dumps(manifest)
    return forged(table, arrays)


def test_a_forged_file_that_changes_nothing_is_read(content):
    assert decode(forged(*parts(content))).manifest == decode(content).manifest


# ---- accidents -----------------------------------------------------------------------------------


def test_every_truncation_is_refused(content):
    for length in range(len(content)):
        with pytest.raises(ModelError):
            decode(content[:length])


def flip(content: bytes, bit: int) -> bytes:
    changed = bytearray(content)
    changed[bit // 8] ^= 1 << bit % 8
    return bytes(changed)


def test_a_flipped_bit_is_refused(content):
    for bit in random.Random(0).sample(range(8 * len(content)), 3000):
        with pytest.raises(ModelError):
            decode(flip(content, bit))


@pytest.mark.slow
def test_every_flipped_bit_is_refused(content):
    for bit in range(8 * len(content)):
        with pytest.raises(ModelError):
            decode(flip(content, bit))


@pytest.mark.parametrize("tail", [b"\0", b"x", b" " * 8, b"\0" * 4096])
def test_trailing_bytes_are_refused(content, tail):
    with pytest.raises(ModelError):
        decode(content + tail)
    with pytest.raises(ModelError, match="after its last array"):
        decode(forged(parts(content)[0], parts(content)[1] + tail))


@pytest.mark.parametrize("other", [b"", b"\0" * 100, b"ds,y\n2024-01-01,1\n", random.Random(1).randbytes(5000)],
                         ids=["empty", "zeros", "csv", "random"])
def test_another_kind_of_file_is_no_model(tmp_path, other):
    (tmp_path / "m.grucast").write_bytes(other)
    with pytest.raises(ModelError, match=r"m\.grucast: not a grucast model"):
        load(tmp_path / "m.grucast")


# ---- hostile headers -----------------------------------------------------------------------------

ENTRY = {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}
HOSTILE = {
    "a_billion_dimensions": ENTRY | {"shape": [1] * 1_000_000},
    "absurd_dimension": ENTRY | {"shape": [10**9, 10**9, 10**9]},
    "absurd_empty": ENTRY | {"shape": [500_000_000] * 7 + [0], "data_offsets": [0, 0]},
    "negative_dimension": ENTRY | {"shape": [-1, -2]},
    "negative_offset": ENTRY | {"data_offsets": [-8, 0]},
    "backward": ENTRY | {"data_offsets": [8, 0]},
    "beyond_the_end": ENTRY | {"shape": [200], "data_offsets": [0, 800]},
    "true_as_dimension": ENTRY | {"shape": [True, 2]},
    "fraction": ENTRY | {"shape": [2.0]},
    "text_as_shape": ENTRY | {"shape": "2"},
    "unknown_type": ENTRY | {"dtype": "O"},
    "type_is_a_list": ENTRY | {"dtype": ["F32"]},
    "wrong_type": ENTRY | {"dtype": "F64"},
    "half_of_it": ENTRY | {"dtype": "F16"},
    "half_a_number": {"dtype": "F16", "shape": [1], "data_offsets": [0, 1]},
    "missing_key": {"dtype": "F32", "shape": [2]},
    "extra_key": ENTRY | {"code": "import os"},
    "no_object": 3,
    "three_offsets": ENTRY | {"data_offsets": [0, 4, 8]},
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_table_is_refused(content, name):
    table = {"__metadata__": parts(content)[0]["__metadata__"], "a": HOSTILE[name]}
    with pytest.raises(ModelError):
        decode(forged(table, b"\0" * 8))


@pytest.mark.parametrize("second", [[4, 12], [0, 8], [12, 20]], ids=["overlap", "twice", "gap"])
def test_arrays_that_overlap_or_leave_a_gap_are_refused(content, second):
    table = {"__metadata__": parts(content)[0]["__metadata__"], "a": ENTRY, "b": ENTRY | {"data_offsets": second}}
    with pytest.raises(ModelError, match="does not lie where it should"):
        decode(forged(table, b"\0" * second[1]))


@pytest.mark.parametrize("length", [2**63, 2**64 - 1, 10**9, 0, 7])
def test_a_wrong_header_length_is_refused(content, length):
    with pytest.raises(ModelError):
        decode(length.to_bytes(8, "little") + content[8:])


METADATA = '"__metadata__":{"format":"grucast","manifest":"{}","sha256":"%s"}' % ("0" * 64)


@pytest.mark.parametrize("header", [
    '{"a":' + "[" * 100_000 + "]" * 100_000 + "," + METADATA + "}",
    '{"a":' * 150_000 + "1" + "}" * 150_000,
    "{" + METADATA + ',"a":[' + "{}," * 1_000_000 + "{}]}",
    "{" + METADATA + ',"a":' + "9" * 100_000 + "}",
    "{" + METADATA + ',"a":NaN}',
    "{" + METADATA + "," + METADATA + "}",
    '{"__metadata__":3}',
    '{"__metadata__":{"sha256":3,"manifest":"{}"}}',
    '{"__metadata__":{"sha256":"%s"}}' % ("0" * 64),
    "{" + METADATA + ',"\ud800":3}'.encode("utf-8", "surrogatepass").decode("latin-1"),
], ids=["deep_lists", "deep_objects", "a_million_objects", "long_number", "nan", "twice", "metadata_number",
        "digest_number", "no_manifest", "not_utf8"])
def test_hostile_json_is_refused(header):
    with pytest.raises(ModelError):
        decode(forged(header, b""))


def test_a_hostile_manifest_is_refused(content):
    table, arrays = parts(content)
    for manifest in ("[" * 50_000, "3", '{"format_version":true}', '{"format_version":0}', "{}"):
        table["__metadata__"]["manifest"] = manifest
        with pytest.raises(ModelError, match="damaged"):
            decode(forged(table, arrays))


MEASURE = """
import resource, sys, time
from pathlib import Path
from grucast.artifacts.store import load
from grucast.core.errors import ModelError
before, start = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.process_time()
try:
    load(Path(sys.argv[1]))
except ModelError:
    print(time.process_time() - start, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


def test_the_worst_headers_cost_less_than_a_second_and_100_megabytes(content, tmp_path):
    metadata = parts(content)[0]["__metadata__"]
    many = {"__metadata__": metadata} | {f"a{one}": {} for one in range(150_000)}
    sparse = {"__metadata__": metadata, "a": {"dtype": "U8", "shape": [1 << 27], "data_offsets": [0, 1 << 27]}}
    unit = 1 if sys.platform == "darwin" else 1024  # of ru_maxrss, bytes
    for name, table, size in (("many", many, 0), ("sparse", sparse, 1 << 27)):
        with (tmp_path / name).open("wb") as file:
            file.write(forged(table, b""))
            file.truncate(file.tell() + size)
        command = [sys.executable, "-c", MEASURE, str(tmp_path / name)]
        seconds, memory = map(float, subprocess.run(command, check=True, capture_output=True).stdout.split())
        assert seconds < 1
        assert memory * unit < 100e6


# ---- what is no regular file ---------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["folder", "link", "link_to_nothing", "pipe"])
def test_what_is_no_regular_file_is_refused_at_once(tmp_path, content, kind):
    path = tmp_path / "m.grucast"
    (tmp_path / "real").write_bytes(content)
    {"folder": path.mkdir, "link": lambda: path.symlink_to("real"), "link_to_nothing": lambda: path.symlink_to("no"),
     "pipe": lambda: os.mkfifo(path)}[kind]()
    start = time.perf_counter()
    with pytest.raises(ModelError, match=r"m\.grucast: (not a regular file|a link)"):
        load(path)
    assert time.perf_counter() - start < 1


def test_a_file_larger_than_any_model_is_refused_without_reading_it(tmp_path):
    with (tmp_path / "m.grucast").open("wb") as file:
        file.truncate(1 << 40)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_utime
    with pytest.raises(ModelError, match="too large"):
        load(tmp_path / "m.grucast")
    assert resource.getrusage(resource.RUSAGE_SELF).ru_utime - before < 0.5


# ---- versions ------------------------------------------------------------------------------------


def test_a_newer_format_says_what_to_do_even_when_nothing_else_is_understood(content):
    def newer(manifest):
        manifest.clear()
        manifest["format_version"] = 7

    with pytest.raises(ModelError, match=r"^made by a newer grucast \(format 7, this one reads 2\); upgrade grucast$"):
        decode(with_manifest(content, newer))


def test_migrations_run_one_after_the_other(monkeypatch):
    monkeypatch.setattr(migrations, "FORMAT_VERSION", 3)
    monkeypatch.setattr(migrations, "MIGRATIONS", {
        1: lambda manifest, tensors: (manifest | {"second": 2}, tensors),
        2: lambda manifest, tensors: (manifest | {"third": manifest["second"] + 1}, tensors)})
    manifest, _ = migrations.upgrade({"format_version": 1}, {})
    assert manifest == {"format_version": 3, "second": 2, "third": 3, **migrations.LATER_SECTIONS}


def test_there_is_a_migration_from_every_older_format():
    assert set(migrations.MIGRATIONS) == set(range(1, migrations.FORMAT_VERSION))


# ---- the manifest --------------------------------------------------------------------------------

DAYS = {"codes": {"": "DE"}, "days": {"DE": [19_723]}, "first": 19_723, "last": 20_088}
CHANGES = {
    "unknown key": (lambda m: m.update(code="import os"), "code"),
    "unknown key inside": (lambda m: m["window"].update(extra=1), "window has a key that is not known: 'extra'"),
    "missing key": (lambda m: m["model"].pop("cell"), "model lacks 'cell'"),
    "text for a number": (lambda m: m["window"].update(horizon="24"), "window.horizon is not a whole number"),
    "true for a number": (lambda m: m["window"].update(horizon=True), "window.horizon is not a whole number"),
    "fraction for a count": (lambda m: m["window"].update(horizon=2.5), "window.horizon is not a whole number"),
    "horizon zero": (lambda m: m["window"].update(horizon=0), "window.horizon is out of bounds"),
    "hidden of a billion": (lambda m: m["model"].update(hidden=10**9), "model.hidden is out of bounds"),
    "season zero": (lambda m: m["window"].update(seasons=[24, 0]), "window.seasons is out of bounds"),
    "unknown shape": (lambda m: m["layout"]["columns"].update(shape="round"), "not one of wide, long"),
    "unknown duplicates": (lambda m: m["layout"].update(duplicates="eval"), "not one of error"),
    "unknown loss": (lambda m: m["training"].update(loss="x"), "training.loss is 'x', not one of quantile"),
    "a path as a cell": (lambda m: m["model"].update(cell="os:system"), "model.cell is not a name"),
    "an absolute path": (lambda m: m["data"].update(path="/etc/passwd"), "data.path is not a relative path"),
    "half a character": (lambda m: m["data"].update(first="\ud800"), "data.first is not Unicode"),
    "unknown value": (lambda m: m["values"].update(run=1), "values is not an object of transform"),
    "level above 99": (lambda m: m["values"].update(levels=[100]), "values.levels is out of bounds"),
    "deep accuracy": (lambda m: m.update(accuracy=json.loads('{"a":' * 20 + "1" + "}" * 20)), "nested too deep"),
    "versions of numbers": (lambda m: m.update(versions={"torch": 2}), "versions is not a text"),
    "a day in the year 30000": (lambda m: m.update(holidays=DAYS | {"last": 10**8}), "holidays.last is out of bounds"),
    "a day as a text": (lambda m: m.update(holidays=DAYS | {"days": {"DE": ["1"]}}),
                        "holidays.days is not a whole number"),
    "list for an object": (lambda m: m.update(layout=[]), "layout is not an object"),
    "object for a list": (lambda m: m["layout"]["columns"].update(time={}), "layout.columns.time is not a list"),
}


@pytest.mark.parametrize("name", CHANGES)
def test_a_manifest_that_breaks_a_rule_is_refused_by_name(content, name):
    change, message = CHANGES[name]
    with pytest.raises(ModelError, match="manifest: ") as caught:
        decode(with_manifest(content, change))
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)
