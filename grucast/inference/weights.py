"""The weights of one network, by the names that torch gives them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias

from grucast.core.arrays import Array32

Weights: TypeAlias = Mapping[str, Array32]


def below(weights: Weights, prefix: str) -> dict[str, Array32]:
    """The weights whose names begin with `prefix.`, by the rest of their names."""
    start = prefix + "."
    return {name[len(start) :]: value for name, value in weights.items() if name.startswith(start)}
