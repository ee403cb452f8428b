"""What is wrong with the data, and what was assumed: raised at once, or gathered for `check`."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from grucast.core.errors import DataError

MOST_ALIKE = 1000  # findings of one severity in one column that are listed; the rest are counted


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing to know about a file. `line` is physical, the header being 1."""

    severity: str  # "error", "warning" or "note"
    message: str
    line: int | None = None
    column: str = ""
    mend: str = ""
    file: str = ""

    def fault(self) -> DataError:
        """The same as the error that a command ends with."""
        return DataError(self.message, file=self.file, line=self.line, column=self.column, mend=self.mend)

    def sentence(self) -> str:
        """The same in words: "column 'load': -9999 stands 40 times ...; add --na-value -9999"."""
        return f"{self.message}; {self.mend}" if self.mend else self.message


class Findings:
    """Gathers findings. The first error is raised, unless `collect` asks for all of them."""

    def __init__(self, *, collect: bool = False) -> None:
        self.collect = collect
        self.items: list[Finding] = []
        self._alike: Counter[tuple[str, str]] = Counter()

    def add(self, finding: Finding) -> None:
        """Remember `finding`; an error is raised as DataError unless all are collected."""
        if finding.severity == "error" and not self.collect:
            raise finding.fault()
        if finding in self.items[-50:]:
            return
        self._alike[finding.severity, finding.column] += 1
        if self._alike[finding.severity, finding.column] <= MOST_ALIKE:
            self.items.append(finding)

    def note(self, message: str, *, line: int | None = None, column: str = "") -> None:
        """Something was assumed, or happened, that the plain case does not have."""
        self.add(Finding("note", message, line, column))

    def notes(self) -> tuple[str, ...]:
        """Notes and warnings as sentences, each once, in the order they were noticed."""
        return tuple(dict.fromkeys(one.sentence() for one in self.items if one.severity != "error"))

    def all(self) -> tuple[Finding, ...]:
        """Every finding, and a last line for each column where there were too many to list."""
        more = [Finding(severity, f"and {count - MOST_ALIKE} more like these", column=column)
                for (severity, column), count in self._alike.items() if count > MOST_ALIKE]
        return (*self.items, *more)
