"""Rules that turn a false-alarm budget into a threshold for each row; `detection/rules.py` has their names.

Every entry is a function `rule(score (T,), calibration, rate) -> thresholds (T,)`: `rate` is how many events normal
data may begin in a row (`detection/budget.py`), and a row is flagged when it scores above its threshold. No rule
looks at a later row, nor at the row itself. To add a rule, write one file here and one line in that table; one that
learns from the rows that went by also has a line in `STREAMS`.
"""

import numpy as np

from grucast.detection.calibration import ScoreCalibration
from grucast.detection.rules import STREAMS, THRESHOLDS
from grucast.detection.thresholds.stream import Fixed, Stream

__all__ = ["STREAMS", "THRESHOLDS", "open_stream"]


def open_stream(rule: str, calibration: ScoreCalibration, rate: float) -> Stream:
    """The rule named `rule` for scores that come one by one; the same thresholds as over all of them at once."""
    if rule in STREAMS.entries:
        stream: Stream = STREAMS.load(rule)(calibration, rate)
        return stream
    return Fixed(float(THRESHOLDS.load(rule)(np.full(1, np.nan), calibration, rate)[0]))
