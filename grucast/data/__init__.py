"""Read files of many shapes into panels, strictly: nothing is repaired in silence."""
