"""From rows to windows: frequency, gaps, seasons, splits by time, scaling."""
