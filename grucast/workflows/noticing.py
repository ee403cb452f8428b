"""What is worth saying about values that are in order."""

from __future__ import annotations

import numpy as np

from grucast.core.series import Panel


def constant_columns(panel: Panel) -> list[str]:
    """A note for each channel that never moves, in any series."""
    notes = []
    for channel, name in enumerate(panel.channels):
        seen = [one.y[one.observed[:, channel], channel] for one in panel.series]
        if any(len(one) for one in seen) and not any(len(one) and np.ptp(one) for one in seen):
            value = next(float(one[0]) for one in seen if len(one))
            notes.append(f"{name} is always {value:g}" if all(one[0] == value for one in seen if len(one)) else
                         f"{name} never changes within a series")
    return notes
