"""Rules that turn a false-alarm budget into a threshold for each row.

Every entry is a function `rule(score (T,), calibration, rate) -> thresholds (T,)`: `rate` is how many events normal
data may begin in a row (`detection/budget.py`), and a row is flagged when it scores above its threshold. To add a
rule, write one file and one line here.
"""

from grucast.core.registry import Registry

THRESHOLDS = Registry("rule", {
    "pot": "grucast.detection.thresholds.pot:pot",
    "pot-stream": "grucast.detection.thresholds.pot:pot_stream",
    "conformal": "grucast.detection.thresholds.conformal:conformal",
    "quantile": "grucast.detection.thresholds.quantile:quantile",
    "mad": "grucast.detection.thresholds.mad:mad",
    "dynamic": "grucast.detection.thresholds.dynamic:dynamic",
})
