"""Progress is an argument: long work reports to whoever asked for it."""

from __future__ import annotations

from typing import Protocol


class Progress(Protocol):
    """Told how far the work is. `stage` names it, `done` of `total` units are done, `text` says how it goes."""

    def __call__(self, stage: str, done: int, total: int, text: str = "") -> None:
        """Hear that `done` of `total` units of `stage` are done."""
        ...


def silent(stage: str, done: int, total: int, text: str = "") -> None:
    """Report to nobody."""
