"""Anomaly scores, calibration and events: arrays in, arrays out; no model is known here."""
