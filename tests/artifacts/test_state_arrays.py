"""Arrays in a state come back as they were, and what was changed on the way is noticed."""

from __future__ import annotations

import zlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as some

from grucast.artifacts.state_arrays import pack, pack_row, unpack, unpack_rows
from grucast.core.errors import ModelError

ARRAYS = {"average": np.array([[1.5, np.nan, -np.inf]]), "count": np.arange(4), "begun": np.array([True, False]),
          "empty": np.zeros((0, 3)), "row": np.array(7), "narrow": np.ones((2, 1, 5), dtype=np.float32)}


def test_arrays_come_back_with_their_types_shapes_and_every_bit():
    found = unpack(pack(ARRAYS))
    assert list(found) == list(ARRAYS)
    for name, array in ARRAYS.items():
        assert (found[name].dtype, found[name].shape) == (array.dtype, array.shape)
        assert found[name].tobytes() == array.tobytes()


@given(place=some.integers(0, len(pack(ARRAYS)) - 1), bit=some.integers(0, 7))
def test_a_flipped_bit_is_noticed(place, bit):
    content = bytearray(pack(ARRAYS))
    content[place] ^= 1 << bit
    with pytest.raises(ModelError, match="damaged"):
        unpack(bytes(content))


@pytest.mark.parametrize("content", [b"", b"abc", None, "text", pack(ARRAYS)[:-1], 3])
def test_what_was_never_written_is_noticed(content):
    with pytest.raises(ModelError, match="damaged"):
        unpack(content)


def test_objects_are_no_numbers():
    header = b'{"a": ["|O", [1]]}'
    body = len(header).to_bytes(4, "little") + header + b"12345678"
    with pytest.raises(ModelError, match="type"):
        unpack(zlib.crc32(body).to_bytes(4, "little") + body)


def test_rows_come_back_in_order_and_a_wrong_one_is_noticed():
    rows = [pack_row(np.array([1.0, np.nan, 3.0])), pack_row(np.array([4.0, 5.0, -6.0]))]
    assert unpack_rows(rows, 3).tolist()[1] == [4.0, 5.0, -6.0]
    assert unpack_rows([], 3).shape == (0, 3)
    for wrong in (rows[0][:-1], rows[0][8:], b"\1" + rows[0][1:], None):
        with pytest.raises(ModelError, match="damaged"):
            unpack_rows([rows[1], wrong], 3)
