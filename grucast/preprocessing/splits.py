"""The parts of a series in order of time: fit, validation, calibration, report. Never shuffled."""

from __future__ import annotations

from dataclasses import dataclass

_SHARE = 10  # each later part is a tenth of the rows, or two horizons
_SHARED_BELOW = 10  # horizons: a shorter series calibrates and reports on the same rows
_LEAST_FIT = 0.4  # of the rows


@dataclass(frozen=True, slots=True)
class Split:
    """Stop rows of the parts of one series on its grid: [0, fit), [fit, validation), and so on.

    A window belongs to a part when all its targets lie in it; its context may reach back over the
    border. Where `shared`, calibration and report are the same rows and `calibration` equals
    `report`; `calibration_rows` and `report_rows` say it either way.
    """

    fit: int
    validation: int
    calibration: int
    report: int
    shared: bool = False

    @property
    def fit_rows(self) -> tuple[int, int]:
        """Start and stop of the rows that weights and scales are learned from."""
        return 0, self.fit

    @property
    def validation_rows(self) -> tuple[int, int]:
        """Start and stop of the rows that say when to stop."""
        return self.fit, self.validation

    @property
    def calibration_rows(self) -> tuple[int, int]:
        """Start and stop of the rows that intervals and scores are measured on."""
        return self.validation, self.calibration

    @property
    def report_rows(self) -> tuple[int, int]:
        """Start and stop of the rows that nothing was decided on."""
        return self.validation if self.shared else self.calibration, self.report


def split_by_time(length: int, horizon: int, spec_context: int) -> Split | None:
    """The parts of a series of `length` rows, None where it is too short to hold anything out.

    Each part after fit is max(two horizons, a tenth) of the rows, and less, down to one horizon,
    where fit would else keep less than 40 % of the rows or not one window of a whole context.
    Below ten horizons calibration and report are shared. The shortest series that is split has one
    horizon in each part and a row of context more in fit: 3 horizons + 1 rows.
    """
    shared = length < _SHARED_BELOW * horizon
    parts = 2 if shared else 3
    if length < (parts + 1) * horizon + 1:
        return None
    usual = max(2 * horizon, length // _SHARE)
    room = min(int((1 - _LEAST_FIT) * length), length - spec_context - horizon) // parts
    size = max(horizon, min(usual, room))
    fit = length - parts * size
    return Split(fit, fit + size, length if shared else fit + 2 * size, length, shared)
