"""A registry is a table of names to import paths: data, not an import side effect.

To add an entry of any kind: write one file (or one function) and one line in that room's table.
"""

from __future__ import annotations

import difflib
import importlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from grucast.core.errors import UsageError


@dataclass(frozen=True)
class Registry:
    """Named implementations of one kind, each imported when it is asked for."""

    kind: str
    entries: Mapping[str, str]  # name -> "package.module:attribute"

    def names(self) -> tuple[str, ...]:
        """The names on offer, in the order of the table."""
        return tuple(self.entries)

    def check(self, name: str) -> str:
        """`name`, or a UsageError that lists what there is and what was probably meant."""
        if name not in self.entries:
            raise UsageError(f"{self.kind} {name!r} is not known{did_you_mean(name, self.entries)}; "
                             f"there are {', '.join(self.entries)}")
        return name

    def load(self, name: str) -> Any:
        """The object behind `name`."""
        module, _, attribute = self.entries[self.check(name)].partition(":")
        return getattr(importlib.import_module(module), attribute)


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """`, did you mean 'x'?` for the nearest of `known`, or nothing.

    >>> did_you_mean("grru", ["gru", "lstm"])
    ", did you mean 'gru'?"
    """
    near = difflib.get_close_matches(word, list(known), n=1)
    return f", did you mean {near[0]!r}?" if near else ""
