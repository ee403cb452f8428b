"""The parts of `detect-anomalies`: scores, events, tables, pictures, the stream."""
