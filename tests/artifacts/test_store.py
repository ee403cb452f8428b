"""A model comes back as it went in, in the same bytes each time, whole or not at all."""

from __future__ import annotations

import dataclasses
import errno
import fcntl
import hashlib
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from safetensors.numpy import load_file

from grucast.artifacts.migrations import FORMAT_VERSION
from grucast.artifacts.store import decode, encode, load, save
from grucast.core.errors import Busy, CannotCreate, Denied, InputMissing, InternalError, IoFailure, UsageError
from grucast.core.results import Artifact


def same(left: Artifact, right: Artifact) -> bool:
    """Whether two models are equal, bit for bit in their arrays."""
    return left.manifest == right.manifest and left.tensors.keys() == right.tensors.keys() and all(
        one.dtype == right.tensors[name].dtype and one.shape == right.tensors[name].shape
        and one.tobytes() == right.tensors[name].tobytes() for name, one in left.tensors.items())


def names(folder: Path) -> set[str]:
    return {one.name for one in folder.iterdir()}


# ---- round trips ---------------------------------------------------------------------------------


def test_a_model_comes_back_as_it_was_saved(model, tmp_path):
    digest = save(model, tmp_path / "m.grucast")
    back = load(tmp_path / "m.grucast")
    assert same(back, model)
    assert back.digest == digest


@pytest.mark.parametrize("number", range(1, FORMAT_VERSION + 1))
def test_the_model_of_each_format_still_loads(made, fixtures, number):
    assert same(load(fixtures / f"format_{number}.grucast"), made(number))


@pytest.mark.parametrize("number", range(1, FORMAT_VERSION + 1))
def test_the_fixture_of_each_format_says_that_it_is_of_it(fixtures, number):
    content = (fixtures / f"format_{number}.grucast").read_bytes()
    assert content.count(f'\\"format_version\\":{number},'.encode()) == 1


def test_weights_of_16_bits_take_two_bytes_each(made, fixtures):
    small, large = (load(fixtures / f"format_{number}.grucast").tensors["network.0.weight"] for number in (2, 1))
    assert (small.dtype, small.nbytes) == (np.float16, 2 * 15)
    np.testing.assert_array_equal(small.astype(np.float32), large)


def test_the_same_model_gives_the_same_bytes_whatever_the_order_of_its_arrays(model):
    turned = dataclasses.replace(model, tensors=dict(reversed(list(model.tensors.items()))))
    assert encode(model) == encode(turned)


def test_the_safetensors_library_reads_the_same_arrays(model, tmp_path):
    save(model, tmp_path / "m.grucast")
    others = load_file(tmp_path / "m.grucast")
    assert others.keys() == model.tensors.keys()
    for name, array in model.tensors.items():
        assert others[name].dtype == array.dtype
        np.testing.assert_array_equal(others[name], array)


@given(tensors=st.dictionaries(
    st.text(st.characters(codec="utf-8"), max_size=20).filter(lambda name: name != "__metadata__"),
    st.sampled_from(["f8", "f4", "f2", "i8", "i4", "u1"]).flatmap(
        lambda code: hnp.arrays(code, hnp.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=5))),
    max_size=6))
@settings(deadline=None)
def test_any_arrays_come_back_bit_for_bit(model, tensors):
    drawn = dataclasses.replace(model, tensors=tensors)
    assert same(decode(encode(drawn)[0]), drawn)


def test_arrays_that_are_turned_or_sliced_come_back_in_their_order(model, tmp_path):
    array = np.arange(24, dtype=np.float32).reshape(4, 6).T[::2]
    save(dataclasses.replace(model, tensors={"a": array}), tmp_path / "m.grucast")
    np.testing.assert_array_equal(load(tmp_path / "m.grucast").tensors["a"], array)


def test_loaded_arrays_are_read_only_aligned_views_of_one_buffer(model, tmp_path):
    save(model, tmp_path / "m.grucast")
    arrays = [array for array in load(tmp_path / "m.grucast").tensors.values() if array.size]
    assert not any(array.flags.writeable or array.flags.owndata for array in arrays)
    assert all(array.flags.aligned for array in arrays)


def test_the_digest_is_the_sha256_of_the_file_with_the_field_zeroed(model):
    content, digest = encode(model)
    assert hashlib.sha256(content.replace(digest.encode(), b"0" * 64)).hexdigest() == digest


# ---- what cannot be saved ------------------------------------------------------------------------


def test_a_type_that_has_no_place_in_the_file_is_a_bug_of_ours(model, tmp_path):
    with pytest.raises(InternalError, match="'a'"):
        save(dataclasses.replace(model, tensors={"a": np.array([True])}), tmp_path / "m.grucast")
    assert names(tmp_path) == set()


def test_a_manifest_that_would_be_refused_is_not_published(model, tmp_path):
    manifest = dataclasses.replace(model.manifest, steps=-1)
    with pytest.raises(InternalError, match="steps is out of bounds"):
        save(dataclasses.replace(model, manifest=manifest), tmp_path / "m.grucast")
    assert names(tmp_path) == set()


def test_a_model_too_large_for_a_file_names_the_options(model, tmp_path):
    huge = np.broadcast_to(np.float32(0), (1 << 28,))
    with pytest.raises(UsageError, match="--hidden"):
        save(dataclasses.replace(model, tensors={"a": huge}), tmp_path / "m.grucast")


# ---- whole or not at all -------------------------------------------------------------------------


def test_nothing_but_the_model_and_its_lock_is_left(model, tmp_path):
    save(model, tmp_path / "m.grucast")
    assert names(tmp_path) == {"m.grucast", ".m.grucast.lock"}


def test_a_model_keeps_the_permissions_it_had(model, tmp_path):
    save(model, tmp_path / "m.grucast")
    (tmp_path / "m.grucast").chmod(0o640)
    save(model, tmp_path / "m.grucast")
    assert (tmp_path / "m.grucast").stat().st_mode & 0o777 == 0o640


@pytest.mark.parametrize(("number", "error"), [
    (errno.ENOSPC, IoFailure), (errno.EDQUOT, IoFailure), (errno.EIO, IoFailure), (errno.EROFS, Denied)])
@pytest.mark.parametrize("call", ["write", "fsync"])
def test_a_write_that_fails_leaves_the_model_before_it(model, tmp_path, monkeypatch, number, error, call):
    path = tmp_path / "m.grucast"
    save(model, path)
    before = path.read_bytes()

    def fail(*_):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, call, fail)
    with pytest.raises(error, match=r"m\.grucast"):
        save(dataclasses.replace(model, tensors={}), path)
    assert path.read_bytes() == before
    assert names(tmp_path) == {"m.grucast", ".m.grucast.lock"}


def test_an_interrupt_leaves_nothing_behind(model, tmp_path, monkeypatch):
    def interrupt(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", interrupt)
    with pytest.raises(KeyboardInterrupt):
        save(model, tmp_path / "m.grucast")
    assert names(tmp_path) == {".m.grucast.lock"}


def test_what_a_killed_run_left_is_removed_by_the_next(model, tmp_path):
    (tmp_path / ".m.grucast.tmp").write_bytes(b"half")
    save(model, tmp_path / "m.grucast")
    assert names(tmp_path) == {"m.grucast", ".m.grucast.lock"}


def test_a_folder_that_is_not_there_cannot_be_written_to(model, tmp_path):
    with pytest.raises(CannotCreate):
        save(model, tmp_path / "none" / "m.grucast")


@pytest.mark.parametrize("kind", ["folder", "link", "pipe"])
def test_what_is_no_file_is_not_replaced(model, tmp_path, kind):
    path = tmp_path / "m.grucast"
    {"folder": path.mkdir, "link": lambda: path.symlink_to(tmp_path / "other"), "pipe": lambda: os.mkfifo(path)}[kind]()
    with pytest.raises(CannotCreate):
        save(model, path)
    assert names(tmp_path) == {"m.grucast"}


def test_a_model_that_is_not_there_is_missing(tmp_path):
    with pytest.raises(InputMissing, match=r"m\.grucast"):
        load(tmp_path / "m.grucast")


# ---- several at once, and killed -----------------------------------------------------------------


def test_a_second_writer_is_told_to_come_back(model, tmp_path):
    save(model, tmp_path / "m.grucast")
    with (tmp_path / ".m.grucast.lock").open("rb") as holder:
        fcntl.flock(holder, fcntl.LOCK_EX)
        with pytest.raises(Busy):
            save(model, tmp_path / "m.grucast")
    save(model, tmp_path / "m.grucast")


def test_readers_never_see_a_mixture(model, tmp_path):
    path = tmp_path / "m.grucast"
    versions = [dataclasses.replace(model, tensors={"a": np.full(50_000, one, np.float32)}) for one in (1, 2)]
    save(versions[0], path)
    stop = threading.Event()

    def write() -> None:
        while not stop.is_set():
            for one in versions:
                save(one, path)

    writer = threading.Thread(target=write)
    writer.start()
    try:
        for _ in range(50):
            assert len(set(load(path).tensors["a"].tolist())) == 1
    finally:
        stop.set()
        writer.join()


SAVE_FOR_EVER = """
import dataclasses, sys
from pathlib import Path
import numpy as np
from grucast.artifacts.store import load, save
path = Path(sys.argv[1])
model = load(path)
print("ready", flush=True)
turn = 0
while True:
    turn += 1
    save(dataclasses.replace(model, tensors={"a": np.full(100_000, turn, np.float32)}), path)
"""


def survive_kills(path: Path, kills: int) -> None:
    """Kill a process that saves for ever, `kills` times, and load the model after each."""
    for turn in range(kills):
        command = [sys.executable, "-c", SAVE_FOR_EVER, str(path)]
        with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
            assert process.stdout is not None
            process.stdout.readline()
            time.sleep(0.002 + 0.0037 * (turn % 11))
            process.kill()
        load(path)
        assert names(path.parent) <= {"m.grucast", ".m.grucast.lock", ".m.grucast.tmp"}


def test_a_kill_in_the_middle_of_a_save_loses_nothing(model, tmp_path):
    save(model, tmp_path / "m.grucast")
    survive_kills(tmp_path / "m.grucast", 30)
    save(model, tmp_path / "m.grucast")
    assert names(tmp_path) == {"m.grucast", ".m.grucast.lock"}


@pytest.mark.slow
def test_a_thousand_kills_lose_nothing(model, tmp_path):
    save(model, tmp_path / "m.grucast")
    survive_kills(tmp_path / "m.grucast", 1000)
    assert load(tmp_path / "m.grucast").manifest == model.manifest


def test_only_the_model_that_was_gone_on_from_is_replaced(model, tmp_path):
    path = tmp_path / "m.grucast"
    first = save(model, path)
    second = save(dataclasses.replace(model, manifest=dataclasses.replace(model.manifest, steps=7)), path,
                  replacing=first)
    assert load(path).digest == second != first
    with pytest.raises(Busy, match="another grucast has replaced it meanwhile"):
        save(model, path, replacing=first)
    assert load(path).digest == second
    assert names(tmp_path) == {"m.grucast", ".m.grucast.lock"}
