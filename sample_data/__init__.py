"""Synthetic sample files with known truth; `python sample_data/generate.py` writes them again, byte for byte."""
