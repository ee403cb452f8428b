"""Rules that turn a false-alarm budget into a threshold for each row.

Every entry is a function `rule(score (T,), calibration, rate) -> thresholds (T,)`: `rate` is how many events normal
data may begin in a row (`detection/budget.py`), and a row is flagged when it scores above its threshold. No rule
looks at a later row, nor at the row itself. To add a rule, write one file and one line here; one that learns from
the rows that went by also has a line in `STREAMS`.
"""

import numpy as np

from grucast.core.registry import Registry
from grucast.detection.calibration import ScoreCalibration
from grucast.detection.thresholds.stream import Fixed, Stream

THRESHOLDS = Registry("rule", {
    "pot": "grucast.detection.thresholds.pot:pot",
    "pot-stream": "grucast.detection.thresholds.pot:pot_stream",
    "conformal": "grucast.detection.thresholds.conformal:conformal",
    "quantile": "grucast.detection.thresholds.quantile:quantile",
    "mad": "grucast.detection.thresholds.mad:mad",
    "dynamic": "grucast.detection.thresholds.dynamic:dynamic",
})

STREAMS = Registry("rule", {  # name -> (calibration, rate) -> Stream
    "pot-stream": "grucast.detection.thresholds.pot:open_pot_stream",
    "dynamic": "grucast.detection.thresholds.dynamic:open_dynamic",
})


def open_stream(rule: str, calibration: ScoreCalibration, rate: float) -> Stream:
    """The rule named `rule` for scores that come one by one; the same thresholds as over all of them at once."""
    if rule in STREAMS.entries:
        stream: Stream = STREAMS.load(rule)(calibration, rate)
        return stream
    return Fixed(float(THRESHOLDS.load(rule)(np.full(1, np.nan), calibration, rate)[0]))
