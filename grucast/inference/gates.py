"""What the gates of a cell do while it runs: how much of its memory each step keeps, and what else it lets through.

`GATES` has a line for each entry of `CELLS`; a gate is called by what it does, as cells differ in what 1 means:

    kept     the share of the state that a step keeps (z of gru and gru-v1, 1 - g of the others, f of the lstm)
    reset    the share of the state that the candidate sees (gru, gru-v1)
    input    the share of the candidate that enters the memory of an lstm; output, of the memory that is passed on
    delayed  the weight of the delayed feedback of a tau-gru
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from grucast.core.arrays import Array32
from grucast.inference.math import sigmoid

Gates: TypeAlias = Callable[[Any, Array32, Array32], dict[str, Array32]]


def _gru(cell: Any, projected: Array32, state: Array32) -> dict[str, Array32]:
    d = cell.hidden
    gates = sigmoid(projected[:, : 2 * d] + (state @ cell.u + cell.c)[:, : 2 * d])
    return {"kept": gates[:, d:], "reset": gates[:, :d]}


def _gru_v1(cell: Any, projected: Array32, state: Array32) -> dict[str, Array32]:
    d = cell.hidden
    gates = sigmoid(projected[:, : 2 * d] + state @ cell.u[:, : 2 * d])
    return {"kept": gates[:, d:], "reset": gates[:, :d]}


def _gru_simple(cell: Any, projected: Array32, state: Array32) -> dict[str, Array32]:
    d = cell.hidden
    return {"kept": 1.0 - sigmoid(projected[:, d:] + (state @ cell.u)[:, d:])}


def _lstm(cell: Any, projected: Array32, state: Array32) -> dict[str, Array32]:
    d = cell.hidden
    raw = projected + state[:, :d] @ cell.u
    return {"kept": sigmoid(raw[:, d : 2 * d]), "input": sigmoid(raw[:, :d]), "output": sigmoid(raw[:, 3 * d :])}


def _mingru(cell: Any, projected: Array32, _: Array32) -> dict[str, Array32]:
    return {"kept": 1.0 - projected[:, : cell.hidden]}


def _tau_gru(cell: Any, projected: Array32, state: Array32) -> dict[str, Array32]:
    d = cell.hidden
    gates = sigmoid(projected[:, d : 3 * d] + state[:, :d] @ cell.u[:, d : 3 * d])
    return {"kept": 1.0 - gates[:, :d], "delayed": gates[:, d:]}


def _none(_: Any, __: Array32, ___: Array32) -> dict[str, Array32]:
    return {}


GATES: Mapping[str, Gates] = {
    "gru": _gru, "gru-v1": _gru_v1, "gru-simple": _gru_simple, "lstm": _lstm, "rnn": _none, "mingru": _mingru,
    "tau-gru": _tau_gru,
}
