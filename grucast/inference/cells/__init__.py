"""Recurrent cells in NumPy, one file each."""
