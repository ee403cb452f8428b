"""Days off, as a model keeps them: plain numbers, so that whoever forecasts needs no calendar of any country."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Holidays:
    """The holidays of the countries and regions that series lie in; without `codes` the network looks at none.

    `codes` is the country or region of each series by its id, under "" that of all others; `days` the holidays of
    each code, rising. All days are counted from 1970-01-01. Holidays are known from day `first` to day `last`,
    both included.
    """

    codes: Mapping[str, str] = field(default_factory=dict)
    days: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    first: int = 0
    last: int = 0
