"""What `grucast check` reports: everything that was understood, and everything that is wrong."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from grucast.core.config import ReadOptions
from grucast.core.errors import DataError
from grucast.core.series import Layout
from grucast.data.findings import Finding, Findings
from grucast.data.reading import Reading, read_with


@dataclass(frozen=True, slots=True)
class Examination:
    """The findings of one look at the data; `reading` is what could be read in spite of them."""

    reading: Reading | None
    findings: tuple[Finding, ...]
    layout: Layout | None

    @property
    def readable(self) -> bool:
        """Whether `train` would read the data as they are."""
        return self.reading is not None and not any(one.severity == "error" for one in self.findings)


def examine(sources: Sequence[str], options: ReadOptions, *, now: float | None = None) -> Examination:
    """All that is to be said about `sources`, read with `options`; errors are findings, not raised.

    Rows with errors are left out and the reading goes on, so that the last fault is named as well as
    the first. What is no fault of the data (a missing file, a wrong option) is raised.
    """
    findings = Findings(collect=True)
    try:
        reading = read_with(findings, sources, options, now=now)
    except DataError as fault:
        findings.add(Finding("error", fault.message, fault.line, fault.column, fault.mend, fault.file))
        return Examination(None, findings.all(), None)
    return Examination(reading, findings.all(), reading.panel.layout)
