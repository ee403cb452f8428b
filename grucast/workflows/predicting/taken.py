"""The rows that a forecast is made from, as they were come by."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from grucast.core.series import Panel

if TYPE_CHECKING:
    from grucast.artifacts.tails import Tails


@dataclass(frozen=True, slots=True, eq=False)
class Taken:
    """A gridded panel, where from, and notes; `begins`: the file begins with the rows trained on.

    `tails` are to be kept for the next run, None: it has to read all. `kept`: they are already.
    """

    panel: Panel
    file: str
    notes: tuple[str, ...]
    begins: bool
    tails: Tails | None = None
    kept: bool = False
