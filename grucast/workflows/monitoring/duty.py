"""What a job in cron asks for beside its work: to remember, to be refused when stale, to tell monitors."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from grucast.core.config import MonitorOptions, StateOptions
from grucast.core.errors import UsageError
from grucast.core.results import Artifact, Manifest, Visit

if TYPE_CHECKING:
    from grucast.workflows.monitoring.standing import Standing


@dataclass(frozen=True, slots=True)
class Duty:
    """The options of a job, and the clock on the wall (seconds since 1970)."""

    state: StateOptions = field(default_factory=StateOptions)
    monitor: MonitorOptions = field(default_factory=MonitorOptions)
    clock: Callable[[], float] = time.time

    def refuse_early(self) -> None:
        """UsageError for what would change nothing."""
        if self.state.state is None:
            for name, given in (("--job", self.state.job is not None), ("--wait", self.state.wait)):
                if given:
                    raise UsageError(f"{name} would change nothing without --state FILE")

    @property
    def written(self) -> dict[str, Path | None]:
        """The files that are written for it, by their options, so that no other output and no input is one of them."""
        return {"--metrics-file": self.monitor.metrics_file, "--state": self.state.state}

    def refuse_old_model(self, manifest: Manifest, model: Path, now: float) -> None:
        """ModelError where --max-age is exceeded by the last row trained on."""
        if self.monitor.max_age is not None:
            from grucast.workflows.monitoring.ages import refuse_old_model  # only where it is asked for

            refuse_old_model(self.monitor.max_age, manifest, model, now)

    def refuse_old_data(self, visit: Visit, file: str) -> None:
        """ModelError where --max-age is exceeded by the last row that a run saw."""
        if self.monitor.max_age is not None:
            from grucast.workflows.monitoring.ages import refuse_old_data

            refuse_old_data(self.monitor.max_age, visit, file)

    def tell(self, visit: Visit, model: tuple[Path, Artifact], figures: Mapping[str, float],
             standing: Standing | None = None) -> None:
        """Write the figures of a run where --metrics-file asks for them; `figures` by name without `grucast_`."""
        if self.monitor.metrics_file is not None:
            from grucast.workflows.monitoring.metrics_file import samples_of, write_metrics

            write_metrics(self.monitor.metrics_file, samples_of(visit, model[1], model[0], figures, standing))
