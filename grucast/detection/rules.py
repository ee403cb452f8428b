"""The rules that set a threshold, by name: tables that cost no import, so that the help can list them.

`thresholds/` says what a rule is. To add one, write one file there and one line here; the first is the default.
"""

from grucast.core.registry import Registry

THRESHOLDS = Registry("rule", {
    "pot-stream": "grucast.detection.thresholds.pot:pot_stream",
    "pot": "grucast.detection.thresholds.pot:pot",
    "conformal": "grucast.detection.thresholds.conformal:conformal",
    "quantile": "grucast.detection.thresholds.quantile:quantile",
    "mad": "grucast.detection.thresholds.mad:mad",
    "dynamic": "grucast.detection.thresholds.dynamic:dynamic",
})

STREAMS = Registry("rule", {  # name -> (calibration, rate) -> Stream, for a rule that learns from rows that went by
    "pot-stream": "grucast.detection.thresholds.pot:open_pot_stream",
    "dynamic": "grucast.detection.thresholds.dynamic:open_dynamic",
})
